"""Rotations: from a vector to a matrix, and how far a linear map turns and magnifies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["rotation_matrix", "turn_and_scale"]


def rotation_matrix(vector: ArrayLike) -> NDArray[np.float64]:
    """Rotation by a rotation vector.

    Parameters
    ----------
    vector : (3,) or (1,) array
        In radians. Three numbers: the axis (z, y, x) times the angle. One number: the
        angle in the plane of a 2-D image, about z.

    Returns
    -------
    (3, 3) or (2, 2) array
        On coordinates z, y, x (or y, x).

    Notes
    -----
    Rodrigues' formula. z, y, x is a left-handed order of axes; the matrix is the one that
    turns a right-handed x, y, z space by the same vector, written in z, y, x.
    """
    given = np.atleast_1d(np.asarray(vector, np.float64))
    if given.shape == (1,):
        return rotation_matrix([given[0], 0.0, 0.0])[1:, 1:]
    x, y, z = given[::-1]
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = float(np.linalg.norm(given))
    # sinc keeps the formula whole at angle 0
    one = np.sinc(angle / np.pi)
    two = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    turned = np.eye(3) + one * cross + two * cross @ cross
    return np.ascontiguousarray(turned[::-1, ::-1])


def turn_and_scale(linear: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """How far a linear map turns and magnifies.

    Parameters
    ----------
    linear : (2, 2) or (3, 3) array

    Returns
    -------
    turn : float
        Angle of the nearest rotation, in degrees, 0 to 180.
    scale : float
        Mean magnification: the root of the change of volume (area).
    """
    n = len(linear)
    left, _, right = np.linalg.svd(linear)
    cosine = (np.trace(left @ right) - (n - 2)) / 2
    scale = abs(float(np.linalg.det(linear))) ** (1 / n)
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))), scale
