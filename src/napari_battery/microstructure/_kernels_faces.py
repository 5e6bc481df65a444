"""Compiled: as `_kernels_diffusivity`, with one conductance per face.

``fz[k]`` is that between planes k - 1 and k, 0 for k = 0; `fy` and `fx` alike.
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

__all__ = ["apply_faces", "balance_faces", "restrict_faces", "smooth_faces"]

_ZERO = np.float32(0.0)


@jit_fast
def balance_faces(
    out: F32,
    d: F32,
    up: F32,
    down: F32,
    left: F32,
    right: F32,
    row: F32,
    f_up: F32,
    f_down: F32,
    f_left: F32,
    f_right: F32,
    fx: F32,
) -> None:
    """Balance of a row: its own flux less that from its six neighbours, through their faces."""
    n = row.size
    for i in range(n):
        out[i] = (
            d[i] * row[i]
            - f_up[i] * up[i]
            - f_down[i] * down[i]
            - f_left[i] * left[i]
            - f_right[i] * right[i]
        )
    for i in range(1, n):
        out[i] -= fx[i] * row[i - 1]
    for i in range(n - 1):
        out[i] -= fx[i + 1] * row[i + 1]


@jit_fast
def apply_faces(p: F32, d: F32, fz: F32, fy: F32, fx: F32, q: F32, first: int, last: int) -> float:
    """As `apply_uniform`, with one conductance per face."""
    nz, ny, nx = p.shape
    nothing = np.zeros(nx, np.float32)
    total = 0.0
    for k in range(first, last):
        for j in range(ny):
            up = p[k - 1, j] if k > 0 else nothing
            down = p[k + 1, j] if k < nz - 1 else nothing
            left = p[k, j - 1] if j > 0 else nothing
            right = p[k, j + 1] if j < ny - 1 else nothing
            f_down = fz[k + 1, j] if k < nz - 1 else nothing
            f_right = fy[k, j + 1] if j < ny - 1 else nothing
            row, out = p[k, j], q[k, j]
            balance_faces(
                out, d[k, j], up, down, left, right, row, fz[k, j], f_down, fy[k, j], f_right,
                fx[k, j],
            )  # fmt: skip
            for i in range(nx):
                total += np.float64(row[i]) * np.float64(out[i])
    return total


@jit_fast
def restrict_faces(
    r: F32, d: F32, fz: F32, fy: F32, fx: F32, rc: F32, by: tuple[int, int, int],
    first: int, last: int,
) -> float:  # fmt: skip
    """As `restrict_uniform`, with one conductance per face."""
    nz, ny, nx = r.shape
    ring = np.zeros((3, ny, nx), np.float32)
    nothing = np.zeros(nx, np.float32)
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
            f_down = fz[m + 1, j] if m < nz - 1 else nothing
            f_right = fy[m, j + 1] if j < ny - 1 else nothing
            balance_faces(
                balance, d[m, j], up, below[j], left, right, here[j], fz[m, j], f_down,
                fy[m, j], f_right, fx[m, j],
            )  # fmt: skip
            gather_row(rc[m // by[0], j // by[1]], r[m, j], balance, by[2])
    return 0.0


@jit_fast
def smooth_faces(
    r: F32, d: F32, fz: F32, fy: F32, fx: F32, e: F32, by: tuple[int, int, int], z: F32,
    first: int, last: int,
) -> float:  # fmt: skip
    """As `smooth_uniform`, with one conductance per face."""
    nz, ny, nx = r.shape
    ring = np.zeros((3, ny, nx), np.float32)
    nothing = np.zeros(nx, np.float32)
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
            f_down = fz[m + 1, j] if m < nz - 1 else nothing
            f_right = fy[m, j + 1] if j < ny - 1 else nothing
            balance_faces(
                balance, d[m, j], up, below[j], left, right, here[j], fz[m, j], f_down,
                fy[m, j], f_right, fx[m, j],
            )  # fmt: skip
            total += finish_row(z[m, j], r[m, j], d[m, j], here[j], balance)
    return total
