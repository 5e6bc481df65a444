"""Derivatives of a smoothed block, voxel by voxel."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

import math
from typing import Any

import numba

__all__ = ["difference", "scale_features"]


@numba.njit(cache=True, nogil=True)
def difference(wide: Any, fine: Any, rim: int, values: Any, column: int) -> None:
    """Write ``wide − fine``, both with a rim (of `rim` slices in z, 1 in y and x)."""
    n_z, n_y, n_x, _ = values.shape
    for z in range(n_z):
        for y in range(n_y):
            for x in range(n_x):
                at = z + rim, y + 1, x + 1
                values[z, y, x, column] = wide[at] - fine[at]


@numba.njit(cache=True, nogil=True)
def scale_features(
    smooth: Any, edges: Any, is_flat: bool, values: Any, gradient: int, laplacian: int,
    hessian: int,
) -> None:  # fmt: skip
    """Write gradient magnitude, Laplacian and Hessian eigenvalues of one scale.

    Parameters
    ----------
    smooth : (z, y, x) float32 array
        With a rim of one voxel; flat ones have none in z.
    edges : (3,) float64 array
        Voxel edges.
    is_flat : bool
        Leave out z.
    values : (z, y, x, n_features) float32 array
        Receives the features.
    gradient, laplacian, hessian : int
        Their (first) columns; -1: not wanted.
    """
    n_z, n_y, n_x, _ = values.shape
    e_z, e_y, e_x = edges
    for z in range(n_z):
        k = z if is_flat else z + 1
        for y in range(n_y):
            j = y + 1
            for x in range(n_x):
                i = x + 1
                here = 2.0 * smooth[k, j, i]
                d_y = (smooth[k, j + 1, i] - smooth[k, j - 1, i]) / (2 * e_y)
                d_x = (smooth[k, j, i + 1] - smooth[k, j, i - 1]) / (2 * e_x)
                yy = (smooth[k, j + 1, i] - here + smooth[k, j - 1, i]) / (e_y * e_y)
                xx = (smooth[k, j, i + 1] - here + smooth[k, j, i - 1]) / (e_x * e_x)
                d_z = zz = 0.0
                if not is_flat:
                    d_z = (smooth[k + 1, j, i] - smooth[k - 1, j, i]) / (2 * e_z)
                    zz = (smooth[k + 1, j, i] - here + smooth[k - 1, j, i]) / (e_z * e_z)
                if gradient >= 0:
                    values[z, y, x, gradient] = math.sqrt(d_z * d_z + d_y * d_y + d_x * d_x)
                if laplacian >= 0:
                    values[z, y, x, laplacian] = zz + yy + xx
                if hessian < 0:
                    continue
                yx = (
                    smooth[k, j + 1, i + 1] - smooth[k, j + 1, i - 1]
                    - smooth[k, j - 1, i + 1] + smooth[k, j - 1, i - 1]
                ) / (4 * e_y * e_x)  # fmt: skip
                if is_flat:
                    middle = (yy + xx) / 2
                    apart = math.sqrt(((yy - xx) / 2) ** 2 + yx * yx)
                    values[z, y, x, hessian] = middle + apart
                    values[z, y, x, hessian + 1] = middle - apart
                    continue
                zy = (
                    smooth[k + 1, j + 1, i] - smooth[k + 1, j - 1, i]
                    - smooth[k - 1, j + 1, i] + smooth[k - 1, j - 1, i]
                ) / (4 * e_z * e_y)  # fmt: skip
                zx = (
                    smooth[k + 1, j, i + 1] - smooth[k + 1, j, i - 1]
                    - smooth[k - 1, j, i + 1] + smooth[k - 1, j, i - 1]
                ) / (4 * e_z * e_x)  # fmt: skip
                first, second, third = _eigenvalues(zz, yy, xx, zy, zx, yx)
                values[z, y, x, hessian] = first
                values[z, y, x, hessian + 1] = second
                values[z, y, x, hessian + 2] = third


@numba.njit(cache=True, nogil=True)
def _eigenvalues(
    a: float, b: float, c: float, d: float, e: float, f: float
) -> tuple[float, float, float]:
    """Eigenvalues, descending, of the symmetric matrix [[a, d, e], [d, b, f], [e, f, c]].

    Smith, "Eigenvalues of a symmetric 3 × 3 matrix" (1961).
    """
    mean = (a + b + c) / 3
    a, b, c = a - mean, b - mean, c - mean
    spread = math.sqrt((a * a + b * b + c * c + 2 * (d * d + e * e + f * f)) / 6)
    if spread == 0:
        return mean, mean, mean
    det = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
    angle = math.acos(min(max(det / (2 * spread * spread * spread), -1.0), 1.0)) / 3
    first = mean + 2 * spread * math.cos(angle)
    third = mean + 2 * spread * math.cos(angle + 2 * math.pi / 3)
    return first, 3 * mean - first - third, third
