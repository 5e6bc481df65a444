"""How thick an electrode is, and how much that varies, from its mask."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._checks import binary, checked_axis, edges

__all__ = ["Thickness", "electrode_thickness"]


@dataclass(frozen=True, eq=False)
class Thickness:
    """Thickness of an electrode, column by column along an axis.

    Lengths are perpendicular to the electrode: those along the axis times the cosine of
    its tilt.
    """

    axis: str
    mean_um: float
    sd_um: float
    """Standard deviation over the columns (ddof 0): the variation of the thickness."""
    min_um: float
    max_um: float
    tilt_degrees: float
    """Angle between the axis and the normal of the electrode's middle plane."""
    covered: float
    """Fraction of the columns in which there is any electrode."""
    cut: float
    """Fraction of these that reach both faces of the volume: there the electrode may go on
    outside, and what is measured is the volume."""
    map_um: NDArray[np.float64]
    """Thickness of each column, in the order of the axes that remain; NaN without electrode."""


def electrode_thickness(
    mask: NDArray[Any],
    voxel_size_um: Sequence[float],
    axis: str = "z",
    bridge_um: float = 0.0,
) -> Thickness:
    """Thickness from the outermost voxels of a mask in each column along an axis.

    Parameters
    ----------
    mask : (Z, Y, X) or (Y, X) array of bool
        The electrode: its region, or its solid phases; pores within do not matter.
    voxel_size_um : sequence of float
        Edges of a voxel, one per axis.
    axis : str
        Across the electrode: "z", "y" or "x".
    bridge_um : float
        Pores that open to the surface are bridged over this width: each column takes the
        outermost voxels within it. 0 takes columns as they are.

    Raises
    ------
    InputError
        If the mask is not one, is empty, or has no such axis.
    """
    mask = binary(mask)
    number = checked_axis(mask.shape, axis, 1, "A thickness")
    size = edges(voxel_size_um, mask.ndim)
    columns = np.moveaxis(mask, number, 0)
    others = [edge for k, edge in enumerate(size) if k != number]
    n = columns.shape[0]
    some = np.asarray(columns.any(axis=0))
    if not some.any():
        raise InputError("The electrode's mask is empty: choose another phase or threshold.")
    first = np.where(some, columns.argmax(axis=0), n)
    last = np.where(some, n - 1 - columns[::-1].argmax(axis=0), -1)
    if bridge_um > 0:
        first, last = _bridged(first, last, others, bridge_um)
        some = np.asarray(last >= first)
    along = np.where(some, (last - first + 1.0) * size[number], np.nan)
    tilt = _tilt((first + last) / 2.0 * size[number], some, others)
    across = along * math.cos(tilt)
    inside = across[some]
    return Thickness(
        axis=axis,
        mean_um=float(inside.mean()),
        sd_um=float(inside.std()),
        min_um=float(inside.min()),
        max_um=float(inside.max()),
        tilt_degrees=math.degrees(tilt),
        covered=float(some.mean()),
        cut=float(((first == 0) & (last == n - 1))[some].mean()),
        map_um=across,
    )


def _bridged(
    first: NDArray[Any], last: NDArray[Any], others: Sequence[float], bridge_um: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Surfaces closed over a width: the outermost within it, and back again."""
    from scipy import ndimage

    width = tuple(2 * round(bridge_um / edge / 2) + 1 for edge in others)
    return (
        ndimage.grey_opening(first, width, mode="nearest"),
        ndimage.grey_closing(last, width, mode="nearest"),
    )


def _tilt(middle: NDArray[Any], some: NDArray[np.bool_], others: Sequence[float]) -> float:
    """Angle of the plane (or line) fitted to the middle, in radians; 0 if it cannot be."""
    places = np.argwhere(some) * np.asarray(others)
    places = places - places.mean(axis=0)
    heights = middle[some] - middle[some].mean()
    slopes, _, rank, _ = np.linalg.lstsq(places, heights, rcond=None)
    return math.atan(float(np.linalg.norm(slopes))) if rank == places.shape[1] else 0.0
