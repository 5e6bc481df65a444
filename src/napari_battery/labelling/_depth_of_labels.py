"""Squared distances of each label's voxels to the nearest voxel of another label or of none.

As `_distance`, one axis after the other; a voxel of another label is at distance 0.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

from napari_battery.labelling._distance import FAR, SCRATCH

__all__ = ["along_runs", "down_columns"]

_FAST = {"nnan", "ninf", "nsz", "contract", "reassoc"}


@numba.njit(cache=True, nogil=True)
def along_runs(rows: Any, starts: Any, ends: Any, step: Any, squared: Any) -> None:
    """Squared distances along x of one plane; `FAR` in rows of one label.

    Parameters
    ----------
    rows : (ny + 1,) int64 array
        First run of each row.
    starts, ends : (n,) int32 arrays
        Runs of the volume.
    step : float32
        Voxel edge along x.
    squared : (ny, nx) float32 array
        Receives the squares; 0 outside runs.
    """
    ny, nx = squared.shape
    squared[:] = 0
    for y in range(ny):
        row = squared[y]
        for k in range(rows[y], rows[y + 1]):
            for x in range(starts[k], ends[k]):
                before = x - starts[k] + 1 if starts[k] > 0 else nx + 1
                after = ends[k] - x if ends[k] < nx else nx + 1
                way = step * np.float32(min(before, after))
                row[x] = way * way if min(before, after) <= nx else FAR


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def down_columns(squared: Any, labels: Any, step: Any, scratch: Any, marks: Any) -> None:
    """Go on along the first axis of a (n, m) view, in place.

    Parameters
    ----------
    squared : (n, m) float32 array
        Squared distances so far; m is the fast axis.
    labels : (n, m) integer array
        Labels, 0 outside.
    step : float32
        Way from one row to the next.
    scratch : (n + 2, SCRATCH) float32 array of zeros
        Memory; may be used again.
    marks : (n + 2, SCRATCH) array of the labels' type, zeros
        Memory; may be used again.
    """
    n, m = squared.shape
    best, outside = scratch[n], len(marks) - 1
    scratch[outside] = FAR
    area = step * step
    for x0 in range(0, m, SCRATCH):
        width = min(SCRATCH, m - x0)
        for i in range(n):
            for x in range(width):
                scratch[i, x] = squared[i, x0 + x]
                marks[i, x] = labels[i, x0 + x]
        for i in range(n):
            own = marks[i]
            largest = np.float32(0)
            for x in range(width):
                best[x] = scratch[i, x]
                largest = max(largest, best[x])
            for x in range(width, SCRATCH):
                best[x] = 0
            for x in range(SCRATCH):
                marks[outside, x] = own[x]  # beyond the faces lies more of the same
            k, end = 1, max(i, n - 1 - i)
            while k <= end and area * np.float32(k * k) < largest:
                way = area * np.float32(k * k)
                above, below = i - k if i >= k else outside, i + k if i + k < n else outside
                a, mark_a = scratch[above], marks[above]
                b, mark_b = scratch[below], marks[below]
                largest = np.float32(0)
                for x in range(SCRATCH):
                    one = a[x] if mark_a[x] == own[x] else np.float32(0)
                    two = b[x] if mark_b[x] == own[x] else np.float32(0)
                    best[x] = min(best[x], min(one, two) + way)
                    largest = max(largest, best[x])
                k += 1
            for x in range(width):
                squared[i, x0 + x] = best[x]
