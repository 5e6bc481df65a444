"""Which way round an image lies: its middle is looked for in all orientations.

How far a turn may be off before a correlation is lost grows with the size of a feature over
the size of the field. The middle of a field therefore needs far fewer orientations than the
whole: some hundreds cover them all, at a few milliseconds each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.registration.fft_start import coarse, extent, shifts
from napari_battery.registration.pyramid import Level
from napari_battery.registration.rotations import rotation_matrix
from napari_battery.registration.settings import RegisterSettings

__all__ = ["middle_of", "turned_about", "turned_candidates", "turns"]

Array = NDArray[np.floating[Any]]

_ORIENTATIONS = 400
"""Covers all rotations to within some 30°, 24° for 95 % of them."""
_FLAT_STEP_DEG = 10.0
_BEYOND_DEG = 15.0
"""Orientations beyond the largest asked for that are tried, too: they may be the nearest."""
_MIDDLE = 0.4
"""Edge of the middle that is looked for, over that of its field; of 8 voxels or more."""
_MIDDLE_OVERLAP = 0.6
_KEPT = 48


def turns(largest_deg: float, flat: bool) -> list[Array]:
    """Rotation vectors z, y, x in radians, evenly over all orientations, the smallest first.

    Parameters
    ----------
    largest_deg : float
        Those that turn by more (and some to spare) are left out.
    flat : bool
        In the plane only.

    Notes
    -----
    Alexa, "Super-Fibonacci spirals", CVPR 2022.
    """
    if flat:
        angles = np.arange(-180 + _FLAT_STEP_DEG, 181, _FLAT_STEP_DEG)
        vectors = np.radians(angles)[:, None] * np.array([1.0, 0, 0])
    else:
        i = np.arange(_ORIENTATIONS) + 0.5
        near, far = np.sqrt(i / _ORIENTATIONS), np.sqrt(1 - i / _ORIENTATIONS)
        # the spirals' two irrational numbers are given in the paper
        one, two = 2 * np.pi * i / np.sqrt(2), 2 * np.pi * i / 1.533751168755204288118041
        axis = np.stack([near * np.sin(one), near * np.cos(one), far * np.sin(two)], axis=1)
        cosine = far * np.cos(two)
        axis = np.where(cosine[:, None] < 0, -axis, axis)
        angle = 2 * np.arccos(np.clip(np.abs(cosine), 0, 1))
        lengths = np.maximum(np.linalg.norm(axis, axis=1), 1e-12)
        vectors = axis * (angle / lengths)[:, None]
    sizes = np.linalg.norm(vectors, axis=1)
    order = np.argsort(sizes, kind="stable")
    most = np.radians(largest_deg + _BEYOND_DEG)
    return [vectors[k] for k in order if 0 < sizes[k] <= most]


def turned_candidates(
    fixed: Level,
    moving: Level,
    spacing: float,
    settings: RegisterSettings,
    progress: Progress = SILENT,
) -> list[Array]:
    """The most promising maps from the moving world to the fixed one, turned ones only.

    The middle of the smaller field of view is looked for in the other one.

    Parameters
    ----------
    fixed, moving : Level
        Both images in their coarsest resolution.
    spacing : float
        Edge of the coarse grid's voxels; see `coarse_spacing`.
    settings : RegisterSettings
        The metric (which signs of a correlation count) and the largest turn.
    progress : Progress
        Advanced per orientation.

    Returns
    -------
    list of (4, 4) array
        The best first.
    """
    swap = bool(np.prod(extent(fixed)) < np.prod(extent(moving)))
    large, small = (moving, fixed) if swap else (fixed, moving)
    still, part = coarse(large, spacing), _part(small)
    either = settings.metric == "mutual-information"
    largest = settings.rotation_search_deg
    tried = turns(180.0 if largest is None else largest, fixed.data.shape[0] == 1)
    progress.begin(len(tried), "Searching for a start, all turns")
    found: list[tuple[float, Array]] = []
    for vector in tried:
        turn = turned_about(vector, middle_of(part))
        moved = coarse(part, spacing, turn)
        for peak in shifts(still, moved, _MIDDLE_OVERLAP, 1, either):
            strength = abs(peak.correlation) * np.sqrt(np.isfinite(moved.data).sum())
            turn[:3, 3] += peak.shift
            found.append((float(strength), turn))
        progress.advance()
    found.sort(key=lambda pair: -pair[0])
    best = [matrix for _, matrix in found[:_KEPT]]
    return [np.linalg.inv(matrix) for matrix in best] if swap else best


def turned_about(vector: Array, centre: Array) -> Array:
    """Rotation by a vector z, y, x (radians) about a point, as 4×4 matrix."""
    turn = np.eye(4)
    turn[:3, :3] = rotation_matrix(vector)
    turn[:3, 3] = centre - turn[:3, :3] @ centre
    return turn


def middle_of(level: Level) -> Array:
    """World coordinates of the middle of the grid."""
    centre = (np.array(level.data.shape) - 1) / 2
    return np.asarray(level.matrix[:3, :3] @ centre + level.matrix[:3, 3])


def _part(level: Level) -> Level:
    """The middle of what has data."""
    shape = np.array(level.data.shape)
    size = np.minimum(np.maximum(np.round(_MIDDLE * shape), 8), shape).astype(int)
    centre = np.argwhere(np.isfinite(level.data)).mean(axis=0)
    first = np.clip(np.round(centre - (size - 1) / 2).astype(int), 0, shape - size)
    box = tuple(slice(a, a + n) for a, n in zip(first, size, strict=True))
    matrix = level.matrix.copy()
    matrix[:3, 3] += matrix[:3, :3] @ first
    return Level(np.ascontiguousarray(level.data[box]), matrix)
