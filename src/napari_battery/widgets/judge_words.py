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
        gain = row["difference"]
        has_gain = math.isfinite(gain)
        rows.append(
            QualityRow(
                str(row["method"]),
                _number(row["value"]) + (f" ± {_spread(row)}" if math.isfinite(row["sd"]) else ""),
                _interval(row["ci_low"], row["ci_high"]),
                _signed(gain) if has_gain else "",
                _interval(row["difference_ci_low"], row["difference_ci_high"], signed=True)
                if has_gain
                else "",
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
    title, _, unit = METRIC_TITLES[metric].partition(" (")
    text = f"{title} {_signed(row['difference'])}{' ' + unit.rstrip(')') if unit else ''}"
    interval = _interval(row["difference_ci_low"], row["difference_ci_high"], signed=True)
    verdict = _verdict(row, metric)
    return f"{text} ({interval}), {verdict}" if interval else f"{text}, too few regions to tell"


def _verdict(row: dict[Any, Any], metric: str) -> str:
    low, high = row["difference_ci_low"], row["difference_ci_high"]
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    if low <= 0 <= high:
        return "no clear difference"
    return "better" if (low > 0) == (metric in _HIGHER) else "worse"


def _spread(row: dict[Any, Any]) -> str:
    """The standard deviation, to the places of the mean."""
    text = _number(row["value"])
    places = len(text.partition(".")[2])
    return f"{row['sd']:.{places}f}" if "e" not in text else _number(row["sd"])


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    size = abs(value)
    if size >= 10 or not size:
        return f"{value:.2f}"
    if size >= 1e-3:
        return f"{value:.3f}" if size >= 0.1 else f"{value:.4f}"
    return f"{value:.1e}"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + _number(value).replace("-", "−")


def _interval(low: float, high: float, *, signed: bool = False) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    show = _signed if signed else _number
    return f"{show(low)} to {show(high)}"
