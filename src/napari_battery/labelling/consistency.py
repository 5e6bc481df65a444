"""Which particles can be trusted to be the same one in every state, and why not the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.settings import Settings, setting

__all__ = [
    "RULES",
    "ConsistencySettings",
    "as_published",
    "check_consistency",
    "ledger",
    "particle_reasons",
    "recommended",
]

RULES: dict[str, str] = {
    "missing": "missing",
    "border": "touches the border",
    "volume": "volume jump",
    "centre": "centre jump",
    "overlap": "little overlap",
    "pieces": "several pieces",
    "cross_check": "cross-check disagrees",
    "neighbours": "neighbour of an inconsistent one",
}
"""Each rule's switch in `ConsistencySettings`, and the reason it gives."""

_BETWEEN = "; "


class ConsistencySettings(Settings):
    """Rules that leave out particles; one that breaks a rule in any state is left out of all."""

    missing: bool = setting(True, "Leave out particles that are missing in a state.")
    border: bool = setting(
        True,
        "Leave out particles that a face of the volume, or of its region, cuts in any state.",
        title="Touches the border",
    )
    volume: bool = setting(
        True,
        "Leave out particles whose volume jumps against that of the others.",
        title="Volume jump",
    )
    volume_limit: float = setting(
        0.3,
        "Largest |ln(V/V₀)| beyond the median of its state; 0.3 is +35 % or -26 %.",
        gt=0,
        le=5,
        step=0.05,
    )
    centre: bool = setting(
        True,
        "Leave out particles whose centre jumps against those of the others.",
        title="Centre jump",
    )
    centre_limit: float = setting(
        1.0,
        "Largest shift beyond the median of its state, as a part of the particle's own radius.",
        gt=0,
        le=5,
        step=0.05,
    )
    overlap: bool = setting(
        True,
        "Leave out particles that hardly lie where they lay in the reference.",
        title="Little overlap",
    )
    overlap_limit: float = setting(
        0.1,
        "Smallest intersection over union with the particle in the reference.",
        gt=0,
        le=1,
        step=0.05,
    )
    pieces: bool = setting(
        True, "Leave out particles that fall into several pieces.", title="Several pieces"
    )
    pieces_limit: float = setting(
        0.9,
        "Smallest part of the particle that its largest piece must be; specks do not count.",
        title="Largest piece limit",
        gt=0,
        le=1,
        step=0.05,
    )
    cross_check: bool = setting(
        True,
        "Leave out particles that the other method (see the propagation's cross-check) takes for "
        "another one.",
        title="Cross-check disagrees",
    )
    cross_check_limit: float = setting(
        0.5,
        "Smallest intersection over union with what the other method found there.",
        gt=0,
        le=1,
        step=0.05,
    )
    neighbours: bool = setting(
        False,
        "Leave out particles that touch one left out by another rule (not by the border), which "
        "may have given or taken voxels.",
        title="Neighbours of inconsistent ones",
    )


def as_published() -> ConsistencySettings:
    """The rules of the GREAT2 paper (section 2.4): missing, border, neighbours of missing ones."""
    return ConsistencySettings(
        volume=False, centre=False, overlap=False, pieces=False, cross_check=False, neighbours=True
    )


def recommended() -> ConsistencySettings:
    """Ours: without the jumps wrong matches survive, and neighbours go for no gain."""
    return ConsistencySettings()


