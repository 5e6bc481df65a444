"""Whether a metric measured on a super-resolved scan may be trusted: errors and verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.superres.judge_bootstrap import FEWEST, bootstrap_interval
from napari_battery.tables import VALIDATION
from napari_battery.validation.settings import ValidationSettings

__all__ = [
    "KEYS",
    "NOT_VALIDATED",
    "NO_VERDICT",
    "VALIDATED",
    "validation_table",
    "verdict_sentences",
]

KEYS = ["metric", "axis", "phase"]
"""What tells one number from another."""

VALIDATED, NOT_VALIDATED, NO_VERDICT = "validated", "not validated", "no verdict"

Values = NDArray[np.float64]


def validation_table(
    regions: pd.DataFrame,
    settings: ValidationSettings,
    *,
    truth: str,
    baseline: str,
    models: list[str],
) -> pd.DataFrame:
    """Errors of every method against the high scan, and a verdict per metric and model.

    Parameters
    ----------
    regions : DataFrame
        ``region, method, metric, axis, phase, value, unit``: one row per region and number.
    settings : ValidationSettings
        Tolerance, and resamples, confidence and seed of the bootstrap.
    truth, baseline : str
        Methods: the high scan, and what a model has to beat.
    models : list of str
        Methods that get a verdict.

    Returns
    -------
    DataFrame
        ``tables.VALIDATION``.

    Raises
    ------
    InputError
        If the truth was not measured.

    Notes
    -----
    With v the value of a method and h the high scan's in the same region: bias is the mean of
    v − h, error the mean of its size, improvement the mean of the baseline's error less the
    own one. Intervals are of the studentised bootstrap over regions. A metric is
    validated for a model if the improvement's interval lies above 0 **and** the upper end of
    the error's interval is at most the tolerance times the mean of h. Where nothing
    percolates in either, both are infinite, and the region says nothing; where in one only, the
    error is infinite.
    """
    known = regions[regions["method"] == truth]
    if known.empty:
        raise InputError(f"No metric could be measured on “{truth}”: nothing can be compared.")
    methods = [m for m in dict.fromkeys(regions["method"]) if m != truth]
    rows = []
    for key, of_truth in known.groupby(KEYS, sort=False):
        all_of_it = regions[(regions[KEYS] == list(key)).all(axis=1)]
        wide = all_of_it.pivot(index="region", columns="method", values="value")
        for method in (m for m in methods if m in wide):
            row = _row(wide, method, truth, baseline, settings)
            if method in models:
                row |= _verdict(row, settings, baseline)
            first = {**dict(zip(KEYS, key, strict=True)), "unit": of_truth["unit"].iloc[0]}
            rows.append({"method": method, **first, **row})
    return pd.DataFrame(rows).reindex(columns=list(VALIDATION))


def _row(
    wide: pd.DataFrame, method: str, truth: str, baseline: str, settings: ValidationSettings
) -> dict[str, Any]:
    """Means, errors and intervals of one method."""
    values, high = (wide[name].to_numpy(np.float64) for name in (method, truth))
    used = _comparable(values, high)
    values, high = values[used], high[used]
    error = _distance(values, high)
    found: dict[str, Any] = {
        "high_value": _mean(high),
        "value": _mean(values),
        "n_regions": int(used.sum()),
        "n_infinite": int(np.isinf(error).sum()),
        "verdict": "",
        "why": "",
    }
    found |= _with_interval("bias", _difference(values, high), settings)
    found |= _with_interval("error", error, settings)
    scale = float(np.mean(np.abs(high[np.isfinite(high)]))) if np.isfinite(high).any() else 0.0
    found["relative_error"] = found["error"] / scale if scale > 0 else float("nan")
    found["error_limit"] = settings.tolerance * scale
    if method != baseline and baseline in wide:
        gain = _gain(wide[baseline].to_numpy(np.float64)[used], values, high)
        found |= _with_interval("improvement", gain, settings)
    return found


def _comparable(values: Values, high: Values) -> NDArray[np.bool_]:
    """Regions where both are known and not both infinite."""
    known = ~(np.isnan(values) | np.isnan(high))
    return np.asarray(known & ~(np.isinf(values) & np.isinf(high)))


def _difference(values: Values, high: Values) -> Values:
    with np.errstate(invalid="ignore"):
        return np.asarray(values - high)


def _distance(values: Values, high: Values) -> Values:
    return np.abs(_difference(values, high))


def _gain(baseline: Values, values: Values, high: Values) -> Values:
    """By how much nearer than the baseline; where both are infinitely far off, not at all.

    Where only the baseline is, the gain counts as the largest finite one: infinity has no mean.
    """
    of_base, own = _distance(baseline, high), _distance(values, high)
    both = np.isinf(of_base) & np.isinf(own)
    with np.errstate(invalid="ignore"):
        gain = np.where(both, 0.0, of_base - own)
    gain = gain[~np.isnan(gain)]
    finite = gain[np.isfinite(gain)]
    return np.where(np.isposinf(gain), finite.max(), gain) if finite.size else gain


def _with_interval(name: str, values: Values, settings: ValidationSettings) -> dict[str, float]:
    interval = bootstrap_interval(values, settings.resamples, settings.seed, settings.confidence)
    return {name: _mean(values), f"{name}_ci_low": interval[0], f"{name}_ci_high": interval[1]}


def _mean(values: Values) -> float:
    if not len(values):
        return float("nan")
    with np.errstate(invalid="ignore"):
        return float(np.mean(values))


def _verdict(row: dict[str, Any], settings: ValidationSettings, baseline: str) -> dict[str, str]:
    """The verdict, and what decided it, in numbers."""
    n = row["n_regions"]
    if n < FEWEST:
        return {"verdict": NO_VERDICT, "why": f"{n} regions, {FEWEST} are needed"}
    if row["n_infinite"]:
        why = f"in {row['n_infinite']} of {n} regions only one of the two is finite"
        return {"verdict": NOT_VALIDATED, "why": why}
    limit, most = row["error_limit"], row["error_ci_high"]
    low, high = row["improvement_ci_low"], row["improvement_ci_high"]
    share = most / limit * settings.tolerance if limit > 0 else float("inf")
    error = f"error {row['error']:.3g}, up to {most:.3g} ({share:.1%} of {row['high_value']:.3g})"
    gain = f"{row['improvement']:+.3g} nearer than {baseline} ({low:+.3g} to {high:+.3g})"
    reasons = []
    if not most <= limit:
        reasons.append(f"{error}, more than {settings.tolerance:.1%}")
    if not low > 0:
        reasons.append(f"not shown to be nearer than {baseline}: {gain.split(' ', 1)[0]} "
                       f"({low:+.3g} to {high:+.3g})")  # fmt: skip
    if reasons:
        return {"verdict": NOT_VALIDATED, "why": "; ".join(reasons)}
    return {"verdict": VALIDATED, "why": f"{error}; {gain}"}


def verdict_sentences(table: pd.DataFrame, titles: dict[str, str]) -> dict[str, str]:
    """“Validated for porosity. Not validated for tortuosity factor (z).”, by model.

    Parameters
    ----------
    table : DataFrame
        ``tables.VALIDATION``.
    titles : dict of str to str
        Title of each metric.
    """
    said = {}
    for method, rows in table[table["verdict"] != ""].groupby("method", sort=False):
        parts = []
        for verdict, words in (
            (VALIDATED, "Validated for"),
            (NOT_VALIDATED, "Not validated for"),
            (NO_VERDICT, "No verdict on"),
        ):
            names = _named(rows[rows["verdict"] == verdict], titles)
            if names:
                parts.append(f"{words} {'; '.join(names)}.")
        said[str(method)] = " ".join(parts)
    return said


def _named(rows: pd.DataFrame, titles: dict[str, str]) -> list[str]:
    """Metrics with the phases and axes in brackets: “porosity (pore z, y)”."""
    names = []
    for metric, of_it in rows.groupby("metric", sort=False):
        where = [
            " ".join(filter(None, (str(phase), ", ".join(filter(None, of_phase["axis"])))))
            for phase, of_phase in of_it.groupby("phase", sort=False)
        ]
        title = titles.get(str(metric), str(metric))
        if title[1:2].islower():  # not D₅₀, not τ
            title = title[:1].lower() + title[1:]
        inside = "; ".join(filter(None, where)) if len(where) < 2 else " and ".join(where)
        names.append(title + (f" ({inside})" if inside.strip() else ""))
    return names
