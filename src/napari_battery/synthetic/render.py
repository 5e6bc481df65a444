"""Grey values and labels of rounded particles, voxel by voxel."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["edge_table", "nearest_surfaces", "shade"]

TABLE_REACH = 16.0
TABLE_STEPS = 256
"""Edge tables span ± `TABLE_REACH` voxels about a surface, `TABLE_STEPS` entries per voxel."""

FAR = np.float32(1e9)


def edge_table(sigma: float) -> NDArray[np.float32]:
    """Share of material at a signed distance (inside is negative) from a blurred flat surface.

    Parameters
    ----------
    sigma : float
        Gaussian sigma of the blur, in voxels. The averaging over the voxel itself (a box
        of variance 1/12) is added.

    Returns
    -------
    float32 array
        Entry k belongs to the distance ``k / TABLE_STEPS − TABLE_REACH`` voxels.
    """
    from scipy.special import erfc

    total = math.sqrt(sigma**2 + 1 / 12)
    distance = np.arange(int(2 * TABLE_REACH * TABLE_STEPS) + 1) / TABLE_STEPS - TABLE_REACH
    return np.asarray(0.5 * erfc(distance / (math.sqrt(2) * total)), np.float32)


@numba.njit(cache=True, nogil=True, fastmath=True)
def nearest_surfaces(
    z0: int,
    centres: Any,
    radii: Any,
    axes: Any,
    amplitudes: Any,
    margin: float,
    first: Any,
    second: Any,
    first_id: Any,
    second_id: Any,
    relative: Any,
) -> None:
    """Find, for each voxel of a slab, the two particles it lies deepest in or nearest to.

    A particle's radius in direction u is ``R (1 + Σ a₂P₂ + a₃P₃ + a₄P₄)``, Legendre
    polynomials of u·n for three random axes n.

    Parameters
    ----------
    z0 : int
        First slice of the slab.
    centres : (n, 3) float64 array
        Centres z, y, x in voxels.
    radii : (n,) float64 array
        Mean radii in voxels.
    axes : (n, 3, 3) float64 array
        Unit vectors n.
    amplitudes : (n, 3, 3) float64 array
        a₂, a₃, a₄ for each axis.
    margin : float
        Distance from its surface, in voxels, up to which a particle is seen.
    first, second : (z, y, x) float32 arrays
        Receive the two smallest signed distances in voxels, inside negative, measured
        along the radius; filled with a large number before.
    first_id, second_id : (z, y, x) int32 arrays
        Receive the particles' numbers, from 1; zeros before.
    relative : (z, y, x) float32 array
        Receives the distance from the first particle's centre over its radius there.
    """
    nz, ny, nx = first.shape
    for p in range(len(radii)):
        mean_radius = radii[p]
        bump = 0.0
        for k in range(3):
            for m in range(3):
                bump += abs(amplitudes[p, k, m])
        reach = mean_radius * (1 + bump) + margin
        cz, cy, cx = centres[p, 0] - z0, centres[p, 1], centres[p, 2]
        for z in range(max(0, math.ceil(cz - reach)), min(nz - 1, math.floor(cz + reach)) + 1):
            dz = z - cz
            half_y = math.sqrt(max(reach * reach - dz * dz, 0.0))
            low_y, high_y = math.ceil(cy - half_y), math.floor(cy + half_y)
            for y in range(max(0, low_y), min(ny - 1, high_y) + 1):
                dy = y - cy
                half_x = math.sqrt(max(reach * reach - dz * dz - dy * dy, 0.0))
                low_x, high_x = math.ceil(cx - half_x), math.floor(cx + half_x)
                for x in range(max(0, low_x), min(nx - 1, high_x) + 1):
                    dx = x - cx
                    rho = math.sqrt(dz * dz + dy * dy + dx * dx) + 1e-9
                    bump = 0.0
                    for k in range(3):
                        t = (axes[p, k, 0] * dz + axes[p, k, 1] * dy + axes[p, k, 2] * dx) / rho
                        t2 = t * t
                        bump += amplitudes[p, k, 0] * (1.5 * t2 - 0.5)
                        bump += amplitudes[p, k, 1] * t * (2.5 * t2 - 1.5)
                        bump += amplitudes[p, k, 2] * (t2 * (4.375 * t2 - 3.75) + 0.375)
                    radius = mean_radius * (1 + bump)
                    distance = np.float32(rho - radius)
                    if distance < first[z, y, x]:
                        second[z, y, x] = first[z, y, x]
                        second_id[z, y, x] = first_id[z, y, x]
                        first[z, y, x] = distance
                        first_id[z, y, x] = p + 1
                        relative[z, y, x] = rho / radius
                    elif distance < second[z, y, x]:
                        second[z, y, x] = distance
                        second_id[z, y, x] = p + 1


@numba.njit(cache=True, nogil=True)
def _look_up(table: Any, distance: float) -> float:
    """Read an edge table at a signed distance in voxels."""
    if distance <= -TABLE_REACH:
        return 1.0
    if distance >= TABLE_REACH:
        return 0.0
    return float(table[int((distance + TABLE_REACH) * TABLE_STEPS + 0.5)])


@numba.njit(cache=True, nogil=True)
def shade(
    first: Any,
    second: Any,
    first_id: Any,
    second_id: Any,
    relative: Any,
    greys: Any,
    centre_changes: Any,
    void_grey: float,
    sharp: Any,
    wide: Any,
    rim: float,
    core_depth: float,
    grey: Any,
    labels: Any,
    sums: Any,
    counts: Any,
) -> None:
    """Turn distances into noise-free grey levels, true labels and sums over the cores.

    Where two particles overlap, the surface midway between theirs divides them, so that
    contacts are flat and the share of material never exceeds one. Blur and rim are
    linear filters of the material; both are exact for flat surfaces: the rim is
    ``rim × (share blurred by the PSF − share blurred by the rim's width)``.

    Parameters
    ----------
    first, second, first_id, second_id, relative
        From `nearest_surfaces`.
    greys, centre_changes : (n,) float64 arrays
        Grey level of each particle, and its change at the centre, which falls off as
        ``1 − (r/R)²`` to the surface.
    void_grey : float
        Grey level where there is no material.
    sharp, wide : float32 arrays
        `edge_table` of the PSF and of the rim.
    rim : float
        Factor of the rim.
    core_depth : float
        Depth, in voxels, below which a particle's core begins.
    grey : (z, y, x) float32 array
        Receives the grey levels.
    labels : (z, y, x) int32 array
        Receives the labels: particles that hold the voxel's centre.
    sums, counts : (n + 1,) arrays
        Noise-free grey and voxels of each label's core are added to these.
    """
    nz, ny, nx = first.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                value = void_grey
                d1, d2 = first[z, y, x], second[z, y, x]
                a = first_id[z, y, x]
                label = 0
                if a > 0:
                    b = second_id[z, y, x]
                    between = 0.5 * (d1 - d2)
                    depth = max(d1, between)
                    share = _look_up(sharp, depth)
                    own = relative[z, y, x]
                    change = centre_changes[a - 1] * max(1 - own * own, 0.0)
                    value += share * (greys[a - 1] + change - void_grey)
                    value += rim * (share - _look_up(wide, depth))
                    if b > 0:
                        other = max(d2, -between)
                        share = _look_up(sharp, other)
                        value += share * (greys[b - 1] - void_grey)
                        value += rim * (share - _look_up(wide, other))
                    if d1 < 0:
                        label = a
                        if depth < -core_depth:
                            sums[a] += value
                            counts[a] += 1
                grey[z, y, x] = value
                labels[z, y, x] = label
