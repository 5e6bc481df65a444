"""Squared distances to the background, exactly, along one axis after the other.

Each voxel takes the smallest of its neighbours' squared distances plus the square of the
way to them, nearest neighbours first, until the way alone is longer (after Saito and
Toriwaki, "New algorithms for Euclidean distance transformation of an n-dimensional digitized
picture with applications", 1994). Depths are small beside the volume, so that this ends soon.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["FAR", "SCRATCH", "along_rows", "down_columns"]

FAR = np.float32(1e12)
"""Squared distance where there is no background."""
SCRATCH = 16
"""Columns handled together: they fit the processor's vectors."""

_FAST = {"nnan", "ninf", "nsz", "contract", "reassoc"}
_NONE = np.int32(1 << 30)


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def along_rows(mask: Any, step: Any, squared: Any) -> None:
    """Squared distances along x of one plane; `FAR` in rows without background."""
    ny, nx = mask.shape
    for y in range(ny):
        row, inside = squared[y], mask[y]
        steps: Any = _NONE
        for x in range(nx):
            steps = min(steps + 1, _NONE) if inside[x] else np.int32(0)
            row[x] = steps
        steps = _NONE
        for x in range(nx - 1, -1, -1):
            steps = min(steps + 1, _NONE) if inside[x] else np.int32(0)
            nearest = min(row[x], np.float32(steps))
            way = step * nearest
            row[x] = way * way if nearest < _NONE else FAR


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def down_columns(squared: Any, step: Any, scratch: Any) -> None:
    """Go on along the first axis of a (n, m) view, in place.

    Parameters
    ----------
    squared : (n, m) float32 array
        Squared distances so far; m is the fast axis.
    step : float32
        Way from one row to the next.
    scratch : (n + 2, SCRATCH) float32 array
        Memory.
    """
    n, m = squared.shape
    outside, best = scratch[n], scratch[n + 1]
    outside[:] = FAR
    area = step * step
    for x0 in range(0, m, SCRATCH):
        width = min(SCRATCH, m - x0)
        for i in range(n):
            for x in range(width):
                scratch[i, x] = squared[i, x0 + x]
        for i in range(n):
            largest = np.float32(0)
            for x in range(width):
                best[x] = scratch[i, x]
                largest = max(largest, best[x])
            k, end = 1, max(i, n - 1 - i)
            while k <= end and area * np.float32(k * k) < largest:
                # two steps at once: the test costs as much as one
                a = scratch[i - k if i >= k else n]
                b = scratch[i + k if i + k < n else n]
                c = scratch[i - k - 1 if i > k else n]
                d = scratch[i + k + 1 if i + k + 1 < n else n]
                near = area * np.float32(k * k)
                far = area * np.float32((k + 1) * (k + 1))
                largest = np.float32(0)
                for x in range(width):
                    nearest = min(min(a[x], b[x]) + near, min(c[x], d[x]) + far)
                    best[x] = min(best[x], nearest)
                    largest = max(largest, best[x])
                k += 2
            for x in range(width):
                squared[i, x0 + x] = best[x]
