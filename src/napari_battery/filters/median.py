"""The median of a box around each voxel."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep
from napari_battery.filters.filter import (
    Filter,
    Findings,
    missing,
    per_slice_setting,
    radii,
    working_dtype,
)
from napari_battery.io.lazy import Window
from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.volume import Volume

__all__ = ["MEDIAN", "MedianSettings"]


class MedianSettings(Settings):
    """Median of a box around each voxel."""

    radius: float = setting(
        1.0, "Half the box's edge, without the middle voxel.", unit=LENGTH, gt=0, le=10, step=1
    )
    per_slice: bool = per_slice_setting()
    length_unit: Literal["voxels", "um"] = length_unit()


def _median(image: Volume, settings: MedianSettings, _: Findings) -> BlockStep:
    from scipy.ndimage import median_filter

    halo = radii(image, settings.radius, settings.per_slice)
    size = tuple(2 * r + 1 for r in halo)

    def run(grey: NDArray[Any], _: Window) -> NDArray[Any]:
        inner = tuple(slice(h, n - h) for h, n in zip(halo, grey.shape, strict=True))
        gone = missing(grey)
        if gone is None:
            middle: NDArray[Any] = median_filter(grey, size)[inner]
            return middle
        boxes = np.lib.stride_tricks.sliding_window_view(grey, size)
        middle = median_filter(np.where(gone, grey.dtype.type(0), grey), size)[inner]
        near = np.isnan(boxes).any(axis=tuple(range(-grey.ndim, 0)))
        near &= ~gone[inner]
        middle[near] = np.nanmedian(boxes[near].reshape(-1, np.prod(size)), axis=1)
        return middle

    return BlockStep(run, halo, working_dtype(image.dtype))


MEDIAN = Filter(
    "median",
    "Median",
    MedianSettings,
    "Removes single bright and dark voxels and keeps edges.",
    _median,
)