def check_consistency(
    table: pd.DataFrame,
    settings: ConsistencySettings = ConsistencySettings(),  # noqa: B008
    contacts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Mark which particles are consistent through all states, and why the others are not.

    Parameters
    ----------
    table : DataFrame
        One row per particle and state, from `propagate_labels`.
    settings : ConsistencySettings
        The rules; `recommended` and `as_published` are presets.
    contacts : DataFrame, optional
        ``label, neighbour`` of the contacts in any state; needed for the rule
        ``neighbours``.

    Returns
    -------
    DataFrame
        The same rows with ``kept``, the same in all rows of a particle, and ``reason``: the
        rules that the particle breaks in this row's state, in the words of `RULES`, joined
        by "; ". A particle is kept if no row has a reason. The rule of neighbours marks
        rows of the state in which the neighbour breaks a rule.

    Raises
    ------
    InputError
        If a column is missing, or contacts that a rule needs.

    References
    ----------
    Jones et al., "Demonstrating faster multi-label grey-level analysis for crack
    detection in ex-situ & operando micro-CT images of NMC electrode", section 2.4.
    """
    _need(table)
    broken = _broken(table, settings)
    label, n = _places(table["label"])
    state, n_states = _places(table["state"])
    if settings.neighbours:
        if contacts is None:
            raise InputError(
                "The rule “neighbours of inconsistent ones” needs the table of contacts; give it, "
                "or switch the rule off."
            )
        bad = np.zeros((n_states, n), bool)
        rules = [name for name in broken if name != "border"]
        for name in rules:
            bad[state[broken[name]], label[broken[name]]] = True
        broken["neighbours"] = _beside(bad, table, contacts)[state, label] & ~bad[state, label]
    bits = np.zeros(len(table), np.int64)
    for bit, name in enumerate(RULES):
        if name in broken:
            bits |= broken[name].astype(np.int64) << bit
    removed = np.zeros(n, bool)
    removed[label[bits > 0]] = True
    kinds, kind = np.unique(bits, return_inverse=True)
    texts = np.array([_text(int(k)) for k in kinds], object)
    return table.assign(kept=~removed[label], reason=texts[kind] if len(kinds) else "")


def ledger(table: pd.DataFrame) -> pd.DataFrame:
    """Count the particles that each rule leaves out, from a checked table.

    Returns
    -------
    DataFrame
        One row per rule, in the order of `RULES`: ``rule``, ``reason``, ``particles`` that
        break it in any state, ``only_this`` of them that break no other.
    """
    reasons = particle_reasons(table)["reason"]
    held = [set(text.split(_BETWEEN)) for text in reasons[reasons != ""]]
    rows = [
        (rule, text, sum(text in one for one in held), sum(one == {text} for one in held))
        for rule, text in RULES.items()
    ]
    return pd.DataFrame(rows, columns=["rule", "reason", "particles", "only_this"])


def particle_reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Gather a checked table's reasons over the states.

    Returns
    -------
    DataFrame
        One row per particle, ascending: ``label``, ``kept``, ``reason`` (all rules broken in
        any state), ``first_reason`` (the first of them in the order of `RULES`, to colour
        by) and ``states`` (those in which a rule is broken, joined by "; ").
    """
    label, n = _places(table["label"])
    numbers = np.empty(n, np.int64)
    numbers[label] = table["label"].to_numpy()
    text, kind = _texts(table["reason"])
    bit_of = {reason: 1 << bit for bit, reason in enumerate(RULES.values())}
    bits = np.array(
        [sum(bit_of.get(one, 0) for one in t.split(_BETWEEN)) for t in text], np.int64
    )[kind] if len(text) else np.zeros(0, np.int64)  # fmt: skip
    together = np.zeros(n, np.int64)
    np.bitwise_or.at(together, label, bits)
    kinds, which = np.unique(together, return_inverse=True)
    whole = np.array([_text(int(k)) for k in kinds], object)
    first = np.array([_text(int(k & -k)) for k in kinds], object)
    states = np.full(n, "", object)
    for name in pd.unique(table["state"]):
        hit = np.unique(label[(table["state"] == name).to_numpy() & (bits > 0)])
        states[hit] = [f"{s}{_BETWEEN}{name}" if s else str(name) for s in states[hit]]
    result = pd.DataFrame({"label": numbers, "kept": together == 0})
    if n:
        result["reason"], result["first_reason"] = whole[which], first[which]
    else:
        result["reason"] = result["first_reason"] = pd.Series(dtype=object)
    result["states"] = states
    return result.sort_values("label", ignore_index=True)


def _need(table: pd.DataFrame) -> None:
    needed = (
        "label", "state", "volume_change", "shift_radii", "iou", "cross_label", "cross_iou",
        "pieces", "largest_piece", "touches_border",
    )  # fmt: skip
    lacking = [name for name in needed if name not in table]
    if lacking:
        raise InputError(
            f"The table has no column “{lacking[0]}”; give the one that the propagation made."
        )


def _broken(table: pd.DataFrame, rules: ConsistencySettings) -> dict[str, NDArray[np.bool_]]:
    """Rows that break each rule, but for the neighbours'."""
    pieces = table["pieces"].to_numpy()
    there = pieces > 0
    broken: dict[str, NDArray[np.bool_]] = {}
    border = table["touches_border"].to_numpy(bool)
    if rules.missing:
        broken["missing"] = ~there
    if rules.border:
        broken["border"] = border & there
    if rules.volume:
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.log1p(table["volume_change"].to_numpy(np.float64))
        change -= _median_by(table["state"], np.where(border, np.nan, change))
        broken["volume"] = there & (np.abs(change) > rules.volume_limit)
    if rules.centre:
        broken["centre"] = there & (table["shift_radii"].to_numpy() > rules.centre_limit)
    if rules.overlap:
        broken["overlap"] = there & (table["iou"].to_numpy() < rules.overlap_limit)
    if rules.pieces:
        broken["pieces"] = (pieces > 1) & (table["largest_piece"].to_numpy() < rules.pieces_limit)
    if rules.cross_check:
        same = table["cross_label"].to_numpy() == table["label"].to_numpy()
        iou = table["cross_iou"].to_numpy(np.float64)
        alike = iou >= rules.cross_check_limit
        checked = there & np.isfinite(iou) & (table["cross_label"].to_numpy() != 0)
        # another label that is also shaped otherwise is no verdict: the other method has
        # merged or split the particle, as it does now and then
        broken["cross_check"] = checked & (same != alike)
    return broken


def _median_by(state: pd.Series, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row's state, 0 where it has no value."""
    place, n = _places(state)
    medians = np.zeros(n)
    for k in range(n):
        here = values[place == k]
        here = here[np.isfinite(here)]
        medians[k] = np.median(here) if len(here) else 0.0
    return medians[place]


def _beside(
    bad: NDArray[np.bool_], table: pd.DataFrame, contacts: pd.DataFrame
) -> NDArray[np.bool_]:
    """Particles (states × labels, in the table's order) that touch a bad one in any state."""
    numbers = pd.Index(pd.unique(table["label"]))
    a = numbers.get_indexer(pd.Index(contacts["label"]))
    b = numbers.get_indexer(pd.Index(contacts["neighbour"]))
    known = (a >= 0) & (b >= 0)
    a, b = a[known], b[known]
    beside = np.zeros_like(bad)
    for here, row in zip(beside, bad, strict=True):
        here[a[row[b]]] = True
        here[b[row[a]]] = True
    return beside


def _places(column: pd.Series) -> tuple[NDArray[np.int64], int]:
    """Which of the column's different values each row holds, in order of appearance."""
    place, values = pd.factorize(column)
    return place.astype(np.int64), len(values)


def _texts(column: pd.Series) -> tuple[list[str], NDArray[np.int64]]:
    place, values = pd.factorize(column)
    return [str(value) for value in values], place.astype(np.int64)


def _text(bits: int) -> str:
    reasons = (reason for bit, reason in enumerate(RULES.values()) if bits >> bit & 1)
    return _BETWEEN.join(reasons)
