"""Bring a moving image onto a fixed one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.registration.gauss_newton import Trial, compare, refine, samples_in_overlap
from napari_battery.registration.pyramid import Level, pyramid
from napari_battery.registration.quality import assess
from napari_battery.registration.search import fits_mirrored, search
from napari_battery.registration.settings import RegisterSettings
from napari_battery.registration.transform import (
    KINDS,
    Transform,
    common_world,
    kind_of,
    transform_between,
)
from napari_battery.volume import Volume

__all__ = ["Registration", "Step", "register"]

Array = NDArray[np.floating[Any]]

_SMALL_VOXELS = 160**3
"""Up to this size the finest resolution is that of the image itself."""

_FEWEST = 20
"""Compared voxels that must be shared where the alignment starts."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step of an alignment, as a window shows it while it runs.

    Parameters
    ----------
    level, levels : int
        Which resolution, 1 the coarsest, of how many.
    spacing : float
        Its voxel edge in world units.
    iteration : int
        Within the resolution; 0 is where it starts.
    metric : float
        Correlation, or mutual information in nats.
    matrix : (ndim + 1, ndim + 1) array
        "moving_to_fixed" so far.
    """

    level: int
    levels: int
    spacing: float
    iteration: int
    metric: float
    matrix: Array


@dataclass(frozen=True, eq=False)
class Registration:
    """An alignment and what speaks for it.

    Parameters
    ----------
    transform : Transform
        From the moving image's world to the fixed one's; carries `quality`.
    history : list of Step
        Every step, from coarse to fine.
    quality : dict
        See `napari_battery.registration.quality.assess`.
    notes : list of str
        What was assumed or done that the person should know.
    """

    transform: Transform
    history: list[Step]
    quality: dict[str, Any]
    notes: list[str]


def register(
    fixed: Volume,
    moving: Volume,
    settings: RegisterSettings | None = None,
    progress: Progress = SILENT,
    start: Transform | None = None,
    fixed_mask: Any | None = None,
    moving_mask: Any | None = None,
    watch: Callable[[Step], None] | None = None,
) -> Registration:
    """Find the transform that brings a moving image onto a fixed one.

    Neither image is changed or resampled. Each is read once, block by block, and kept at the
    finest resolution compared.

    Parameters
    ----------
    fixed, moving : Volume
        2-D or 3-D, of any voxel sizes, fields of view and orientations. What is not finite or
        outside a region does not count.
    settings : RegisterSettings, optional
        How; the defaults where not given.
    progress : Progress
        Advanced per block read and per step.
    start : Transform, optional
        Where to start if ``settings.start`` is "transform".
    fixed_mask, moving_mask : boolean array, optional
        What counts; of the shape of the image.
    watch : callable, optional
        Called with every `Step`, from the calling thread.

    Returns
    -------
    Registration

    Raises
    ------
    InputError
        If both are the same data, one is 2-D and the other 3-D (or a single slice), only one
        voxel size is known, one image is a few voxels of the other in size, one is constant or
        empty, the images do not overlap, or a start is missing or in another unit.
    Cancelled
        Once `progress` says so; nothing was changed.
    """
    settings = settings or RegisterSettings()
    world = common_world(fixed, moving)
    if _same_data(fixed, moving):
        raise InputError(
            f"“{fixed.name}” and “{moving.name}” are the same data; choose two different images."
        )
    _refuse_unlike(fixed, moving)
    backward = _given_start(fixed, settings, start, world.unit)
    notes = [
        f"The voxel size of “{v.name}” is {v.voxel_size_source}: lengths rest on it."
        for v in (fixed, moving)
        if v.is_assumed
    ]
    if world.unit == "voxel":
        notes.append("Both voxel sizes are unknown: lengths are in voxels, taken as equal.")
    spacings = _spacings(fixed, moving, settings)
    fixed_levels = pyramid(fixed, spacings, fixed_mask, progress, notes)
    moving_levels = pyramid(moving, spacings, moving_mask, progress, notes)
    if np.array_equal(fixed_levels[0].data, moving_levels[0].data, equal_nan=True):
        notes.append(
            f"“{fixed.name}” and “{moving.name}” hold the same grey levels: one is a copy."
        )
    if settings.start == "nothing":
        backward = search(fixed_levels, moving_levels, settings, progress).matrix
    assert backward is not None
    history: list[Step] = []

    def see(level: int, iteration: int, trial: Trial) -> None:
        step = Step(
            level, count, spacings[count - level], iteration, trial.metric,
            _forward(trial.matrix, fixed.ndim),
        )  # fmt: skip
        history.append(step)
        if watch is not None:
            watch(step)

    if settings.engine == "SimpleITK":
        from napari_battery.registration.itk_engine import refine_with_itk as run
    else:
        run = _refined
    count = _levels_shared(fixed_levels, moving_levels, backward, settings)
    backward = run(fixed_levels[:count], moving_levels[:count], backward, settings, progress, see)
    kind = max(settings.kind, kind_of(_forward(backward, fixed.ndim)), key=KINDS.index)
    quality = assess(
        fixed_levels[0], moving_levels[0], np.eye(4), backward, world.unit, settings, progress
    )
    if settings.start == "nothing" and quality["warnings"]:
        reached = quality[f"{settings.metric.replace('-', '_')}_after"]
        mirrored = fits_mirrored(fixed_levels, moving_levels, reached, settings, progress)
        if mirrored is not None:
            quality["warnings"].insert(
                0,
                f"“{moving.name}” fits once it is mirrored ({settings.metric.replace('-', ' ')} "
                f"{mirrored:.3f}), as where slices were read in reverse order: flip one axis of "
                "it.",
            )
    transform = transform_between(fixed, moving, _forward(backward, fixed.ndim), kind, quality)
    return Registration(transform, history, quality, notes)


def _same_data(fixed: Volume, moving: Volume) -> bool:
    one, other = fixed.data, moving.data
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.__array_interface__ == other.__array_interface__
    return one is other


def _refuse_unlike(fixed: Volume, moving: Volume) -> None:
    """Say so where one image is a slice of a volume, or next to nothing in the other's voxels."""
    if fixed.ndim == 3 and (fixed.shape[0] == 1) != (moving.shape[0] == 1):
        one, many = (fixed, moving) if fixed.shape[0] == 1 else (moving, fixed)
        raise InputError(
            f"“{one.name}” is a single slice and “{many.name}” has {many.shape[0]}: a slice alone "
            "does not say where it lies in a volume. Give a few slices, or one of either."
        )
    edges = [float(np.prod(v.voxel_size_um or (1.0,))) ** (1 / v.ndim) for v in (fixed, moving)]
    wide = [max(np.multiply(v.shape, v.voxel_size_um or (1.0,))) for v in (fixed, moving)]
    for small, large in ((0, 1), (1, 0)):
        if edges[large] > 2 * edges[small] and wide[small] < 8 * edges[large]:
            names = [f"“{v.name}”" for v in (fixed, moving)]
            raise InputError(
                f"{names[small]} is {wide[small]:.4g} µm wide, and a voxel of {names[large]} has "
                f"{edges[large]:.4g} µm: there is too little to align by. Check both voxel sizes; "
                "one may be given in nm or mm."
            )


