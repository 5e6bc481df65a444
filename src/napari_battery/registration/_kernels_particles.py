"""Register one particle's box between two states: Gauss-Newton on the voxels of its mask.

The fixed image's gradient is used throughout (Baker and Matthews, "Lucas-Kanade 20 years on",
IJCV 56, 2004: inverse compositional), for two reasons: its products are summed once per
particle, and noise of the moving image does not meet itself in them, which would draw the
result to half voxels, where linear interpolation smooths most.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = [
    "DONE",
    "FLAT",
    "LOST",
    "NO_DATA",
    "N_FOUND",
    "UNSETTLED",
    "dilate",
    "gather",
    "register_box",
]

DONE, NO_DATA, FLAT, LOST, UNSETTLED = 0, 1, 2, 3, 4
"""How it ended: found; too few voxels with data; nothing to hold on to; beyond the largest
shift; no convergence."""

N_FOUND = 15
"""Numbers per particle: how it ended, shift (3), its standard deviation's square as the upper
triangle of a matrix (6), correlation, share of the mask with data, gain, iterations, points."""

_SEARCH_POINTS = 1000
_MOST_POINTS = 40_000
_MOST_ITERATIONS = 40
_SETTLED_VOXELS, _SETTLED_TURN = 1e-3, 2e-2
_REWEIGHTED = 2
_CLUSTER = 6
"""Voxels whose noise is taken to belong together; smoothed noise reaches over four."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _smooth_rows(source: Any, target: Any, step: int) -> None:
    """Binomial filter 1 4 6 4 1 along the axis whose neighbours are `step` apart, all inside."""
    a, b, c = np.float32(0.0625), np.float32(0.25), np.float32(0.375)
    for i in range(2 * step, len(source) - 2 * step):
        target[i] = (
            c * source[i]
            + b * (source[i - step] + source[i + step])
            + a * (source[i - 2 * step] + source[i + 2 * step])
        )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _smooth(box: Any) -> Any:
    """Smooth by σ = 1 voxel; two voxels at the faces come out as NaN, as what holds NaN does.

    Rows are run through end to end; what is computed across their ends is among these two.
    """
    nz, ny, nx = box.shape
    first = np.full(box.size, np.float32(np.nan))
    second = first.copy()
    _smooth_rows(box.reshape(-1), first, 1)
    _smooth_rows(first, second, nx)
    if nz > 1:
        _smooth_rows(second, first, ny * nx)
    result = (first if nz > 1 else second).reshape(box.shape)
    if nz > 1:
        result[:2] = np.nan
        result[-2:] = np.nan
    result[:, :2] = np.nan
    result[:, -2:] = np.nan
    result[:, :, :2] = np.nan
    result[:, :, -2:] = np.nan
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def dilate(mask: Any, reach: Any) -> Any:
    """Grow a mask (uint8) by a box that reaches `reach` voxels along each axis."""
    nz, ny, nx = mask.shape
    here = mask.copy()
    for axis in range(3):
        there = here.copy()
        for k in range(1, reach[axis] + 1):
            if axis == 0:
                there[k:] |= here[: max(nz - k, 0)]
                there[: max(nz - k, 0)] |= here[k:]
            elif axis == 1:
                there[:, k:] |= here[:, : max(ny - k, 0)]
                there[:, : max(ny - k, 0)] |= here[:, k:]
            else:
                there[:, :, k:] |= here[:, :, : max(nx - k, 0)]
                there[:, :, : max(nx - k, 0)] |= here[:, :, k:]
        here = there
    return here


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _points(fixed: Any, mask: Any, spacing: Any, centre: Any, turns: bool) -> Any:
    """Voxels of the mask with a grey level and a gradient.

    Returns
    -------
    places : (n, 3) float32
        Their indices in the box.
    columns : (n, k) float32
        What the moving image is fitted by there: grey level less its mean, 1, the gradient
        along z (not in 2-D), y and x per shortest edge, and with `turns` how a turn about
        `centre` changes the grey level: r × gradient (in 2-D only about z). Last, how growth
        does, r · gradient: a particle that swells and is seen from one side would seem to move.
    """
    nz, ny, nx = fixed.shape
    flat = nz == 1
    n_mask = 0
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                n_mask += mask[z, y, x] != 0
    stride = max(1, -(-n_mask // _MOST_POINTS))
    k = 3 + (2 if flat else 3) + ((1 if flat else 3) if turns else 0)
    room = n_mask // stride + 1
    places = np.empty((room, 3), np.float32)
    columns = np.empty((room, k), np.float32)
    n, met = 0, 0
    total = 0.0
    for z in range(0 if flat else 1, nz if flat else nz - 1):
        for y in range(1, ny - 1):
            for x in range(1, nx - 1):
                if mask[z, y, x] == 0:
                    continue
                met += 1
                if met % stride:
                    continue
                g0 = np.float32(0)
                if not flat:
                    g0 = (fixed[z + 1, y, x] - fixed[z - 1, y, x]) / (2 * spacing[0])
                g1 = (fixed[z, y + 1, x] - fixed[z, y - 1, x]) / (2 * spacing[1])
                g2 = (fixed[z, y, x + 1] - fixed[z, y, x - 1]) / (2 * spacing[2])
                check = fixed[z, y, x] + g0 + g1 + g2
                if check != check:
                    continue
                places[n, 0], places[n, 1], places[n, 2] = z, y, x
                columns[n, 0], columns[n, 1] = fixed[z, y, x], 1
                total += fixed[z, y, x]
                r0 = (z - centre[0]) * spacing[0]
                r1 = (y - centre[1]) * spacing[1]
                r2 = (x - centre[2]) * spacing[2]
                columns[n, k - 1] = r0 * g0 + r1 * g1 + r2 * g2
                if flat:
                    columns[n, 2], columns[n, 3] = g1, g2
                    if turns:
                        columns[n, 4] = r1 * g2 - r2 * g1
                else:
                    columns[n, 2], columns[n, 3], columns[n, 4] = g0, g1, g2
                    if turns:
                        columns[n, 5] = r1 * g2 - r2 * g1
                        columns[n, 6] = r2 * g0 - r0 * g2
                        columns[n, 7] = r0 * g1 - r1 * g0
                n += 1
    for i in range(n):
        columns[i, 0] -= total / n
    return places[:n], columns[:n], n_mask // stride


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _search(moving: Any, start: Any, places: Any, columns: Any, search: Any, best: Any) -> None:
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
def _sample(moving: Any, z: float, y: float, x: float) -> float:
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
def _sample_all(
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
        m = _sample(moving, z + start[0] + shift[0], y + start[1] + shift[1],
                    x + start[2] + shift[2])  # fmt: skip
        out[i] = m
        n += m == m
    return n


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _inverse(matrix: Any, inverse: Any) -> bool:
    """Invert a symmetric matrix by Gauss and Jordan; False where it is near singular."""
    n = len(matrix)
    scale = np.empty(n)
    for i in range(n):
        if not matrix[i, i] > 0:
            return False
        scale[i] = 1 / np.sqrt(matrix[i, i])
    work = np.zeros((n, 2 * n))
    for i in range(n):
        for j in range(n):
            work[i, j] = matrix[i, j] * scale[i] * scale[j]
        work[i, n + i] = 1
    for i in range(n):  # positive definite: no pivoting is needed
        pivot = work[i, i]
        if not pivot > 1e-7:
            return False
        work[i] /= pivot
        for j in range(n):
            if j != i:
                work[j] -= work[j, i] * work[i]
    for i in range(n):
        for j in range(n):
            inverse[i, j] = work[i, n + j] * scale[i] * scale[j]
    return True


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _products(columns: Any, weight: Any, products: Any) -> None:
    """Weighted sums of products of the columns."""
    k = columns.shape[1]
    products[:] = 0
    for i in range(len(columns)):
        for p in range(k):
            v = float(columns[i, p]) * weight[i]
            for q in range(p + 1):
                products[p, q] += v * columns[i, q]
    for p in range(k):
        for q in range(p):
            products[q, p] = products[p, q]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _onto(columns: Any, weight: Any, grey: Any, sums: Any) -> None:
    sums[:] = 0
    k = columns.shape[1]
    for i in range(len(columns)):
        if weight[i] == 0:
            continue
        m = grey[i] * weight[i]
        for p in range(k):
            sums[p] += m * columns[i, p]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _weigh(columns: Any, grey: Any, fit: Any, weight: Any, slope: Any) -> None:
    """Tukey's weights: what moves otherwise, as a neighbour does, counts little or not.

    `slope` receives how weight × residual changes with the residual.
    """
    left = np.empty(len(columns), np.float32)
    n = 0
    for i in range(len(columns)):
        if grey[i] == grey[i]:
            left[n] = abs(grey[i] - _fitted(columns, fit, i))
            n += 1
    limit = 4.685 * 1.4826 * float(np.median(left[:n]))
    limit = max(limit, 0.05 * abs(fit[0]) * float(np.std(columns[:, 0])))  # without noise
    for i in range(len(columns)):
        if grey[i] == grey[i]:
            u = (grey[i] - _fitted(columns, fit, i)) / limit
            weight[i] = (1 - u * u) ** 2 if abs(u) < 1 else 0.0
            slope[i] = (1 - u * u) * (1 - 5 * u * u) if abs(u) < 1 else 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fitted(columns: Any, fit: Any, i: int) -> float:
    value = 0.0
    for p in range(columns.shape[1]):
        value += fit[p] * columns[i, p]
    return value


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _rotation(w: Any) -> Any:
    """Rodrigues' matrix of a rotation vector."""
    angle = np.sqrt(w[0] ** 2 + w[1] ** 2 + w[2] ** 2)
    if angle < 1e-12:
        return np.eye(3)
    u = w / angle
    cross = np.array([[0.0, -u[2], u[1]], [u[2], 0.0, -u[0]], [-u[1], u[0], 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * np.dot(cross, cross)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _scatter(places: Any, columns: Any, weight: Any, grey: Any, fit: Any, shape: Any) -> Any:
    """Sum over clusters of voxels of the square of what each adds to the normal equations.

    Noise is correlated after smoothing, so voxels count by the cluster (White's sandwich,
    Econometrica 48, 1980, with clusters). Smoothing by σ = 1 correlates white noise over
    1.13 voxels on average; what that joins across clusters' faces is made up for.
    """
    k = columns.shape[1]
    ny, nx = shape[1] // _CLUSTER + 1, shape[2] // _CLUSTER + 1
    nz = shape[0] // _CLUSTER + 1
    sums = np.zeros((nz * ny * nx, k))
    filled = np.zeros(nz * ny * nx, np.uint8)
    for i in range(len(places)):
        if weight[i] == 0:
            continue
        left = (grey[i] - _fitted(columns, fit, i)) * weight[i]
        c = (int(places[i, 0]) // _CLUSTER * ny + int(places[i, 1]) // _CLUSTER) * nx
        c += int(places[i, 2]) // _CLUSTER
        filled[c] = 1
        for p in range(k):
            sums[c, p] += left * columns[i, p]
    n = filled.sum()
    axes = 2 if shape[0] == 1 else 3
    across = (1 - 1.13 / _CLUSTER) ** axes
    return np.dot(sums.T, sums) * n / max(n - 1, 1) / across


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _response(
    moving: Any, start: Any, places: Any, columns: Any, slope: Any, centre: Any, spacing: Any,
    shift: Any, turn: Any, turns: bool, gain: float,
) -> Any:  # fmt: skip
    """How the sums of `_onto` change with the parameters, by the moving image's gradient.

    The fixed image's own gradient would not do: its noise adds to the sums of its squares
    and makes the result look more certain than it is; noise of the two images is independent.
    """
    k = columns.shape[1]
    flat = moving.shape[0] == 1
    response = np.zeros((k, k))
    row = np.empty(k)
    at, g = np.empty(3), np.zeros(3)
    for i in range(len(places)):
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
            high = _sample(moving, at[0], at[1], at[2])
            at[p] -= 1.0
            g[p] = (high - _sample(moving, at[0], at[1], at[2])) / (spacing[p] * gain)
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
    return response


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _settle(
    moving: Any, start: Any, search: Any, places: Any, columns: Any, centre: Any, spacing: Any,
    turns: bool, extent: int, shift: Any, turn: Any, weight: Any, grey: Any, fit: Any,
) -> tuple[int, int]:  # fmt: skip
    """Gauss-Newton until the shift settles; returns how it ended and the iterations.

    `shift` (voxels), `turn` (a rotation matrix), `weight`, `grey` and `fit` are changed.
    """
    k = columns.shape[1]
    axes = 2 if moving.shape[0] == 1 else 3
    products, inverse, sums = np.empty((k, k)), np.empty((k, k)), np.empty(k)
    turn_voxels = turn.copy()
    share = weight.copy()
    fresh = True
    for iteration in range(_MOST_ITERATIONS):
        for p in range(3):
            for q in range(3):
                turn_voxels[p, q] = turn[p, q] * spacing[q] / spacing[p]
        n = _sample_all(moving, start, places, centre, shift, turn_voxels, turns, grey)
        if 2 * n < len(places):
            return NO_DATA, iteration
        if fresh or n < len(places):
            for i in range(len(places)):
                weight[i] = share[i] if grey[i] == grey[i] else 0.0
            _products(columns, weight, products)
            if not _inverse(products, inverse):
                return FLAT, iteration
            fresh = n < len(places)
        _onto(columns, weight, grey, sums)
        fit[:] = np.dot(inverse, sums)
        if not abs(fit[0]) > 1e-12:
            return FLAT, iteration
        error, about = np.zeros(3), np.zeros(3)
        for p in range(axes):
            error[3 - axes + p] = fit[2 + p] / fit[0]
        for p in range(k - 3 - axes):
            about[p] = fit[2 + axes + p] / fit[0]
        size = np.sqrt((error**2).sum())
        angle = np.sqrt((about**2).sum())
        if size > 1:  # beyond a voxel the gradient says little
            error /= size
        if angle > 0.1:
            about *= 0.1 / angle
        shift -= np.dot(turn, error) / spacing
        if turns:
            turn[:] = np.dot(turn, _rotation(-about))
        if max(abs(shift[0]) - search[0], abs(shift[1]) - search[1], abs(shift[2]) - search[2]) > 1:
            return LOST, iteration
        # a voxel at the box's edge moves by so much more
        if size < _SETTLED_VOXELS and angle * extent < _SETTLED_TURN:
            return DONE, iteration
    return UNSETTLED, _MOST_ITERATIONS


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _is_constant(box: Any) -> bool:
    """Whether there is nothing but a grey level and its rounding; False without any data."""
    low, high = np.inf, -np.inf
    for value in box.reshape(-1):
        if value == value:
            low, high = min(low, value), max(high, value)
    return low <= high and high - low <= 1e-5 * max(abs(low), abs(high))


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
    found: Any,
    turned: Any,
) -> None:
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
    found : (N_FOUND,) float64
        Receives what `N_FOUND` lists, shift in units of the shortest edge.
    turned : (9,) float64
        Receives the rotation vector (radians; z, y, x) and its covariance's upper triangle.
    """
    found[:] = np.nan
    turned[:] = np.nan
    places, columns, n_mask = _points(_smooth(fixed), mask, spacing, centre, turns)
    found[14] = len(places)
    found[11] = 0.0
    k = columns.shape[1]
    if len(places) < 8 * k or 2 * len(places) < n_mask:
        found[0] = NO_DATA
        return
    soft = _smooth(moving)
    if _is_constant(soft):
        found[0] = FLAT
        return
    shift, turn, fit = np.zeros(3), np.eye(3), np.zeros(k)
    _search(soft, start, places, columns, search, shift)
    grey = np.empty(len(places), np.float32)
    weight = np.ones(len(places), np.float32)
    slope = np.ones(len(places), np.float32)
    extent = max(fixed.shape)
    found[13] = 0
    for again in range(1 + _REWEIGHTED):
        ended, iterations = _settle(
            soft, start, search, places, columns, centre, spacing, turns, extent,
            shift, turn, weight, grey, fit,
        )  # fmt: skip
        found[0] = ended
        found[13] += iterations + 1
        if ended != DONE:
            return
        if again < _REWEIGHTED:
            _weigh(columns, grey, fit, weight, slope)
    response = _response(
        soft, start, places, columns, slope, centre, spacing, shift, turn, turns, fit[0]
    )
    inverse = np.empty((k, k))
    if not _inverse(response, inverse):
        found[0] = UNSETTLED
        return
    meat = _scatter(places, columns, weight, grey, fit, fixed.shape)
    variance = np.dot(np.dot(inverse, meat), inverse.T) / fit[0] ** 2
    _report(variance, columns, grey, fit, n_mask, fixed.shape[0] == 1, found, turned)
    found[1:4] = shift * spacing
    if turns:
        turned[:3] = _turn_vector(turn)


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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def gather(labels: Any, numbers: Any, z0: int, sums: Any, ends: Any) -> None:
    """Add up each label's voxels and their indices, and stretch its box.

    Parameters
    ----------
    labels : (z, y, x) integer array
        Slices from `z0` on.
    numbers : (n,) integer array
        Labels that occur, ascending, without 0.
    sums : (n, 4) int64
        Voxels, and sums of z, y and x.
    ends : (n, 2, 3) int64
        First voxel and one past the last.
    """
    nz, ny, nx = labels.shape
    last, k = labels[0, 0, 0], -1
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                label = labels[z, y, x]
                if label == 0:
                    continue
                if k < 0 or label != last:
                    k = np.searchsorted(numbers, label)
                    last = label
                sums[k, 0] += 1
                at = (z + z0, y, x)
                for axis in range(3):
                    sums[k, 1 + axis] += at[axis]
                    ends[k, 0, axis] = min(ends[k, 0, axis], at[axis])
                    ends[k, 1, axis] = max(ends[k, 1, axis], at[axis] + 1)
