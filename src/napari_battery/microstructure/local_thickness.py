"""Local thickness: the diameter of the largest ball inside a phase that covers a voxel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._volumes import mask_volume, volume_edges
from napari_battery.progress import SILENT, Progress

__all__ = ["local_thickness", "phase_depth"]

_CHUNKS = 33
# In voxels. A ball that sticks out of a neighbour's by less than 0.42 voxels is left out, as is
# one of up to 1.5 voxels whose centre is covered; balls reach a quarter of a voxel further than
# the last voxel centre they surely hold; distances to the centres of the wall's voxels exceed
# those to the wall by 0.1 on average. Chosen for balls apart, overlapping balls and the pores
# between them together (synthetic).
_SLACK, _SMALL, _MARGIN, _WALL = 0.42, 1.5, 0.25, 0.1
# of squared depth, per squared voxel; all there are where voxels are cubes
_STEPS = 1.0


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

    Balls are inserted from the largest down, each voxel taking the first that covers it, and
    only those that stick out of the balls of all 26 neighbours by 0.42 voxels: of many that
    differ by less, one. No voxel gets less than its own ball. Beside all balls inserted, some
    3 % of the voxels of pores between balls come out more than 10 % lower, and D10, D50 and D90
    are as high within 2 % (synthetic). Where the middle of a pore falls between voxel centres,
    the radius is that of the deepest point between them.
    """
    from napari_battery.microstructure._kernels_thickness import widths

    phase = mask_volume(mask)
    n_voxels = int(np.count_nonzero(phase))
    if n_voxels == phase.size:
        raise InputError(
            "The whole volume is of this phase: nothing bounds its thickness. Choose a phase "
            "that does not fill the volume."
        )
    if n_voxels == 0:
        return np.zeros(np.shape(mask), np.float32)
    progress.begin(3 * _CHUNKS, "Measuring thickness")
    size = np.array(volume_edges(voxel_size_um, np.ndim(mask)))
    edge = float(np.prod(size) ** (1 / np.ndim(mask)))
    depth = phase_depth(phase, size, progress)
    balls = _balls(depth, size, edge, n_voxels, progress)
    painted = _painted(depth, size, edge, balls, progress)
    widths(painted, np.float32(_WALL * edge), np.float32(edge), depth)
    return depth.reshape(np.shape(mask))


def _parts(n: int) -> list[tuple[int, int]]:
    """Begin and end of the parts of `n` planes between two looks at Cancel."""
    ends = np.linspace(0, n, _CHUNKS + 1).astype(int).tolist()
    return list(pairwise(ends))


def phase_depth(
    phase: NDArray[np.bool_], size: NDArray[np.float64], progress: Progress = SILENT
) -> NDArray[np.float32]:
    """Distance from each voxel centre to the nearest one outside the phase; exact.

    Parameters
    ----------
    phase : (nz, ny, nx) bool array
        Not all of it True.
    size : (3,) float array
        Voxel edges z, y, x.
    progress : Progress
        Advanced 33 times.

    Returns
    -------
    (nz, ny, nx) float32 array
        In the unit of `size`; 0 outside the phase. The faces of the volume are no walls.
    """
    from napari_battery.microstructure._kernels_depth import (
        depth_across,
        depth_along,
        depth_down,
    )

    depth = np.empty(phase.shape, np.float32)
    step_z, step_y, step_x = size.astype(np.float32)
    depth_down(np.ascontiguousarray(phase), step_z, depth)
    for first, last in _parts(phase.shape[0]):
        depth_across(depth, step_y, first, last)
        depth_along(depth, step_x, first, last)
        progress.advance()
    return depth


def _balls(
    depth: NDArray[np.float32],
    size: NDArray[np.float64],
    edge: float,
    n_voxels: int,
    progress: Progress,
) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]:
    """Where balls are inserted, how far they reach and how deep it is there; largest first."""
    from napari_battery.microstructure._kernels_thickness import find_centres, largest_first

    # room for every voxel; memory is taken for those that are found
    place = np.int32 if depth.size < 2**31 else np.int64
    found = tuple(np.empty(n_voxels + 1, kind) for kind in (place, np.float32, np.float32))
    n_found = 0
    for first, last in _parts(depth.shape[0]):
        n_found = find_centres(depth, size, np.float32(_SLACK * edge), first, last, n_found, *found)
        progress.advance()
    places, radii, widest = (values[:n_found] for values in found)
    balls = np.empty_like(places), np.empty_like(radii), np.empty_like(widest)
    largest_first(places, radii, widest, _STEPS / edge**2, *balls)
    return balls


def _painted(
    depth: NDArray[np.float32],
    size: NDArray[np.float64],
    edge: float,
    balls: tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]],
    progress: Progress,
) -> NDArray[np.float32]:
    """Depth of the largest ball over each voxel, in bricks of 4 × 4 × 4 voxels."""
    from napari_battery.microstructure._kernels_thickness import (
        MEMORY,
        bare_bricks,
        insert_balls,
    )

    nz, ny, nx = (-(-n // 4) for n in depth.shape)
    bricks, filled = np.zeros((nz, ny, nx), np.uint64), np.zeros((nz, ny, -(-nx // 64)), np.uint64)
    bare_bricks(depth, bricks, filled)
    painted = np.zeros((nz, ny, nx, 64), np.float32)
    places, radii, widest = balls
    squares = tuple((np.arange(n + 8) * s) ** 2 for n, s in zip(depth.shape, size, strict=True))
    largest = float(radii.max()) + _MARGIN * edge
    halves = np.empty((int(largest / size[0]) + 1, int(largest / size[1]) + 1), np.int64)
    memory, radius_of = np.zeros(MEMORY, np.uint64), np.zeros(MEMORY + 1, np.int64)
    for first, last in _parts(places.size):
        insert_balls(
            places[first:last], radii[first:last], widest[first:last], depth.shape, size,
            _MARGIN * edge, _SMALL * edge, squares, halves, memory, radius_of,
            bricks, filled, painted,
        )  # fmt: skip
        progress.advance()
    return painted
