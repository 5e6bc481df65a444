"""Compiled: smoothing of crops that may have holes, and sums over pairs of voxels."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["joined_pairs", "second_differences", "smooth_crop"]

_LEAST_WEIGHT = 0.75
"""Share of the smoothing's weight that must fall on voxels with data."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _along_z(source: Any, taps: Any) -> Any:
    nz, ny, nx = source.shape
    target = np.zeros((nz - len(taps) + 1, ny, nx), np.float32)
    for z in range(len(target)):
        for k in range(len(taps)):
            for y in range(ny):
                for x in range(nx):
                    target[z, y, x] += taps[k] * source[z + k, y, x]
    return target


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _along_y(source: Any, taps: Any) -> Any:
    nz, ny, nx = source.shape
    target = np.zeros((nz, ny - len(taps) + 1, nx), np.float32)
    for z in range(nz):
        for y in range(target.shape[1]):
            for k in range(len(taps)):
                for x in range(nx):
                    target[z, y, x] += taps[k] * source[z, y + k, x]
    return target


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _along_x(source: Any, taps: Any) -> Any:
    nz, ny, nx = source.shape
    target = np.zeros((nz, ny, nx - len(taps) + 1), np.float32)
    for z in range(nz):
        for y in range(ny):
            for k in range(len(taps)):
                for x in range(target.shape[2]):
                    target[z, y, x] += taps[k] * source[z, y, x + k]
    return target


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _all_along(box: Any, taps_z: Any, taps_y: Any, taps_x: Any) -> Any:
    return _along_x(_along_y(_along_z(box, taps_z), taps_y), taps_x)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def smooth_crop(box: Any, taps_z: Any, taps_y: Any, taps_x: Any) -> Any:
    """Weighted means of a crop, by a separable kernel.

    Parameters
    ----------
    box : (z, y, x) float32 array
        NaN where there is no data: such voxels have no weight.
    taps_z, taps_y, taps_x : (2 r + 1,) float32 arrays
        Weights that add up to one, the middle one is the voxel's own.

    Returns
    -------
    (z − 2 r_z, y − 2 r_y, x − 2 r_x) float32 array
        NaN where less than three quarters of the weight fall on data.
    """
    filled = box.copy()
    flat = filled.reshape(-1)
    has = np.ones(len(flat), np.float32)
    n_missing = 0
    for i in range(len(flat)):
        if flat[i] != flat[i]:
            flat[i], has[i] = 0, 0
            n_missing += 1
    if n_missing == 0:
        return _all_along(filled, taps_z, taps_y, taps_x)
    result = _all_along(filled, taps_z, taps_y, taps_x)
    weight = _all_along(has.reshape(box.shape), taps_z, taps_y, taps_x)
    out, share = result.reshape(-1), weight.reshape(-1)
    for i in range(len(out)):
        out[i] = out[i] / share[i] if share[i] >= np.float32(_LEAST_WEIGHT) else np.nan
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def second_differences(values: Any, inside: Any, axis: int, lag: int, order: int, out: Any) -> int:
    """Differences of voxels `lag` apart along an axis, all of them inside.

    Parameters
    ----------
    values : (z, y, x) float32 array
        Those that are NaN are left out.
    inside : (z, y, x) uint8 array
        Which voxels count.
    axis, lag : int
        Direction and distance in voxels.
    order : int
        2: ``a − 2 b + c``; 1: ``c − b``.
    out : (n,) float32 array
        Receives them; as long as there are voxels.

    Returns
    -------
    int
        How many there are.
    """
    step = np.zeros(3, np.int64)
    step[axis] = lag
    nz, ny, nx = values.shape
    dz, dy, dx = step
    n = 0
    for z in range(dz * (order - 1), nz - dz):
        for y in range(dy * (order - 1), ny - dy):
            for x in range(dx * (order - 1), nx - dx):
                if inside[z, y, x] == 0 or inside[z + dz, y + dy, x + dx] == 0:
                    continue
                value = values[z + dz, y + dy, x + dx] - values[z, y, x]
                if order == 2:
                    if inside[z - dz, y - dy, x - dx] == 0:
                        continue
                    value -= values[z, y, x] - values[z - dz, y - dy, x - dx]
                if value == value:
                    out[n] = value
                    n += 1
    return n


@numba.njit(cache=True, nogil=True, error_model="numpy")
def joined_pairs(group: Any, counts: Any, most: int, rho_z: Any, rho_y: Any, rho_x: Any) -> Any:
    """Correlation summed over all pairs of voxels of each group: n² over how many are independent.

    Parameters
    ----------
    group : (z, y, x) uint16 array
        Which group a voxel belongs to, from 1; 0 for none.
    counts : (n_groups + 1,) int64 array
        Voxels of each.
    most : int
        Of how many voxels of a group the partners are looked at; the rest are taken to have as
        many.
    rho_z, rho_y, rho_x : float64 arrays
        Correlation of the noise by distance in voxels, from 0; that along the axes multiplies.

    Returns
    -------
    (n_groups + 1,) float64 array
        Sum over pairs, each voxel with itself included.
    """
    nz, ny, nx = group.shape
    met = np.zeros(len(counts), np.int64)
    taken = np.zeros(len(counts), np.int64)
    sums = np.zeros(len(counts))
    lz, ly, lx = len(rho_z) - 1, len(rho_y) - 1, len(rho_x) - 1
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                g = group[z, y, x]
                if g == 0:
                    continue
                met[g] += 1
                if met[g] % max(1, counts[g] // most) != 0:
                    continue
                taken[g] += 1
                for k in range(max(0, z - lz), min(nz, z + lz + 1)):
                    for j in range(max(0, y - ly), min(ny, y + ly + 1)):
                        plane = rho_z[abs(k - z)] * rho_y[abs(j - y)]
                        for i in range(max(0, x - lx), min(nx, x + lx + 1)):
                            if group[k, j, i] == g:
                                sums[g] += plane * rho_x[abs(i - x)]
    for g in range(len(counts)):
        if taken[g] > 0:
            sums[g] *= counts[g] / taken[g]
    return sums
