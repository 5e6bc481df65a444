"""Compiled: the balls that fill a phase, and the largest one over each voxel.

Voxels no ball covers yet are bits, 4 × 4 × 4 of them to a word, a brick; the widths of balls
lie brick by brick too, so that a ball writes into few places of memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery._jit import F64, I64, U64, jit
from napari_battery.microstructure._jit import F32, jit_fast

__all__ = ["MEMORY", "bare_bricks", "find_centres", "insert_balls", "largest_first", "widths"]

_DE_BRUIJN = 0x03F79D71B4CB0A89
# What balls of up to 14 voxels cover of bricks is remembered; bricks begin -17 to 14 voxels
# from their centres
_REACH = 14
_OFF = 17
MEMORY = 32**3


@jit_fast
def _copy(row: F32, into: F32, at: int) -> None:
    start = np.uint64(at)
    for x in range(np.uint64(row.size)):
        into[start + x] = row[x]


@jit_fast
def _look_across(
    rows: F32, p: int, q: int, n: int, straight: Any, askew: Any, held: F32, least: F32
) -> None:
    """Look into the three directions from a row to row `p` and back to row `q`."""
    a, b = np.uint64(p), np.uint64(q)
    one, two = np.uint64(1), np.uint64(2)
    for x in range(np.uint64(n)):
        over = max(rows[a + x + one], rows[b + x + one])
        left, right = max(rows[a + x], rows[b + x + two]), max(rows[a + x + two], rows[b + x])
        held[x] = max(held[x], max(over - straight, max(left, right) - askew))
        least[x] = min(least[x], min(over + straight, min(left, right) + askew))


@jit_fast
def _look_along(rows: F32, at: int, n: int, way: Any, held: F32, least: F32) -> None:
    """Look along the row itself."""
    a, two = np.uint64(at), np.uint64(2)
    for x in range(np.uint64(n)):
        over = max(rows[a + x], rows[a + x + two])
        held[x], least[x] = over - way, over + way


@jit_fast
def find_centres(
    depth: F32,
    size: F64,
    slack: Any,
    first: int,
    last: int,
    n_found: int,
    places: NDArray[Any],
    radii: F32,
    widest: F32,
) -> int:
    """Voxels whose ball sticks out of those of all 26 neighbours.

    The deepest point around a voxel may lie between voxel centres. Depth grows by at most the
    way walked, so that between two neighbours it is at most half of both depths and the way;
    the direction in which that is least is the one across.

    Parameters
    ----------
    depth : (nz, ny, nx) float32
        Distance to the nearest wall, 0 outside the phase.
    size : (3,) float64
        Voxel edges z, y, x.
    slack : float32
        How far a ball may stick out of a neighbour's and still be left out.
    first, last : int
        Which planes.
    n_found : int
        Voxels found before.
    places, radii, widest : (n,) int32 or int64, float32, float32
        Filled from `n_found` on: flat place, depth, and depth of the deepest point around.
        One longer than there are voxels of the phase, at least.

    Returns
    -------
    int
        Voxels found so far.
    """
    nz, ny, nx = depth.shape
    room = nx + 2
    rows = np.zeros(9 * room, np.float32)
    held, least = np.empty(nx, np.float32), np.empty(nx, np.float32)
    half = np.float32(0.5)
    for z in range(first, last):
        for y in range(ny):
            for c in range(9):
                k, j = z + c // 3 - 1, y + c % 3 - 1
                if 0 <= k < nz and 0 <= j < ny:
                    _copy(depth[k, j], rows, c * room + 1)
                else:
                    rows[c * room : (c + 1) * room] = 0
            if nx > 1:
                _look_along(rows, 4 * room, nx, np.float32(size[2]), held, least)
            else:
                held[0], least[0] = -1, 1e30
            for c in range(5, 9):
                down, across = (c // 3 - 1) * size[0], (c % 3 - 1) * size[1]
                if (down != 0 and nz == 1) or (across != 0 and ny == 1):
                    continue
                straight = np.float32(np.sqrt(down**2 + across**2))
                askew = np.float32(np.sqrt(down**2 + across**2 + size[2] ** 2))
                _look_across(rows, c * room, (8 - c) * room, nx, straight, askew, held, least)
            row, place = depth[z, y], (z * ny + y) * nx
            for x in range(nx):
                own = row[x]
                places[n_found], radii[n_found] = place + x, own
                widest[n_found] = max(own, half * (own + least[x]))
                n_found += (own > 0) & (own - slack > held[x])
    return n_found


@jit
def largest_first(
    places: NDArray[Any], radii: F32, widest: F32, per_unit: Any, sorted_places: NDArray[Any],
    sorted_radii: F32, sorted_widest: F32,
) -> None:  # fmt: skip
    """Sort balls by squared radius, of which `per_unit` steps per unit are told apart."""
    top = 0
    for i in range(radii.size):
        top = max(top, int(np.float64(radii[i]) ** 2 * per_unit + 0.5))
    starts = np.zeros(top + 2, np.int64)
    for i in range(radii.size):
        starts[top - int(np.float64(radii[i]) ** 2 * per_unit + 0.5) + 1] += 1
    for k in range(top + 1):
        starts[k + 1] += starts[k]
    for i in range(radii.size):
        k = top - int(np.float64(radii[i]) ** 2 * per_unit + 0.5)
        n = starts[k]
        sorted_places[n], sorted_radii[n], sorted_widest[n] = places[i], radii[i], widest[i]
        starts[k] = n + 1


@jit
def bare_bricks(depth: F32, bricks: U64, filled: U64) -> None:
    """Set the bit of each voxel of the phase, and of each brick that has one.

    Parameters
    ----------
    depth : (nz, ny, nx) float32
        0 outside the phase.
    bricks : (nz / 4, ny / 4, nx / 4) uint64
        Rounded up; 0 at first.
    filled : (nz / 4, ny / 4, nx / 256) uint64
        64 bricks of a row to a word; 0 at first.
    """
    nz, ny, nx = depth.shape
    one = np.uint64(1)
    for z in range(nz):
        for y in range(ny):
            bit = ((z & 3) << 4) | ((y & 3) << 2)
            for x in range(nx):
                if depth[z, y, x] > 0:
                    bricks[z >> 2, y >> 2, x >> 2] |= one << np.uint64(bit | (x & 3))
    for z in range(bricks.shape[0]):
        for y in range(bricks.shape[1]):
            for x in range(bricks.shape[2]):
                if bricks[z, y, x] != 0:
                    filled[z, y, x >> 6] |= one << np.uint64(x & 63)


@jit
def _half_chords(squared: Any, size: F64, reach_z: int, reach_y: int, halves: I64) -> None:
    """Voxels from the middle to the end of each row of a ball; -1 where the row is outside."""
    for dz in range(reach_z + 1):
        for dy in range(reach_y + 1):
            rest = squared - (dz * size[0]) ** 2 - (dy * size[1]) ** 2
            halves[dz, dy] = int(np.sqrt(rest) / size[2]) if rest >= 0 else -1


@jit
def _ball_in_brick(halves: I64, reach_z: int, reach_y: int, z0: int, y0: int, x0: int) -> Any:
    """64 bits: what a ball covers of the brick that begins (z0, y0, x0) from its centre."""
    ball = np.uint64(0)
    for p in range(4):
        dz = abs(z0 + p)
        if dz > reach_z:
            continue
        for q in range(4):
            dy = abs(y0 + q)
            if dy <= reach_y:
                half = halves[dz, dy]
                low, high = max(0, -half - x0), min(3, half - x0)
                if low <= high:
                    row = (15 >> (3 - high)) & (15 << low)
                    ball |= np.uint64(row) << np.uint64(16 * p + 4 * q)
    return ball


@jit
def insert_balls(
    places: NDArray[Any],
    radii: F32,
    widest: F32,
    shape: Any,
    size: F64,
    margin: Any,
    small: Any,
    squares: tuple[F64, F64, F64],
    halves: I64,
    memory: U64,
    radius_of: I64,
    bricks: U64,
    filled: U64,
    painted: F32,
) -> None:
    """Insert balls, in order; each covers those voxels of the phase that are bare still.

    Parameters
    ----------
    places, radii, widest : (n,) int32 or int64, float32, float32
        Centre, radius and what to write, see `find_centres`.
    shape : (nz, ny, nx)
        Of the volume.
    size : (3,) float64
        Voxel edges z, y, x.
    margin : float
        Added to the radius of each ball, so that it reaches the voxels at its rim.
    small : float
        Balls up to this radius are left out where another covers their centre.
    squares : three (n + 8,) float64
        Squared way to the k-th voxel along each axis.
    halves : (room, room) int64
        Work space, as long as the largest ball reaches along z and y, and one more.
    memory : (MEMORY,) uint64
        Work space: what a ball covers of a brick, by the way from its centre to the brick.
    radius_of : (MEMORY + 1,) int64
        Work space, 0 before the first call: which radius that is of, counted; the last is
        how many there were.
    bricks, filled : uint64
        Bits of the voxels that no ball covers yet, see `bare_bricks`.
    painted : (nz / 4, ny / 4, nx / 4, 64) float32
        Filled with `widest`, brick by brick.
    """
    nz, ny, nx = shape
    squares_z, squares_y, squares_x = squares
    one, full = np.uint64(1), ~np.uint64(0)
    bit_of = np.zeros(64, np.int64)
    for n in range(64):
        bit_of[((one << np.uint64(n)) * np.uint64(_DE_BRUIJN)) >> np.uint64(58)] = n
    stamp = np.int64(0)
    before = np.float32(-1)
    for n in range(places.size):
        place = np.int64(places[n])
        row = place // nx
        z = row // ny
        y, x = row - z * ny, place - row * nx
        if radii[n] <= small:
            bit = np.uint64(((z & 3) << 4) | ((y & 3) << 2) | (x & 3))
            if (bricks[z >> 2, y >> 2, x >> 2] >> bit) & one == 0:
                continue
        # just short of the wall's own voxel centre where the margin is 0
        radius = np.float64(radii[n]) * 0.99999 + margin
        squared = radius * radius
        reach_z, reach_y = int(radius / size[0]), int(radius / size[1])
        reach_x = int(radius / size[2])
        if radii[n] != before:
            before = radii[n]
            radius_of[MEMORY] += 1
            stamp = radius_of[MEMORY]
            _half_chords(squared, size, reach_z, reach_y, halves)
        remembers = max(reach_z, reach_y, reach_x) <= _REACH
        first, last = max(0, x - reach_x) >> 2, min(nx - 1, x + reach_x) >> 2
        for k in range(max(0, z - reach_z) >> 2, (min(nz - 1, z + reach_z) >> 2) + 1):
            z0 = (k << 2) - z
            near_z = squared - squares_z[max(z0, max(-(z0 + 3), 0))]
            far_z = squared - squares_z[max(-z0, z0 + 3)]
            for j in range(max(0, y - reach_y) >> 2, (min(ny - 1, y + reach_y) >> 2) + 1):
                y0 = (j << 2) - y
                near = near_z - squares_y[max(y0, max(-(y0 + 3), 0))]
                if near < 0:
                    continue
                far = far_z - squares_y[max(-y0, y0 + 3)]
                for w in range(first >> 6, (last >> 6) + 1):
                    here = filled[k, j, w]
                    if (w << 6) < first:
                        here &= full << np.uint64(first & 63)
                    if last < (w << 6) + 63:
                        here &= full >> np.uint64(63 - (last & 63))
                    while here != 0:
                        brick = here & (~here + one)
                        here ^= brick
                        i = (w << 6) + bit_of[(brick * np.uint64(_DE_BRUIJN)) >> np.uint64(58)]
                        x0 = (i << 2) - x
                        if squares_x[max(x0, max(-(x0 + 3), 0))] > near:
                            continue
                        bits = bricks[k, j, i]
                        rest = np.uint64(0)
                        if squares_x[max(-x0, x0 + 3)] > far:
                            if remembers:
                                at = ((((z0 + _OFF) << 5) + y0 + _OFF) << 5) + x0 + _OFF
                                if radius_of[at] != stamp:
                                    radius_of[at] = stamp
                                    memory[at] = _ball_in_brick(
                                        halves, reach_z, reach_y, z0, y0, x0
                                    )
                                ball = memory[at]
                            else:
                                ball = _ball_in_brick(halves, reach_z, reach_y, z0, y0, x0)
                            rest = bits & ~ball
                            bits &= ball
                            if bits == 0:
                                continue
                        bricks[k, j, i] = rest
                        if rest == 0:
                            filled[k, j, w] ^= brick
                        while bits != 0:
                            bit = bits & (~bits + one)
                            bits ^= bit
                            at = bit_of[(bit * np.uint64(_DE_BRUIJN)) >> np.uint64(58)]
                            painted[k, j, i, at] = widest[n]


@jit
def widths(painted: F32, wall: Any, least: Any, depth: F32) -> None:
    """Turn depth, in place, into the width of the ball over each voxel of the phase.

    Parameters
    ----------
    painted : (nz / 4, ny / 4, nx / 4, 64) float32
        Depth of the ball's deepest point, see `insert_balls`; where it is less than the voxel's
        own depth, that counts.
    wall : float32
        Taken off each depth.
    least : float32
        Least width.
    depth : (nz, ny, nx) float32
        0 outside the phase, and stays so.
    """
    nz, ny, nx = depth.shape
    two = np.float32(2)
    for z in range(nz):
        for y in range(ny):
            bit = ((z & 3) << 4) | ((y & 3) << 2)
            row = depth[z, y]
            for x in range(nx):
                if row[x] > 0:
                    deepest = max(painted[z >> 2, y >> 2, x >> 2, bit | (x & 3)], row[x])
                    row[x] = max(two * (deepest - wall), least)
