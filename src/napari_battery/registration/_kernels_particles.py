"""Register one particle's box between two states."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

from napari_battery.registration._kernels_particle_doubt import response_to, scatter
from napari_battery.registration._kernels_particle_fit import (
    DONE,
    FLAT,
    NO_DATA,
    UNSETTLED,
    inverse_of,
    settle,
    weigh,
)
from napari_battery.registration._kernels_particle_neighbours import neighbours_pull
from napari_battery.registration._kernels_particle_points import mask_points, smooth
from napari_battery.registration._kernels_particle_sampling import best_start

__all__ = ["N_FOUND", "register_box"]

N_FOUND = 16
"""Numbers per particle: how it ended, shift (3), its standard deviation's square as the upper
triangle of a matrix (6), correlation, share of the mask with data, gain, iterations, points,
growth of lengths."""

_REWEIGHTED = 2


@numba.njit(cache=True, nogil=True, error_model="numpy")
def register_box(
    fixed: Any,
    moving: Any,
    mask: Any,
    start: Any,
    search: Any,
    spacing: Any,
    centre: Any,
    turns: bool,
    labels: Any,
    own: int,
    found: Any,
    turned: Any,
    numbers: Any,
    pulls: Any,
) -> int:
    """Find where a particle of the fixed image went in the moving one.

    Parameters
    ----------
    fixed, moving : (z, y, x) float32 arrays
        Boxes on one grid; NaN where there is no data.
    mask : (z, y, x) uint8 array
        Which voxels of the fixed box count.
    start : (3,) int64
        Index in the moving box of the fixed box's first voxel.
    search : (3,) int64
        Largest shift, in voxels.
    spacing : (3,) float64
        Voxel edges, in units of the shortest.
    centre : (3,) float64
        What turns are about, an index in the fixed box.
    turns : bool
        Whether to find a turn, too.
    labels : (z, y, x) int64 array
        All particles in the fixed box.
    own : int
        This one's label.
    found : (N_FOUND,) float64
        Receives what `N_FOUND` lists, shift in units of the shortest edge.
    turned : (9,) float64
        Receives the rotation vector (radians; z, y, x) and its covariance's upper triangle.
    numbers, pulls
        Receive the neighbours and their pull at the shift, see `neighbours_pull`.

    Returns
    -------
    int
        Number of neighbours.
    """
    found[:] = np.nan
    turned[:] = np.nan
    places, columns, n_mask = mask_points(smooth(fixed), mask, spacing, centre, turns)
    found[14] = len(places)
    found[11] = 0.0
    k = columns.shape[1]
    if len(places) < 8 * k or 2 * len(places) < n_mask:
        found[0] = NO_DATA
        return 0
    soft = smooth(moving)
    if _is_constant(soft):
        found[0] = FLAT
        return 0
    shift, turn, fit = np.zeros(3), np.eye(3), np.zeros(k)
    best_start(soft, start, places, columns, search, shift)
    grey = np.empty(len(places), np.float32)
    weight = np.ones(len(places), np.float32)
    slope = np.ones(len(places), np.float32)
    extent = max(fixed.shape)
    found[13] = 0
    for again in range(1 + _REWEIGHTED):
        ended, iterations = settle(
            soft, start, search, places, columns, centre, spacing, turns, extent,
            shift, turn, weight, grey, fit,
        )  # fmt: skip
        found[0] = ended
        found[13] += iterations + 1
        if ended != DONE:
            return 0
        if again < _REWEIGHTED:
            weigh(columns, grey, fit, weight, slope)
    response = response_to(
        soft, start, places, columns, slope, centre, spacing, shift, turn, turns, fit[0]
    )
    inverse = np.empty((k, k))
    if not inverse_of(response, inverse):
        found[0] = UNSETTLED
        return 0
    meat = scatter(places, columns, weight, grey, fit, fixed.shape)
    variance = np.dot(np.dot(inverse, meat), inverse.T) / fit[0] ** 2
    _report(variance, columns, grey, fit, n_mask, fixed.shape[0] == 1, found, turned)
    found[1:4] = shift * spacing
    if turns:
        turned[:3] = _turn_vector(turn)
    found[15] = -fit[k - 1] / fit[0]
    axes = 2 if fixed.shape[0] == 1 else 3
    influence = np.zeros((3, k))
    influence[3 - axes :] = inverse[2 : 2 + axes]
    n: int = neighbours_pull(
        labels, own, places, columns, slope, influence, spacing, numbers, pulls
    )
    return n


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _is_constant(box: Any) -> bool:
    """Whether there is nothing but a grey level and its rounding; False without any data."""
    low, high = np.inf, -np.inf
    for value in box.reshape(-1):
        if value == value:
            low, high = min(low, value), max(high, value)
    return low <= high and high - low <= 1e-5 * max(abs(low), abs(high))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _turn_vector(turn: Any) -> Any:
    """Rotation vector of a rotation matrix, for turns of less than half a circle."""
    vector = 0.5 * np.array(
        [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]
    )
    sine = np.sqrt((vector**2).sum())
    if sine < 1e-12:
        return vector
    cosine = 0.5 * (turn[0, 0] + turn[1, 1] + turn[2, 2] - 1)
    return vector * (np.arctan2(sine, cosine) / sine)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _report(
    variance: Any, columns: Any, grey: Any, fit: Any, n_mask: int, flat: bool,
    found: Any, turned: Any,
) -> None:  # fmt: skip
    """Write down uncertainty, correlation, overlap and gain."""
    axes = 2 if flat else 3
    k = columns.shape[1]
    at = 0
    for p in range(3):
        for q in range(p, 3):
            first, second = p + axes - 1, q + axes - 1
            found[4 + at] = variance[first, second] if p >= 3 - axes else 0.0
            if k > 3 + axes:
                inside = axes == 3 or q == 0
                turned[3 + at] = variance[2 + axes + p, 2 + axes + q] if inside else 0.0
            at += 1
    n = 0
    sf, sm, sff, smm, sfm = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(columns)):
        m, f = float(grey[i]), float(columns[i, 0])
        if m != m:
            continue
        n += 1
        sf += f
        sm += m
        sff += f * f
        smm += m * m
        sfm += f * m
    spread = (sff - sf * sf / n) * (smm - sm * sm / n)
    found[10] = (sfm - sf * sm / n) / np.sqrt(spread) if spread > 0 else np.nan
    found[11] = n / n_mask
    found[12] = fit[0]
