"""What a judgement says in words: its cells, which method is better, the paper's own table."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pandas as pd

from napari_battery.superres.judge_table import MATCHED
from napari_battery.tables import column_title

__all__ = [
    "METRIC_TITLES",
    "PAPER_NOTE",
    "QualityRow",
    "as_text_table",
    "drawn_together",
    "paper_rows",
    "quality_rows",
    "verdicts",
]

_HIGHER = ("psnr_db", "ssim", "crack_recall")
"""Metrics of which more is better; of the others less is."""

METRIC_TITLES = {
    "psnr_db": "PSNR (dB)",
    "ssim": "SSIM",
    "mse": "MSE",
    "mae": "MAE",
    "crack_recall": "Cracks found",
    "crack_false": "Cracks invented",
}

_PLACES = {"psnr_db": 2, "ssim": 4, "mse": 5, "mae": 4, "crack_recall": 3, "crack_false": 3}
_TOGETHER = (("psnr_db", "ssim"), ("mse", "mae"), ("crack_recall", "crack_false"))
_SAID = ("psnr_db", "ssim")

_PAPER = (
    ("no model", {"ssim": 0.66, "psnr_db": 22.15}),
    ("GAN", {"ssim": 0.82, "psnr_db": 26.45}),
    ("CNN", {"ssim": 0.92, "psnr_db": 30.12}),
)

PAPER_NOTE = (
    "In italics: table 1 of the super-resolution paper. It is of another sample (NMC811 "
    "electrodes) and another normalisation of grey levels: read it beside, not against, the "
    "rows above."
)


class QualityRow(NamedTuple):
    """A method in the table; lines of its cells, and how it compares."""

    method: str
    mean: str
    interval: str = ""
    gain: str = ""
    gain_interval: str = ""
    verdict: str = ""
    """"better", "worse", "no clear difference", or "" where nothing can be said."""
    is_reference: bool = False
    """Whether it is the paper's, not of these scans."""


def quality_rows(quality: pd.DataFrame, metric: str) -> list[QualityRow]:
    """A row per method of one metric of ``tables.SUPERRES_QUALITY``."""
    rows = []
    for row in quality[quality["metric"] == metric].to_dict("records"):
        mean, has_gain = _number(row["value"], metric), math.isfinite(row["difference"])
        if math.isfinite(row["sd"]):
            mean += f" ± {_number(row['sd'], metric)}"
        rows.append(
            QualityRow(
                str(row["method"]),
                mean,
                _interval(row["ci_low"], row["ci_high"], metric),
                _signed(row["difference"], metric) if has_gain else "",
                _gain_interval(row, metric),
                _verdict(row, metric),
            )
        )
    return rows


def paper_rows(metric: str) -> list[QualityRow]:
    """The paper's table 1, where it has this metric."""
    return [
        QualityRow(f"Paper: {name}", f"{values[metric]:.2f}", is_reference=True)
        for name, values in _PAPER
        if metric in values
    ]


def verdicts(quality: pd.DataFrame) -> list[str]:
    """A sentence per model: whether it beats cubic interpolation with matched grey levels."""
    sentences = []
    for method in dict.fromkeys(quality["method"]):
        rows = quality[(quality["method"] == method) & quality["metric"].isin(_SAID)]
        parts = [
            _sentence_part(row)
            for metric in _SAID
            for row in rows[rows["metric"] == metric].to_dict("records")
            if math.isfinite(row["difference"])
        ]
        if parts and method != "cubic":
            sentences.append(f"{method} against {MATCHED}: {'; '.join(parts)}.")
    return sentences


def drawn_together(metric: str) -> tuple[str, ...]:
    """The metrics that stand in one saved figure."""
    return next(both for both in _TOGETHER if metric in both)


def as_text_table(quality: pd.DataFrame) -> str:
    """The whole table, tab by tab, as spreadsheets take it."""
    return quality.rename(columns=column_title).to_csv(sep="\t", index=False, lineterminator="\n")


def _sentence_part(row: dict[Any, Any]) -> str:
    metric = str(row["metric"])
    title, _, unit = METRIC_TITLES[metric].rstrip(")").partition(" (")
    text = " ".join(filter(None, [title, _signed(row["difference"], metric), unit]))
    interval = _gain_interval(row, metric)
    if not interval:
        return f"{text}, too few regions to tell"
    return f"{text} ({interval}), {_verdict(row, metric)}"


def _verdict(row: dict[Any, Any], metric: str) -> str:
    low, high = row["difference_ci_low"], row["difference_ci_high"]
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    if low <= 0 <= high or not _signed(row["difference"], metric).strip("0."):
        return "no clear difference"
    return "better" if (low > 0) == (metric in _HIGHER) else "worse"


def _number(value: float, metric: str) -> str:
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    return f"{value:.{_PLACES[metric]}f}"


def _signed(value: float, metric: str) -> str:
    text = _number(abs(value), metric)
    is_nothing = not text.strip("0.")
    return text if is_nothing else f"{'+' if value > 0 else '−'}{text}"


def _interval(low: float, high: float, metric: str) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{_number(low, metric)} to {_number(high, metric)}"


def _gain_interval(row: dict[Any, Any], metric: str) -> str:
    low, high = row["difference_ci_low"], row["difference_ci_high"]
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{_signed(low, metric)} to {_signed(high, metric)}"
