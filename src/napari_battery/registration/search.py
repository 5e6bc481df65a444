"""From nothing to a map worth refining: shifts, rotations, centres of mass, and a short trial."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.registration.fft_start import coarse, coarse_spacing, shifts
from napari_battery.registration.gauss_newton import Trial, refine, samples_in_overlap
from napari_battery.registration.pyramid import Level
from napari_battery.registration.rotations import rotation_matrix
from napari_battery.registration.settings import RegisterSettings

__all__ = ["search"]

Array = NDArray[np.floating[Any]]

_PEAKS = 4
_TRIAL_SAMPLES = 15_000
_TRIAL_STEPS = 12
_CLEAR = 0.7
"""Correlation (or nats) at which no other rotation is tried; chance stays below half of it."""
_TURN_DEG = 12.0
"""Step of the rotation search; Gauss–Newton finds the rest."""


def search(
    fixed: Level, moving: Level, settings: RegisterSettings, progress: Progress = SILENT
) -> Trial:
    """The most promising map between two images of which nothing is known.

    Parameters
    ----------
    fixed, moving : Level
        Both images in their coarsest resolution.
    settings : RegisterSettings
        Kind, metric, rotation search and smallest overlap.
    progress : Progress
        Advanced per candidate.

    Returns
    -------
    Trial
        After a few steps from the best candidate.
    """
    rng = np.random.default_rng(settings.seed)
    spacing = coarse_spacing(fixed, moving)
    flat = fixed.data.shape[0] == 1
    turns = list(_turns(0.0 if settings.kind == "translation" else settings.rotation_search_deg))
    if flat:
        turns = [turn for turn in turns if turn[1] == turn[2] == 0]
    still = coarse(fixed, spacing)
    either = settings.metric == "mutual-information"
    kind = "rigid" if settings.kind == "affine" else settings.kind
    best: tuple[float, Trial] | None = None
    progress.begin(len(turns), "Searching for a start")
    for vector in turns:
        turn = _about(vector, _middle(moving))
        peaks = shifts(
            still, coarse(moving, spacing, turn), settings.smallest_overlap, _PEAKS, either
        )
        candidates = [_shifted(turn, peak.shift) for peak in peaks]
        if not vector.any():
            candidates += [_shifted(turn, shift) for shift in _centres(fixed, moving)]
        for forward in candidates:
            backward = np.linalg.inv(forward)
            samples = samples_in_overlap(fixed, moving, backward, _TRIAL_SAMPLES, rng)
            if len(samples) < 100 and best is not None:
                continue
            trial = refine(
                samples, moving, backward, kind, settings.metric, _TRIAL_STEPS,
                0.05 * spacing,
            )  # fmt: skip
            # Fisher's z over its standard error: a high value on few voxels counts for less
            here = trial.overlap * len(samples)
            score = float(np.arctanh(np.clip(trial.metric, 0, 0.999999)) * np.sqrt(here))
            if best is None or score > best[0]:
                best = (score, trial)
        progress.advance()
        if best is not None and best[1].metric > _CLEAR:
            break
    assert best is not None  # the centres are always tried
    return best[1]


def _turns(largest_deg: float) -> Iterator[Array]:
    """Rotation vectors in radians on a cubic lattice, the smallest first."""
    steps = int(np.ceil(largest_deg / _TURN_DEG))
    lattice = np.array(list(product(range(-steps, steps + 1), repeat=3)), float)
    lattice *= np.radians(largest_deg / max(steps, 1))
    angles = np.linalg.norm(lattice, axis=1)
    keep = angles <= np.radians(largest_deg) + 1e-9
    yield from lattice[keep][np.argsort(angles[keep], kind="stable")]


def _about(vector: Array, centre: Array) -> Array:
    """Rotation by a vector z, y, x (radians) about a point, as 4×4 matrix."""
    turn = np.eye(4)
    turn[:3, :3] = rotation_matrix(vector)
    turn[:3, 3] = centre - turn[:3, :3] @ centre
    return turn


def _shifted(matrix: Array, shift: tuple[float, ...]) -> Array:
    moved = matrix.copy()
    moved[:3, 3] += shift
    return moved


def _middle(level: Level) -> Array:
    centre = (np.array(level.data.shape) - 1) / 2
    return np.asarray(level.matrix[:3, :3] @ centre + level.matrix[:3, 3])


def _centre_of_mass(level: Level) -> Array:
    """Of the grey levels above their lowest."""
    levels = np.nan_to_num(level.data - np.nanmin(level.data)).astype(np.float64)
    total = levels.sum()
    if total == 0:  # constant as coarse as this
        return _middle(level)
    index = [
        float((levels.sum(axis=tuple(a for a in range(3) if a != axis)) * np.arange(n)).sum())
        for axis, n in enumerate(level.data.shape)
    ]
    return np.asarray(level.matrix[:3, :3] @ (np.array(index) / total) + level.matrix[:3, 3])


def _centres(fixed: Level, moving: Level) -> list[tuple[float, ...]]:
    """Shifts that put centres of mass, or the fields of view, upon each other; and none."""
    mass = _centre_of_mass(fixed) - _centre_of_mass(moving)
    field = _middle(fixed) - _middle(moving)
    return [tuple(map(float, mass)), tuple(map(float, field)), (0.0, 0.0, 0.0)]
