"""Bring a moving image to where a transform says: by its place alone, or resampled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, compute, whole, windows
from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window, is_lazy
from napari_battery.prepare import kept_metadata
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.registration.sampling import Sampler
from napari_battery.registration.transform import Transform, common_world
from napari_battery.volume import Volume

__all__ = ["Interpolation", "apply_transform", "lazily_applied", "placed"]

Interpolation = Literal["linear", "nearest", "cubic"]

_SLAB_VOXELS = 1 << 26
_HELD_BYTES = 1 << 30
"""What of a compressed file is decoded once and kept; more is decoded block by block."""


def placed(moving: Volume, transform: Transform) -> Volume:
    """The moving image where the transform puts it; nothing is resampled or copied.

    Parameters
    ----------
    moving : Volume
    transform : Transform
        Of the moving image; applied on top of its own affine.

    Returns
    -------
    Volume
        The same data with another affine.

    Raises
    ------
    InputError
        If one is 2-D and the other 3-D, or one is in µm and the other in voxels.
    """
    _check_fits(moving, transform)
    own = np.eye(moving.ndim + 1) if moving.affine is None else np.asarray(moving.affine)
    return replace(moving, affine=np.asarray(transform.matrix @ own, np.float64))


def apply_transform(
    moving: Volume,
    transform: Transform,
    fixed: Volume | None = None,
    interpolation: Interpolation = "linear",
    out: Path | None = None,
    progress: Progress = SILENT,
) -> Volume:
    """Resample the moving image onto the fixed one's grid, block by block.

    Parameters
    ----------
    moving : Volume
        Image, labels or mask of any type, 2-D or 3-D. Read in pieces.
    transform : Transform
        From the moving world to the fixed one.
    fixed : Volume, optional
        Whose grid to use; its data are not read. By default a grid of the moving image's
        voxel size that holds all of it where it now lies.
    interpolation : {"linear", "nearest", "cubic"}
        Between grey levels; cubic is the B-spline of order 3. Labels, phases and masks
        always take the nearest voxel. On a coarser grid grey levels are averaged over its
        voxels, as a coarser scan would.
    out : Path, optional
        TIFF or OME-Zarr to write to; then nothing need fit into memory.
    progress : Progress
        Advanced per block; per slab of a file.

    Returns
    -------
    Volume
        Of the moving image's type; whole numbers are rounded and clipped. ``region`` is True
        where the moving image has data, within its own region and the fixed one's, if any.
        Where it has no data it is NaN, or 0 for types that have none; values outside a region
        are kept.

    Raises
    ------
    InputError
        If one is 2-D and the other 3-D, units differ, one voxel size is unknown, or there
        are no data on the grid.

    Notes
    -----
    Up to half a voxel beyond its outermost centres the moving image goes on as it ends.
    A voxel that is not finite takes all that it has a share in with it.
    """
    _check_interpolation(interpolation)
    _check_fits(moving, transform)
    grid = _own_grid(moving, transform) if fixed is None else fixed
    interpolation = _allowed(moving, interpolation)
    sampler = _sampler(moving, transform, grid, interpolation)
    made = _made(moving, transform, grid, interpolation, sampler.places)
    metadata = {**kept_metadata(moving), "made": made}

    def finish(data: Any, region: Any) -> Volume:
        return grid.like(data, f"{moving.name} aligned", region=region, metadata=metadata)

    if out is None:
        data, inside = _in_memory(sampler, grid.shape, progress)
        if not inside.any():
            raise InputError(
                f"“{moving.name}” has no data anywhere on the grid of “{grid.name}”. Check the "
                "transform, the region and the voxel sizes."
            )
        if grid.region is not None:
            inside &= np.asarray(grid.region, bool)
            if not inside.any():
                raise InputError(
                    f"“{moving.name}” has no data in the region of “{grid.name}”. Clear the "
                    "region, or check the transform."
                )
        return finish(data, inside)
    from napari_battery.io import write_volume

    region = _lazy(sampler, grid.shape, np.dtype(bool), 1)
    if grid.region is not None:
        region = _both(region, grid.region)
    lazy = _lazy(sampler, grid.shape, sampler.dtype, 0, progress)
    written = write_volume(out, finish(lazy, None), made, progress)
    return replace(written, region=region)


def lazily_applied(
    moving: Volume,
    transform: Transform,
    fixed: Volume,
    interpolation: Interpolation = "linear",
) -> LazyArray:
    """What `apply_transform` gives, as an array that computes only what is asked for.

    Made for showing slices while an alignment moves: index one slice, or a box.

    Parameters
    ----------
    moving, transform, fixed, interpolation
        As in `apply_transform`.

    Returns
    -------
    LazyArray
        Of the fixed image's shape and the moving one's type.

    Raises
    ------
    InputError
        See `apply_transform`; also if they do not overlap.
    """
    _check_interpolation(interpolation)
    _check_fits(moving, transform)
    sampler = _sampler(moving, transform, fixed, _allowed(moving, interpolation))
    return _lazy(sampler, fixed.shape, sampler.dtype, 0)


def _check_interpolation(interpolation: str) -> None:
    if interpolation not in get_args(Interpolation):
        raise InputError(
            f"“{interpolation}” is no interpolation; these are: "
            f"{', '.join(get_args(Interpolation))}."
        )


def _allowed(moving: Volume, interpolation: Interpolation) -> Interpolation:
    """Numbers that name things are never mixed."""
    codes = moving.metadata.get("kind") in ("labels", "phases") or moving.dtype == np.bool_
    return "nearest" if codes else interpolation


def _check_fits(moving: Volume, transform: Transform) -> None:
    if transform.ndim != moving.ndim:
        raise InputError(
            f"The transform has {transform.ndim} axes and “{moving.name}” {moving.ndim}; "
            "both must be 2-D or both 3-D."
        )
    if (moving.voxel_size_um is None) != (transform.unit == "voxel"):
        size = moving.voxel_size_um
        raise InputError(
            f"The transform is in {'voxels' if transform.unit == 'voxel' else 'µm'}, and the "
            f"voxel size of “{moving.name}” is {'unknown' if size is None else f'{size} µm'}. "
            "Use a transform that was found with the voxel sizes the images have now."
        )


def _own_grid(moving: Volume, transform: Transform) -> Volume:
    """A grid of the moving image's voxel size, along the axes, that holds all of it."""
    world = placed(moving, transform)
    size = moving.voxel_size_um or (1.0,) * moving.ndim
    matrix = world.with_voxel_size(size, "").world_affine()
    ends = np.meshgrid(*[(0.0, n - 1.0) for n in moving.shape], indexing="ij")
    corners = np.reshape(ends, (moving.ndim, -1))
    reach = matrix[:-1, :-1] @ corners + matrix[:-1, -1:]
    low, high = reach.min(axis=1), reach.max(axis=1)
    # a rounding error is no reason for another slice
    shape = np.ceil((high - low) / size - 1e-6).astype(int) + 1
    return Volume(
        _nothing(tuple(int(n) for n in shape)),
        moving.voxel_size_um,
        tuple(low),
        name=moving.name,
        voxel_size_source=moving.voxel_size_source,
    )


