"""Which part of a phase leads out of the volume, and which leads through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.microstructure._checks import axis_number, binary

__all__ = ["Pieces", "connected_pieces", "percolating_part"]


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of a phase: parts joined through the faces of voxels."""

    numbers: NDArray[np.int32]
    """Number of the piece each voxel belongs to; 0 outside the phase."""
    voxels: NDArray[np.int64]
    """Size of each piece, by number; that of number 0 is set to 0."""

    def at_face(self, axis: int, end: int) -> NDArray[np.bool_]:
        """Which pieces (by number) reach the first (`end` 0) or last (-1) plane."""
        reaches = np.zeros(self.voxels.size, bool)
        reaches[np.unique(np.take(self.numbers, end, axis))] = True
        reaches[0] = False
        return reaches

    def open(self) -> NDArray[np.bool_]:
        """Which pieces reach any face of the volume."""
        ends = [(axis, end) for axis in range(self.numbers.ndim) for end in (0, -1)]
        return np.asarray(np.any([self.at_face(*end) for end in ends], axis=0), bool)

    def through(self, axis: int) -> NDArray[np.bool_]:
        """Which pieces reach both faces across an axis."""
        return self.at_face(axis, 0) & self.at_face(axis, -1)


def connected_pieces(mask: NDArray[Any]) -> Pieces:
    """Pieces of a phase that no path through voxel faces joins.

    Parameters
    ----------
    mask : (Z, Y, X) or (Y, X) array of bool
        The phase.

    Raises
    ------
    InputError
        If the mask is not one.
    """
    from scipy import ndimage

    numbers = np.empty(mask.shape, np.int32)
    ndimage.label(binary(mask), output=numbers)
    voxels = np.bincount(numbers.ravel()).astype(np.int64)
    voxels[0] = 0
    return Pieces(numbers, voxels)


def percolating_part(mask: NDArray[Any], axis: str = "z") -> NDArray[np.bool_]:
    """The part of a phase from which both faces across `axis` are reached.

    Parameters
    ----------
    mask : (Z, Y, X) or (Y, X) array of bool
        The phase.
    axis : str
        "z", "y" or "x".

    Returns
    -------
    array of bool
        All False where nothing percolates.

    Raises
    ------
    InputError
        If the mask is not one or has no such axis.
    """
    number = axis_number(axis, np.ndim(mask))
    pieces = connected_pieces(mask)
    return pieces.through(number)[pieces.numbers]
