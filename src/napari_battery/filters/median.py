"""The median of a box around each voxel."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, working_dtype
from napari_battery.filters.filter import (
    Filter,
    Findings,
    missing,
    per_slice_setting,
    radii,
)
from napari_battery.io.lazy import Window
from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.volume import Volume

__all__ = ["MEDIAN", "MedianSettings", "box_median"]


class MedianSettings(Settings):
    """Median of a box around each voxel."""

    radius: float = setting(
        1.0, "Half the box's edge, without the middle voxel.", unit=LENGTH, gt=0, le=10, step=1
    )
    per_slice: bool = per_slice_setting()
    length_unit: Literal["voxels", "um"] = length_unit()


def _median(image: Volume, settings: MedianSettings, _: Findings) -> BlockStep:
    reach = radii(image, settings.radius, settings.per_slice)
    source = image.dtype

    def run(grey: NDArray[Any], _: Window) -> NDArray[Any]:
        return box_median(grey, reach, source)

    return BlockStep(run, reach, working_dtype(image.dtype))


def box_median(grey: NDArray[Any], reach: tuple[int, ...], source: np.dtype[Any]) -> NDArray[Any]:
    """Median of the box around each voxel; missing voxels (NaN) are left out.

    Parameters
    ----------
    grey : float32 or float64 array
        2-D or 3-D, with a margin of `reach`.
    reach : tuple of int
        Radii of the box.
    source : dtype
        A type that holds all the grey levels; short integers are fast.

    Returns
    -------
    array
        Without the margin. Of an even number of voxels the mean of the two in the middle;
        NaN where the whole box is missing.
    """
    gone = missing(grey)
    levels, bits = _levels(grey, source)
    if gone is None:
        middle = math.prod(2 * r + 1 for r in reach) // 2
        return _greys(_ranked(levels, reach, bits, middle), grey.dtype, source)
    there = _count_boxes(~gone, reach)
    low = _ranked(levels, reach, bits, (np.maximum(there, 1) - 1) // 2)
    high = _ranked(levels, reach, bits, there // 2)
    below, above = (_greys(part, grey.dtype, source) for part in (low, high))
    half = grey.dtype.type(2)
    return np.where(there % 2 == 0, (below + above) / half, below)


def _levels(grey: NDArray[Any], source: np.dtype[Any]) -> tuple[NDArray[Any], int]:
    """Unsigned levels in the order of the grey levels (NaN last), and their number of bits."""
    if source.kind in "iu" and source.itemsize <= 2:
        kind = np.uint8 if source.itemsize == 1 else np.uint16
        return (grey - np.iinfo(source).min).astype(kind), 8 * source.itemsize
    signed = np.int32 if grey.dtype == np.float32 else np.int64
    bits = 8 * grey.dtype.itemsize
    pattern: Any = np.where(np.isnan(grey), np.nan, grey).astype(grey.dtype).view(signed)
    # floats are ordered like their bits, negative ones the other way round
    turned = pattern ^ ((pattern >> (bits - 1)) & np.iinfo(signed).max)
    unsigned: Any = turned.view(f"u{grey.dtype.itemsize}")
    flipped: NDArray[Any] = unsigned ^ unsigned.dtype.type(1 << (bits - 1))
    return flipped, bits


def _greys(levels: NDArray[Any], dtype: np.dtype[Any], source: np.dtype[Any]) -> NDArray[Any]:
    """Grey levels again; the inverse of `_levels`."""
    if source.kind in "iu" and source.itemsize <= 2:
        shifted: NDArray[Any] = levels.astype(dtype) + dtype.type(np.iinfo(source).min)
        return shifted
    bits = 8 * dtype.itemsize
    turned = (levels ^ levels.dtype.type(1 << (bits - 1))).view(f"i{dtype.itemsize}")
    pattern: Any = turned ^ ((turned >> (bits - 1)) & np.iinfo(turned.dtype).max)
    grey: NDArray[Any] = pattern.view(dtype)
    return grey


def _ranked(
    levels: NDArray[Any], reach: tuple[int, ...], bits: int, rank: int | NDArray[Any]
) -> NDArray[Any]:
    """Level of a rank (one for all, or one per voxel) in the box around each voxel."""
    from napari_battery.filters._kernels_median import select_rank

    inner = tuple(slice(r, n - r) for r, n in zip(reach, levels.shape, strict=True))
    counts = np.min_scalar_type(math.prod(2 * r + 1 for r in reach))
    ranks = np.zeros(levels.shape, counts)
    ranks[inner] = rank
    found = np.empty_like(levels)
    if levels.ndim == 2:
        levels, ranks, reach = levels[None], ranks[None], (0, *reach)
    depth, wide = len(levels), levels.shape[2]
    core = slice(reach[0], depth - reach[0])
    select_rank(
        np.ascontiguousarray(levels).reshape(depth, -1),
        wide,
        reach,
        bits,
        ranks.reshape(depth, -1)[core],
        found.reshape(depth, -1)[core],
    )
    return found[inner]


def _count_boxes(there: NDArray[np.bool_], reach: tuple[int, ...]) -> NDArray[np.int64]:
    """How many voxels of each box are there."""
    counts: NDArray[Any] = there
    for axis, r in enumerate(reach):
        views = np.lib.stride_tricks.sliding_window_view(counts, 2 * r + 1, axis)
        counts = views.sum(axis=-1, dtype=np.int64)
    return counts


MEDIAN = Filter(
    "median",
    "Median",
    MedianSettings,
    "Removes single bright and dark voxels and keeps edges.",
    _median,
)
