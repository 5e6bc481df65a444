"""Peaks of a depth map, and which of them stand out.

Arrays are flat views of a volume with a border of one voxel at level 0, as in `_flood`.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba

__all__ = ["find_peaks", "strike_out"]

_INDEX_BITS = 44
_INDEX = (1 << _INDEX_BITS) - 1
"""Level and index of a voxel in one number, which sorts by level first."""


@numba.njit(cache=True, nogil=True)
def find_peaks(levels: Any, start: int, stop: int, strides: Any, found: Any) -> int:
    """List the voxels with no higher neighbour, and no equal one before them.

    Parameters
    ----------
    levels : (n,) uint16 array
        Levels, 0 outside.
    start, stop : int
        Part of `levels` to look at.
    strides : (k,) int64 array
        Steps to the neighbours; the first half leads backward.
    found : (stop - start,) int64 array
        Receives their indices.

    Returns
    -------
    int
        How many they are.
    """
    n, half = 0, len(strides) // 2
    for i in range(start, stop):
        level = levels[i]
        # one comparison with the next voxel rules half of all out
        if level == 0 or levels[i + 1] > level or levels[i - 1] >= level:
            continue
        peak = True
        for k in range(half):
            if levels[i + strides[k]] >= level or levels[i - strides[k]] > level:
                peak = False
                break
        if peak:
            found[n] = i
            n += 1
    return n


@numba.njit(cache=True, nogil=True)
def strike_out(
    levels: Any, peaks: Any, depth: int, strides: Any, seen: Any, visited: Any, heap: Any,
    state: Any, kept: Any, limit: int,
) -> None:  # fmt: skip
    """Keep the peaks from which no path to a higher one stays less than `depth` below them.

    From each peak the highest voxels in reach are visited, until one is higher than it (or
    as high and comes before it: it is struck out), or none is left less than `depth` below
    (it is kept). What stays are the h-maxima, exactly. Few voxels are visited: those near
    the peaks.

    Parameters
    ----------
    levels : (n,) uint16 array
        Levels, 0 outside.
    peaks : (m,) int64 array
        From `find_peaks`.
    depth : int
        Smallest depth of a peak, in levels, at least 1.
    strides : (k,) int64 array
        Steps to the neighbours.
    seen : (n,) bool array
        False at first, and again after each peak.
    visited, heap : (c,) int64 array
        Memory. Where it is full this returns early: call it again with more.
    state : (3,) int64 array
        Which peak is next, and how many of `visited` and `heap` are in use; 0 at first.
    kept : (m,) bool array
        Receives which peaks stay.
    limit : int
        Voxels to visit at most.
    """
    at, n_visited, n_heap = state
    room = len(visited) - len(strides)
    while at < len(peaks):
        top = peaks[at]
        height = int(levels[top])
        if n_visited == 0:
            seen[top] = True
            visited[0] = top
            n_visited = 1
            heap[0] = height << _INDEX_BITS | top
            n_heap = 1
        struck = False
        while n_heap > 0 and not struck:
            if n_visited > room or limit <= 0:
                state[0], state[1], state[2] = at, n_visited, n_heap
                return
            limit -= 1
            i = _pop(heap, n_heap) & _INDEX
            n_heap -= 1
            for stride in strides:
                j = i + stride
                level = int(levels[j])
                if level == 0 or level <= height - depth or seen[j]:
                    continue
                if level > height or (level == height and j < top):
                    struck = True
                    break
                seen[j] = True
                visited[n_visited] = j
                n_visited += 1
                _push(heap, n_heap, level << _INDEX_BITS | j)
                n_heap += 1
        kept[at] = not struck
        for k in range(n_visited):
            seen[visited[k]] = False
        n_visited = n_heap = 0
        at += 1
    state[0], state[1], state[2] = at, 0, 0


@numba.njit(cache=True, nogil=True)
def _push(heap: Any, n: int, key: int) -> None:
    """Put a key onto a heap of n keys, the largest on top."""
    while n > 0:
        above = (n - 1) // 2
        if heap[above] >= key:
            break
        heap[n] = heap[above]
        n = above
    heap[n] = key


@numba.njit(cache=True, nogil=True)
def _pop(heap: Any, n: int) -> int:
    """Take the largest key off a heap of n keys."""
    top = heap[0]
    key = heap[n - 1]
    n -= 1
    at = 0
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        if below + 1 < n and heap[below + 1] > heap[below]:
            below += 1
        if heap[below] <= key:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = key
    return int(top)
