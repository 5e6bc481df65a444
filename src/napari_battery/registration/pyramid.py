"""One image in several resolutions, read from its file once, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.registration.surroundings import field_of_view
from napari_battery.volume import Volume

__all__ = ["Level", "corners", "index_to_world", "pyramid"]

_SLAB_VOXELS = 1 << 23
_SMOOTHING = 0.17
"""Share of either neighbour: takes off what linear interpolation between voxels would distort."""


_FEWEST = 64
"""Voxels with data that a coarser level must keep."""


@dataclass(frozen=True, eq=False)
class Level:
    """An image in one resolution; of a 2-D image one plane.

    Parameters
    ----------
    data : (z, y, x) float32 array
        Grey levels; NaN where there is no data.
    matrix : (4, 4) array
        From voxel indices to world coordinates.
    """

    data: NDArray[np.float32]
    matrix: NDArray[np.float64]

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Distance of neighbouring voxels along each axis, in world units."""
        return np.asarray(np.linalg.norm(self.matrix[:3, :3], axis=0))


def corners(shape: Sequence[int]) -> NDArray[np.float64]:
    """Centres of the corner voxels of a box: (4, 8), homogeneous."""
    grid = np.meshgrid(*[(0.0, n - 1.0) for n in shape], indexing="ij")
    return np.vstack([np.reshape(grid, (3, -1)), np.ones(8)])


def index_to_world(volume: Volume) -> NDArray[np.float64]:
    """4×4 matrix from voxel indices to the world, the unit a voxel where no size is known.

    Of a 2-D image z goes unchanged.
    """
    if volume.voxel_size_um is None:
        volume = volume.with_voxel_size(1.0, volume.voxel_size_source)
    matrix = np.eye(4)
    first = 3 - volume.ndim
    matrix[first:, first:] = volume.world_affine()
    return matrix


