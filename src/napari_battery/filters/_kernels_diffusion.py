"""One time step of two iterative filters: anisotropic diffusion and total variation.

As in `_kernels_nonlocal`, a slice with its margin is one long row. What is computed across
the ends of true rows is wrong by one more voxel with each step; the margin holds as many.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["diffuse", "project_dual", "subtract_divergence"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _exchange(
    here: Any, before: Any, after: Any, per_edge2: Any, share: Any, zero: Any, one: Any, change: Any
) -> None:
    """Add what flows in from both neighbours along one axis; nothing from missing ones."""
    for i in range(len(here)):
        low, high = before[i] - here[i], after[i] - here[i]
        low = low if low == low else zero
        high = high if high == high else zero
        inflow = low / (one + low * low * per_edge2) + high / (one + high * high * per_edge2)
        change[i] += share * inflow


@numba.njit(cache=True, nogil=True, error_model="numpy")
def diffuse(
    grey: Any, wide: int, three_d: bool, per_edge2: Any, share: Any, change: Any, done: Any
) -> None:
    """One explicit step of Perona and Malik's diffusion, conductance 1 / (1 + (d / K)²).

    Parameters
    ----------
    grey : (z, y · x) float array
        NaN where missing. Outermost slices (in 3-D) and rows are not computed.
    wide : int
        Voxels per row.
    three_d : bool
        Whether slices exchange, too.
    per_edge2, share : tuple of float
        Per axis: 1 / (K · voxel edge)², and the time step over the squared voxel edge.
    change : (y · x) float array
        Room to work in.
    done : (z, y · x) float array
        Receives the result.
    """
    zero, one = grey.dtype.type(0), grey.dtype.type(1)
    n = grey.shape[1]
    inside = change[wide : n - wide]
    margin = 1 if three_d else 0
    for z in range(margin, len(grey) - margin):
        plane = grey[z]
        here = plane[wide : n - wide]
        for i in range(len(inside)):
            inside[i] = zero
        if three_d:
            _exchange(
                here, grey[z - 1, wide : n - wide], grey[z + 1, wide : n - wide],
                per_edge2[0], share[0], zero, one, inside,
            )  # fmt: skip
        _exchange(
            here, plane[: n - 2 * wide], plane[2 * wide :],
            per_edge2[1], share[1], zero, one, inside,
        )  # fmt: skip
        _exchange(
            here, plane[wide - 1 : n - wide - 1], plane[wide + 1 : n - wide + 1],
            per_edge2[2], share[2], zero, one, inside,
        )  # fmt: skip
        result = done[z, wide : n - wide]
        for i in range(len(inside)):
            result[i] = here[i] + inside[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _minus_divergence(dual: Any, before: Any, per_edge: Any, result: Any) -> None:
    for i in range(len(result)):
        result[i] += (before[i] - dual[i]) * per_edge


@numba.njit(cache=True, nogil=True, error_model="numpy")
def subtract_divergence(
    grey: Any, dual: Any, wide: int, three_d: bool, per_edge: Any, done: Any
) -> None:
    """``done = grey − div dual``, backward differences; all (z, y · x), dual (3, z, y · x)."""
    n = grey.shape[1]
    for z in range(1 if three_d else 0, len(grey)):
        result, here = done[z, wide:], grey[z, wide:]
        for i in range(len(result)):
            result[i] = here[i]
        if three_d:
            _minus_divergence(dual[0, z, wide:], dual[0, z - 1, wide:], per_edge[0], result)
        _minus_divergence(dual[1, z, wide:], dual[1, z, : n - wide], per_edge[1], result)
        _minus_divergence(dual[2, z, wide:], dual[2, z, wide - 1 : n - 1], per_edge[2], result)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _slope(here: Any, after: Any, per_edge: Any, zero: Any, slope: Any) -> None:
    for i in range(len(slope)):
        difference = (after[i] - here[i]) * per_edge
        slope[i] = difference if difference == difference else zero


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _ascend(dual: Any, slope: Any, scale: Any, step: Any) -> None:
    for i in range(len(slope)):
        dual[i] = (dual[i] - step * slope[i]) / scale[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def project_dual(
    done: Any, wide: int, three_d: bool, per_edge: Any, step: Any, per_weight: Any,
    slopes: Any, scale: Any, dual: Any,
) -> None:  # fmt: skip
    """One step of Chambolle's projection: ``dual = (dual − τ g) / (1 + τ |g| / weight)``.

    Parameters
    ----------
    done : (z, y · x) float array
        Present result; its forward differences are g, 0 where one of the two is missing.
    wide : int
        Voxels per row.
    three_d : bool
        Whether there are slices beside each other.
    per_edge : tuple of float
        1 / voxel edge per axis.
    step, per_weight : float
        τ, and τ over the weight of the total variation.
    slopes : (3, y · x) float array
        Room to work in.
    scale : (y · x) float array
        Room to work in.
    dual : (3, z, y · x) float array
        Changed in place.
    """
    zero, one = done.dtype.type(0), done.dtype.type(1)
    slopes[0, :] = zero
    n = done.shape[1]
    size = n - wide
    for z in range(len(done) - (1 if three_d else 0)):
        here = done[z, :size]
        if three_d:
            _slope(here, done[z + 1, :size], per_edge[0], zero, slopes[0, :size])
        _slope(here, done[z, wide:], per_edge[1], zero, slopes[1, :size])
        _slope(here, done[z, 1 : size + 1], per_edge[2], zero, slopes[2, :size])
        gz, gy, gx = slopes[0], slopes[1], slopes[2]
        for i in range(size):
            length2 = gz[i] * gz[i] + gy[i] * gy[i] + gx[i] * gx[i]
            scale[i] = one + per_weight * np.sqrt(length2)
        for axis in range(0 if three_d else 1, 3):
            _ascend(dual[axis, z, :size], slopes[axis, :size], scale[:size], step)
