"""Look up the moving image where a particle's voxels may be now."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["best_start", "sample", "sample_all"]

_SEARCH_POINTS = 1000


@numba.njit(cache=True, nogil=True, error_model="numpy")
def best_start(moving: Any, start: Any, places: Any, columns: Any, search: Any, best: Any) -> None:
    """Even shift (voxels) at which some of the voxels correlate best; the shortest of equals."""
    nz, ny, nx = moving.shape
    stride = max(1, len(places) // _SEARCH_POINTS)
    highest = -2.0
    best[:] = 0
    reach = search // 2 * 2
    for dz in range(-reach[0], reach[0] + 1, 2):
        for dy in range(-reach[1], reach[1] + 1, 2):
            for dx in range(-reach[2], reach[2] + 1, 2):
                n = 0
                sf, sm, sff, smm, sfm = 0.0, 0.0, 0.0, 0.0, 0.0
                for i in range(0, len(places), stride):
                    z = int(places[i, 0]) + start[0] + dz
                    y = int(places[i, 1]) + start[1] + dy
                    x = int(places[i, 2]) + start[2] + dx
                    if z < 0 or y < 0 or x < 0 or z >= nz or y >= ny or x >= nx:
                        continue
                    m = moving[z, y, x]
                    if m != m:
                        continue
                    f = columns[i, 0]
                    n += 1
                    sf += f
                    sm += m
                    sff += f * f
                    smm += m * m
                    sfm += f * m
                if 2 * n * stride < len(places):
                    continue
                spread = (sff - sf * sf / n) * (smm - sm * sm / n)
                if not spread > 0:
                    continue
                score = (sfm - sf * sm / n) / np.sqrt(spread)
                score -= 1e-6 * (dz * dz + dy * dy + dx * dx)
                if score > highest:
                    highest = score
                    best[0], best[1], best[2] = dz, dy, dx


@numba.njit(cache=True, nogil=True, error_model="numpy")
def sample(moving: Any, z: float, y: float, x: float) -> float:
    """Linear interpolation; NaN where any of the voxels used is missing."""
    nz, ny, nx = moving.shape
    k, j, i = int(np.floor(z)), int(np.floor(y)), int(np.floor(x))
    if k < 0 or j < 0 or i < 0 or j + 1 >= ny or i + 1 >= nx:
        return np.nan
    a, b, c = z - k, y - j, x - i
    k1 = k if nz == 1 else k + 1
    if k1 >= nz:
        return np.nan
    low = (1 - b) * ((1 - c) * moving[k, j, i] + c * moving[k, j, i + 1]) + b * (
        (1 - c) * moving[k, j + 1, i] + c * moving[k, j + 1, i + 1]
    )
    if k1 == k:
        return float(low)
    high = (1 - b) * ((1 - c) * moving[k1, j, i] + c * moving[k1, j, i + 1]) + b * (
        (1 - c) * moving[k1, j + 1, i] + c * moving[k1, j + 1, i + 1]
    )
    return float((1 - a) * low + a * high)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def sample_all(
    moving: Any, start: Any, places: Any, centre: Any, shift: Any, turn: Any, turns: bool, out: Any
) -> int:
    """Grey levels of the moving image where the points lie now; returns how many have one.

    `turn` (3 × 3) and `shift` are in voxels of the fixed grid.
    """
    n = 0
    for i in range(len(places)):
        z, y, x = places[i, 0], places[i, 1], places[i, 2]
        if turns:
            r0, r1, r2 = z - centre[0], y - centre[1], x - centre[2]
            z = centre[0] + turn[0, 0] * r0 + turn[0, 1] * r1 + turn[0, 2] * r2
            y = centre[1] + turn[1, 0] * r0 + turn[1, 1] * r1 + turn[1, 2] * r2
            x = centre[2] + turn[2, 0] * r0 + turn[2, 1] * r1 + turn[2, 2] * r2
        m = sample(moving, z + start[0] + shift[0], y + start[1] + shift[1],
                    x + start[2] + shift[2])  # fmt: skip
        out[i] = m
        n += m == m
    return n
