"""Averages over blocks of voxels that leave out what is no number."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["bin_mean", "smooth_axis"]


@numba.njit(cache=True, nogil=True)
def bin_mean(data: Any, fz: int, fy: int, fx: int, out: Any) -> None:
    """Write the mean of each block of fz × fy × fx voxels; NaN where half or more have none.

    Parameters
    ----------
    data : (z, y, x) float32 array
        Not finite where there is no data.
    fz, fy, fx : int
        Sides of a block.
    out : (z // fz, y // fy, x // fx) float32 array
        Receives the means.
    """
    nz, ny, nx = out.shape
    sums = np.empty(nx, np.float64)
    counts = np.empty(nx, np.int64)
    enough = fz * fy * fx / 2
    for z in range(nz):
        for y in range(ny):
            sums[:] = 0
            counts[:] = 0
            for dz in range(fz):
                for dy in range(fy):
                    row = data[z * fz + dz, y * fy + dy]
                    for x in range(nx):
                        for dx in range(fx):
                            value = row[x * fx + dx]
                            if np.isfinite(value):
                                sums[x] += value
                                counts[x] += 1
            for x in range(nx):
                out[z, y, x] = sums[x] / counts[x] if counts[x] > enough else np.nan


@numba.njit(cache=True, nogil=True)
def smooth_axis(data: Any, weight: float, out: Any) -> None:
    """Average along the middle axis with the weights (w, 1 − 2w, w), numbers only.

    Parameters
    ----------
    data, out : (k, n, m) float32 arrays
        NaN stays NaN; beyond the ends the outermost value goes on.
    weight : float
        Share of either neighbour.
    """
    outer, n, inner = data.shape
    for k in range(outer):
        for i in range(n):
            before, after = data[k, max(i - 1, 0)], data[k, min(i + 1, n - 1)]
            for j in range(inner):
                value = data[k, i, j]
                low = before[j] if np.isfinite(before[j]) else value
                high = after[j] if np.isfinite(after[j]) else value
                out[k, i, j] = (1 - 2 * weight) * value + weight * (low + high)
