"""How noisy an image is: the standard deviation of its noise, from the image itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["estimate_noise"]

_SLICES = 16
# Daubechies' wavelet with two vanishing moments: flat and evenly sloping grey gives 0
_WAVELET = np.array([-0.48296291314453414, 0.8365163037378079, -0.2241438680420134])
_WAVELET = np.append(_WAVELET, -0.12940952255126037)
_MAD_OF_NORMAL = 0.6744897501960817


def estimate_noise(image: Volume, progress: Progress = SILENT) -> float:
    """Standard deviation of the noise in grey levels, from up to 16 evenly spaced slices.

    Median absolute finest diagonal wavelet coefficient (db2) of each slice, over that of
    unit noise; the median over the slices. Where neighbouring voxels' noise is correlated,
    as reconstruction leaves it, this is below the true value.

    Parameters
    ----------
    image : Volume
        2-D or 3-D. Only its region is looked at, and only where there is a number.
    progress : Progress
        Advanced per slice.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If no slice has room for an estimate.

    References
    ----------
    Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika (1994).
    """
    rows = [0] if image.ndim == 2 else _evenly(image.shape[0])
    progress.begin(len(rows), "Measuring noise")
    found = []
    for row in rows:
        at: Any = ... if image.ndim == 2 else row
        grey = np.asarray(image.data[at])
        grey = grey.astype(np.float32 if grey.dtype.itemsize <= 2 else np.float64)
        grey[~np.isfinite(grey)] = np.nan
        if image.region is not None:
            grey[~np.asarray(image.region[at], bool)] = np.nan
        sizes = _diagonal(grey)
        if sizes.size:
            found.append(float(np.median(np.abs(sizes))) / _MAD_OF_NORMAL)
        progress.advance()
    if not found:
        where = "" if image.region is None else " inside its region"
        raise InputError(
            f"The noise of “{image.name}” cannot be measured: no 4 × 4 pixels of grey levels lie "
            f"side by side{where}. Give the noise's standard deviation."
        )
    return float(np.median(found))


def _evenly(n: int) -> list[int]:
    """Middles of as many equal parts of n slices."""
    parts = min(n, _SLICES)
    return [int((i + 0.5) * n / parts) for i in range(parts)]


def _diagonal(grey: NDArray[Any]) -> NDArray[Any]:
    """Finest diagonal wavelet coefficients that no missing pixel has a share in."""
    for axis in (0, 1):
        n = (grey.shape[axis] - 2) // 2
        if n < 1:
            return np.empty(0)
        parts = [
            weight * np.take(grey, np.arange(k, k + 2 * n, 2), axis=axis)
            for k, weight in enumerate(_WAVELET)
        ]
        grey = np.sum(parts, axis=0)
    coefficients: NDArray[Any] = grey[np.isfinite(grey)]
    return coefficients
