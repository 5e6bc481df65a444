"""Compare predictions with the high scan, region by region."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.io.lazy import Window
from napari_battery.progress import SILENT, Progress
from napari_battery.superres.judge_cracks import region_cracks
from napari_battery.superres.judge_metrics import grey_line, region_metrics

__all__ = ["HIGH", "Compared", "Cracks", "Prediction", "compare"]

HIGH = "high scan"
"""Name of the high scan among the histograms, and where cracks are counted in itself."""

_BINS = np.linspace(-0.3, 1.3, 161)

Array = NDArray[np.floating[Any]]


class Prediction(NamedTuple):
    """What one method makes of the low scan, on the high scan's grid."""

    method: str
    grey: NDArray[np.float32]
    match: bool
    """Whether its grey levels are laid on the high scan's by a line of least squares."""


class Cracks(NamedTuple):
    """Labelled cracks, and what counts as dark (normalised grey level of the high scan)."""

    mask: NDArray[np.bool_]
    threshold: float
    tolerance: int


@dataclass(frozen=True, eq=False)
class Compared:
    """What came of a comparison."""

    metrics: pd.DataFrame
    """``region, method, ssim, psnr_db, mse, mae``, with cracks their two columns."""
    histograms: pd.DataFrame
    """``series, value_from, value_to, density`` over all regions."""
    lines: dict[str, tuple[float, float]]
    """Gain and offset that laid each matched method on the high scan, normalised grey."""


def compare(
    high: NDArray[np.float32],
    predictions: Iterable[Prediction],
    regions: Sequence[Window],
    cracks: Cracks | None = None,
    progress: Progress = SILENT,
    keep: Callable[[str, NDArray[np.float32]], None] | None = None,
) -> Compared:
    """Compare predictions with the high scan, region by region.

    Parameters
    ----------
    high : (z, y, x) float32 array
        Normalised: its robust range is [0, 1].
    predictions : iterable of Prediction
        On the same grid. One is held at a time, so that a generator needs little memory.
    regions : sequence of windows
        Where to compare.
    cracks : Cracks, optional
        Also counts cracks, in the high scan itself, too.
    progress : Progress
        Advanced per region and method.
    keep : callable, optional
        Gets each prediction, matched, as ``keep(method, grey)``.

    Returns
    -------
    Compared
    """
    truth = [high[region] for region in regions]
    rows: list[dict[str, Any]] = []
    lines: dict[str, tuple[float, float]] = {}
    histograms = [_histogram(HIGH, truth)]

    def crack_rows(grey: Array) -> list[dict[str, float]]:
        if cracks is None:
            return [{} for _ in regions]
        return region_cracks(grey, high, cracks.mask, cracks.threshold, cracks.tolerance, regions)

    for method, grey, match in predictions:
        progress.begin(len(regions), f"Judging {method}")
        if match:
            gain, offset = grey_line([grey[region] for region in regions], truth)
            grey = np.float32(gain) * grey + np.float32(offset)
            lines[method] = gain, offset
        parts = [grey[region] for region in regions]
        histograms.append(_histogram(method, parts))
        found = crack_rows(grey)
        for number, (part, true, more) in enumerate(zip(parts, truth, found, strict=True), 1):
            rows.append({"region": number, "method": method, **region_metrics(part, true), **more})
            progress.advance()
        if keep is not None:
            keep(method, grey)
    if cracks is not None:
        # what is dark in the high scan and no crack counts as pore: it has no false ones
        for number, more in enumerate(crack_rows(high), 1):
            rows.append({"region": number, "method": HIGH, "crack_recall": more["crack_recall"]})
    return Compared(pd.DataFrame(rows), pd.concat(histograms, ignore_index=True), lines)


def _histogram(name: str, parts: Sequence[Array]) -> pd.DataFrame:
    counts = np.sum([np.histogram(part, _BINS)[0] for part in parts], axis=0)
    density = counts / (sum(part.size for part in parts) * np.diff(_BINS))
    frame = {"value_from": _BINS[:-1], "value_to": _BINS[1:], "density": density}
    return pd.DataFrame({"series": name, **frame})
