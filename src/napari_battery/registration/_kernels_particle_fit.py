"""Gauss-Newton on the voxels of one particle's mask.

The fixed image's gradient is used throughout (Baker and Matthews, "Lucas-Kanade 20 years on",
IJCV 56, 2004: inverse compositional), for two reasons: its products are summed once per
particle, and noise of the moving image does not meet itself in them, which would draw the
result to half voxels, where linear interpolation smooths most.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

from napari_battery.registration._kernels_particle_sampling import sample_all

__all__ = [
    "DONE",
    "FLAT",
    "LOST",
    "NO_DATA",
    "UNSETTLED",
    "fitted",
    "inverse_of",
    "settle",
    "weigh",
]

DONE, NO_DATA, FLAT, LOST, UNSETTLED = 0, 1, 2, 3, 4
"""How it ended: found; too few voxels with data; nothing to hold on to; beyond the largest
shift; no convergence."""

_MOST_ITERATIONS = 40
_SETTLED_VOXELS, _SETTLED_TURN = 1e-3, 2e-2


@numba.njit(cache=True, nogil=True, error_model="numpy")
def inverse_of(matrix: Any, inverse: Any) -> bool:
    """Invert a symmetric matrix by Gauss and Jordan; False where it is near singular."""
    n = len(matrix)
    scale = np.empty(n)
    for i in range(n):
        if not matrix[i, i] > 0:
            return False
        scale[i] = 1 / np.sqrt(matrix[i, i])
    work = np.zeros((n, 2 * n))
    for i in range(n):
        for j in range(n):
            work[i, j] = matrix[i, j] * scale[i] * scale[j]
        work[i, n + i] = 1
    for i in range(n):  # positive definite: no pivoting is needed
        pivot = work[i, i]
        if not pivot > 1e-7:
            return False
        work[i] /= pivot
        for j in range(n):
            if j != i:
                work[j] -= work[j, i] * work[i]
    for i in range(n):
        for j in range(n):
            inverse[i, j] = work[i, n + j] * scale[i] * scale[j]
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _products(columns: Any, weight: Any, products: Any) -> None:
    """Weighted sums of products of the columns."""
    k = columns.shape[1]
    products[:] = 0
    for i in range(len(columns)):
        for p in range(k):
            v = float(columns[i, p]) * weight[i]
            for q in range(p + 1):
                products[p, q] += v * columns[i, q]
    for p in range(k):
        for q in range(p):
            products[q, p] = products[p, q]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _onto(columns: Any, weight: Any, grey: Any, sums: Any) -> None:
    sums[:] = 0
    k = columns.shape[1]
    for i in range(len(columns)):
        if weight[i] == 0:
            continue
        m = grey[i] * weight[i]
        for p in range(k):
            sums[p] += m * columns[i, p]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fitted(columns: Any, fit: Any, i: int) -> float:
    """Grey level that the fit gives sample `i`: the sum of its columns times their factors."""
    value = 0.0
    for p in range(columns.shape[1]):
        value += fit[p] * columns[i, p]
    return value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def weigh(columns: Any, grey: Any, fit: Any, weight: Any, slope: Any) -> None:
    """Tukey's weights: what moves otherwise, as a neighbour does, counts little or not.

    `slope` receives how weight × residual changes with the residual.
    """
    left = np.empty(len(columns), np.float32)
    n = 0
    for i in range(len(columns)):
        if grey[i] == grey[i]:
            left[n] = abs(grey[i] - fitted(columns, fit, i))
            n += 1
    limit = 4.685 * 1.4826 * float(np.median(left[:n]))
    limit = max(limit, 0.05 * abs(fit[0]) * float(np.std(columns[:, 0])))  # without noise
    for i in range(len(columns)):
        if grey[i] == grey[i]:
            u = (grey[i] - fitted(columns, fit, i)) / limit
            weight[i] = (1 - u * u) ** 2 if abs(u) < 1 else 0.0
            slope[i] = (1 - u * u) * (1 - 5 * u * u) if abs(u) < 1 else 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _rotation(w: Any) -> Any:
    """Rodrigues' matrix of a rotation vector."""
    angle = np.sqrt(w[0] ** 2 + w[1] ** 2 + w[2] ** 2)
    if angle < 1e-12:
        return np.eye(3)
    u = w / angle
    cross = np.array([[0.0, -u[2], u[1]], [u[2], 0.0, -u[0]], [-u[1], u[0], 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.dot(cross, cross)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def settle(
    moving: Any, start: Any, search: Any, places: Any, columns: Any, centre: Any, spacing: Any,
    turns: bool, extent: int, shift: Any, turn: Any, weight: Any, grey: Any, fit: Any,
) -> tuple[int, int]:  # fmt: skip
    """Gauss-Newton until the shift settles; returns how it ended and the iterations.

    `shift` (voxels), `turn` (a rotation matrix), `weight`, `grey` and `fit` are changed.
    """
    k = columns.shape[1]
    axes = 2 if moving.shape[0] == 1 else 3
    products, inverse, sums = np.empty((k, k)), np.empty((k, k)), np.empty(k)
    turn_voxels = turn.copy()
    share = weight.copy()
    fresh = True
    for iteration in range(_MOST_ITERATIONS):
        for p in range(3):
            for q in range(3):
                turn_voxels[p, q] = turn[p, q] * spacing[q] / spacing[p]
        n = sample_all(moving, start, places, centre, shift, turn_voxels, turns, grey)
        if 2 * n < len(places):
            return NO_DATA, iteration
        if fresh or n < len(places):
            for i in range(len(places)):
                weight[i] = share[i] if grey[i] == grey[i] else 0.0
            _products(columns, weight, products)
            if not inverse_of(products, inverse):
                return FLAT, iteration
            fresh = n < len(places)
        _onto(columns, weight, grey, sums)
        fit[:] = np.dot(inverse, sums)
        if not abs(fit[0]) > 1e-12:
            return FLAT, iteration
        error, about = np.zeros(3), np.zeros(3)
        for p in range(axes):
            error[3 - axes + p] = fit[2 + p] / fit[0]
        for p in range(k - 3 - axes):
            about[p] = fit[2 + axes + p] / fit[0]
        size = np.sqrt((error**2).sum())
        angle = np.sqrt((about**2).sum())
        if size > 1:  # beyond a voxel the gradient says little
            error /= size
        if angle > 0.1:
            about *= 0.1 / angle
        shift -= np.dot(turn, error) / spacing
        if turns:
            turn[:] = np.dot(turn, _rotation(-about))
        if max(abs(shift[0]) - search[0], abs(shift[1]) - search[1], abs(shift[2]) - search[2]) > 1:
            return LOST, iteration
        # a voxel at the box's edge moves by so much more
        if size < _SETTLED_VOXELS and angle * extent < _SETTLED_TURN:
            return DONE, iteration
    return UNSETTLED, _MOST_ITERATIONS
