"""Compiled: the conductances of `_kernels_diffusivity` of fine voxels and of coarser ones."""

from __future__ import annotations

import numpy as np

from napari_battery.microstructure._jit import F32, U8, jit

__all__ = [
    "coarsen_faces",
    "coarsen_phases",
    "coarsen_uniform",
    "diagonal_faces",
    "diagonal_phases",
    "diagonal_uniform",
]


@jit
def diagonal_uniform(
    mask: U8, wz: float, wy: float, wx: float, d: F32, r: F32, first: int, last: int
) -> float:
    """Diagonal of A and the residual of a straight ramp, of planes first to last.

    The two end faces hold the potentials 1 and 0, half a voxel outside the first and
    last centres; sides let nothing through.

    Returns
    -------
    float
        The ramp's share of dissipation, ``sum of conductance × difference²``.
    """
    nz, ny, nx = mask.shape
    step = 1.0 / nz
    energy = 0.0
    for k in range(first, last):
        for j in range(ny):
            for i in range(nx):
                if not mask[k, j, i]:
                    d[k, j, i] = 0.0
                    r[k, j, i] = 0.0
                    continue
                total = 0.0
                flow = 0.0
                if k == 0:
                    total += 2.0 * wz
                    flow += wz * step
                    energy += 0.5 * wz * step * step
                elif mask[k - 1, j, i]:
                    total += wz
                    flow += wz * step
                    energy += wz * step * step
                if k == nz - 1:
                    total += 2.0 * wz
                    flow -= wz * step
                    energy += 0.5 * wz * step * step
                elif mask[k + 1, j, i]:
                    total += wz
                    flow -= wz * step
                if j > 0 and mask[k, j - 1, i]:
                    total += wy
                if j < ny - 1 and mask[k, j + 1, i]:
                    total += wy
                if i > 0 and mask[k, j, i - 1]:
                    total += wx
                if i < nx - 1 and mask[k, j, i + 1]:
                    total += wx
                d[k, j, i] = total
                r[k, j, i] = flow
    return energy


@jit
def _joined(a: float, b: float) -> float:
    return 2.0 * a * b / (a + b) if a > 0.0 and b > 0.0 else 0.0


@jit
def _neighbours(
    c: F32, wz: float, wy: float, wx: float, k: int, j: int, i: int
) -> tuple[float, float, float]:
    """Conductance above, below, and summed to the four sides; end faces are half as far."""
    nz, ny, nx = c.shape
    here = c[k, j, i]
    above = 2.0 * wz * here if k == 0 else wz * _joined(here, c[k - 1, j, i])
    below = 2.0 * wz * here if k == nz - 1 else wz * _joined(here, c[k + 1, j, i])
    beside = 0.0
    if j > 0:
        beside += wy * _joined(here, c[k, j - 1, i])
    if j < ny - 1:
        beside += wy * _joined(here, c[k, j + 1, i])
    if i > 0:
        beside += wx * _joined(here, c[k, j, i - 1])
    if i < nx - 1:
        beside += wx * _joined(here, c[k, j, i + 1])
    return above, below, beside


@jit
def diagonal_phases(
    c: F32, wz: float, wy: float, wx: float, d: F32, r: F32, first: int, last: int
) -> float:
    """As `diagonal_uniform`, of conductivities: half a voxel of each side in series."""
    nz, ny, nx = c.shape
    step = 1.0 / nz
    energy = 0.0
    for k in range(first, last):
        for j in range(ny):
            for i in range(nx):
                above, below, beside = _neighbours(c, wz, wy, wx, k, j, i)
                up = 0.5 * above if k == 0 else above
                down = 0.5 * below if k == nz - 1 else below
                d[k, j, i] = above + below + beside
                r[k, j, i] = (up - down) * step
                energy += 0.5 * up * step * step if k == 0 else up * step * step
                energy += 0.5 * down * step * step if k == nz - 1 else 0.0
    return energy


@jit
def diagonal_faces(inlet: F32, outlet: F32, fz: F32, fy: F32, fx: F32, d: F32) -> None:
    """Diagonal of A of coarse voxels; `inlet` and `outlet` are the end faces' conductances."""
    nz, ny, nx = d.shape
    for k in range(nz):
        for j in range(ny):
            for i in range(nx):
                total = fy[k, j, i] + fx[k, j, i]
                total += inlet[j, i] if k == 0 else fz[k, j, i]
                total += outlet[j, i] if k == nz - 1 else fz[k + 1, j, i]
                if j < ny - 1:
                    total += fy[k, j + 1, i]
                if i < nx - 1:
                    total += fx[k, j, i + 1]
                d[k, j, i] = total


@jit
def coarsen_uniform(
    d: F32, wz: float, wy: float, wx: float, by: tuple[int, int, int], fz: F32, fy: F32, fx: F32
) -> None:
    """Conductances between coarse voxels: those of the fine faces, over the longer way."""
    nz, ny, nx = d.shape
    cz, cy, cx = by
    vz, vy, vx = wz / cz, wy / cy, wx / cx
    for k in range(nz):
        for j in range(ny):
            for i in range(nx):
                if d[k, j, i] <= 0.0:
                    continue
                if k > 0 and k % cz == 0 and d[k - 1, j, i] > 0.0:
                    fz[k // cz, j // cy, i // cx] += vz
                if j > 0 and j % cy == 0 and d[k, j - 1, i] > 0.0:
                    fy[k // cz, j // cy, i // cx] += vy
                if i > 0 and i % cx == 0 and d[k, j, i - 1] > 0.0:
                    fx[k // cz, j // cy, i // cx] += vx


@jit
def coarsen_phases(
    c: F32, wz: float, wy: float, wx: float, by: tuple[int, int, int], fz: F32, fy: F32, fx: F32
) -> None:
    """As `coarsen_uniform`, of conductivities."""
    nz, ny, nx = c.shape
    cz, cy, cx = by
    vz, vy, vx = wz / cz, wy / cy, wx / cx
    for k in range(nz):
        for j in range(ny):
            for i in range(nx):
                here = c[k, j, i]
                if here <= 0.0:
                    continue
                if k > 0 and k % cz == 0:
                    fz[k // cz, j // cy, i // cx] += vz * _joined(here, c[k - 1, j, i])
                if j > 0 and j % cy == 0:
                    fy[k // cz, j // cy, i // cx] += vy * _joined(here, c[k, j - 1, i])
                if i > 0 and i % cx == 0:
                    fx[k // cz, j // cy, i // cx] += vx * _joined(here, c[k, j, i - 1])


@jit
def coarsen_faces(
    fz: F32, fy: F32, fx: F32, by: tuple[int, int, int], to_z: F32, to_y: F32, to_x: F32
) -> None:
    """As `coarsen_uniform`, with one conductance per face."""
    nz, ny, nx = fz.shape
    cz, cy, cx = by
    sz, sy, sx = np.float32(1.0 / cz), np.float32(1.0 / cy), np.float32(1.0 / cx)
    for k in range(nz):
        for j in range(ny):
            for i in range(nx):
                if k % cz == 0:
                    to_z[k // cz, j // cy, i // cx] += sz * fz[k, j, i]
                if j % cy == 0:
                    to_y[k // cz, j // cy, i // cx] += sy * fy[k, j, i]
                if i % cx == 0:
                    to_x[k // cz, j // cy, i // cx] += sx * fx[k, j, i]
