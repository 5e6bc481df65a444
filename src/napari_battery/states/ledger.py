"""Which particles count in a study, and why each of the others does not.

Everything here works on finished tables: rules are switched, and switched back, without
looking at an image again.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.labelling.consistency import RULES as LABELLING_RULES
from napari_battery.labelling.consistency import check_consistency
from napari_battery.states.settings import StudyRules

__all__ = ["RULES", "check_rules", "count_rules", "left_out"]

RULES: dict[str, str] = {
    **LABELLING_RULES,
    "smallest": "smallest volumes",
    "core": "no core left",
}
"""Each rule's switch in `StudyRules`, and the reason it gives."""

_BETWEEN = "; "


def check_rules(
    table: pd.DataFrame, rules: StudyRules, contacts: pd.DataFrame | None, matched: bool = True
) -> pd.DataFrame:
    """Mark which particles count, and why the others do not.

    Parameters
    ----------
    table : DataFrame
        One row per label and state, the reference's first, from `particles_by_state`.
    rules : StudyRules
        The rules.
    contacts : DataFrame, optional
        ``label, neighbour``: needed for the rule of neighbours.
    matched : bool
        Whether a label means the same particle in every state. If not, only the border, the
        volume and the core are looked at, in each state by itself.

    Returns
    -------
    DataFrame
        The same rows with ``kept`` and ``reason``. A particle that breaks a rule in any state
        counts in none; the smallest volumes are those in the reference.

    Raises
    ------
    InputError
        If contacts that a rule needs are missing.
    """
    if matched:
        table = check_consistency(table, rules, contacts)
    else:
        cut = table["touches_border"].to_numpy(bool) & rules.border
        table = table.assign(reason=np.where(cut, RULES["border"], ""))
    more = {"smallest": _smallest(table, rules, matched), "core": _without_core(table, rules)}
    reason = _joined(table["reason"], more)
    if matched:
        place, labels = pd.factorize(table["label"])
        out = np.zeros(len(labels), bool)
        out[place[reason != ""]] = True
        kept = ~out[place]
    else:
        kept = reason == ""
    return table.assign(kept=kept, reason=pd.Series(reason, table.index, dtype=str))


def count_rules(table: pd.DataFrame, rules: StudyRules, matched: bool = True) -> pd.DataFrame:
    """Count the particles that each rule leaves out (the ledger).

    Returns
    -------
    DataFrame
        One row per rule, in the order of `RULES`: ``rule``, ``reason``, ``switched_on``,
        ``particles`` that break it in any state, ``only_this`` of them that break no other.
    """
    reasons = left_out(table, matched)["reason"].value_counts()
    held = [(set(str(text).split(_BETWEEN)), int(n)) for text, n in reasons.items()]
    rows = [
        (
            rule,
            text,
            bool(getattr(rules, rule)),
            sum(n for one, n in held if text in one),
            sum(n for one, n in held if one == {text}),
        )
        for rule, text in RULES.items()
    ]
    return pd.DataFrame(rows, columns=["rule", "reason", "switched_on", "particles", "only_this"])


def left_out(table: pd.DataFrame, matched: bool = True) -> pd.DataFrame:
    """Why each particle that does not count went.

    Returns
    -------
    DataFrame
        One row per particle left out (of unmatched populations: per particle and state):
        ``label``, ``reason`` (all rules broken, in the order of `RULES`), ``states`` (where).
    """
    rows = table.loc[table["reason"].to_numpy() != "", ["label", "state", "reason"]]
    if not len(rows):
        return pd.DataFrame({"label": [], "reason": [], "states": []}).astype(
            {"label": np.int64, "reason": str, "states": str}
        )
    if not matched:
        each = rows.rename(columns={"state": "states"}).reset_index(drop=True)
        return pd.DataFrame(each[["label", "reason", "states"]])
    bits = _bits(rows["reason"])
    place, labels = pd.factorize(rows["label"], sort=True)
    together = np.zeros(len(labels), np.int64)
    np.bitwise_or.at(together, place, bits)
    states = np.full(len(labels), "", object)
    for name in pd.unique(rows["state"]):
        here = place[(rows["state"] == name).to_numpy()]
        states[here] = [f"{s}{_BETWEEN}{name}" if s else str(name) for s in states[here]]
    return pd.DataFrame(
        {"label": np.asarray(labels), "reason": _texts(together), "states": states}
    ).astype({"reason": str, "states": str})


def _smallest(table: pd.DataFrame, rules: StudyRules, matched: bool) -> NDArray[np.bool_]:
    hit = np.zeros(len(table), bool)
    if not rules.smallest:
        return hit
    size = "volume_voxels" if "volume_voxels" in table else "area_pixels"
    volume = table[size].to_numpy(np.float64)
    whole = (volume > 0) & ~table["touches_border"].to_numpy(bool)
    place, names = pd.factorize(table["state"])
    for k in range(1 if matched else len(names)):
        here = place == k
        if (here & whole).any():
            limit = np.quantile(volume[here & whole], rules.smallest_share)
            hit |= here & (volume > 0) & (volume < limit)
    return hit


def _without_core(table: pd.DataFrame, rules: StudyRules) -> NDArray[np.bool_]:
    if not rules.core:
        return np.zeros(len(table), bool)
    there = table["pieces"].to_numpy() > 0
    return np.asarray(there & ~np.isfinite(table["core_mean"].to_numpy(np.float64)))


def _joined(reason: pd.Series, more: dict[str, NDArray[np.bool_]]) -> NDArray[np.object_]:
    """Reasons with those of further rules behind them."""
    bits = _bits(reason)
    for rule, hit in more.items():
        bits |= hit.astype(np.int64) << list(RULES).index(rule)
    return _texts(bits)


def _bits(reason: pd.Series) -> NDArray[np.int64]:
    place, texts = pd.factorize(reason)
    bit_of = {text: 1 << bit for bit, text in enumerate(RULES.values())}
    bits = [sum(bit_of.get(one, 0) for one in str(text).split(_BETWEEN)) for text in texts]
    return np.array(bits, np.int64)[place] if len(texts) else np.zeros(0, np.int64)


def _texts(bits: NDArray[np.int64]) -> NDArray[np.object_]:
    kinds, which = np.unique(bits, return_inverse=True)
    words = [
        _BETWEEN.join(text for bit, text in enumerate(RULES.values()) if kind >> bit & 1)
        for kind in kinds.tolist()
    ]
    return np.array(words, object)[which] if len(words) else np.zeros(0, object)
