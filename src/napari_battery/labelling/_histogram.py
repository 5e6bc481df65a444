"""Counting grey levels, without Python's lock and without a copy of the image."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["count_bins", "count_levels", "extremes"]


@numba.njit(cache=True, nogil=True)
def count_levels(part: Any, inside: Any, low: int, counts: Any) -> None:
    """Add the voxels of each integer from `low` on to `counts`.

    Parameters
    ----------
    part : (n,) integer array
        Grey levels.
    inside : (n,) or (0,) bool array
        Where they count; of length 0: everywhere.
    low : int
        Level of ``counts[0]``.
    counts : (m,) int64 array
        Receives the counts.
    """
    everywhere = len(inside) == 0
    for i in range(len(part)):
        if everywhere or inside[i]:
            counts[np.int64(part[i]) - low] += 1


@numba.njit(cache=True, nogil=True)
def count_bins(part: Any, inside: Any, low: float, per_value: float, counts: Any) -> None:
    """Add the finite voxels of each bin of width ``1 / per_value`` to `counts`."""
    everywhere = len(inside) == 0
    last = len(counts) - 1
    for i in range(len(part)):
        value = np.float64(part[i])
        if np.isfinite(value) and (everywhere or inside[i]):
            # the largest value belongs to the last bin, as in numpy.histogram; below the first
            # comes what is no number, where the range is beyond floating point
            counts[min(max(np.int64((value - low) * per_value), 0), last)] += 1


@numba.njit(cache=True, nogil=True)
def extremes(part: Any, inside: Any) -> tuple[float, float]:
    """Smallest and largest finite value; (inf, -inf) where there is none."""
    everywhere = len(inside) == 0
    low, high = np.inf, -np.inf
    for i in range(len(part)):
        value = np.float64(part[i])
        if np.isfinite(value) and (everywhere or inside[i]):
            low = min(low, value)
            high = max(high, value)
    return low, high


@numba.njit(cache=True, nogil=True)
def best_cuts(weights: Any, sums: Any, n_classes: int) -> Any:
    """Cut levels into classes so that the sum of weight × mean² is largest.

    Parameters
    ----------
    weights, sums : (n + 1,) float64 array
        Of the levels before each: share of voxels, and of share × level.
    n_classes : int
        2 … n.

    Returns
    -------
    (n_classes - 1,) int64 array
        First level of each class but the first.
    """
    n = len(weights) - 1
    best = np.empty(n + 1)
    best[0] = -np.inf
    for j in range(1, n + 1):
        best[j] = sums[j] ** 2 / weights[j]
    cut = np.zeros((n_classes, n + 1), np.int64)
    stack = np.empty((128, 4), np.int64)
    for k in range(1, n_classes):
        better = np.full(n + 1, -np.inf)
        # ranges still to do: ends j0 … j1, whose cuts lie in i0 … i1
        stack[0] = (k + 1, n, k, n - 1)
        top = 1
        while top > 0:
            top -= 1
            j0, j1, i0, i1 = stack[top]
            if j0 > j1:
                continue
            j = (j0 + j1) // 2
            at = i0
            for i in range(i0, min(i1, j - 1) + 1):
                value = best[i] + (sums[j] - sums[i]) ** 2 / (weights[j] - weights[i])
                if value > better[j]:
                    better[j] = value
                    at = i
            cut[k, j] = at
            stack[top] = (j0, j - 1, i0, at)
            stack[top + 1] = (j + 1, j1, at, i1)
            top += 2
        best = better
    cuts = np.empty(n_classes - 1, np.int64)
    end = n
    for k in range(n_classes - 1, 0, -1):
        end = cut[k, end]
        cuts[k - 1] = end
    return cuts


@numba.njit(cache=True, nogil=True)
def count_pairs(
    values: Any, others: Any, inside: Any, low: float, per_value: float, totals: Any
) -> None:
    """Count values in bins, and per bin sum up the others that belong to them.

    Parameters
    ----------
    values, others : (n,) float array
        What is binned (NaN: left out), and what is summed up.
    inside : (n,) or (0,) bool array
        Where they count; of length 0: everywhere.
    low, per_value : float
        Lower edge of the first bin, and bins per unit; values beyond fall into the end bins.
    totals : (3, m) float64 array
        Receives number, sum and sum of squares.
    """
    everywhere = len(inside) == 0
    last = totals.shape[1] - 1
    for i in range(len(values)):
        value = np.float64(values[i])
        if np.isfinite(value) and (everywhere or inside[i]):
            k = min(max(np.int64((value - low) * per_value), 0), last)
            other = np.float64(others[i])
            totals[0, k] += 1
            totals[1, k] += other
            totals[2, k] += other * other
