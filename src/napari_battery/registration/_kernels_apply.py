"""Compiled loops that look up where a voxel of the fixed grid lies in the moving image."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from math import floor
from typing import Any

import numba
import numpy as np

__all__ = ["mark_inside", "sample_linear", "sample_nearest"]

_EDGE = 1e-6
"""Rounding allowed where the fixed grid ends exactly on a face of the moving one, in voxels."""
_SHARE = 1e-6


@numba.njit(nogil=True, cache=True)
def mark_inside(matrix: Any, offset: Any, limit: Any, inside: Any) -> None:
    """Mark voxels that lie in the moving image: up to half a voxel beyond its outer centres."""
    for i in range(inside.shape[0]):
        for j in range(inside.shape[1]):
            for k in range(inside.shape[2]):
                here = True
                for axis in range(3):
                    at = (
                        offset[axis]
                        + matrix[axis, 0] * i
                        + matrix[axis, 1] * j
                        + matrix[axis, 2] * k
                    )
                    here = here and -0.5 - _EDGE <= at <= limit[axis] - 0.5 + _EDGE
                inside[i, j, k] = here


@numba.njit(nogil=True, cache=True)
def sample_nearest(
    source: Any, low: Any, matrix: Any, offset: Any, limit: Any, out: Any, inside: Any
) -> None:
    """Take the nearest voxel (halves upward, as scipy does); `inside` as `mark_inside` left it."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                if not inside[i, j, k]:
                    continue
                z = offset[0] + matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 2] * k
                y = offset[1] + matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 2] * k
                x = offset[2] + matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 2] * k
                a = min(max(floor(z + 0.5), 0), limit[0] - 1) - low[0]
                b = min(max(floor(y + 0.5), 0), limit[1] - 1) - low[1]
                c = min(max(floor(x + 0.5), 0), limit[2] - 1) - low[2]
                out[i, j, k] = source[a, b, c]


@numba.njit(nogil=True, cache=True)
def sample_linear(
    source: Any, low: Any, matrix: Any, offset: Any, limit: Any, out: Any, inside: Any
) -> None:
    """Interpolate between the eight voxels around; the outermost ones go on for half a voxel.

    Where one of them that counts is not finite there is no data: `inside` is taken back.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                if not inside[i, j, k]:
                    continue
                z = offset[0] + matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 2] * k
                y = offset[1] + matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 2] * k
                x = offset[2] + matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 2] * k
                z = min(max(z, 0.0), limit[0] - 1.0)
                y = min(max(y, 0.0), limit[1] - 1.0)
                x = min(max(x, 0.0), limit[2] - 1.0)
                a, b, c = int(z), int(y), int(x)
                w, v, u = z - a, y - b, x - c
                a2 = min(a + 1, limit[0] - 1) - low[0]
                b2 = min(b + 1, limit[1] - 1) - low[1]
                c2 = min(c + 1, limit[2] - 1) - low[2]
                a, b, c = a - low[0], b - low[1], c - low[2]
                value = (1 - w) * (
                    (1 - v) * ((1 - u) * source[a, b, c] + u * source[a, b, c2])
                    + v * ((1 - u) * source[a, b2, c] + u * source[a, b2, c2])
                ) + w * (
                    (1 - v) * ((1 - u) * source[a2, b, c] + u * source[a2, b, c2])
                    + v * ((1 - u) * source[a2, b2, c] + u * source[a2, b2, c2])
                )
                if np.isfinite(value):
                    out[i, j, k] = value
                    continue
                # 0 × NaN is NaN: only voxels that have a share count
                value, lost = 0.0, False
                for corner in range(8):
                    p, q, r = corner >> 2, (corner >> 1) & 1, corner & 1
                    share = (w if p else 1 - w) * (v if q else 1 - v) * (u if r else 1 - u)
                    level = source[a2 if p else a, b2 if q else b, c2 if r else c]
                    if share <= _SHARE:
                        continue
                    if np.isfinite(level):
                        value += share * level
                    else:
                        lost = True
                if lost:
                    inside[i, j, k] = False
                else:
                    out[i, j, k] = value
