"""Compiled: the balls that fill a phase, and the largest one over each voxel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery._jit import U64, jit

__all__ = ["bare_bits", "insert_balls", "paint_thickness", "sort_by_depth"]

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
def _holds(depth: NDArray[Any], ball: Any, z: int, y: int, x: int, size: Any, limit: Any) -> bool:
    """Whether the ball at place `ball` - 1 holds one around a voxel of radius `limit`."""
    _, ny, nx = depth.shape
    row = (ball - 1) // nx
    k = row // ny
    j, i = row - k * ny, ball - 1 - row * nx
    room = np.float64(depth[k, j, i]) - limit
    across, down, along = (k - z) * size[0], (j - y) * size[1], (i - x) * size[2]
    return bool(room >= 0 and across * across + down * down + along * along <= room * room)


@jit
def _ball_around(
    depth: NDArray[Any],
    ball_of: NDArray[Any],
    painter: NDArray[Any],
    steps: NDArray[Any],
    z: int,
    y: int,
    x: int,
    size: Any,
    slack: Any,
) -> int:
    """Place + 1 of an inserted ball that holds that of this voxel, but for `slack`; or 0.

    Looked for among the one that covers it and those that hold the balls of its neighbours.
    """
    nz, ny, nx = depth.shape
    limit = np.float64(depth[z, y, x]) - slack
    tried = painter[z, y, x]
    if tried != 0 and _holds(depth, tried, z, y, x, size, limit):
        return int(tried)
    for n in range(steps.shape[0]):
        k, j, i = z + steps[n, 0], y + steps[n, 1], x + steps[n, 2]
        if 0 <= k < nz and 0 <= j < ny and 0 <= i < nx:
            ball = ball_of[k, j, i]
            if ball != 0 and ball != tried:
                tried = ball
                if _holds(depth, ball, z, y, x, size, limit):
                    return int(ball)
    return 0


@jit
def _mark_row(
    bare: U64, marks: NDArray[Any], x0: int, x1: int, mark: Any, bit_of: NDArray[Any]
) -> None:
    """Mark the voxels x0 to x1 of a row that are bare still."""
    one, full = np.uint64(1), ~np.uint64(0)
    for w in range(x0 >> 6, (x1 + 63) >> 6):
        bits = bare[w]
        if bits == 0:
            continue
        start = 64 * w
        if x0 > start:
            bits &= full << np.uint64(x0 - start)
        if x1 < start + 64:
            bits &= full >> np.uint64(start + 64 - x1)
        bare[w] ^= bits
        while bits != 0:
            lowest = bits & (~bits + one)
            bits ^= lowest
            marks[start + bit_of[(lowest * np.uint64(_DE_BRUIJN)) >> np.uint64(58)]] = mark


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
    """Mark the voxels of a ball that have no mark yet."""
    nz, ny, nx = painter.shape
    squared = np.float64(radius) ** 2
    reach = int(radius / size[0])
    down, along = size[1] ** 2, size[2] ** 2
    for k in range(max(0, z - reach), min(nz, z + reach + 1)):
        in_plane = squared - ((k - z) * size[0]) ** 2
        half = int(np.sqrt(max(in_plane, 0.0)) / size[2])
        step = 0
        # rows from the middle outwards, two at a time, ever shorter
        while step * step * down <= in_plane:
            in_row = in_plane - step * step * down
            while half * half * along > in_row:
                half -= 1
            x0, x1 = max(0, x - half), min(nx, x + half + 1)
            if y - step >= 0:
                _mark_row(bare[k, y - step], painter[k, y - step], x0, x1, mark, bit_of)
            if step > 0 and y + step < ny:
                _mark_row(bare[k, y + step], painter[k, y + step], x0, x1, mark, bit_of)
            step += 1


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
    depth: NDArray[Any],
    size: Any,
    margin: Any,
    slack: Any,
    bare: U64,
    ball_of: NDArray[Any],
    painter: NDArray[Any],
) -> None:
    """Insert the balls of these voxels, in order, that lie in none inserted before.

    Parameters
    ----------
    order : (n,) int32 or int64
        Flat places of voxels, deepest first over all calls.
    depth : (nz, ny, nx) float32
        Distance to the nearest wall, 0 outside the phase.
    size : (3,) float64
        Voxel edges z, y, x.
    margin : float
        Added to the radius of each ball, so that it reaches the voxels at its rim.
    slack : float
        How far a ball may stick out of another and still count as inside; below 1 voxel,
        so that its centre is inside.
    bare : (nz, ny, words) uint64
        Bits of the voxels that no ball covers yet, see `bare_bits`.
    ball_of, painter : (nz, ny, nx), type of `order`
        Place + 1 of the ball that holds the voxel's own, and of the first that covers it;
        0 at first.
    """
    _, ny, nx = depth.shape
    steps = np.zeros((26, 3), np.int64)
    n_steps = 0
    for across in range(1, 4):  # faces, edges, corners
        for k in range(-1, 2):
            for j in range(-1, 2):
                for i in range(-1, 2):
                    if k * k + j * j + i * i == across:
                        steps[n_steps, 0], steps[n_steps, 1], steps[n_steps, 2] = k, j, i
                        n_steps += 1
    bit_of = np.zeros(64, np.int64)
    for n in range(64):
        bit_of[((np.uint64(1) << np.uint64(n)) * np.uint64(_DE_BRUIJN)) >> np.uint64(58)] = n
    for n in range(order.size):
        place = order[n]
        row = place // nx
        z, y, x = row // ny, row % ny, place - row * nx
        ball = _ball_around(depth, ball_of, painter, steps, z, y, x, size, slack)
        if ball == 0:
            ball = place + 1
            # just short of the wall's own voxel centre where the margin is 0
            radius = np.float64(depth[z, y, x]) * 0.99999 + margin
            _paint(bare, painter, z, y, x, radius, size, ball, bit_of)
        ball_of[z, y, x] = ball


@jit
def paint_thickness(
    depth: NDArray[Any],
    painter: NDArray[Any],
    ball_of: NDArray[Any],
    size: Any,
    wall: Any,
    least: Any,
    known: NDArray[Any],
    thickness: NDArray[Any],
) -> None:
    """Fill `thickness` with the diameter of the ball over each voxel, 0 outside the phase.

    Parameters
    ----------
    wall : float
        Taken off each radius.
    least : float
        Smallest radius.
    known : flat float32
        Memory, one per voxel; may be that of `thickness`.
    """
    nz, ny, nx = depth.shape
    marks, owners = painter.reshape(-1), ball_of.reshape(-1)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                place = (z * ny + y) * nx + x
                if owners[place] == place + 1:
                    radius = _between_voxels(depth, z, y, x, size) - wall
                    known[place] = 2 * max(radius, least)
    flat, inside = thickness.reshape(-1), depth.reshape(-1)
    for place in range(flat.size):
        flat[place] = known[marks[place] - 1] if inside[place] > 0 else 0
