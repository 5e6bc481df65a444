"""From nothing to a map worth refining: shifts, rotations, centres of mass, and a short trial."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.registration.fft_start import coarse, coarse_spacing, shifts
from napari_battery.registration.gauss_newton import Trial, refine, samples_in_overlap
from napari_battery.registration.pyramid import Level
from napari_battery.registration.quality import by_chance, random_shifts
from napari_battery.registration.settings import RegisterSettings
from napari_battery.registration.turn_search import middle_of, turned_candidates

__all__ = ["fits_mirrored", "search"]

Array = NDArray[np.floating[Any]]

_PEAKS = 4
_TRIAL_SAMPLES = 15_000
_TRIAL_STEPS = 12
_CLEAR = 0.7
"""Correlation (or nats) at which no rotation is tried; chance stays below half of it."""

_DETAILED = 16
"""Voxels along the longer edge."""
_DOUBT = 2.0
"""A few steps from the best of many shifts reach higher than shifts alone: so much more."""


def search(
    fixed_levels: list[Level],
    moving_levels: list[Level],
    settings: RegisterSettings,
    progress: Progress = SILENT,
) -> Trial:
    """The most promising map between two images of which nothing is known.

    Parameters
    ----------
    fixed_levels, moving_levels : list of Level
        Both images, from fine to coarse.
    settings : RegisterSettings
        Kind, metric, rotation search and smallest overlap.
    progress : Progress
        Advanced per orientation.

    Returns
    -------
    Trial
        After a few steps from the best candidate.
    """
    fixed, moving = fixed_levels[-1], moving_levels[-1]
    spacing = coarse_spacing(fixed, moving)
    either = settings.metric == "mutual-information"
    progress.begin(1, "Searching for a start")
    peaks = shifts(
        coarse(fixed, spacing), coarse(moving, spacing), settings.smallest_overlap, _PEAKS, either
    )
    candidates = [_shifted(peak.shift) for peak in peaks]
    candidates += [_shifted(shift) for shift in _centres(fixed, moving)]
    best = _best(candidates, fixed, moving, spacing, settings)
    progress.advance()
    if (
        settings.kind == "translation"
        or settings.rotation_search_deg == 0
        or _stands_out(best, fixed, moving, settings)
    ):
        return best[1]
    fixed, moving = _detailed(fixed_levels, moving_levels)
    spacing = coarse_spacing(fixed, moving)
    candidates = turned_candidates(fixed, moving, spacing, settings, progress)
    turned = _best(candidates, fixed, moving, spacing, settings)
    return max(best, turned, key=lambda pair: pair[0])[1]


def fits_mirrored(
    fixed_levels: list[Level],
    moving_levels: list[Level],
    reached: float,
    settings: RegisterSettings,
    progress: Progress = SILENT,
) -> float | None:
    """The metric with the moving image mirrored, in any orientation; None if it is no match.

    Parameters
    ----------
    fixed_levels, moving_levels, settings, progress
        As for `search`.
    reached : float
        The metric without, to be surpassed.
    """
    if reached > _CLEAR:
        return None
    fixed, moving = _detailed(fixed_levels, moving_levels)
    axis = 1 if moving.data.shape[0] == 1 else 0
    mirror = np.eye(4)
    mirror[axis, axis], mirror[axis, 3] = -1, 2 * middle_of(moving)[axis]
    other = Level(moving.data, mirror @ moving.matrix)
    spacing = coarse_spacing(fixed, other)
    every = settings.model_copy(update={"rotation_search_deg": None, "kind": "rigid"})
    candidates = turned_candidates(fixed, other, spacing, every, progress)
    best = _best(candidates, fixed, other, spacing, every)
    fits = best[1].metric > reached and _stands_out(best, fixed, other, every)
    return best[1].metric if fits else None


def _detailed(fixed: list[Level], moving: list[Level]) -> tuple[Level, Level]:
    """The coarsest resolution in which the middle of either image still shows something."""
    for pair in zip(reversed(fixed), reversed(moving), strict=True):
        if min(max(level.data.shape) for level in pair) >= _DETAILED:
            return pair
    return fixed[0], moving[0]


def _best(
    candidates: list[Array],
    fixed: Level,
    moving: Level,
    spacing: float,
    settings: RegisterSettings,
) -> tuple[float, Trial]:
    """The candidate that is best after a few steps, and by what score."""
    rng = np.random.default_rng(settings.seed)
    kind = "rigid" if settings.kind == "affine" else settings.kind
    best = -np.inf, Trial(np.eye(4), 0.0, 0.0, np.empty(0), np.empty((0, 3)))
    for forward in candidates:
        backward = np.linalg.inv(forward)
        samples = samples_in_overlap(fixed, moving, backward, _TRIAL_SAMPLES, rng)
        if len(samples) < 100 and np.isfinite(best[0]):
            continue
        trial = refine(
            samples, moving, backward, kind, settings.metric, _TRIAL_STEPS, 0.05 * spacing
        )
        # Fisher's z over its standard error: a high value on few voxels counts for less
        here = trial.overlap * len(samples)
        score = float(np.arctanh(np.clip(trial.metric, 0, 0.999999)) * np.sqrt(here))
        if score > best[0]:
            best = score, trial
    return best


def _stands_out(
    best: tuple[float, Trial], fixed: Level, moving: Level, settings: RegisterSettings
) -> bool:
    """Whether nothing better is to be expected, or chance does not explain what was found."""
    trial = best[1]
    if trial.metric > _CLEAR:
        return True
    rng = np.random.default_rng(settings.seed)
    samples = samples_in_overlap(fixed, moving, trial.matrix, _TRIAL_SAMPLES, rng)
    mean, std = random_shifts(fixed, moving, trial.matrix, samples, settings.metric, rng)
    return std > 0 and trial.metric > by_chance(settings.metric, mean, _DOUBT * std)


def _shifted(shift: tuple[float, ...]) -> Array:
    moved = np.eye(4)
    moved[:3, 3] = shift
    return moved


def _centre_of_mass(level: Level) -> Array:
    """Of the grey levels above their lowest."""
    levels = np.nan_to_num(level.data - np.nanmin(level.data)).astype(np.float64)
    total = levels.sum()
    if total == 0:  # constant as coarse as this
        return middle_of(level)
    index = [
        float((levels.sum(axis=tuple(a for a in range(3) if a != axis)) * np.arange(n)).sum())
        for axis, n in enumerate(level.data.shape)
    ]
    return np.asarray(level.matrix[:3, :3] @ (np.array(index) / total) + level.matrix[:3, 3])


def _centres(fixed: Level, moving: Level) -> list[tuple[float, ...]]:
    """Shifts that put centres of mass, or the fields of view, upon each other; and none."""
    mass = _centre_of_mass(fixed) - _centre_of_mass(moving)
    field = middle_of(fixed) - middle_of(moving)
    return [tuple(map(float, mass)), tuple(map(float, field)), (0.0, 0.0, 0.0)]
