"""How often each grey level occurs in an image: what every global threshold is made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.volume import Volume

__all__ = ["grey_histogram"]

_LEVELS = 65_536
_PART_VOXELS = 2**22


def grey_histogram(image: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Grey levels of an image's region, evenly spaced, and how often each occurs.

    Exact for integers whose values span at most 65,536 levels (all 8- and 16-bit images);
    others are counted in 65,536 equal bins from the smallest to the largest value. The data
    is read part by part, so that it may be larger than memory.

    Parameters
    ----------
    image : Volume
        Grey levels of any type. NaN and infinite voxels are left out.

    Returns
    -------
    values : (n,) float64 array
        Grey levels, or the centres of the bins, from the lowest to the highest that occurs.
    counts : (n,) float64 array
        Voxels of each; the first and the last are above 0, those between may be 0.

    Raises
    ------
    InputError
        If no voxel of the region has a finite grey level.
    """
    dtype = image.dtype
    if dtype.kind in "iub" and dtype.itemsize <= 2:
        return _of_levels(image, _lowest(dtype), _LEVELS if dtype.itemsize == 2 else 256)
    low, high = _extremes(image)
    if dtype.kind in "iu" and dtype.itemsize <= 4 and high - low < _LEVELS:
        return _of_levels(image, int(low), int(high - low) + 1)
    from napari_battery.labelling._histogram import count_bins

    counts = np.zeros(_LEVELS, np.int64)
    per_value = _LEVELS / (high - low) if high > low else 0.0
    if not np.isfinite(per_value):  # no bins are as narrow as that
        per_value = 0.0
    for part, inside in _parts(image):
        count_bins(part, inside, low, per_value, counts)
    if per_value == 0:
        return np.array([low]), counts[:1].astype(float)
    values: NDArray[np.float64] = np.add(low, (np.arange(_LEVELS) + 0.5) / per_value)
    return values, counts.astype(float)


def _of_levels(
    image: Volume, low: int, n_levels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count integers, exactly."""
    from napari_battery.labelling._histogram import count_levels

    counts = np.zeros(n_levels, np.int64)
    for part, inside in _parts(image):
        count_levels(part, inside, low, counts)
    seen = np.flatnonzero(counts)
    if seen.size == 0:
        raise _nothing(image)
    occurring = slice(seen[0], seen[-1] + 1)
    values = np.arange(seen[0], seen[-1] + 1, dtype=float) + low
    return values, counts[occurring].astype(float)


def _extremes(image: Volume) -> tuple[float, float]:
    """Smallest and largest finite grey level."""
    from napari_battery.labelling._histogram import extremes

    low, high = np.inf, -np.inf
    for part, inside in _parts(image):
        a, b = extremes(part, inside)
        low, high = min(low, float(a)), max(high, float(b))
    if low > high:
        raise _nothing(image)
    return low, high


def _parts(image: Volume) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Slabs of the image, flat and in native types, and where they count (empty: everywhere)."""
    per_row = max(int(np.prod(image.shape[1:])), 1)
    step = max(_PART_VOXELS // per_row, 1)
    native = image.dtype.newbyteorder("=")
    if native.kind == "f" and native.itemsize not in (4, 8):  # which compiled code does not know
        native = np.dtype(np.float32 if native.itemsize < 4 else np.float64)
    for start in range(0, image.shape[0], step):
        rows = slice(start, start + step)
        part = np.asarray(image.data[rows])
        part = part.view(np.uint8) if part.dtype == bool else part.astype(native, copy=False)
        inside = np.zeros(0, bool)
        if image.region is not None:
            inside = np.asarray(image.region[rows], bool).ravel()
        yield part.ravel(), inside


def _lowest(dtype: np.dtype[Any]) -> int:
    return 0 if dtype.kind == "b" else int(np.iinfo(dtype).min)


def _nothing(image: Volume) -> InputError:
    where = "" if image.region is None else " inside its region"
    return InputError(f"“{image.name}” has no voxel with a grey level{where}.")
