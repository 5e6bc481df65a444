"""Means of similar voxels, shift by shift over a block: non-local means and bilateral.

Written so that compilers vectorise it: a slice with its margin is one long row, in which
a shift is a number of places; what is computed across the ends of true rows falls into the
margin and is dropped. Sums are taken in an order that depends on a voxel's neighbours only,
not on where its block begins, so that blocks meet without a seam, to the last bit.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["nonlocal_means"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _differences(here: Any, there: Any, gaps: bool, square: Any, valid: Any) -> None:
    """Squared differences; 0, and not valid, where either has no value."""
    for i in range(len(here)):
        difference = here[i] - there[i]
        square[i] = difference * difference
    if gaps:
        for i in range(len(here)):
            ok = square[i] == square[i]
            valid[i] = ok
            square[i] = square[i] if ok else square.dtype.type(0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _windowed_sum(values: Any, step: int, n: int, result: Any) -> None:
    """Sums of n values that lie `step` places apart."""
    for i in range(len(result)):
        result[i] = values[i]
    for k in range(1, n):
        others = values[k * step :]
        for i in range(len(result)):
            result[i] += others[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sum_planes(planes: Any, first: int, n: int, result: Any) -> None:
    """Sum of the ring's planes, from the oldest to the newest."""
    for k in range(len(planes)):
        plane = planes[(first + k) % len(planes)]
        for i in range(n):
            result[i] = plane[i] if k == 0 else result[i] + plane[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _weights(
    distance: Any, counted: Any, gaps: bool, numbers: Any, share: Any, weight: Any
) -> None:
    """Share · exp(-u) of u = max(mean squared difference − 2σ², 0) / h², and 0 above the cut-off.

    (Taylor's series at u / 16)¹⁶, to 1e-6: unlike the library's exponential it vectorises.
    """
    per_voxel, twice_variance, per_h2, cut, zero, one, c1, c2, c3, c4, c5, c6 = numbers
    if gaps:
        voxels = one / per_voxel
        for i in range(len(distance)):
            scale = voxels / counted[i]  # exactly 1 where nothing is missing
            distance[i] = distance[i] * scale if counted[i] > zero else one / zero
    for i in range(len(weight)):
        u = (distance[i] * per_voxel - twice_variance) * per_h2
        u = u if u > zero else zero
        e = one - u * (c1 - u * (c2 - u * (c3 - u * (c4 - u * (c5 - u * c6)))))
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        weight[i] = share * e if u < cut else zero


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add(total: Any, weights: Any, weight: Any, grey: Any, gaps: bool) -> None:
    """Add weighted grey levels, and the weights, to the sums."""
    if gaps:
        for i in range(len(total)):
            ok = grey[i] == grey[i]
            total[i] += weight[i] * grey[i] if ok else total.dtype.type(0)
            weights[i] += weight[i] if ok else total.dtype.type(0)
    else:
        for i in range(len(total)):
            total[i] += weight[i] * grey[i]
            weights[i] += weight[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def nonlocal_means(
    grey: Any, wide: int, patch: Any, search: Any, near: Any, numbers: Any, gaps: bool,
    total: Any, weights: Any,
) -> None:  # fmt: skip
    """Sum up similar voxels and their weights.

    Parameters
    ----------
    grey : (z, y · x) float array
        With a margin of patch + search on every side.
    wide : int
        Voxels per row, margin included.
    patch, search : tuple of int
        How far patches and the search for them reach, per axis.
    near : (z, y, x) float array
        Further weight of each shift from -search to +search, the same for opposite ones.
    numbers : tuple of float
        Of the type of `grey`: 1 / voxels per patch, 2σ², 1 / h², cut-off, 0, 1, and
        1 / (k! 16ᵏ) for k = 1 … 6.
    gaps : bool
        Whether there are NaN, which then have no part in anything.
    total, weights : (z, y · x) float array
        Without the margin in z, with it in y and x, where they receive nothing of use. Both
        hold the voxel itself (weight 1; 0 where it is missing) at first.
    """
    pz, py, px = patch
    sz, sy, sx = search
    hz, n = pz + sz, grey.shape[1]
    depth = 2 * pz + 1
    # from the first voxel without margin to the one after the last
    first = (py + sy) * wide + px + sx
    last = n - first
    squares, columns = np.empty(n, grey.dtype), np.empty(n, grey.dtype)
    planes = np.empty((depth, n), grey.dtype)
    distance, weight = np.empty(n, grey.dtype), np.empty(n, grey.dtype)
    valid = np.empty(n if gaps else 0, grey.dtype)
    counts = np.empty((depth, n if gaps else 0), grey.dtype)
    counted = np.empty(n if gaps else 0, grey.dtype)
    for tz in range(sz + 1):
        for ty in range(-sy, sy + 1):
            for tx in range(-sx, sx + 1):
                shift = ty * wide + tx
                # each pair once: shifts that point forwards
                if tz == 0 and (ty < 0 or (ty == 0 and tx <= 0)):
                    continue
                share = near[tz + sz, ty + sy, tx + sx]
                if share == 0:
                    continue
                # weights of the pairs (i, i + shift) of which one may lie inside
                start, stop = first - max(shift, 0), last + max(-shift, 0)
                reach = py * wide + px
                size, grown = stop - start, stop - start + 2 * reach
                for z in range(hz - tz - pz, hz + len(total) + pz):
                    _differences(
                        grey[z, start - reach : stop + reach],
                        grey[z + tz, start - reach + shift : stop + reach + shift],
                        gaps,
                        squares,
                        valid,
                    )
                    slot = z % depth
                    column = columns[: size + 2 * px]
                    _windowed_sum(squares[:grown], wide, 2 * py + 1, column)
                    _windowed_sum(column, 1, 2 * px + 1, planes[slot, :size])
                    if gaps:
                        _windowed_sum(valid[:grown], wide, 2 * py + 1, column)
                        _windowed_sum(column, 1, 2 * px + 1, counts[slot, :size])
                    middle = z - pz
                    if middle < hz - tz:
                        continue
                    _sum_planes(planes, slot + 1, size, distance)
                    if gaps:
                        _sum_planes(counts, slot + 1, size, counted)
                    _weights(distance[:size], counted[:size], gaps, numbers, share, weight[:size])
                    inside = last - first
                    if middle >= hz:
                        at = first - start
                        _add(
                            total[middle - hz, first:last],
                            weights[middle - hz, first:last],
                            weight[at : at + inside],
                            grey[middle + tz, first + shift : last + shift],
                            gaps,
                        )
                    if middle + tz < hz + len(total):
                        at = first - shift - start
                        _add(
                            total[middle + tz - hz, first:last],
                            weights[middle + tz - hz, first:last],
                            weight[at : at + inside],
                            grey[middle, first - shift : last - shift],
                            gaps,
                        )
