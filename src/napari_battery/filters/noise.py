"""How noisy an image is: the standard deviation of its noise, from the image itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.filters.filter import Findings
from napari_battery.prepare import region_rows
from napari_battery.progress import SILENT, Progress
from napari_battery.settings import setting
from napari_battery.volume import Volume

__all__ = ["estimate_noise", "find_noise", "noise_setting"]

_SLICES = 16
_LAG = 2
_SHARE = 0.25
_QUARTILE = 0.31863936396437514
"""A quarter of the absolute values of unit noise lie below it."""


def noise_setting() -> Any:
    """Declare the field ``noise: float | None``."""
    return setting(
        None, "Standard deviation of the noise; empty: measured.", unit="grey level", gt=0
    )


def find_noise(image: Volume, settings: Any, progress: Progress) -> Findings:
    """Noise as the settings give it, or as the image shows it."""
    sigma = settings.noise or estimate_noise(image, progress)
    if sigma == 0:
        raise InputError(
            f"“{image.name}” shows no noise (most neighbours are equal), so there is nothing to "
            "measure the filter's strength by: give the noise's standard deviation."
        )
    return Findings({"noise_sigma": sigma})


def estimate_noise(image: Volume, progress: Progress = SILENT) -> float:
    """Standard deviation of the noise in grey levels, from up to 16 evenly spaced slices.

    From the mixed differences of pixels two apart, ``g(y, x) − g(y + 2, x) − g(y, x + 2) +
    g(y + 2, x + 2)``, in which flat, evenly sloping and straight-edged grey cancels; two
    apart, since reconstruction correlates the noise of nearest neighbours (there, estimators
    made for white noise find half of it). Their lower quartile, which edges and fine
    structure hardly touch, over that of unit noise; the median over the slices.

    Parameters
    ----------
    image : Volume
        2-D or 3-D. Only its region is looked at, and only where there is a number.
    progress : Progress
        Advanced per slice.

    Returns
    -------
    float
        0 where at least half of the differences are 0: a segmented or constant image.

    Raises
    ------
    InputError
        If no slice has room for an estimate.

    References
    ----------
    Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding (1996):
    the mixed differences, of nearest neighbours and without the quartile.
    """
    rows = [0] if image.ndim == 2 else _evenly(region_rows(image))
    progress.begin(len(rows), "Measuring noise")
    found = []
    for row in rows:
        at: Any = ... if image.ndim == 2 else row
        grey = np.asarray(image.data[at])
        grey = grey.astype(np.float32 if grey.dtype.itemsize <= 2 else np.float64)
        grey[~np.isfinite(grey)] = np.nan
        if image.region is not None:
            grey[~np.asarray(image.region[at], bool)] = np.nan
        differences = _mixed_differences(grey)
        if differences.size:
            whole = image.dtype.kind in "iu" and image.dtype.itemsize <= 2
            found.append(_lower_quartile(np.abs(differences), whole) / (2 * _QUARTILE))
        progress.advance()
    if not found:
        where = "" if image.region is None else " inside its region"
        raise InputError(
            f"The noise of “{image.name}” cannot be measured: it has too few grey "
            f"levels side by side{where}. Give the noise's standard deviation."
        )
    return float(np.median(found))


def _evenly(rows: list[int]) -> list[int]:
    """Middles of as many equal parts of the slices as are looked at."""
    parts = min(len(rows), _SLICES)
    return [rows[int((i + 0.5) * len(rows) / parts)] for i in range(parts)]


def _mixed_differences(grey: NDArray[Any]) -> NDArray[Any]:
    """Differences along y of differences along x, two pixels apart, where nothing is missing."""
    along = grey[_LAG:] - grey[:-_LAG]
    mixed = along[:, _LAG:] - along[:, :-_LAG]
    differences: NDArray[Any] = mixed[np.isfinite(mixed)]
    return differences


def _lower_quartile(sizes: NDArray[Any], whole: bool) -> float:
    """Lower quartile; whole numbers are taken as spread evenly over half a level either way."""
    if np.count_nonzero(sizes) <= sizes.size / 2:
        return 0.0
    if not whole:
        return float(np.quantile(sizes, _SHARE))
    counts = np.bincount(sizes.astype(np.int64))
    below = np.cumsum(counts)
    level = int(np.searchsorted(below, _SHARE * sizes.size))
    part = (_SHARE * sizes.size - (below[level] - counts[level])) / counts[level]
    return float(part / 2 if level == 0 else level - 0.5 + part)
