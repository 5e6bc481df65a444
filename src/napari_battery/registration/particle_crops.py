"""Cut what surrounds each particle out of two states, on one grid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import is_lazy
from napari_battery.lengths import spacing_voxels
from napari_battery.registration.particle_boxes import Boxes
from napari_battery.volume import Volume

__all__ = ["Crops", "Group", "crops_of", "fixed_on", "followed", "groups", "labels_on", "moving_on"]

_HELD_BYTES = 1 << 29
_MOST_NEIGHBOURS = 64
_EDGE = 3
"""Voxels beside the mask: two for smoothing and the gradient, one more of the neighbours."""


@dataclass(frozen=True)
class Crops:
    """What is cut, and how far around each particle; 2-D images are one slice of 3-D ones.

    Parameters
    ----------
    labels, fixed, moving : Volume
        Labels lie on the grid of `fixed`.
    to_moving : (4, 4) array or None
        From voxel indices of `fixed` to those of `moving`; None where they are the same.
    spacing : (3,) float64
        Voxel edges of `fixed`, in units of the shortest.
    margin, search : (3,) int64
        Voxels of the void that count, and how far the particle may have gone.
    """

    labels: Volume
    fixed: Volume
    moving: Volume
    to_moving: NDArray[np.float64] | None
    spacing: NDArray[np.float64]
    margin: NDArray[np.int64]
    search: NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """Particles, rows of `Boxes`, whose surroundings are held in memory together."""

    rows: list[int]
    held: list[tuple[NDArray[Any], int]]
    """Slices of labels, fixed and moving, and the index of the first."""


def crops_of(labels: Volume, fixed: Volume, moving: Volume, margin: float, search: float) -> Crops:
    """Check that three volumes fit together.

    Parameters
    ----------
    labels, fixed, moving : Volume
        Labels of the fixed state, and the two states, aligned.
    margin, search : float
        In units of the shortest voxel edge of `fixed`.

    Raises
    ------
    InputError
        If the labels do not lie on the grid of `fixed`, one is 2-D and another 3-D, or only
        one voxel size is known.
    """
    if not labels.same_grid(fixed):
        raise InputError(
            f"The labels “{labels.name}” {labels.shape} do not lie on the grid of “{fixed.name}” "
            f"{fixed.shape}, or their voxel sizes differ; give labels of the fixed state."
        )
    if fixed.ndim != moving.ndim:
        raise InputError(
            f"“{moving.name}” has {moving.ndim} axes and “{fixed.name}” {fixed.ndim}; "
            "both must be 2-D or both 3-D."
        )
    for one, other in ((fixed, moving), (moving, fixed)):
        if one.voxel_size_um is None and other.voxel_size_um is not None:
            raise InputError(
                f"The voxel size of “{one.name}” is unknown, that of “{other.name}” is "
                f"{other.voxel_size_um} µm: set it in the Prepare dock, or give --voxel-size in µm."
            )
    deep = 3 - fixed.ndim
    spacing = np.array((1.0,) * deep + spacing_voxels(fixed))
    reach = np.where(np.arange(3) < deep, 0.0, 1.0) / spacing
    to_moving = None
    if not _one_grid(fixed, moving):
        to_moving = np.eye(4)
        small = np.linalg.solve(_affine(moving), _affine(fixed))
        to_moving[deep:, deep:] = small
    margins, searches = (np.ceil(v * reach).astype(np.int64) for v in (margin, search))
    return Crops(labels, fixed, moving, to_moving, spacing, margins, searches)


def _affine(volume: Volume) -> NDArray[np.float64]:
    """To the world; while the voxel size is unknown, to voxels."""
    if volume.voxel_size_um is None:
        volume = volume.with_voxel_size(1.0, "voxels")
    return volume.world_affine()


def _one_grid(fixed: Volume, moving: Volume) -> bool:
    """Whether voxels lie on voxels of the same index (the shapes may differ)."""
    change = np.linalg.solve(_affine(moving), _affine(fixed)) - np.eye(fixed.ndim + 1)
    far = np.append(np.array(fixed.shape, float), 1.0)
    return bool((np.abs(change) @ far).max() < 1e-6)


def groups(crops: Crops, boxes: Boxes) -> Iterator[Group]:
    """All particles, in parts; what lies in a file is decoded once for each part."""
    data = (crops.labels.data, crops.fixed.data, crops.moving.data)
    order = np.argsort(boxes.boxes[:, 0, 0], kind="stable").tolist()
    if not order:
        return
    if crops.fixed.ndim == 2 or not any(map(is_lazy, data)):
        yield Group(order, [(_deep(a), 0) for a in data])
        return
    near = _near(crops, boxes.boxes)
    wide = _in_moving(crops, _wide(crops, near))
    while order:
        n = len(order)
        while True:
            rows = order[:n]
            own = int(near[rows, 0, 0].min()), int(near[rows, 1, 0].max())
            other = int(wide[rows, 0, 0].min()), int(wide[rows, 1, 0].max())
            spans = (own, own, other)
            if n == 1 or sum(map(_bytes, data, spans)) <= _HELD_BYTES:
                break
            n = -(-n // 2)
        held = [(_deep(a[z0:z1]), z0) for a, (z0, z1) in zip(data, spans, strict=True)]
        yield Group(rows, held)
        order = order[n:]


def _deep(data: Any) -> NDArray[Any]:
    array = np.asarray(data)
    return array[None] if array.ndim == 2 else array


def _bytes(data: Any, span: tuple[int, int]) -> int:
    plane: int = math.prod(data.shape[1:]) * np.dtype(data.dtype).itemsize
    return plane * (span[1] - span[0])


def _edge(crops: Crops) -> NDArray[np.int64]:
    return np.where(np.arange(3) < 3 - crops.fixed.ndim, 0, _EDGE)


def _near(crops: Crops, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Windows of the fixed image around boxes, (…, 2, 3)."""
    reach = crops.margin + _edge(crops)
    shape = (1,) * (3 - crops.fixed.ndim) + crops.fixed.shape
    windows: NDArray[np.int64] = np.clip(boxes + np.stack([-reach, reach]), 0, shape)
    return windows


