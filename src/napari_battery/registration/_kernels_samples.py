"""Grey levels and gradients at points, and the normal equations of a Gauss–Newton step."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["COLUMNS", "moments", "normal_equations", "sample"]

COLUMNS = 14
"""Columns of a step: 3 of shift, 9 of a linear map, gain, offset."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def sample(data: Any, matrix: Any, points: Any, values: Any, gradients: Any) -> int:
    """Interpolate an image and its gradient linearly at points.

    Parameters
    ----------
    data : (z, y, x) float32 array
        NaN where there is no data.
    matrix : (3, 4) float64 array
        From points to voxel indices.
    points : (n, 3) float64 array
        Where to.
    values : (n,) float64 array
        Receives the grey levels; NaN where one of the voxels around has none.
    gradients : (n, 3) float64 array
        Receives the derivatives in the coordinates of the points.

    Returns
    -------
    int
        How many points have a grey level.
    """
    nz, ny, nx = data.shape
    found = 0
    for i in range(len(points)):
        p, q, r = points[i, 0], points[i, 1], points[i, 2]
        z = matrix[0, 0] * p + matrix[0, 1] * q + matrix[0, 2] * r + matrix[0, 3]
        y = matrix[1, 0] * p + matrix[1, 1] * q + matrix[1, 2] * r + matrix[1, 3]
        x = matrix[2, 0] * p + matrix[2, 1] * q + matrix[2, 2] * r + matrix[2, 3]
        values[i] = np.nan
        flat = nz == 1
        if not (0 <= y <= ny - 1 and 0 <= x <= nx - 1):
            continue
        if flat:
            if not (-0.5 <= z <= 0.5):
                continue
            z = 0.0
        elif not (0 <= z <= nz - 1):
            continue
        k = 0 if flat else min(int(z), nz - 2)
        j, i0 = min(int(y), max(ny - 2, 0)), min(int(x), max(nx - 2, 0))
        k1, j1, i1 = min(k + 1, nz - 1), min(j + 1, ny - 1), min(i0 + 1, nx - 1)
        w, v, u = z - k, y - j, x - i0
        a00, a01 = data[k, j, i0], data[k, j, i1]
        a10, a11 = data[k, j1, i0], data[k, j1, i1]
        b00, b01 = data[k1, j, i0], data[k1, j, i1]
        b10, b11 = data[k1, j1, i0], data[k1, j1, i1]
        a0, a1 = a00 + (a01 - a00) * u, a10 + (a11 - a10) * u
        b0, b1 = b00 + (b01 - b00) * u, b10 + (b11 - b10) * u
        a, b = a0 + (a1 - a0) * v, b0 + (b1 - b0) * v
        value = a + (b - a) * w
        if not np.isfinite(value):
            continue
        found += 1
        values[i] = value
        gz = b - a
        gy = (a1 - a0) * (1 - w) + (b1 - b0) * w
        gx = ((a01 - a00) * (1 - v) + (a11 - a10) * v) * (1 - w) + (
            (b01 - b00) * (1 - v) + (b11 - b10) * v
        ) * w
        for axis in range(3):
            gradients[i, axis] = gz * matrix[0, axis] + gy * matrix[1, axis] + gx * matrix[2, axis]
    return found


@numba.njit(cache=True, nogil=True)
def normal_equations(
    points: Any, gradients: Any, fixed: Any, error: Any, weight: Any, matrix: Any, right: Any
) -> None:
    """Add up JᵀWJ and Jᵀe over the points that count.

    A row of J is (G, G ⊗ x, f, 1): what a shift, a linear map, a gain and an offset change.

    Parameters
    ----------
    points, gradients : (n, 3) float64 arrays
        x and G.
    fixed : (n,) float64 array
        f.
    error : (n,) float64 array
        e; NaN leaves the point out.
    weight : (n,) float64 array
        W.
    matrix, right : (14, 14) and (14,) float64 arrays
        Receive the sums.
    """
    row = np.empty(COLUMNS)
    matrix[:] = 0
    right[:] = 0
    for i in range(len(points)):
        e = error[i]
        if not np.isfinite(e):
            continue
        for a in range(3):
            g = gradients[i, a]
            row[a] = g
            for b in range(3):
                row[3 + 3 * a + b] = g * points[i, b]
        row[12] = fixed[i]
        row[13] = 1.0
        w = weight[i]
        for a in range(COLUMNS):
            right[a] += row[a] * e
            scaled = row[a] * w
            for b in range(a, COLUMNS):
                matrix[a, b] += scaled * row[b]
    for a in range(COLUMNS):
        for b in range(a):
            matrix[a, b] = matrix[b, a]


@numba.njit(cache=True, nogil=True)
def moments(first: Any, second: Any) -> tuple[int, float, float, float, float, float]:
    """Count, means, variances and covariance (sums of squares) of pairs without NaN.

    Parameters
    ----------
    first, second : (n,) float64 arrays
        Pairs; where the second is NaN, a pair does not count.

    Returns
    -------
    tuple
        ``n, mean 1, mean 2, Σ(1 − mean)², Σ(2 − mean)², Σ(1 − mean)(2 − mean)``.
    """
    n, a, b = 0, 0.0, 0.0
    for i in range(len(first)):
        if np.isfinite(second[i]):
            n += 1
            a += first[i]
            b += second[i]
    if n == 0:
        return 0, 0.0, 0.0, 0.0, 0.0, 0.0
    a /= n
    b /= n
    aa, bb, ab = 0.0, 0.0, 0.0
    for i in range(len(first)):
        if np.isfinite(second[i]):
            u, v = first[i] - a, second[i] - b
            aa += u * u
            bb += v * v
            ab += u * v
    return n, a, b, aa, bb, ab
