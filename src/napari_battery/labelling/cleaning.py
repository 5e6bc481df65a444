"""Cleaning of masks: holes, islands, and opening and closing by a ball."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["closing", "fill_holes", "opening", "remove_islands"]


def fill_holes(
    mask: NDArray[np.bool_], region: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Fill what no path of faces through the background joins to a face of the volume.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D; not changed.
    region : bool array, optional
        Nothing is filled outside it.

    Returns
    -------
    bool array
    """
    pores, n = _components(~mask)
    outside = np.zeros(n + 1, bool)
    for axis in range(mask.ndim):
        for face in (0, -1):
            outside[pores.take(face, axis=axis)] = True
    outside[0] = False  # the mask itself
    filled = np.empty(mask.shape, bool)
    for k in range(len(mask)):  # plane by plane: no whole-volume temporary
        np.logical_not(outside[pores[k]], out=filled[k])
        if region is not None:
            filled[k] &= region[k]
            filled[k] |= mask[k]
    return filled


def remove_islands(mask: NDArray[np.bool_], minimum_voxels: float) -> NDArray[np.bool_]:
    """Remove islands, joined by faces, of fewer voxels than a minimum.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D; not changed.
    minimum_voxels : float
        Islands of this many voxels or more stay.

    Returns
    -------
    bool array
    """
    if minimum_voxels <= 1:
        return mask.copy()
    islands, n = _components(mask)
    sizes = np.zeros(n + 1, np.int64)
    for plane in islands:
        sizes += np.bincount(plane.ravel(), minlength=n + 1)
    keep = sizes >= minimum_voxels
    keep[0] = False
    kept = np.empty(mask.shape, bool)
    for k in range(len(mask)):
        np.take(keep, islands[k], out=kept[k])
    return kept


def opening(
    mask: NDArray[np.bool_], radius: float, spacing: tuple[float, ...] | None = None
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

    Returns
    -------
    bool array
    """
    if radius <= 0:
        return mask.copy()
    centres = _farther(mask, radius, spacing)
    return ~_farther(~centres, radius, spacing)


def closing(
    mask: NDArray[np.bool_], radius: float, spacing: tuple[float, ...] | None = None
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

    Returns
    -------
    bool array
    """
    return ~opening(~mask, radius, spacing)


def _farther(
    mask: NDArray[np.bool_], radius: float, spacing: tuple[float, ...] | None
) -> NDArray[np.bool_]:
    """Voxels of the mask whose distance to the background is above the radius."""
    import edt

    squared = edt.edtsq(mask, anisotropy=spacing or (1.0,) * mask.ndim, black_border=False)
    # sums of squares of decimal edges differ in their last bits from the radius squared
    farther: NDArray[np.bool_] = squared > radius**2 * (1 + 1e-6)
    return farther


def _components(mask: NDArray[np.bool_]) -> tuple[NDArray[Any], int]:
    """Components joined by faces, numbered from 1, and how many there are."""
    import cc3d

    faces = 4 if mask.ndim == 2 else 6
    labels, n = cc3d.connected_components(
        np.ascontiguousarray(mask), connectivity=faces, return_N=True
    )
    return labels, int(n)