def _wide(crops: Crops, near: NDArray[np.int64]) -> NDArray[np.int64]:
    """Windows that hold a particle wherever it went, on the fixed grid."""
    reach = crops.search + _edge(crops)
    return near + np.stack([-reach, reach])


def _in_moving(crops: Crops, wide: NDArray[np.int64]) -> NDArray[np.int64]:
    """The voxels of the moving image that windows on the fixed grid take up."""
    shape = (1,) * (3 - crops.moving.ndim) + crops.moving.shape
    windows: NDArray[np.int64]
    if crops.to_moving is None:
        windows = np.clip(wide, 0, shape)
        return windows
    centre = (wide[..., 0, :] + wide[..., 1, :] - 1) / 2
    half = (wide[..., 1, :] - 1 - wide[..., 0, :]) / 2
    matrix, offset = crops.to_moving[:3, :3], crops.to_moving[:3, 3]
    centre, half = centre @ matrix.T + offset, half @ np.abs(matrix).T
    ends = np.stack([np.floor(centre - half), np.ceil(centre + half) + 1], -2)
    windows = np.clip(ends, 0, shape).astype(np.int64)
    return windows


def followed(
    crops: Crops,
    boxes: Boxes,
    group: Group,
    turns: bool,
    row: int,
    found: NDArray[np.float64],
    turned: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Register one particle of a group; `found` and `turned` as `register_box` fills them.

    Returns
    -------
    numbers : (m,) int64
        Labels of the neighbours that touch its box.
    pulls : (m, 3, 3) float64
        How each pulls at its shift, see `neighbours_pull`.
    """
    from napari_battery.registration._kernels_particle_fit import NO_DATA
    from napari_battery.registration._kernels_particle_labels import dilate
    from napari_battery.registration._kernels_particles import register_box

    near = _near(crops, boxes.boxes[row])
    labels = np.ascontiguousarray(_cut(group.held[0], near))
    own = labels == labels.dtype.type(boxes.labels[row])
    mask = dilate(own.view(np.uint8), crops.margin)
    others = dilate(((labels != 0) & ~own).view(np.uint8), np.minimum(crops.margin, 1))
    mask[others != 0] = 0  # a neighbour's edge moves with the neighbour
    fixed = _grey(crops.fixed, group.held[1], near)
    wide = _wide(crops, near)
    there = _in_moving(crops, wide)
    if (there[0] >= there[1]).any():
        found[0] = NO_DATA
        return np.zeros(0, np.int64), np.zeros((0, 3, 3))
    moving, start = _grey(crops.moving, group.held[2], there), near[0] - there[0]
    if crops.to_moving is not None:
        moving, start = _resampled(moving, crops.to_moving, wide, there[0]), near[0] - wide[0]
    numbers, pulls = np.empty(_MOST_NEIGHBOURS, np.int64), np.empty((_MOST_NEIGHBOURS, 3, 3))
    n = register_box(
        fixed, moving, mask, start, crops.search, crops.spacing, boxes.centroids[row] - near[0],
        turns, labels.astype(np.int64), int(boxes.labels[row]), found, turned, numbers, pulls,
    )  # fmt: skip
    return numbers[:n].copy(), pulls[:n].copy()


def _cut(held: tuple[NDArray[Any], int], window: NDArray[np.int64]) -> NDArray[Any]:
    array, z0 = held
    (a, b, c), (d, e, f) = window.tolist()
    return array[a - z0 : d - z0, b:e, c:f]


def _grey(
    image: Volume, held: tuple[NDArray[Any], int], window: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Grey levels of a window; NaN outside the image's region."""
    grey = np.ascontiguousarray(_cut(held, window), np.float32)
    if image.region is not None:
        (a, b, c), (d, e, f) = window.tolist()
        region = image.region[b:e, c:f] if image.ndim == 2 else image.region[a:d, b:e, c:f]
        grey = np.where(np.asarray(region, bool).reshape(grey.shape), grey, np.float32(np.nan))
    return grey


def _resampled(
    moving: NDArray[np.float32],
    to_moving: NDArray[np.float64],
    window: NDArray[np.int64],
    first: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The moving image on a window of the fixed grid, linearly; NaN where there is none."""
    from scipy import ndimage

    matrix = to_moving[:3, :3]
    offset = matrix @ window[0] + to_moving[:3, 3] - first
    result: NDArray[np.float32] = ndimage.affine_transform(
        moving, matrix, offset, tuple(window[1] - window[0]), np.float32, order=1, cval=np.nan
    )
    return result


def labels_on(crops: Crops, group: Group, window: NDArray[np.int64]) -> NDArray[Any]:
    """Labels on a window (first voxel and one past the last) within the volume."""
    return np.ascontiguousarray(_cut(group.held[0], window))


def fixed_on(crops: Crops, group: Group, window: NDArray[np.int64]) -> NDArray[np.float32]:
    """The fixed image on a window, which may reach beyond what is held: NaN there."""
    return _padded(crops.fixed, group.held[1], window)


def moving_on(crops: Crops, group: Group, window: NDArray[np.int64]) -> NDArray[np.float32]:
    """The moving image on a window of the fixed grid; NaN where there is none."""
    if crops.to_moving is None:
        return _padded(crops.moving, group.held[2], window)
    there = _in_moving(crops, window)
    array, z0 = group.held[2]
    there[:, 0] = np.clip(there[:, 0], z0, z0 + len(array))
    if (there[0] >= there[1]).any():
        return np.full(tuple(window[1] - window[0]), np.nan, np.float32)
    grey = _grey(crops.moving, group.held[2], there)
    return _resampled(grey, crops.to_moving, window, there[0])


def _padded(
    image: Volume, held: tuple[NDArray[Any], int], window: NDArray[np.int64]
) -> NDArray[np.float32]:
    array, z0 = held
    nz, ny, nx = array.shape
    inside = np.clip(window, (z0, 0, 0), (z0 + nz, ny, nx))
    result = np.full(tuple(window[1] - window[0]), np.nan, np.float32)
    if (inside[0] < inside[1]).all():
        (a, b, c), (d, e, f) = (inside - window[0]).tolist()
        result[a:d, b:e, c:f] = _grey(image, held, inside)
    return result