def _nothing(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An array of any shape that takes no memory: what blocks are cut from."""
    return np.broadcast_to(np.uint8(0), shape)


def _sampler(
    moving: Volume, transform: Transform, grid: Volume, interpolation: Interpolation
) -> Sampler:
    matrix = common_world(grid, moving).fixed_to_moving_index(transform)
    if 0 in moving.shape or 0 in grid.shape:
        raise InputError(
            f"“{moving.name}” {moving.shape} or “{grid.name}” {grid.shape} holds no voxel."
        )
    if not _overlap(matrix, grid.shape, moving.shape):
        raise InputError(
            f"With this transform “{moving.name}” lies outside “{grid.name}”: they do not overlap "
            "anywhere. Check the transform and the voxel sizes."
        )
    return Sampler(moving.data, moving.region, matrix, interpolation)


def _overlap(matrix: NDArray[np.float64], grid: tuple[int, ...], limit: tuple[int, ...]) -> bool:
    """Whether two boxes of voxels share any point, however they are turned."""
    from scipy.optimize import linprog

    linear, offset = matrix[:-1, :-1], matrix[:-1, -1]
    top = np.array(limit) - 0.5
    found = linprog(
        np.zeros(len(grid)),
        np.vstack([linear, -linear]),
        np.concatenate([top - offset, offset + 0.5]),
        bounds=[(-0.5, n - 0.5) for n in grid],
    )
    return bool(found.status == 0)


class _Quiet(Progress):
    """Passes on that a block is done, and asks whether to go on; its stage began elsewhere."""

    def __init__(self, progress: Progress, n: int = 1) -> None:
        self._progress = progress
        self._n = n

    def advance(self, n: int = 1) -> None:
        self._progress.advance(n * self._n)


def _in_memory(
    sampler: Sampler, shape: tuple[int, ...], progress: Progress
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    region = np.zeros(shape, bool)
    data = np.empty(shape, sampler.dtype)
    sides = _sides(sampler, shape)
    slabs = list(_slabs(shape, sides))
    total = sum(
        math.prod(-(-(w.stop - w.start) // n) for w, n in zip(s, sides, strict=True)) for s in slabs
    )
    progress.begin(total, "Resampling")
    for slab in slabs:
        sample = _held(sampler, slab)

        def run(_: NDArray[Any], window: Window, sample: Any = sample) -> NDArray[Any]:
            values, region[window] = sample(window)
            return np.asarray(values)

        step = BlockStep(run, (0,) * len(shape), sampler.dtype)
        data[slab] = compute(step, _nothing(shape), _Quiet(progress), box=slab, sides=sides)
    return data, region


def _slabs(shape: tuple[int, ...], sides: tuple[int, ...]) -> Iterator[Window]:
    rows = max(1, _SLAB_VOXELS // max(1, math.prod(shape[1:])))
    rows = max(sides[0], rows - rows % sides[0])
    return windows(whole(shape), (rows, *shape[1:]))


def _sides(sampler: Sampler, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of blocks: cubes, since those stay small when they are turned."""
    side = max(16, round(sampler.block_voxels ** (1 / len(shape))))
    return tuple(min(side, n) for n in shape)


def _lazy(
    sampler: Sampler,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    which: int,
    progress: Progress = SILENT,
) -> LazyArray:
    """The values (0) or where there are any (1), computed where they are asked for."""

    def read(window: Window) -> NDArray[Any]:
        sample = _held(sampler, window)
        step = BlockStep(lambda _, part: sample(part)[which], (0,) * len(shape), dtype)
        sides = _sides(sampler, tuple(w.stop - w.start for w in window))
        quiet = _Quiet(progress, 0)
        return compute(step, _nothing(shape), quiet, box=window, sides=sides)

    return LazyArray(shape, dtype, read)


def _both(one: LazyArray, other: Any) -> LazyArray:
    def read(window: Window) -> NDArray[Any]:
        return np.asarray(np.logical_and(one[window], other[window]))

    return LazyArray(one.shape, np.dtype(bool), read)


def _held(
    sampler: Sampler, window: Window
) -> Callable[[Window], tuple[NDArray[Any], NDArray[np.bool_]]]:
    """How to sample within a window: what it needs of a compressed file is decoded once."""
    box = sampler.source_box(window)
    if box is None or not is_lazy(sampler.data):
        return sampler.sample
    need = math.prod(w.stop - w.start for w in box) * np.dtype(sampler.data.dtype).itemsize
    if need > _HELD_BYTES:
        return sampler.sample
    held = np.asarray(sampler.data[box])

    def read(part: Window) -> NDArray[Any]:
        inside = tuple(
            slice(w.start - b.start, w.stop - b.start) for w, b in zip(part, box, strict=True)
        )
        return held[inside]

    lazy = LazyArray(tuple(sampler.data.shape), held.dtype, read)
    return replace(sampler, data=lazy).sample


def _made(
    moving: Volume,
    transform: Transform,
    grid: Volume,
    interpolation: Interpolation,
    places: tuple[int, ...],
) -> dict[str, Any]:
    notes = []
    if max(places) > 1:
        count = " × ".join(map(str, places))
        notes.append(
            f"“{moving.name}” is finer than the grid of “{grid.name}”: each voxel is the mean of "
            f"{count} places within it."
        )
    found_for = transform.moving_voxel_size_um
    if found_for is not None and moving.voxel_size_um is not None:
        apart = np.abs(np.divide(found_for, moving.voxel_size_um) - 1).max()
        if apart > 1e-3:
            notes.append(
                f"The transform was found with a moving voxel size of {found_for} µm; "
                f"“{moving.name}” has {moving.voxel_size_um} µm."
            )
    made = provenance("apply-transform", None, [moving], notes)
    made["interpolation"] = interpolation
    made["places_per_voxel"] = list(places)
    made["transform"] = {
        "moving_to_fixed": transform.matrix.tolist(),
        "kind": transform.kind,
        "unit": transform.unit,
    }
    made["onto"] = {"name": grid.name, "shape": list(grid.shape)}
    return made
