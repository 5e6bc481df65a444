"""Centres of particles: peaks of the depth map that stand out, or stand apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.depth import DepthMap
from napari_battery.progress import SILENT, Progress

__all__ = ["apart_peaks", "deep_peaks", "places_of", "steps_to_neighbours"]

_CHUNK = 4_000_000
_VISITS = 2_000_000
_LEAST_DEPTH = 0.2
"""Voxels that any peak must stand out by: less is the grid's own roughness."""


def deep_peaks(depths: DepthMap, depth: float, progress: Progress = SILENT) -> NDArray[np.int64]:
    """Find the h-maxima of a depth map, one voxel of each.

    Parameters
    ----------
    depths : DepthMap
        2-D or 3-D.
    depth : float
        How far, in voxels, the map must fall from a peak before a higher one is reached; of
        equal ones nearer than that the first by z, y, x is a peak.
    progress : Progress
        Advanced within; cancels in between.

    Returns
    -------
    (n,) int64 array
        Flat indices into the padded levels, ascending: by z, y, x.
    """
    from napari_battery.labelling._peaks import find_peaks, strike_out

    levels, strides = depths.levels.ravel(), steps_to_neighbours(depths.levels)
    found = np.empty(_CHUNK, np.int64)
    parts = []
    first = int(strides.max(initial=0))  # the border before it has no neighbours to look at
    starts = range(first, levels.size - first, _CHUNK)
    progress.begin(len(starts), "Finding markers")
    for start in starts:
        stop = min(start + _CHUNK, levels.size - first)
        parts.append(found[: int(find_peaks(levels, start, stop, strides, found))].copy())
        progress.advance()
    peaks = np.concatenate(parts) if parts else found[:0]
    kept = np.zeros(len(peaks), bool)
    seen = np.zeros(levels.size, bool)
    visited, heap = np.empty(2**16, np.int64), np.empty(2**16, np.int64)
    state = np.zeros(3, np.int64)
    step = max(1, round(depth * depths.per_voxel))
    progress.begin(len(peaks), "Choosing markers")
    while (at := int(state[0])) < len(peaks):
        strike_out(levels, peaks, step, strides, seen, visited, heap, state, kept, _VISITS)
        if state[1] > len(visited) - len(strides):
            visited, heap = (np.resize(part, 2 * len(part)) for part in (visited, heap))
        progress.advance(int(state[0]) - at)
    return peaks[kept]


def apart_peaks(
    depths: DepthMap,
    distance: float,
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.int64]:
    """Find the peaks of a depth map that have no higher one near.

    The highest peak is kept and all nearer to it than `distance` go, then the highest of
    the rest, and so on.

    Parameters
    ----------
    depths : DepthMap
        2-D or 3-D.
    distance : float
        Smallest distance between peaks, in the unit of `spacing`.
    spacing : tuple of float, optional
        Voxel edges; cubes of edge 1 otherwise.
    progress : Progress
        Advanced within; cancels in between.

    Returns
    -------
    (n,) int64 array
        Flat indices into the padded levels, ascending: by z, y, x.
    """
    from scipy.spatial import cKDTree

    peaks = deep_peaks(depths, _LEAST_DEPTH, progress)
    points = np.stack(np.unravel_index(peaks, depths.levels.shape), axis=1).astype(float)
    points *= spacing or (1.0,) * depths.levels.ndim
    tree = cKDTree(points)
    kept = np.ones(len(peaks), bool)
    # of equal ones the first: the sort is stable
    falling = np.argsort(-depths.levels.ravel()[peaks].astype(np.int32), kind="stable")
    for k in falling:
        if kept[k]:
            near = tree.query_ball_point(points[k], distance)
            kept[near] = False
            kept[k] = True
    return peaks[kept]


def places_of(markers: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Find the voxels of markers given as a volume.

    Parameters
    ----------
    markers : integer array
        Positive numbers at the markers, 0 elsewhere; no number above int32's range.

    Returns
    -------
    places : (n,) int64 array
        Flat indices into the padded volume, ascending.
    numbers : (n,) int32 array
        The markers' numbers there.
    """
    padded = tuple(n + 2 for n in markers.shape)
    places, numbers = [], []
    for k, plane in enumerate(markers):  # plane by plane: no whole-volume temporary
        within = np.nonzero(plane > 0)
        at = (np.full(len(within[0]), k + 1), *(index + 1 for index in within))
        places.append(np.ravel_multi_index(at, padded))
        numbers.append(plane[within].astype(np.int32))
    return np.concatenate(places), np.concatenate(numbers)


def steps_to_neighbours(levels: NDArray[Any]) -> NDArray[np.int64]:
    """Steps to the face neighbours: back along z, y, x, then forward along x, y, z."""
    steps = [stride // levels.itemsize for stride in levels.strides]
    return np.array([-s for s in steps] + steps[::-1], np.int64)
