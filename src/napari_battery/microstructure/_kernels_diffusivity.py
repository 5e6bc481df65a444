"""Compiled: the steps of conjugate gradients on ``A e = r``, one slab of planes at a time.

``A`` is the seven-point balance of diffusion between voxel centres: conductance times
difference, summed over the six faces. Arrays are float32, C-ordered, first axis along the
transport; what does not conduct has diagonal 0 and stays 0 throughout.

Sums are taken in float64. A plane is at hand three times, as itself and as its
neighbours' neighbour; smoothed planes therefore live in a ring of three.

Here: what all media share, and one phase (the weights `wz`, `wy`, `wx` between any two
conducting voxels). `_kernels_faces` has one conductance per face, for coarse voxels;
`_kernels_phases` one conductivity per voxel.
"""

from __future__ import annotations

import numpy as np

from napari_battery.microstructure._jit import F32, jit_fast

__all__ = [
    "OMEGA",
    "advance",
    "apply_uniform",
    "corrected_plane",
    "direct",
    "finish_row",
    "gather_row",
    "restrict_uniform",
    "smooth_plane",
    "smooth_uniform",
]

OMEGA = 0.8
"""Damping of the smoothing sweeps (Jacobi)."""

_OMEGA = np.float32(OMEGA)
_ZERO = np.float32(0.0)
_TINY = np.float32(1e-30)


@jit_fast
def _balance_uniform(
    out: F32,
    d: F32,
    up: F32,
    down: F32,
    left: F32,
    right: F32,
    row: F32,
    wz: float,
    wy: float,
    wx: float,
) -> None:
    # Ends apart: an inner loop without tests becomes vector instructions.
    n = row.size
    for i in range(n):
        out[i] = d[i] * row[i] - wz * (up[i] + down[i]) - wy * (left[i] + right[i])
    for i in range(1, n):
        out[i] -= wx * row[i - 1]
    for i in range(n - 1):
        out[i] -= wx * row[i + 1]
    for i in range(n):
        out[i] = out[i] if d[i] > _ZERO else _ZERO


@jit_fast
def apply_uniform(
    p: F32, d: F32, wz: float, wy: float, wx: float, q: F32, first: int, last: int
) -> float:
    """Put ``A p`` into q for planes first to last; their share of ``p · A p``."""
    nz, ny, nx = p.shape
    nothing = np.zeros(nx, np.float32)
    total = 0.0
    for k in range(first, last):
        for j in range(ny):
            up = p[k - 1, j] if k > 0 else nothing
            down = p[k + 1, j] if k < nz - 1 else nothing
            left = p[k, j - 1] if j > 0 else nothing
            right = p[k, j + 1] if j < ny - 1 else nothing
            row, out = p[k, j], q[k, j]
            _balance_uniform(out, d[k, j], up, down, left, right, row, wz, wy, wx)
            for i in range(nx):
                total += np.float64(row[i]) * np.float64(out[i])
    return total


@jit_fast
def advance(p: F32, q: F32, r: F32, alpha: float, first: int, last: int) -> float:
    """Take ``alpha q`` off the residual; the slab's share of its square."""
    a = np.float32(alpha)
    total = 0.0
    for k in range(first, last):
        for j in range(r.shape[1]):
            here, there = r[k, j], q[k, j]
            for i in range(here.size):
                v = here[i] - a * there[i]
                here[i] = v
                total += np.float64(v) * np.float64(v)
    return total


@jit_fast
def direct(z: F32, p: F32, beta: float, first: int, last: int) -> float:
    """The next direction, ``z + beta p``, into p."""
    b = np.float32(beta)
    for k in range(first, last):
        for j in range(p.shape[1]):
            new, here = z[k, j], p[k, j]
            for i in range(here.size):
                here[i] = new[i] + b * here[i]
    return 0.0


@jit_fast
def smooth_plane(y: F32, r: F32, d: F32) -> None:
    """First damped Jacobi step of a plane, from zero: y = ω·r/d."""
    for j in range(r.shape[0]):
        to, here, diagonal = y[j], r[j], d[j]
        for i in range(here.size):
            to[i] = _OMEGA * here[i] / max(diagonal[i], _TINY)


@jit_fast
def corrected_plane(y: F32, r: F32, d: F32, e: F32, by_y: int, by_x: int) -> None:
    """Spread the coarse correction e over a plane, and add a damped step by r."""
    for j in range(r.shape[0]):
        to, here, diagonal, coarse = y[j], r[j], d[j], e[j // by_y]
        for i in range(here.size):
            to[i] = coarse[i // 2] if by_x == 2 else coarse[i]
        for i in range(here.size):
            v = to[i] + _OMEGA * here[i] / max(diagonal[i], _TINY)
            to[i] = v if diagonal[i] > _ZERO else _ZERO


@jit_fast
def gather_row(coarse: F32, r: F32, balance: F32, by_x: int) -> None:
    """Add the residual of a row to the row of the coarse grid; balance becomes it."""
    for i in range(r.size):
        balance[i] = r[i] - balance[i]
    if by_x == 2:
        for i in range(r.size // 2):
            coarse[i] += balance[2 * i] + balance[2 * i + 1]
        if r.size % 2:
            coarse[r.size // 2] += balance[r.size - 1]
    else:
        for i in range(r.size):
            coarse[i] += balance[i]


@jit_fast
def restrict_uniform(
    r: F32, d: F32, wz: float, wy: float, wx: float, rc: F32, by: tuple[int, int, int],
    first: int, last: int,
) -> float:  # fmt: skip
    """Residual after one smoothing sweep from zero, summed into the coarse voxels `rc`.

    `by` is how many voxels one coarse voxel holds along each axis (1 or 2). Slabs must
    start at multiples of ``by[0]``, so that no two write to one coarse plane.
    """
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
            _balance_uniform(balance, d[m, j], up, below[j], left, right, here[j], wz, wy, wx)
            gather_row(rc[m // by[0], j // by[1]], r[m, j], balance, by[2])
    return 0.0


@jit_fast
def finish_row(z: F32, r: F32, d: F32, y: F32, balance: F32) -> float:
    """Last damped step of a row, from y into z; returns the row's part of z·r."""
    total = 0.0
    for i in range(r.size):
        v = y[i] + _OMEGA * (r[i] - balance[i]) / max(d[i], _TINY)
        z[i] = v if d[i] > _ZERO else _ZERO
        total += np.float64(z[i]) * np.float64(r[i])
    return total


@jit_fast
def smooth_uniform(
    r: F32, d: F32, wz: float, wy: float, wx: float, e: F32, by: tuple[int, int, int], z: F32,
    first: int, last: int,
) -> float:  # fmt: skip
    """The preconditioned residual, into z: first sweep, coarse correction e, second sweep.

    Returns
    -------
    float
        The slab's share of ``r · z``.
    """
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
            _balance_uniform(balance, d[m, j], up, below[j], left, right, here[j], wz, wy, wx)
            total += finish_row(z[m, j], r[m, j], d[m, j], here[j], balance)
    return total
