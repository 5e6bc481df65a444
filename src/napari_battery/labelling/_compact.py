"""The watershed's flood where distance from the markers counts, too."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["flood_compact"]

_AGE_BITS = 36
_AGE = (1 << _AGE_BITS) - 1


@numba.njit(cache=True, nogil=True)
def _push(heap: Any, n: int, key: int, voxel: int, source: int) -> None:
    """Put an entry onto a heap of n, the smallest key on top."""
    while n > 0:
        above = (n - 1) // 2
        if heap[above, 0] <= key:
            break
        heap[n] = heap[above]
        n = above
    heap[n, 0], heap[n, 1], heap[n, 2] = key, voxel, source


@numba.njit(cache=True, nogil=True)
def _drop(heap: Any, n: int) -> None:
    """Take the entry with the smallest key off a heap of n."""
    n -= 1
    key, voxel, source = heap[n]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        if below + 1 < n and heap[below + 1, 0] < heap[below, 0]:
            below += 1
        if heap[below, 0] >= key:
            break
        heap[at] = heap[below]
        at = below
    heap[at, 0], heap[at, 1], heap[at, 2] = key, voxel, source


@numba.njit(cache=True, nogil=True)
def flood_compact(
    levels: Any, labels: Any, strides: Any, row: int, plane: int, spacing: Any, top: int,
    weight: float, scale: float, heap: Any,
    state: Any, limit: int,
) -> None:  # fmt: skip
    """Take voxels by depth below the top plus their distance from the marker they come from.

    Parameters
    ----------
    levels : (n,) uint16 array
        Levels, 0 outside, with a border of 0.
    labels : (n,) int32 array
        Labels of the markers, 0 elsewhere; receives all.
    strides : (k,) int64 array
        Steps to the neighbours.
    row, plane : int
        Voxels in a row and in a plane.
    spacing : (3,) float64 array
        Voxel edges along z, y, x.
    top : int
        Highest level.
    weight : float
        Levels that count as much as one unit of distance.
    scale : float
        Fineness of the queue, in steps per level.
    heap : (c, 3) int64 array
        Keys, voxels and the marker voxels they come from. Where it is full this returns
        early: call it again with more.
    state : (2,) int64 array
        How many entries the heap has, and how many there were in all.
    limit : int
        Voxels to take at most.
    """
    n, age = state
    while n > 0 and limit > 0 and n + len(strides) <= len(heap):
        voxel, source = heap[0, 1], heap[0, 2]
        _drop(heap, n)
        n -= 1
        if labels[voxel] != 0 and voxel != source:
            continue
        limit -= 1
        labels[voxel] = labels[source]
        for stride in strides:
            j = voxel + stride
            if levels[j] == 0 or labels[j] != 0:
                continue
            dz = (j // plane - source // plane) * spacing[0]
            dy = (j % plane // row - source % plane // row) * spacing[1]
            dx = (j % row - source % row) * spacing[2]
            cost = top - levels[j] + weight * np.sqrt(dz * dz + dy * dy + dx * dx)
            age += 1
            _push(heap, n, np.int64(cost * scale) << _AGE_BITS | (age & _AGE), j, source)
            n += 1
    state[0], state[1] = n, age
