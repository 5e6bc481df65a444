"""Cleaning of masks: holes, islands, and opening and closing by a ball."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.depth import squared_distance
from napari_battery.progress import SILENT, Progress

__all__ = ["closing", "farther", "fill_holes", "opening", "remove_islands"]


def fill_holes(
    mask: NDArray[np.bool_],
    region: NDArray[np.bool_] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.bool_]:
    """Fill what no path of faces through the background joins to a face of the volume.

    Axes of one voxel have no faces: one slice is cleaned like the plane it is.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D; not changed.
    region : bool array, optional
        Nothing is filled outside it.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    bool array
    """
    sizes, open_ended, paint = _islands(mask, False, "Filling holes", progress)
    filled = mask.copy()
    paint(filled, (sizes > 0) & ~open_ended)
    if region is not None:
        filled &= region
        filled |= mask
    return filled


def remove_islands(
    mask: NDArray[np.bool_], minimum_voxels: float, progress: Progress = SILENT
) -> NDArray[np.bool_]:
    """Remove islands, joined by faces, of fewer voxels than a minimum.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D; not changed.
    minimum_voxels : float
        Islands of this many voxels or more stay.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    bool array
    """
    if minimum_voxels <= 1:
        return mask.copy()
    sizes, _, paint = _islands(mask, True, "Removing islands", progress)
    kept = mask.copy()
    # µm³ over a voxel's volume may come out a last bit above the whole number that was meant
    paint(kept, sizes < minimum_voxels * (1 - 1e-9))
    return kept


def opening(
    mask: NDArray[np.bool_],
    radius: float,
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.bool_]:
    """Keep what a ball within the mask can reach: specks and thin bridges go.

    Exactly the opening by all voxels within `radius` of a centre, by two distance maps, so
    that a larger radius costs no more. What lies beyond the faces counts as mask.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D; not changed.
    radius : float
        Radius of the ball, in the unit of `spacing`; 0 changes nothing.
    spacing : tuple of float, optional
        Voxel edges; cubes of edge 1 otherwise.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    bool array
    """
    if radius <= 0:
        return mask.copy()
    centres = farther(mask, radius, spacing, progress)
    np.logical_not(centres, out=centres)
    reached = farther(centres, radius, spacing, progress)
    return np.logical_not(reached, out=reached)


def closing(
    mask: NDArray[np.bool_],
    radius: float,
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.bool_]:
    """Fill what a ball within the background cannot reach: gaps and cracks close.

    The opening of the background, see `opening`; what lies beyond the faces counts as
    background there.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D; not changed.
    radius : float
        Radius of the ball, in the unit of `spacing`; 0 changes nothing.
    spacing : tuple of float, optional
        Voxel edges; cubes of edge 1 otherwise.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    bool array
    """
    closed = opening(~mask, radius, spacing, progress)
    return np.logical_not(closed, out=closed)


def _islands(
    mask: NDArray[np.bool_], value: bool, what: str, progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Callable[[NDArray[np.bool_], Any], None]]:
    """Find the islands of a value in a mask.

    Returns
    -------
    sizes : (n,) int64 array
        Numbers of voxels of islands; 0 at places that stand for none.
    open_ended : (n,) bool array
        Whether the island meets a face of the volume.
    paint : callable
        ``paint(target, wanted)`` turns the islands wanted, a (n,) bool array, over in a copy
        of the mask.
    """
    from napari_battery.labelling._islands import count_runs, join_runs, paint_runs, size_runs

    planes = np.ascontiguousarray(mask if mask.ndim == 3 else mask[None])
    nz, ny, nx = planes.shape
    progress.begin(3 * nz, what)
    counts = np.zeros((nz, ny), np.int64)
    for z in range(nz if nx else 0):
        count_runs(planes[z], value, counts[z])
        progress.advance()
    first = np.concatenate([[0], np.cumsum(counts)])
    n = int(first[-1])
    starts, ends = np.empty(n, np.int32), np.empty(n, np.int32)
    parent = np.empty(n, np.int32 if n < 2**31 else np.int64)
    for z in range(nz):
        join_runs(planes[z], value, z * ny, first, starts, ends, parent)
        progress.advance()
    sizes, open_ended = np.zeros(n, np.int64), np.zeros(n, bool)
    for z in range(nz):
        at_face = (nz > 1 and z in (0, nz - 1)) or mask.size == 1
        size_runs(first, z * ny, ny, at_face, nx, starts, ends, parent, sizes, open_ended)
        progress.advance()

    def paint(target: NDArray[np.bool_], wanted: Any) -> None:
        for z, plane in enumerate(target if target.ndim == 3 else target[None]):
            paint_runs(plane, not value, first, z * ny, starts, ends, parent, wanted)

    return sizes, open_ended, paint


def farther(
    mask: NDArray[np.bool_],
    radius: float,
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.bool_]:
    """Find the voxels of a mask whose distance to the background is above a radius.

    Parameters
    ----------
    mask, radius, spacing, progress
        As in `opening`; what lies beyond the faces is no background.
    """
    squared = squared_distance(mask, spacing, progress)
    # sums of squares of decimal edges differ in their last bits from the radius squared
    farther: NDArray[np.bool_] = squared > np.float32(radius**2 * (1 + 1e-6))
    return farther