def pyramid(
    volume: Volume,
    spacings: Sequence[float],
    mask: Any | None = None,
    progress: Progress = SILENT,
    notes: list[str] | None = None,
) -> list[Level]:
    """Average an image down to several spacings.

    Parameters
    ----------
    volume : Volume
        2-D or 3-D; what is not finite or outside its region counts as no data. Nor does the
        constant that a reconstruction leaves around a field of view (see `field_of_view`).
    spacings : sequence of float
        Spacings wanted in world units, from fine to coarse. Each level has the nearest that
        whole numbers of voxels give, not below the voxels themselves, and of 8 voxels or more;
        one that would leave next to nothing of what is masked stays as fine as the one before.
    mask : boolean array, optional
        Where there is data; same shape as the volume.
    progress : Progress
        Advanced per block of planes.
    notes : list of str, optional
        Receives what was left out unasked.

    Returns
    -------
    list of Level
        From fine to coarse. Where grey levels are very large, or differ by little of what they
        are, they are shifted and scaled: float32 would lose them, and no metric depends on it.

    Raises
    ------
    InputError
        If there is no voxel, the mask does not fit, nothing is left, or what is left is
        constant.
    """
    if 0 in volume.shape:
        raise InputError(f"“{volume.name}” {volume.shape} holds no voxel.")
    if mask is not None and tuple(mask.shape) != volume.shape:
        raise InputError(
            f"The mask has shape {tuple(mask.shape)}, “{volume.name}” {volume.shape}; "
            "they must be equal."
        )
    matrix = index_to_world(volume)
    factors = _factors(volume, matrix, spacings[0])
    zero, unit = _zero_and_unit(volume)
    level = _finest(volume, mask, matrix, factors, progress, zero, unit)
    values = level.data[np.isfinite(level.data)]
    if values.size == 0:
        raise InputError(
            f"“{volume.name}” has no grey levels to align by: its mask or region leaves nothing."
        )
    if values.min() == values.max():
        raise InputError(
            f"“{volume.name}” has the grey level {zero + unit * values[0]:g} everywhere; "
            "there is nothing to align by."
        )
    seen = field_of_view(level.data)
    if seen is not None:
        level.data[~seen] = np.nan
        if notes is not None:
            notes.append(
                f"The constant around the field of view of “{volume.name}” "
                f"({1 - seen.mean():.0%} of it) does not count."
            )
    levels = [level]
    for spacing in spacings[1:]:
        finer = levels[-1]
        steps = np.maximum(1, np.round(spacing / finer.spacing)).astype(int)
        steps = np.minimum(steps, np.maximum(1, np.array(finer.data.shape) // 8))
        if volume.ndim == 2:
            steps[0] = 1
        coarser = _coarser(finer, tuple(int(s) for s in steps))
        enough = np.count_nonzero(np.isfinite(coarser.data)) >= _FEWEST
        levels.append(coarser if enough else finer)
    return [Level(_smoothed(level.data), level.matrix) for level in levels]


def _factors(volume: Volume, matrix: NDArray[np.float64], spacing: float) -> tuple[int, ...]:
    """Voxels per voxel of the finest level, along z, y, x."""
    shape = (1,) * (3 - volume.ndim) + volume.shape
    edges = np.linalg.norm(matrix[:3, :3], axis=0)
    # 1e-6: a spacing that is meant to be the voxel's own edge is, rounding or not
    factors = np.maximum(1, np.round(spacing / edges - 1e-6)).astype(int)
    # one plane would pass for a 2-D image
    return tuple(int(f) for f in np.minimum(factors, np.maximum(1, np.array(shape) // 2)))


def _zero_and_unit(volume: Volume) -> tuple[float, float]:
    """What to take off grey levels, and to divide by, before they become float32."""
    if volume.dtype.itemsize < 4:
        return 0.0, 1.0
    plane = np.asarray(volume.data[len(volume.data) // 2], np.float64)
    plane = plane[np.isfinite(plane)]
    if not plane.size:
        return 0.0, 1.0
    zero = float(np.median(plane))
    spread = float(np.abs(plane - zero).max())
    if not spread or (abs(zero) <= 1e4 * spread and 1e-15 < spread < 1e15):
        return 0.0, 1.0
    return zero, spread


def _binned(matrix: NDArray[np.float64], factors: Sequence[int]) -> NDArray[np.float64]:
    """Indices to world after averaging: a new voxel's centre is that of its block."""
    step = np.diag([*factors, 1.0])
    step[:3, 3] = (np.array(factors) - 1) / 2
    return np.asarray(matrix @ step)


def _finest(
    volume: Volume,
    mask: Any | None,
    matrix: NDArray[np.float64],
    factors: tuple[int, ...],
    progress: Progress,
    zero: float,
    unit: float,
) -> Level:
    from napari_battery.registration._kernels_bin import bin_mean

    shape = (1,) * (3 - volume.ndim) + volume.shape
    out = np.empty([n // f for n, f in zip(shape, factors, strict=True)], np.float32)
    planes = max(1, _SLAB_VOXELS // (shape[1] * shape[2] * factors[0]))
    starts = range(0, out.shape[0], planes)
    progress.begin(len(starts), f"Reading {volume.name}")
    for start in starts:
        stop = min(start + planes, out.shape[0])
        window: Any = slice(start * factors[0], stop * factors[0])
        if volume.ndim == 2:
            window = slice(None)
        block = np.array(volume.data[window])
        if (zero, unit) != (0.0, 1.0):
            block = (block.astype(np.float64) - zero) / unit
        block = block.astype(np.float32, copy=False)
        for keep in (mask, volume.region):
            if keep is not None:
                block[~np.asarray(keep[window]).astype(bool)] = np.nan
        bin_mean(block.reshape(-1, *shape[1:]), *factors, out[start:stop])
        progress.advance()
    return Level(out, _binned(matrix, factors))


def _coarser(level: Level, factors: tuple[int, ...]) -> Level:
    from napari_battery.registration._kernels_bin import bin_mean

    if factors == (1, 1, 1):
        return level
    out = np.empty([n // f for n, f in zip(level.data.shape, factors, strict=True)], np.float32)
    bin_mean(level.data, *factors, out)
    return Level(out, _binned(level.matrix, factors))


def _smoothed(data: NDArray[np.float32]) -> NDArray[np.float32]:
    from napari_battery.registration._kernels_bin import smooth_axis

    shape = data.shape
    for axis in range(3):
        if shape[axis] > 1:
            flat = data.reshape(math.prod(shape[:axis]), shape[axis], -1)
            out = np.empty_like(flat)
            smooth_axis(flat, _SMOOTHING, out)
            data = out.reshape(shape)
    return data
