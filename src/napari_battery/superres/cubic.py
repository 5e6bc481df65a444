"""An image interpolated onto any other grid, turned ones too, with the networks' own kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.registration.pyramid import index_to_world
from napari_battery.volume import Volume

__all__ = ["OnGrid", "cubic_onto", "grid_to_image", "planes"]

_SLAB_VOXELS = 1 << 21


@dataclass(frozen=True, eq=False)
class OnGrid:
    """An image on another grid.

    Parameters
    ----------
    data : (z, y, x) float32 array
        Grey levels; 0 where there is none.
    valid : (z, y, x) boolean array
        Where there is one.
    """

    data: NDArray[np.float32]
    valid: NDArray[np.bool_]


def planes(volume: Volume) -> Any:
    """The data with three axes: of a 2-D image one slice."""
    return np.asarray(volume.data)[None] if volume.ndim == 2 else volume.data


def grid_to_image(grid: Volume, image: Volume) -> NDArray[np.float64]:
    """4×4 matrix from the indices of a grid to those of an image (z unchanged in 2-D)."""
    return np.asarray(np.linalg.solve(index_to_world(image), index_to_world(grid)), np.float64)


def cubic_onto(image: Volume, grid: Volume, progress: Progress = SILENT) -> OnGrid:
    """Interpolate an image at the voxels of a grid: Keys' cubic convolution, a = −1/2.

    Where the axes agree this is what `upscale.upscaled` gives. The image is mirrored at its
    faces and read whole.

    Parameters
    ----------
    image : Volume
        2-D or 3-D. What is not finite or outside its region is no data.
    grid : Volume
        Whose voxels to use, of any orientation; its data are not read.
    progress : Progress
        Advanced per slab.

    Returns
    -------
    OnGrid
    """
    from napari_battery.superres._kernels_cubic import sample_cubic

    source = np.array(planes(image), np.float32)
    if image.region is not None:
        source[~np.asarray(image.region).astype(bool).reshape(source.shape)] = np.nan
    matrix = np.ascontiguousarray(grid_to_image(grid, image)[:3])
    shape = (1,) * (3 - grid.ndim) + grid.shape
    result = OnGrid(np.empty(shape, np.float32), np.empty(shape, bool))
    rows = max(1, _SLAB_VOXELS // (shape[1] * shape[2]))
    starts = range(0, shape[0], rows)
    progress.begin(len(starts), f"Interpolating {image.name}")
    for start in starts:
        part = slice(start, min(start + rows, shape[0]))
        sample_cubic(source, matrix, start, result.data[part], result.valid[part])
        progress.advance()
    return result
