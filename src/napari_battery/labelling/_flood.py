"""Floods of a distance map, level by level from the top: its peaks, and its watershed.

Arrays are flat views of a volume with a border of one voxel at level 0, so that no
neighbour needs a check. Level 0 is outside; 1 … n are depths inside particles.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba

__all__ = ["count_levels", "flood", "peaks", "sort_levels", "start_flood"]


@numba.njit(cache=True, nogil=True)
def count_levels(levels: Any, counts: Any) -> None:
    """Add the number of voxels of each level above 0 to `counts`."""
    for level in levels:
        if level > 0:
            counts[level] += 1


@numba.njit(cache=True, nogil=True)
def sort_levels(levels: Any, starts: Any, order: Any) -> None:
    """Sort the inside voxels by falling level; equal ones stay in z, y, x order.

    Parameters
    ----------
    levels : (n,) uint16 array
        Levels, 0 outside.
    starts : (n_levels,) int64 array
        Where in `order` each level begins; used up.
    order : (m,) integer array
        Receives the indices of all voxels above level 0.
    """
    for i in range(len(levels)):
        level = levels[i]
        if level > 0:
            order[starts[level]] = i
            starts[level] += 1


@numba.njit(cache=True, nogil=True)
def _root(parent: Any, i: int) -> int:
    """Find the peak that voxel i belongs to, halving the path on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@numba.njit(cache=True, nogil=True)
def peaks(
    levels: Any, order: Any, start: int, stop: int, strides: Any, parent: Any, depth: int,
    is_peak: Any,
) -> None:  # fmt: skip
    """Flood part of the voxels and strike out the peaks that are not deep enough.

    A peak is struck out when the flood joins it to a higher one less than `depth`
    levels below it: what stays are the h-maxima, exactly.

    Parameters
    ----------
    levels : (n,) uint16 array
        Levels, 0 outside.
    order : (m,) integer array
        Indices of the inside voxels by falling level.
    start, stop : int
        Part of `order` to flood now; all before it were flooded before.
    strides : (k,) int64 array
        Steps to the neighbours of a voxel.
    parent : (n,) integer array
        -1 at first; the flood's memory.
    depth : int
        Smallest depth of a peak, in levels, at least 1.
    is_peak : (n,) bool array
        False at first; set and unset as peaks come and go.
    """
    for k in range(start, stop):
        i = order[k]
        level = levels[i]
        parent[i] = i
        mine = -1
        for stride in strides:
            j = i + stride
            if parent[j] < 0:
                continue
            other = _root(parent, j)
            if mine < 0:
                mine = other
                parent[i] = other
            elif other != mine:
                if levels[other] > levels[mine]:
                    mine, other = other, mine
                parent[other] = mine
                if levels[other] - level < depth:
                    is_peak[other] = False
        if mine < 0:
            is_peak[i] = True


@numba.njit(cache=True, nogil=True)
def start_flood(levels: Any, markers: Any, following: Any, first: Any, last: Any) -> None:
    """Queue the markers' voxels, each at its level, in the order given."""
    for i in markers:
        _push(i, levels[i], following, first, last)


@numba.njit(cache=True, nogil=True)
def _push(i: int, level: int, following: Any, first: Any, last: Any) -> None:
    following[i] = -1
    if first[level] < 0:
        first[level] = i
    else:
        following[last[level]] = i
    last[level] = i


@numba.njit(cache=True, nogil=True)
def flood(
    labels: Any, strides: Any, following: Any, first: Any, last: Any, level: int, limit: int
) -> int:
    """Spread labels from the queued voxels to the rest, highest level first.

    One first-in-first-out queue per level makes this the watershed of
    `skimage.segmentation.watershed` on the same integers, without its heap.

    Parameters
    ----------
    labels : (n,) int32 array
        Labels of the markers, the negative level of all other inside voxels (one array
        for both: the flood waits for memory most of the time), 0 outside. Receives the
        labels of all voxels a marker reaches.
    strides : (k,) int64 array
        Steps to the neighbours of a voxel.
    following : (n,) integer array
        Next voxel in the queue.
    first, last : (n_levels,) integer arrays
        Ends of each level's queue; -1 for none.
    level : int
        Highest level with a queue.
    limit : int
        Voxels to take at most.

    Returns
    -------
    int
        Highest level with a queue now; 0 once all are empty.
    """
    for _ in range(limit):
        while level > 0 and first[level] < 0:
            level -= 1
        if level == 0:
            return 0
        i = first[level]
        first[level] = following[i]
        label = labels[i]
        for stride in strides:
            j = i + stride
            below = -labels[j]
            if below > 0:
                labels[j] = label
                _push(j, below, following, first, last)
                level = max(level, below)
    return level
