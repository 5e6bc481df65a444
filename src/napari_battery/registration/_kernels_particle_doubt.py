"""How uncertain a particle's shift is, from what its fit left over."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

from napari_battery.registration._kernels_particle_fit import fitted
from napari_battery.registration._kernels_particle_sampling import sample

__all__ = ["response_to", "scatter"]

_CLUSTER = 6
"""Voxels whose noise is taken to belong together; smoothed noise reaches over three."""
_RESPONSE_POINTS = 5000
_JOINED = 1.0
"""Voxels over which smoothed noise is correlated: the mean distance, along an axis, by its
autocorrelation. White noise: 0.75; where reconstruction has joined neighbours by a quarter: 1.03.
The sandwich counts correlation within clusters; this makes up for that across their faces."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def scatter(places: Any, columns: Any, weight: Any, grey: Any, fit: Any, shape: Any) -> Any:
    """Sum over clusters of voxels of the square of what each adds to the normal equations.

    Noise is correlated, so voxels count by the cluster (White's sandwich, Econometrica 48,
    1980, with clusters).
    """
    k = columns.shape[1]
    ny, nx = shape[1] // _CLUSTER + 1, shape[2] // _CLUSTER + 1
    nz = shape[0] // _CLUSTER + 1
    sums = np.zeros((nz * ny * nx, k))
    filled = np.zeros(nz * ny * nx, np.uint8)
    for i in range(len(places)):
        if weight[i] == 0:
            continue
        left = (grey[i] - fitted(columns, fit, i)) * weight[i]
        c = (int(places[i, 0]) // _CLUSTER * ny + int(places[i, 1]) // _CLUSTER) * nx
        c += int(places[i, 2]) // _CLUSTER
        filled[c] = 1
        for p in range(k):
            sums[c, p] += left * columns[i, p]
    n = filled.sum()
    axes = 2 if shape[0] == 1 else 3
    across = (1 - _JOINED / _CLUSTER) ** axes
    return np.dot(sums.T, sums) * n / max(n - 1, 1) / across


@numba.njit(cache=True, nogil=True, error_model="numpy")
def response_to(
    moving: Any, start: Any, places: Any, columns: Any, slope: Any, centre: Any, spacing: Any,
    shift: Any, turn: Any, turns: bool, gain: float,
) -> Any:  # fmt: skip
    """How the sums of `_onto` change with the parameters, by the moving image's gradient.

    The fixed image's own gradient would not do: its noise adds to the sums of its squares
    and makes the result look more certain than it is; noise of the two images is independent.
    Of many voxels some tell it well enough.
    """
    k = columns.shape[1]
    flat = moving.shape[0] == 1
    response = np.zeros((k, k))
    row = np.empty(k)
    at, g = np.empty(3), np.zeros(3)
    stride = max(1, len(places) // _RESPONSE_POINTS)
    for i in range(0, len(places), stride):
        if slope[i] == 0:
            continue
        r0 = (places[i, 0] - centre[0]) * spacing[0]
        r1 = (places[i, 1] - centre[1]) * spacing[1]
        r2 = (places[i, 2] - centre[2]) * spacing[2]
        for p in range(3):
            turned = turn[p, 0] * r0 + turn[p, 1] * r1 + turn[p, 2] * r2
            at[p] = centre[p] + turned / spacing[p] + shift[p] + start[p]
        for p in range(1 if flat else 0, 3):
            at[p] += 0.5
            high = sample(moving, at[0], at[1], at[2])
            at[p] -= 1.0
            g[p] = (high - sample(moving, at[0], at[1], at[2])) / (spacing[p] * gain)
            at[p] += 0.5
        if g[0] + g[1] + g[2] != g[0] + g[1] + g[2]:
            continue
        g0 = turn[0, 0] * g[0] + turn[1, 0] * g[1] + turn[2, 0] * g[2]
        g1 = turn[0, 1] * g[0] + turn[1, 1] * g[1] + turn[2, 1] * g[2]
        g2 = turn[0, 2] * g[0] + turn[1, 2] * g[1] + turn[2, 2] * g[2]
        row[0], row[1], row[k - 1] = columns[i, 0], 1, columns[i, k - 1]
        if flat:
            row[2], row[3] = g1, g2
            if turns:
                row[4] = r1 * g2 - r2 * g1
        else:
            row[2], row[3], row[4] = g0, g1, g2
            if turns:
                row[5] = r1 * g2 - r2 * g1
                row[6] = r2 * g0 - r0 * g2
                row[7] = r0 * g1 - r1 * g0
        for p in range(k):
            for q in range(k):
                response[p, q] += slope[i] * columns[i, p] * row[q]
    return response * (len(places) / ((len(places) - 1) // stride + 1))
