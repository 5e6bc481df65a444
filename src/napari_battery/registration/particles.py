"""Follow each particle from one state to another by registering its own box."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.lengths import in_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.registration.particle_boxes import particle_boxes
from napari_battery.registration.particle_crops import crops_of, followed, groups
from napari_battery.registration.particle_neighbours import free_of_neighbours
from napari_battery.registration.particle_shifts import shifts_table
from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.volume import Volume

__all__ = ["ParticleShiftSettings", "register_particles"]

_MOST_THREADS = 8


class ParticleShiftSettings(Settings):
    """How particles are followed one by one between two registered states."""

    length_unit: Literal["voxels", "um"] = length_unit()
    motion: Literal["translation", "rigid"] = setting(
        "translation",
        "What is found for each particle; rigid adds its turn, which near-spheres hardly show: "
        "see the uncertainty.",
    )
    largest_shift: float = setting(
        6.0,
        "How far a particle may have gone along each axis, beyond the alignment of the stacks.",
        unit=LENGTH,
        gt=0,
        le=1000,
        step=1,
    )
    margin: float = setting(
        3.0,
        "How far around the particle voxels of the void count, too; its edge tells most.",
        unit=LENGTH,
        ge=1,
        le=1000,
        step=1,
    )
    neighbours: int = setting(
        12, "Nearest particles that a shift is compared with to mark outliers.", ge=4, le=200
    )
    outlier_factor: float = setting(
        4.0,
        "A shift is an outlier where it differs from its neighbours' median by more than this "
        "many times what theirs usually do.",
        gt=0,
        le=100,
        step=0.5,
    )


def register_particles(
    labels: Volume,
    fixed: Volume,
    moving: Volume,
    settings: ParticleShiftSettings | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Find how far each particle moved between two states, to a small part of a voxel.

    Each particle's voxels and the void around them, not those of other particles, are
    fitted to the moving image by Gauss-Newton, with a gain and an offset of the grey level
    of their own: a particle that darkens is still found. Both images are smoothed by 0.7
    voxel first. What neighbours that went elsewhere add to a shift is then taken off, see
    `particle_neighbours.free_of_neighbours`.

    Parameters
    ----------
    labels : Volume
        Particles of the fixed state, on its grid.
    fixed, moving : Volume
        The two states, aligned: `moving` lies, by its voxel size, origin and affine, where it
        belongs (see `registration.apply.placed`). Its grid may be another.
    settings : ParticleShiftSettings, optional
    progress : Progress
        Advanced per particle.

    Returns
    -------
    DataFrame
        Columns `tables.PARTICLE_SHIFTS`, one row per label: the shift in the world, its
        standard deviation from the noise of this very fit and the neighbours' pull, the
        correlation of the smoothed
        grey levels, and whether the shift is an outlier among its neighbours. What could not
        be followed has no shift and a note. While the voxel size is unknown, all in voxels.

    Raises
    ------
    InputError
        If the grids do not fit, or only one voxel size is known.
    Cancelled
        If the person stopped it.
    """
    settings = ParticleShiftSettings() if settings is None else settings
    lengths = in_voxels(settings, fixed)
    crops = crops_of(labels, fixed, moving, lengths.margin, lengths.largest_shift)
    turns = settings.motion == "rigid"
    boxes = particle_boxes(labels, progress)
    n = len(boxes.labels)
    found, turned = _empty(n), np.full((n, 9), np.nan)
    pulled: list[Any] = [None] * n
    progress.begin(n, "Following particles")
    with ThreadPoolExecutor(_threads(), "napari-battery particle") as pool:
        for group in groups(crops, boxes):
            follow = partial(followed, crops, boxes, group, turns)
            futures = [pool.submit(follow, i, found[i], turned[i]) for i in group.rows]
            try:
                for i, future in zip(group.rows, futures, strict=True):
                    pulled[i] = future.result()
                    progress.advance()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    free_of_neighbours(boxes, crops.spacing, found, pulled)
    return shifts_table(
        boxes, found, turned if turns else None, fixed, settings.neighbours, settings.outlier_factor
    )


def _empty(n: int) -> NDArray[np.float64]:
    from napari_battery.registration._kernels_particles import N_FOUND

    return np.full((n, N_FOUND), np.nan)


def _threads() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, _MOST_THREADS)
