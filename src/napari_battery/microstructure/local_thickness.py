"""Local thickness: the diameter of the largest ball inside a phase that covers a voxel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._volumes import mask_volume, volume_edges
from napari_battery.progress import SILENT, Progress

__all__ = ["local_thickness"]

_CHUNKS = 100
# In voxels. A ball that sticks out of another by less than 0.7 voxels is left out; balls
# reach a quarter of a voxel further than the last voxel centre they surely hold; distances
# to the centres of the wall's voxels exceed those to the wall by 0.1 on average. Chosen for
# balls apart, overlapping balls and the pores between them together (synthetic).
_SLACK, _MARGIN, _WALL = 0.7, 0.25, 0.1


def local_thickness(
    mask: NDArray[Any], voxel_size_um: Sequence[float], progress: Progress = SILENT
) -> NDArray[np.float32]:
    """Diameter of the largest ball inside the phase that covers each voxel.

    Parameters
    ----------
    mask : (nz, ny, nx) or (ny, nx) bool array
        The phase, pores for example.
    voxel_size_um : sequence of float
        Voxel edges in µm along the array's axes; they need not be equal.
    progress : Progress
        Advanced as balls are inserted.

    Returns
    -------
    float32 array of the mask's shape
        Thickness in µm; 0 outside the phase, and above 0 in every voxel of it.

    Raises
    ------
    InputError
        If the volume is all phase (nothing bounds a ball), or the mask no mask.
    Cancelled
        If the person stopped it.

    Notes
    -----
    After Hildebrand and Rüegsegger, "A new method for the model-independent assessment of
    thickness in three-dimensional images", J. Microsc. 185, 67 (1997). Radii are floats, from
    the exact Euclidean distance, not steps of some list of sizes. The faces of the volume
    are no walls: a pore cut by one is taken to go on behind it.

    Balls are inserted from the largest down, and only those that lie in none inserted before,
    but for 0.7 voxels; each voxel takes the first ball that covers it. Where the middle of a
    pore falls between voxel centres, the radius is that of the deepest point between them.
    """
    from napari_battery.microstructure._kernels_thickness import (
        bare_bits,
        insert_balls,
        sort_by_depth,
    )

    phase = mask_volume(mask)
    n_voxels = int(np.count_nonzero(phase))
    if n_voxels == phase.size:
        raise InputError(
            "The whole volume is of this phase: nothing bounds its thickness. Choose a phase "
            "that does not fill the volume."
        )
    if n_voxels == 0:
        return np.zeros(np.shape(mask), np.float32)
    progress.begin(_CHUNKS, "Measuring thickness")
    size = np.array(volume_edges(voxel_size_um, np.ndim(mask)))
    edge = float(np.prod(size) ** (1 / np.ndim(mask)))
    depth = _depth(phase, size)
    order = np.empty(n_voxels, np.int32 if phase.size < 2**31 else np.int64)
    sort_by_depth(depth.reshape(-1), 1 / edge**2, order)
    bare = np.zeros((*phase.shape[:2], (phase.shape[2] + 63) // 64), np.uint64)
    bare_bits(depth, bare)
    painter, ball_of = np.zeros(phase.shape, np.int32), np.zeros(phase.shape, np.int32)
    balls, n_balls = np.zeros((max(16, n_voxels // 6), 5)), 1
    for part in np.array_split(order, _CHUNKS):
        begin = 0
        while begin < part.size:
            begin, n_balls = insert_balls(
                part, begin, depth, size, _MARGIN * edge, _SLACK * edge, 1.5 * edge,
                bare, ball_of, painter, balls, n_balls,
            )  # fmt: skip
            if begin < part.size:
                balls = np.concatenate([balls, np.zeros_like(balls)])
        progress.advance()
    diameters = 2 * np.maximum(balls[:n_balls, 4] - _WALL * edge, 0.5 * edge)
    diameters[0] = 0
    # the result is as large as each of these
    del order, depth, bare, ball_of, balls
    return np.take(diameters.astype(np.float32), painter).reshape(np.shape(mask))


def _depth(phase: NDArray[np.bool_], size: NDArray[np.float64]) -> NDArray[np.float32]:
    """Distance in µm from each voxel centre to the nearest one outside the phase."""
    import edt

    depth = edt.edt(phase.view(np.uint8), anisotropy=tuple(float(s) for s in size), parallel=1)
    return np.ascontiguousarray(depth, np.float32)
