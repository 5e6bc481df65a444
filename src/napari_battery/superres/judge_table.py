"""Sums over regions: the table by method and metric, and what to write of it as JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from napari_battery.superres.judge_bootstrap import bootstrap_interval
from napari_battery.superres.judge_cracks import CRACK_METRICS
from napari_battery.superres.judge_metrics import METRICS
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.tables import SUPERRES_QUALITY

__all__ = ["CUBIC", "MATCHED", "quality_by_method", "quality_table"]

CUBIC = "cubic"
MATCHED = "cubic + grey match"
"""What every method is compared with."""


def quality_table(regions: pd.DataFrame, settings: JudgeSettings) -> pd.DataFrame:
    """Mean, spread and interval of each metric by method, and of its gain over cubic.

    Parameters
    ----------
    regions : DataFrame
        ``tables.SUPERRES_REGIONS``.
    settings : JudgeSettings
        Resamples, confidence and seed of the bootstrap.

    Returns
    -------
    DataFrame
        ``tables.SUPERRES_QUALITY``. Differences are taken region by region against
        `MATCHED`, and are missing for it and where it has no such metric.
    """
    rows = []
    baseline = regions[regions["method"] == MATCHED].set_index("region")
    methods = list(dict.fromkeys(regions["method"]))
    for method in methods:
        own = regions[regions["method"] == method].set_index("region")
        for metric in (m for m in (*METRICS, *CRACK_METRICS) if m in regions):
            values = own[metric].dropna()
            if values.empty:
                continue
            gain = (values - baseline[metric]).dropna() if method != MATCHED else values[:0]
            summary = _summary(values.to_numpy(), settings)
            difference, _, *interval = _summary(gain.to_numpy(), settings)
            rows.append((method, metric, *summary, len(values), difference, *interval))
    return pd.DataFrame(rows, columns=list(SUPERRES_QUALITY))


def _summary(
    values: np.ndarray[Any, np.dtype[np.float64]], settings: JudgeSettings
) -> tuple[float, float, float, float]:
    """Mean, standard deviation and interval; NaN for what there are too few values for."""
    if not len(values):
        return (math.nan,) * 4
    with np.errstate(invalid="ignore"):  # infinite PSNR has no spread
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    interval = bootstrap_interval(values, settings.resamples, settings.seed, settings.confidence)
    return float(np.mean(values)), sd, *interval


def quality_by_method(quality: pd.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    """The table as method → metric → numbers, fit for JSON (what is not finite is None)."""
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in quality.to_dict("records"):
        method, metric = str(row.pop("method")), str(row.pop("metric"))
        numbers = {str(k): v if math.isfinite(v) else None for k, v in row.items()}
        found.setdefault(method, {})[metric] = numbers
    return found
