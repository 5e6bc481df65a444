"""Compiled loop of the cubic interpolation at places that lie on no grid of the image's axes."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

__all__ = ["sample_cubic"]


@numba.njit(cache=True, nogil=True)
def _taps(place: float, n: int, index: Any, weight: Any) -> None:
    base = math.floor(place)
    t = place - base
    weight[0] = ((-0.5 * t + 1) * t - 0.5) * t
    weight[1] = (1.5 * t - 2.5) * t * t + 1
    weight[2] = ((-1.5 * t + 2) * t + 0.5) * t
    weight[3] = (0.5 * t - 0.5) * t * t
    for k in range(4):
        i = (base - 1 + k) % (2 * n)
        index[k] = i if i < n else 2 * n - 1 - i
    for k in (0, 2, 3):
        if weight[k] == 0:  # what is no number there takes no part
            index[k] = index[1]


@numba.njit(cache=True, nogil=True)
def sample_cubic(source: Any, matrix: Any, z0: int, out: Any, valid: Any) -> None:
    """Interpolate an image (Keys, a = −1/2, mirrored at its faces) at the voxels of another grid.

    Parameters
    ----------
    source : (z, y, x) float32 array
    matrix : (3, 4) float64 array
        From indices of the grid to those of the image.
    z0 : int
        First slice of `out` in the grid.
    out : (z, y, x) float32 array
        Receives the grey levels; 0 where there is none.
    valid : (z, y, x) boolean array
        Receives whether the place lies in the image and only finite voxels have a share.
    """
    nz, ny, nx = source.shape
    iz, iy, ix = np.empty(4, np.int64), np.empty(4, np.int64), np.empty(4, np.int64)
    wz, wy, wx = np.empty(4), np.empty(4), np.empty(4)
    edge = 0.5 + 1e-6
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                pz = matrix[0, 0] * (z + z0) + matrix[0, 1] * y + matrix[0, 2] * x + matrix[0, 3]
                py = matrix[1, 0] * (z + z0) + matrix[1, 1] * y + matrix[1, 2] * x + matrix[1, 3]
                px = matrix[2, 0] * (z + z0) + matrix[2, 1] * y + matrix[2, 2] * x + matrix[2, 3]
                out[z, y, x] = 0
                valid[z, y, x] = False
                if not (-edge <= pz <= nz - 1 + edge and -edge <= py <= ny - 1 + edge):
                    continue
                if not -edge <= px <= nx - 1 + edge:
                    continue
                _taps(pz, nz, iz, wz)
                _taps(py, ny, iy, wy)
                _taps(px, nx, ix, wx)
                total = 0.0
                for a in range(4):
                    plane = 0.0
                    for b in range(4):
                        row = source[iz[a], iy[b]]
                        line = 0.0
                        for c in range(4):
                            line += wx[c] * row[ix[c]]
                        plane += wy[b] * line
                    total += wz[a] * plane
                if math.isfinite(total):
                    out[z, y, x] = total
                    valid[z, y, x] = True
