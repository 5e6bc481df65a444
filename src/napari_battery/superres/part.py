"""A box cut out of a training image, with what it was made of in the files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_battery.superres.training_image import TrainingImage

__all__ = ["CUBIC_REACH", "part_of"]

CUBIC_REACH = 2
"""Low-resolution voxels on either side that a cubically interpolated voxel is made of."""
_ROUNDING = 1e-3


def part_of(image: TrainingImage, window: tuple[slice, ...]) -> TrainingImage:
    """Cut a box out of a training image.

    Parameters
    ----------
    image : TrainingImage
    window : tuple of slices
        In its voxels, z first; axes not given are kept whole.

    Returns
    -------
    TrainingImage
        Views of the image's arrays. The boxes in its provenance are of the voxels, in both
        files, that the part is made of.
    """
    made = dict(image.provenance)
    if made.get("high"):
        made["high"] = _high_source(made["high"], image.shape, window)
        if made.get("low"):
            made["low"] = _low_source(made["low"], made["high"]["box"])
    return replace(
        image,
        low=image.low[window],
        high=image.high[window],
        valid=None if image.valid is None else image.valid[window],
        provenance=made,
    )


def _high_source(
    source: dict[str, Any], shape: Sequence[int], window: tuple[slice, ...]
) -> dict[str, Any]:
    box = [list(ends) for ends in source["box"]]
    for axis, along in enumerate(window):
        of_file = axis - 3 + len(box)  # a picture has no z
        if of_file >= 0:
            start, stop, _ = along.indices(shape[axis])
            first = box[of_file][0]
            box[of_file] = [first + start, first + stop]
    return {**source, "box": box}


def _low_source(source: dict[str, Any], high: Sequence[Sequence[int]]) -> dict[str, Any]:
    """The low scan with the box of its voxels that a box of the high scan is interpolated from.

    All that is known to be used, where it is not told how the two lie.
    """
    if "from_high" not in source:
        return source
    ndim = len(high)
    matrix = np.array(source["from_high"])[-ndim:]
    linear, offset = matrix[:, 3 - ndim : 3], matrix[:, 3]
    corners = np.array(np.meshgrid(*[(a, b - 1) for a, b in high])).reshape(ndim, -1)
    places = linear @ corners + offset[:, None]
    box = []
    for (start, stop), low, top in zip(source["box"], places.min(1), places.max(1), strict=True):
        # four voxels in each axis make one; a thousandth is rounding
        a = math.floor(low - _ROUNDING) - (CUBIC_REACH - 1)
        b = math.floor(top + _ROUNDING) + CUBIC_REACH + 1
        box.append([max(start, a), min(stop, b)])
    return {**source, "box": box}
