"""Cutting one particle into parts: at its two deepest centres, or at points placed by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.depth import smoothed_distance
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.watershed import find_markers, watershed
from napari_battery.progress import SILENT, Progress

__all__ = ["parts_at", "two_centres"]

_SHALLOWEST = 0.02
"""Voxels that the depth must dip between two centres for them to be two."""
_HALVINGS = 8


def two_centres(
    mask: NDArray[np.bool_], spacing: tuple[float, ...], progress: Progress = SILENT
) -> NDArray[np.int64] | None:
    """The two centres of a particle that a cut at its neck parts most plainly.

    Parameters
    ----------
    mask : bool array
        The particle, 2-D or 3-D, in a box with a margin of a voxel where it does not end at
        a face of the volume.
    spacing : tuple of float
        Voxel edges in units of the shortest.
    progress : Progress
        Advanced per look at the particle.

    Returns
    -------
    (2, ndim) int array or None
        Peaks of the depth below the surface: those between which it dips deepest before a
        higher one is reached. None where the particle has only one centre.
    """
    distance = _depth(mask, spacing)
    low, high = _SHALLOWEST, float(distance.max())
    found = _peaks(distance, mask, low)
    progress.begin(_HALVINGS, "Looking for centres")
    for _ in range(_HALVINGS):
        progress.advance()
        if len(found) <= 2:
            break
        middle = (low + high) / 2
        fewer = _peaks(distance, mask, middle)
        if len(fewer) >= 2:
            low, found = middle, fewer
        else:
            high = middle
    if len(found) < 2:
        return None
    return found[np.argsort(distance[tuple(found.T)])[-2:]]


def parts_at(
    mask: NDArray[np.bool_],
    points: NDArray[np.int64],
    spacing: tuple[float, ...],
    progress: Progress = SILENT,
) -> NDArray[np.int32]:
    """One part of a particle for each point, by watershed.

    Each point stands for the centre that one comes to by going ever deeper from it; parts
    meet where the particle is narrowest between those. Points of one and the same centre
    share its part by which is nearer.

    Parameters
    ----------
    mask : bool array
        The particle, as for `two_centres`.
    points : (n, ndim) int array
        Voxels of it.
    spacing : tuple of float
        Voxel edges in units of the shortest.
    progress : Progress
        Advanced while parts grow.

    Returns
    -------
    int32 array
        1 … n for the parts of the points, 0 outside; every voxel of the particle that is
        joined to a point through faces is in one.
    """
    distance = _depth(mask, spacing)
    ways = [_way_up(distance, mask, tuple(point)) for point in points.tolist()]
    peaks = list(dict.fromkeys(way[-1] for way in ways))
    markers = np.zeros(mask.shape, np.int32)
    for way in ways:
        markers[tuple(np.transpose(way))] = peaks.index(way[-1]) + 1
    centres = watershed(distance, markers, mask, progress)
    parts = np.zeros(mask.shape, np.int32)
    for k, peak in enumerate(peaks, start=1):
        sharing = [i for i, way in enumerate(ways) if way[-1] == peak]
        place = np.argwhere(centres == k)
        away = [(((place - points[i]) * spacing) ** 2).sum(axis=1) for i in sharing]
        parts[tuple(place.T)] = np.array(sharing)[np.argmin(away, axis=0)] + 1
    return parts


def _depth(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.float32]:
    return smoothed_distance(mask, LabelSettings(distance_smoothing=1.0), spacing)


def _peaks(
    distance: NDArray[np.float32], mask: NDArray[np.bool_], depth: float
) -> NDArray[np.int64]:
    return np.argwhere(find_markers(distance, mask, depth) > 0)


def _way_up(
    distance: NDArray[np.float32], mask: NDArray[np.bool_], start: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """Voxels from one to the peak above it, always to the deepest neighbour."""
    steps = [step for step in product((-1, 0, 1), repeat=mask.ndim) if any(step)]
    way = [start]
    while True:
        here = way[-1]
        around = [tuple(a + b for a, b in zip(here, step, strict=True)) for step in steps]
        inside = [
            n
            for n in around
            if all(0 <= a < size for a, size in zip(n, mask.shape, strict=True)) and mask[n]
        ]
        best = max(inside, key=lambda n: float(distance[n]), default=here)
        if distance[best] <= distance[here]:
            return way
        way.append(best)
