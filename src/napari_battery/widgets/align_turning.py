"""Matrices of shifts and of rotations about a point, homogeneous, in z, y, x."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["angle_degrees", "axis_rotation", "shift", "turned", "turned_in_plane"]

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


def angle_degrees(rotation: Matrix) -> float:
    """Angle of a rotation matrix of 2 or 3 axes."""
    extra = 0.0 if len(rotation) == 2 else 1.0
    return float(np.rad2deg(np.arccos(np.clip((np.trace(rotation) - extra) / 2, -1, 1))))
