"""Labels of particles, voxel by voxel: their boxes, and masks grown around them."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["dilate", "gather"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def gather(labels: Any, numbers: Any, z0: int, sums: Any, ends: Any) -> None:
    """Add up each label's voxels and their indices, and stretch its box.

    Parameters
    ----------
    labels : (z, y, x) integer array
        Slices from `z0` on.
    numbers : (n,) integer array
        Labels that occur, ascending, without 0.
    sums : (n, 4) int64
        Voxels, and sums of z, y and x.
    ends : (n, 2, 3) int64
        First voxel and one past the last.
    """
    nz, ny, nx = labels.shape
    last, k = labels[0, 0, 0], -1
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                label = labels[z, y, x]
                if label == 0:
                    continue
                if k < 0 or label != last:
                    k = np.searchsorted(numbers, label)
                    last = label
                sums[k, 0] += 1
                at = (z + z0, y, x)
                for axis in range(3):
                    sums[k, 1 + axis] += at[axis]
                    ends[k, 0, axis] = min(ends[k, 0, axis], at[axis])
                    ends[k, 1, axis] = max(ends[k, 1, axis], at[axis] + 1)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def dilate(mask: Any, reach: Any) -> Any:
    """Grow a mask (uint8) by a box that reaches `reach` voxels along each axis."""
    nz, ny, nx = mask.shape
    here = mask.copy()
    for axis in range(3):
        there = here.copy()
        for k in range(1, reach[axis] + 1):
            if axis == 0:
                there[k:] |= here[: max(nz - k, 0)]
                there[: max(nz - k, 0)] |= here[k:]
            elif axis == 1:
                there[:, k:] |= here[:, : max(ny - k, 0)]
                there[:, : max(ny - k, 0)] |= here[:, k:]
            else:
                there[:, :, k:] |= here[:, :, : max(nx - k, 0)]
                there[:, :, : max(nx - k, 0)] |= here[:, :, k:]
        here = there
    return here
