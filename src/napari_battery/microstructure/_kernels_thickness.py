"""Compiled: the balls that fill a phase, and the largest one over each voxel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery._jit import F64, I32, I64, U64, jit

__all__ = ["bare_bits", "insert_balls", "sort_by_depth"]

F32 = NDArray[Any]

_DE_BRUIJN = 0x03F79D71B4CB0A89


@jit
def sort_by_depth(depth: NDArray[Any], per_unit: Any, order: NDArray[Any]) -> None:
    """Fill `order` with the flat places of all voxels of the phase, deepest first.

    Parameters
    ----------
    depth : (n,) float32
        Distance to the nearest wall, 0 outside the phase.
    per_unit : float
        Steps of squared depth told apart, per unit of squared depth.
    order : int32 or int64
        As long as there are voxels of the phase.
    """
    top = 0
    for i in range(depth.size):
        top = max(top, int(np.float64(depth[i]) ** 2 * per_unit + 0.5))
    starts = np.zeros(top + 2, np.int64)
    for i in range(depth.size):
        if depth[i] > 0:
            starts[top - int(np.float64(depth[i]) ** 2 * per_unit + 0.5) + 1] += 1
    for k in range(top + 1):
        starts[k + 1] += starts[k]
    for i in range(depth.size):
        if depth[i] > 0:
            k = top - int(np.float64(depth[i]) ** 2 * per_unit + 0.5)
            order[starts[k]] = i
            starts[k] += 1


@jit
def _between_voxels(depth: NDArray[Any], z: int, y: int, x: int, size: Any) -> float:
    """Depth of the deepest point around a voxel, which may lie between voxel centres.

    Depth grows by at most the way walked, so that between two neighbours it is at most half
    of both depths and the way; the direction in which that is least is the one across.
    """
    nz, ny, nx = depth.shape
    own = np.float64(depth[z, y, x])
    least = np.float64(np.inf)
    for dz in range(2):
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                if dz == 0 and (dy < 0 or (dy == 0 and dx <= 0)):
                    continue
                way = np.sqrt((dz * size[0]) ** 2 + (dy * size[1]) ** 2 + (dx * size[2]) ** 2)
                largest = np.float64(-1)
                for sign in (-1, 1):
                    k, j, i = z + sign * dz, y + sign * dy, x + sign * dx
                    if 0 <= k < nz and 0 <= j < ny and 0 <= i < nx:
                        largest = max(largest, 0.5 * (own + depth[k, j, i] + way))
                if largest > 0:
                    least = min(least, max(largest, own))
    return float(least) if least < np.inf else float(own)


@jit
def _ball_around(
    balls: F64,
    ball_of: I32,
    first: Any,
    steps: I64,
    z: int,
    y: int,
    x: int,
    size: F64,
    limit: Any,
) -> Any:
    """Number of an inserted ball that holds one of radius `limit` around a voxel; or 0.

    Looked for among the `first` and those that hold the balls of its six neighbours; those
    across edges and corners would add few.
    """
    nz, ny, nx = ball_of.shape
    at_z, at_y, at_x = z * size[0], y * size[1], x * size[2]
    tried, ball = np.int32(0), first
    for n in range(7):
        if n > 0:
            k, j, i = z + steps[n - 1, 0], y + steps[n - 1, 1], x + steps[n - 1, 2]
            if k < 0 or k >= nz or j < 0 or j >= ny or i < 0 or i >= nx:
                continue
            ball = ball_of[k, j, i]
        if ball == 0 or ball == tried:
            continue
        tried = ball
        room = balls[ball, 3] - limit
        across, down, along = balls[ball, 0] - at_z, balls[ball, 1] - at_y, balls[ball, 2] - at_x
        if room >= 0 and across * across + down * down + along * along <= room * room:
            return ball
    return np.int32(0)


@jit
def _paint(
    bare: U64,
    painter: NDArray[Any],
    z: int,
    y: int,
    x: int,
    radius: Any,
    size: Any,
    mark: Any,
    bit_of: NDArray[Any],
) -> None:
    """Mark the voxels of a ball that are bare still."""
    nz, ny, nx = painter.shape
    one, full = np.uint64(1), ~np.uint64(0)
    squared = np.float64(radius) ** 2
    reach = int(radius / size[0])
    down, along = size[1] ** 2, size[2] ** 2
    for k in range(max(0, z - reach), min(nz, z + reach + 1)):
        in_plane = squared - ((k - z) * size[0]) ** 2
        half = int(np.sqrt(max(in_plane, 0.0)) / size[2])
        wide = int(np.sqrt(max(in_plane, 0.0)) / size[1])
        # rows from the middle outwards, ever shorter, on both sides
        for step in range(wide + 1):
            in_row = in_plane - step * step * down
            while half * half * along > in_row:
                half -= 1
            x0, x1 = max(0, x - half), min(nx, x + half + 1)
            for j in range(y - step, y + step + 1, max(1, 2 * step)):
                if j < 0 or j >= ny:
                    continue
                for w in range(x0 >> 6, ((x1 - 1) >> 6) + 1):
                    bits = bare[k, j, w]
                    if bits == 0:
                        continue
                    start = w << 6
                    if x0 > start:
                        bits &= full << np.uint64(x0 - start)
                    if x1 < start + 64:
                        bits &= full >> np.uint64(start + 64 - x1)
                    bare[k, j, w] ^= bits
                    while bits != 0:
                        lowest = bits & (~bits + one)
                        bits ^= lowest
                        place = bit_of[(lowest * np.uint64(_DE_BRUIJN)) >> np.uint64(58)]
                        painter[k, j, start + place] = mark


@jit
def bare_bits(depth: NDArray[Any], bare: U64) -> None:
    """Set the bit of each voxel of the phase; 64 voxels of a row to a word."""
    nz, ny, nx = depth.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if depth[z, y, x] > 0:
                    bare[z, y, x >> 6] |= np.uint64(1) << np.uint64(x & 63)


@jit
def insert_balls(
    order: NDArray[Any],
    begin: int,
    depth: F32,
    size: F64,
    margin: Any,
    slack: Any,
    small: Any,
    bare: U64,
    ball_of: I32,
    painter: I32,
    balls: F64,
    n_balls: int,
) -> tuple[int, int]:
    """Insert the balls of voxels, in order, that lie in none inserted before.

    Stops where there is no more room in `balls`.

    Parameters
    ----------
    order : (n,) int32 or int64
        Flat places of voxels, deepest first over all calls.
    begin : int
        Which of them to begin with.
    depth : (nz, ny, nx) float32
        Distance to the nearest wall, 0 outside the phase.
    size : (3,) float64
        Voxel edges z, y, x.
    margin : float
        Added to the radius of each ball, so that it reaches the voxels at its rim.
    slack : float
        How far a ball may stick out of another and still count as inside; below 1 voxel,
        so that its centre is inside.
    small : float
        Balls up to this radius are left out where one covers their centre.
    bare : (nz, ny, words) uint64
        Bits of the voxels that no ball covers yet, see `bare_bits`.
    ball_of, painter : (nz, ny, nx) int32
        Number of the ball that holds the voxel's own, and of the first that covers it;
        0 at first.
    balls : (room, 5) float64
        Filled from row 1 on: centre z, y, x, depth there, and depth of the deepest point
        nearby.
    n_balls : int
        Rows taken so far, at least 1.

    Returns
    -------
    next, n_balls : int
        Which voxel to go on with, and rows of `balls` taken.
    """
    _, ny, nx = depth.shape
    steps = np.zeros((6, 3), np.int64)
    for n in range(6):
        steps[n, 2 - n // 2] = 2 * (n % 2) - 1
    bit_of = np.zeros(64, np.int64)
    for n in range(64):
        bit_of[((np.uint64(1) << np.uint64(n)) * np.uint64(_DE_BRUIJN)) >> np.uint64(58)] = n
    for n in range(begin, order.size):
        place = order[n]
        row = place // nx
        z = row // ny
        y, x = row - z * ny, place - row * nx
        if painter[z, y, x] != 0 and depth[z, y, x] <= small:
            continue
        limit = np.float64(depth[z, y, x]) - slack
        ball = _ball_around(balls, ball_of, painter[z, y, x], steps, z, y, x, size, limit)
        if ball == 0:
            if n_balls == balls.shape[0]:
                return n, n_balls
            ball = np.int32(n_balls)
            n_balls += 1
            balls[ball, 0], balls[ball, 1], balls[ball, 2] = z * size[0], y * size[1], x * size[2]
            balls[ball, 3] = depth[z, y, x]
            balls[ball, 4] = _between_voxels(depth, z, y, x, size)
            # just short of the wall's own voxel centre where the margin is 0
            radius = np.float64(depth[z, y, x]) * 0.99999 + margin
            _paint(bare, painter, z, y, x, radius, size, ball, bit_of)
        ball_of[z, y, x] = ball
    return order.size, n_balls
