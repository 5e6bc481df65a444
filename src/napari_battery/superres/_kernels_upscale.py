"""Compiled loops of the interpolation: each number is the same sum wherever a block begins."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba

__all__ = ["blend_rows", "gather_columns"]


@numba.njit(nogil=True, cache=True)
def gather_columns(source: Any, index: Any, weight: Any, out: Any) -> None:
    """``out[i, k] = Σ weight[k, t] · source[i, index[k, t]]`` over 4 taps, in their order."""
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[i, k] = (
                weight[k, 0] * source[i, index[k, 0]]
                + weight[k, 1] * source[i, index[k, 1]]
                + weight[k, 2] * source[i, index[k, 2]]
                + weight[k, 3] * source[i, index[k, 3]]
            )


@numba.njit(nogil=True, cache=True)
def blend_rows(source: Any, index: Any, weight: Any, out: Any) -> None:
    """``out[a, j] = Σ weight[j, t] · source[a, index[j, t]]`` over 4 taps, whole rows at once."""
    for a in range(out.shape[0]):
        for j in range(out.shape[1]):
            w0, w1, w2, w3 = weight[j, 0], weight[j, 1], weight[j, 2], weight[j, 3]
            s0 = source[a, index[j, 0]]
            s1 = source[a, index[j, 1]]
            s2 = source[a, index[j, 2]]
            s3 = source[a, index[j, 3]]
            row = out[a, j]
            for k in range(out.shape[2]):
                row[k] = w0 * s0[k] + w1 * s1[k] + w2 * s2[k] + w3 * s3[k]
