"""A transform as rotation, scale, shear and translation about a point, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_battery.errors import InputError
from napari_battery.registration.transform import Transform

__all__ = ["Parts", "compose_parts", "decompose", "rotation_matrix", "rotation_vector"]


@dataclass(frozen=True, eq=False)
class Parts:
    """What a transform does to a point x, step by step.

    ``x → centre + translation + rotation · diag(scale) · shear · (x − centre)``
    """

    rotation: NDArray[np.float64]
    """(ndim, ndim), determinant 1."""
    scale: NDArray[np.float64]
    """(ndim,), per axis; the first is negative where the transform mirrors."""
    shear: NDArray[np.float64]
    """(ndim, ndim), upper triangular with ones on its diagonal."""
    translation: NDArray[np.float64]
    """(ndim,), in the transform's unit; where the centre goes."""
    centre: NDArray[np.float64]
    """(ndim,), in the moving world."""

    @property
    def angle_deg(self) -> float:
        """How far it turns, in degrees, 0 to 180."""
        return float(np.rad2deg(np.linalg.norm(rotation_vector(self.rotation))))


def decompose(transform: Transform, centre: ArrayLike | None = None) -> Parts:
    """Take a transform apart.

    Parameters
    ----------
    transform : Transform
    centre : (ndim,) array, optional
        Point of the moving world to turn and stretch about, the middle of the moving
        image say; the origin by default. Only the translation depends on it.

    Returns
    -------
    Parts

    Raises
    ------
    InputError
        If the centre has another number of axes.
    """
    point = _vector(centre, transform.ndim, "centre")
    linear = transform.linear
    rotation, upper = np.linalg.qr(linear)
    signs = np.where(np.diag(upper) < 0, -1.0, 1.0)
    rotation, upper = rotation * signs, signs[:, None] * upper
    if np.linalg.det(rotation) < 0:
        rotation[:, 0] *= -1
        upper[0] *= -1
    scale = np.diag(upper).copy()
    translation = transform.matrix[:-1, -1] + linear @ point - point
    return Parts(rotation, scale, upper / scale[:, None], translation, point)


def compose_parts(parts: Parts) -> NDArray[np.float64]:
    """The homogeneous matrix of `Parts`, (ndim + 1, ndim + 1)."""
    linear = parts.rotation @ np.diag(parts.scale) @ parts.shear
    matrix = np.eye(len(parts.centre) + 1)
    matrix[:-1, :-1] = linear
    matrix[:-1, -1] = parts.centre + parts.translation - linear @ parts.centre
    return matrix


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


def rotation_vector(rotation: ArrayLike) -> NDArray[np.float64]:
    """The vector whose `rotation_matrix` this is, of length 0 to π.

    Parameters
    ----------
    rotation : (3, 3) or (2, 2) array

    Returns
    -------
    (3,) or (1,) array
        In radians.
    """
    matrix = np.asarray(rotation, np.float64)
    if matrix.shape == (2, 2):
        full = np.eye(3)
        full[1:, 1:] = matrix
        return rotation_vector(full)[:1]
    m = matrix[::-1, ::-1]
    # unit quaternion by its largest component, exact at all angles (Shepperd 1978)
    trace = float(np.trace(m))
    squares = np.array([trace, m[0, 0], m[1, 1], m[2, 2]])
    most = int(np.argmax(squares))
    if most == 0:
        q = np.array([1 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]])
    else:
        i, j, k = most - 1, most % 3, (most + 1) % 3
        q = np.empty(4)
        q[0] = m[k, j] - m[j, k]
        q[1 + i] = 1 + m[i, i] - m[j, j] - m[k, k]
        q[1 + j] = m[j, i] + m[i, j]
        q[1 + k] = m[k, i] + m[i, k]
    q *= (1.0 if q[0] >= 0 else -1.0) / np.linalg.norm(q)
    length = float(np.linalg.norm(q[1:]))
    if length == 0:
        return np.zeros(3)
    angle = 2 * np.arctan2(length, q[0])
    return np.ascontiguousarray((angle / length * q[1:])[::-1])


def _vector(given: ArrayLike | None, ndim: int, what: str) -> NDArray[np.float64]:
    vector = np.zeros(ndim) if given is None else np.asarray(given, np.float64)
    if vector.shape != (ndim,) or not np.isfinite(vector).all():
        raise InputError(f"The {what} {given!r} must be {ndim} finite numbers, one per axis.")
    return vector
