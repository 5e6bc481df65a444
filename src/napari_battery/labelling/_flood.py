"""The watershed's flood of a depth map, level by level from the top.

Arrays are flat views of a volume with a border of one voxel at level 0, so that no
neighbour needs a check. Level 0 is outside; 1 … n are depths inside particles.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba

from napari_battery.labelling._prefetch import prefetch

__all__ = ["count_levels", "flood", "start_flood", "without_border"]

_AHEAD = 16
"""Voxels of a queue whose neighbours are on their way from memory."""


@numba.njit(cache=True, nogil=True)
def count_levels(labels: Any, counts: Any) -> None:
    """Add the number of voxels of each level, given as a negative label, to `counts`."""
    for label in labels:
        if label < 0:
            counts[-label] += 1


@numba.njit(cache=True, nogil=True)
def start_flood(labels: Any, places: Any, numbers: Any, order: Any, tails: Any) -> None:
    """Queue the markers' voxels, each at its level, in the order given, and number them."""
    for k in range(len(places)):
        i = places[k]
        level = -labels[i]
        if level > 0:
            order[tails[level]] = i
            tails[level] += 1
            labels[i] = numbers[k]


@numba.njit(cache=True, nogil=True)
def flood(
    labels: Any, order: Any, starts: Any, tails: Any, strides: Any, state: Any, limit: int
) -> None:
    """Spread labels from the queued voxels to the rest, highest level first.

    One first-in-first-out queue per level makes this the watershed of
    `skimage.segmentation.watershed` on the same integers, without its heap. A voxel is
    queued once, at its own level, or at the flood's where that is lower already (in a pit
    without a marker). Each queue has a stretch of one array, as long as its level has voxels.
    The flood's own queue is moved up to what it took before: no voxel was taken above its
    own level, so that there is always room.

    Parameters
    ----------
    labels : (n,) int32 array
        Labels of the markers, the negative level of all other inside voxels (one array
        for both: the flood waits for memory most of the time), 0 outside. Receives the
        labels of all voxels a marker reaches.
    order : (m,) integer array
        The queues, highest level first.
    starts, tails : (n_levels,) int64 arrays
        Where in `order` each level's queue begins, and where it ends now.
    strides : (k,) int64 array
        Steps to the neighbours of a voxel.
    state : (3,) int64 array
        Level of the flood, and where its queue begins and ends; at first one above the
        highest, 0, 0. The level is 0 once all queues are empty.
    limit : int
        Voxels to take at most.
    """
    level, head, tail = state
    for _ in range(limit):
        while head == tail:
            level -= 1
            if level <= 0:
                state[0] = 0
                return
            n = tails[level] - starts[level]
            tail = head + n
            if n > 0 and head < starts[level]:
                for k in range(n):
                    order[head + k] = order[starts[level] + k]
        i = order[head]
        if head + _AHEAD < tail:
            for stride in strides:
                prefetch(labels, order[head + _AHEAD] + stride)
        head += 1
        label = labels[i]
        for stride in strides:
            j = i + stride
            below = -labels[j]
            if below > 0:
                labels[j] = label
                if below >= level:
                    order[tail] = j
                    tail += 1
                else:
                    order[tails[below]] = j
                    tails[below] += 1
    state[0], state[1], state[2] = level, head, tail


@numba.njit(cache=True, nogil=True)
def without_border(flat: Any, rows: Any, width: int) -> None:
    """Move the labels inside the border to the front of their memory; the unreached get 0.

    Parameters
    ----------
    flat : (n,) int32 array
        Labels, or negative levels where no marker reached, of rows of `width` + 2.
    rows : (m,) int64 array
        Which rows lie inside, ascending. A row's new place is never behind its old one.
    width : int
        Length of a row without its border.
    """
    k = 0
    for row in rows:
        first = row * (width + 2) + 1
        for i in range(first, first + width):
            flat[k] = max(flat[i], 0)
            k += 1
