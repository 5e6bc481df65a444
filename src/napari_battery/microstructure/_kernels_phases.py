"""Compiled: as `_kernels_diffusivity`, with one conductivity per voxel.

Faces are worked out row by row, as half a voxel of each side in series: keeping them would
take three more arrays.
"""

from __future__ import annotations

import numpy as np

from napari_battery.microstructure._jit import F32, jit_fast
from napari_battery.microstructure._kernels_diffusivity import (
    corrected_plane,
    finish_row,
    gather_row,
    smooth_plane,
)
from napari_battery.microstructure._kernels_faces import balance_faces

__all__ = ["apply_phases", "restrict_phases", "smooth_phases"]

_ZERO = np.float32(0.0)
_TWO = np.float32(2.0)
_TINY = np.float32(1e-30)


@jit_fast
def _joined(to: F32, a: F32, b: F32, weight: float) -> None:
    for i in range(to.size):
        to[i] = _TWO * weight * a[i] * b[i] / max(a[i] + b[i], _TINY)


@jit_fast
def _faces_of_row(f: F32, c: F32, k: int, j: int, wz: float, wy: float, wx: float) -> None:
    """Conductances of a row to above, below, left, right and along itself, into f."""
    nz, ny, nx = c.shape
    f[:] = _ZERO
    row = c[k, j]
    if k > 0:
        _joined(f[0], c[k - 1, j], row, wz)
    if k < nz - 1:
        _joined(f[1], c[k + 1, j], row, wz)
    if j > 0:
        _joined(f[2], c[k, j - 1], row, wy)
    if j < ny - 1:
        _joined(f[3], c[k, j + 1], row, wy)
    _joined(f[4][1:], row[: nx - 1], row[1:], wx)


@jit_fast
def apply_phases(
    p: F32, d: F32, c: F32, wz: float, wy: float, wx: float, q: F32, first: int, last: int
) -> float:
    """As `apply_uniform`, with one conductivity per voxel."""
    nz, ny, nx = p.shape
    nothing = np.zeros(nx, np.float32)
    f = np.empty((5, nx), np.float32)
    total = 0.0
    for k in range(first, last):
        for j in range(ny):
            up = p[k - 1, j] if k > 0 else nothing
            down = p[k + 1, j] if k < nz - 1 else nothing
            left = p[k, j - 1] if j > 0 else nothing
            right = p[k, j + 1] if j < ny - 1 else nothing
            row, out = p[k, j], q[k, j]
            _faces_of_row(f, c, k, j, wz, wy, wx)
            balance_faces(
                out, d[k, j], up, down, left, right, row, f[0], f[1], f[2], f[3], f[4],
            )  # fmt: skip
            for i in range(nx):
                total += np.float64(row[i]) * np.float64(out[i])
    return total


@jit_fast
def restrict_phases(
    r: F32, d: F32, c: F32, wz: float, wy: float, wx: float, rc: F32, by: tuple[int, int, int],
    first: int, last: int,
) -> float:  # fmt: skip
    """As `restrict_uniform`, with one conductivity per voxel."""
    nz, ny, nx = r.shape
    ring = np.zeros((3, ny, nx), np.float32)
    nothing = np.zeros(nx, np.float32)
    f = np.empty((5, nx), np.float32)
    balance = np.empty(nx, np.float32)
    for k in range(max(first - 1, 0), last + 1):
        if k < nz:
            smooth_plane(ring[k % 3], r[k], d[k])
        else:
            ring[k % 3] = _ZERO
        m = k - 1
        if m < first:
            continue
        if m % by[0] == 0:
            rc[m // by[0]] = _ZERO
        above, here, below = ring[(m + 2) % 3], ring[m % 3], ring[(m + 1) % 3]
        for j in range(ny):
            up = above[j] if m > 0 else nothing
            left = here[j - 1] if j > 0 else nothing
            right = here[j + 1] if j < ny - 1 else nothing
            _faces_of_row(f, c, m, j, wz, wy, wx)
            balance_faces(
                balance, d[m, j], up, below[j], left, right, here[j], f[0], f[1], f[2], f[3], f[4],
            )  # fmt: skip
            gather_row(rc[m // by[0], j // by[1]], r[m, j], balance, by[2])
    return 0.0


@jit_fast
def smooth_phases(
    r: F32, d: F32, c: F32, wz: float, wy: float, wx: float, e: F32, by: tuple[int, int, int],
    z: F32, first: int, last: int,
) -> float:  # fmt: skip
    """As `smooth_uniform`, with one conductivity per voxel."""
    nz, ny, nx = r.shape
    ring = np.zeros((3, ny, nx), np.float32)
    nothing = np.zeros(nx, np.float32)
    f = np.empty((5, nx), np.float32)
    balance = np.empty(nx, np.float32)
    total = 0.0
    for k in range(max(first - 1, 0), last + 1):
        if k < nz:
            corrected_plane(ring[k % 3], r[k], d[k], e[k // by[0]], by[1], by[2])
        else:
            ring[k % 3] = _ZERO
        m = k - 1
        if m < first:
            continue
        above, here, below = ring[(m + 2) % 3], ring[m % 3], ring[(m + 1) % 3]
        for j in range(ny):
            up = above[j] if m > 0 else nothing
            left = here[j - 1] if j > 0 else nothing
            right = here[j + 1] if j < ny - 1 else nothing
            _faces_of_row(f, c, m, j, wz, wy, wx)
            balance_faces(
                balance, d[m, j], up, below[j], left, right, here[j], f[0], f[1], f[2], f[3], f[4],
            )  # fmt: skip
            total += finish_row(z[m, j], r[m, j], d[m, j], here[j], balance)
    return total
