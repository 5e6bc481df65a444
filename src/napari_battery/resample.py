"""Bring one image onto the grid of another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["onto_grid"]

_BLOCK_VOXELS = 1 << 22


def _corners(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Centres of the corner voxels of a box, one per column, homogeneous."""
    grid = np.meshgrid(*[(0.0, n - 1.0) for n in shape], indexing="ij")
    return np.vstack([np.reshape(grid, (len(shape), -1)), np.ones(2 ** len(shape))])


def onto_grid(
    image: Volume,
    reference: Volume,
    progress: Progress = SILENT,
    order: int = 1,
    out: NDArray[np.float32] | None = None,
) -> Volume:
    """Resample an image onto the grid of another, block by block.

    Parameters
    ----------
    image : Volume
        What to resample, of any voxel size, place and orientation.
    reference : Volume
        Whose grid to use; its data are not read.
    progress : Progress
        Advanced per block of planes.
    order : {0, 1}
        0 takes the nearest voxel (labels), 1 interpolates linearly (grey levels).
    out : float32 array, optional
        Where to write, a memory-mapped file say; same shape as `reference`.

    Returns
    -------
    Volume
        float32 on the reference's grid; NaN where `image` has no data. Where `image` has a
        region, voxels outside it count as no data.

    Raises
    ------
    InputError
        If one voxel size is unknown, one is 2-D and the other 3-D, or they do not overlap.
    """
    if image.ndim != reference.ndim:
        raise InputError(
            f"“{image.name}” has {image.ndim} axes and “{reference.name}” {reference.ndim}; "
            "both must be 2-D or both 3-D."
        )
    for volume in (image, reference):
        if volume.voxel_size_um is None:
            raise InputError(
                f"“{image.name}” {image.shape} and “{reference.name}” {reference.shape} lie on "
                f"different grids, and the voxel size of “{volume.name}” is unknown: set it in "
                "the Prepare dock, or give --voxel-size in µm."
            )
    matrix: NDArray[np.float64] = np.asarray(
        np.linalg.solve(image.world_affine(), reference.world_affine()),
        np.float64,
    )
    reach = (matrix @ _corners(reference.shape))[:-1]
    limit = np.array(image.shape)
    if (reach.max(axis=1) < -0.5).any() or (reach.min(axis=1) > limit - 0.5).any():
        raise InputError(
            f"“{image.name}” and “{reference.name}” do not overlap anywhere: "
            f"{_place(image)}, {_place(reference)}. Check their voxel sizes and positions."
        )
    data = np.empty(reference.shape, np.float32) if out is None else out
    step = max(1, _BLOCK_VOXELS // max(1, int(np.prod(reference.shape[1:]))))
    starts = range(0, reference.shape[0], step)
    progress.begin(len(starts), f"Resampling {image.name}")
    any_data = False
    for start in starts:
        block = _block(image, matrix, start, data[start : start + step].shape, order)
        any_data |= bool(np.isfinite(block).any())
        data[start : start + step] = block
        progress.advance()
    if not any_data:
        raise InputError(
            f"“{image.name}” has no data anywhere on the grid of “{reference.name}”. "
            "Check their voxel sizes and positions."
        )
    result = reference.like(data, image.name, region=None)
    result.metadata.update(
        {
            **image.metadata,
            "made": {
                "step": "resample",
                "order": order,
                "from_shape": list(image.shape),
                "from_voxel_size_um": list(image.known_voxel_size_um()),
                "onto": reference.name,
                "before": image.metadata.get("made"),
            },
        }
    )
    return result


def _place(volume: Volume) -> str:
    world = (volume.world_affine() @ _corners(volume.shape))[:-1]
    spans = (
        f"{axis} {low:.4g} to {high:.4g}"
        for axis, low, high in zip(volume.axes, world.min(axis=1), world.max(axis=1), strict=True)
    )
    return f"“{volume.name}” spans {', '.join(spans)} µm"


def _block(
    image: Volume, matrix: NDArray[np.float64], start: int, shape: tuple[int, ...], order: int
) -> NDArray[np.float32]:
    """Planes from `start` on of the reference's grid."""
    from scipy.ndimage import affine_transform

    offset = matrix[:-1, -1] + matrix[:-1, 0] * start
    reach = matrix[:-1, :-1] @ _corners(shape)[:-1] + offset[:, None]
    low = np.maximum(np.floor(reach.min(axis=1)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(reach.max(axis=1)).astype(int) + 2, image.shape)
    if (low >= high).any():
        return np.full(shape, np.nan, np.float32)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    source: NDArray[Any] = np.asarray(image.data[box]).astype(np.float64)
    bad = ~np.isfinite(source)
    if image.region is not None:
        bad |= ~np.asarray(image.region[box]).astype(bool)

    def transform(levels: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(
            affine_transform(
                levels, matrix[:-1, :-1], offset - low, shape, np.float64, order, mode="nearest"
            )
        )

    source[bad] = 0
    block = transform(source)
    if bad.any():
        # Only voxels that bad ones have a share in are lost.
        block[transform(bad.astype(np.float64)) > 1e-6] = np.nan
    # Half a voxel beyond the outermost centres still belongs to the outermost voxels.
    index = np.indices(shape, sparse=True)
    for axis, row in enumerate(matrix[:-1, :-1]):
        where = offset[axis] + sum(row[k] * index[k] for k in range(len(shape)))
        outside = (where < -0.5 - 1e-6) | (where > image.shape[axis] - 0.5 + 1e-6)
        block[np.broadcast_to(outside, shape)] = np.nan
    return np.asarray(block.astype(np.float32))