def _given_start(
    fixed: Volume, settings: RegisterSettings, start: Transform | None, unit: str
) -> Array | None:
    """The map from the fixed world to the moving one to start from, or None to search."""
    if settings.start == "transform":
        if start is None:
            raise InputError("No transform was given to start from; load one, or start otherwise.")
        if start.ndim != fixed.ndim:
            raise InputError(
                f"The transform to start from has {start.ndim} axes, “{fixed.name}” {fixed.ndim}."
            )
        if start.unit != unit:
            names = {"um": "µm", "voxel": "voxels"}
            raise InputError(
                f"The transform (or the landmarks) to start from is in {names[str(start.unit)]}, "
                f"and the images in {names[unit]}: set the voxel sizes that it was made with."
            )
        whole = np.eye(4)
        whole[3 - fixed.ndim :, 3 - fixed.ndim :] = start.matrix
        return np.asarray(np.linalg.inv(whole))
    return np.eye(4) if settings.start == "current" else None


def _levels_shared(
    fixed: list[Level], moving: list[Level], backward: Array, settings: RegisterSettings
) -> int:
    """How many resolutions, from the finest, in which the images share enough where it starts."""
    rng = np.random.default_rng(settings.seed)
    for count in range(len(fixed), 0, -1):
        still, other = fixed[count - 1], moving[count - 1]
        samples = samples_in_overlap(still, other, backward, 5000, rng)
        if compare(samples, other, backward).overlap * len(samples) >= _FEWEST:
            return count
    raise InputError(
        "The images share next to nothing where the alignment starts. Start from nothing, move "
        "one of them onto the other first, or widen the mask or region."
    )


def _forward(backward: Array, ndim: int) -> NDArray[np.float64]:
    return np.asarray(np.linalg.inv(backward)[3 - ndim :, 3 - ndim :], np.float64)


def _spacings(fixed: Volume, moving: Volume, settings: RegisterSettings) -> list[float]:
    """Spacings of the resolutions, from fine to coarse."""
    edges = [float(np.prod(v.voxel_size_um or (1.0,))) ** (1 / v.ndim) for v in (fixed, moving)]
    # voxels of the smaller field of view, as large as the coarser image's
    voxels = min(
        float(np.prod(np.array(v.shape) * edge / max(edges)))
        for v, edge in zip((fixed, moving), edges, strict=True)
    )
    finest = settings.finest or (1 if voxels <= _SMALL_VOXELS or fixed.ndim == 2 else 2)
    return [max(edges) * finest * 2**i for i in range(settings.levels)]


def _refined(
    fixed: list[Level],
    moving: list[Level],
    backward: Array,
    settings: RegisterSettings,
    progress: Progress,
    see: Callable[[int, int, Trial], None],
) -> Array:
    """Refine in every resolution, from coarse to fine, with our own steps."""
    rng = np.random.default_rng(settings.seed)
    for number, (still, other) in enumerate(
        zip(reversed(fixed), reversed(moving), strict=True), start=1
    ):
        progress.begin(settings.iterations, f"Aligning, resolution {number} of {len(fixed)}")
        samples = samples_in_overlap(still, other, backward, settings.samples, rng)
        # a hundredth of a voxel in between; the finest to where rounding begins to matter
        tolerance = float(still.spacing.max()) * (1e-4 if number == len(fixed) else 1e-2)
        trial = refine(
            samples, other, backward, settings.kind, settings.metric, settings.iterations,
            tolerance, progress, partial(see, number),
        )  # fmt: skip
        backward = trial.matrix
    return backward
