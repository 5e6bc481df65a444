"""Matrices of shifts and of rotations about a point, homogeneous, in z, y, x."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["axis_rotation", "shift", "turned", "turned_in_plane"]

Matrix = NDArray[np.float64]


def turned(rotation: Matrix, centre: NDArray[np.float64]) -> Matrix:
    """Homogeneous matrix of a rotation about a point."""
    matrix = np.eye(len(centre) + 1)
    matrix[:-1, :-1] = rotation
    matrix[:-1, -1] = centre - rotation @ centre
    return matrix


def turned_in_plane(
    ndim: int, plane: list[int], angle: float, centre: NDArray[np.float64]
) -> Matrix:
    """Homogeneous matrix of a rotation from the first axis of a plane towards its second.

    `angle` is in radians.
    """
    rotation = np.eye(ndim)
    cos, sin = np.cos(angle), np.sin(angle)
    rotation[np.ix_(plane, plane)] = [[cos, -sin], [sin, cos]]
    return turned(rotation, centre)


def axis_rotation(ndim: int, axis: int, degrees: float) -> Matrix:
    """Rotation about a world axis, from the last of the other two axes towards the first."""
    plane = [a for a in range(ndim) if a != axis % ndim] if ndim == 3 else [0, 1]
    centre = np.zeros(ndim)
    return turned_in_plane(ndim, plane[::-1], np.deg2rad(degrees), centre)[:-1, :-1]


def shift(away: NDArray[np.float64]) -> Matrix:
    """Homogeneous matrix of a shift."""
    matrix = np.eye(len(away) + 1)
    matrix[:-1, -1] = away
    return matrix
