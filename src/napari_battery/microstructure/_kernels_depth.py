"""Compiled: exact distance from each voxel of a phase to the nearest one outside it.

Squared distances are found axis by axis (Saito and Toriwaki, Pattern Recognit. 27, 1551, 1994).
Along the second and third axis a voxel takes the least of the others' plus the squared way to
them; ways are tried from the shortest up, for 16 neighbours at once, until the way alone is
longer than the largest of the 16. That suits phases of batteries, which are tens of voxels
wide: work grows with width.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_battery.microstructure._jit import F32, B, jit_fast

__all__ = ["depth_across", "depth_along", "depth_down"]

_LANES = 16
_FAR = 1e18  # squared; no wall on this line


@jit_fast
def depth_down(phase: B, step: Any, squared: F32) -> None:
    """Squared distance to the nearest wall along z.

    Parameters
    ----------
    phase : (nz, ny, nx) bool
    step : float32
        Voxel edge along z.
    squared : (nz, ny, nx) float32
        Filled; 0 outside the phase, 1e18 and more where the line has no wall.
    """
    nz, ny, nx = phase.shape
    run = np.empty(nx, np.float32)
    for y in range(ny):
        run[:] = np.float32(np.sqrt(_FAR))
        for z in range(nz):
            inside, out = phase[z, y], squared[z, y]
            for x in range(nx):
                way = run[x] + step if inside[x] else np.float32(0)
                run[x] = way
                out[x] = way
        run[:] = np.float32(np.sqrt(_FAR))
        for z in range(nz - 1, -1, -1):
            out = squared[z, y]
            for x in range(nx):
                way = min(run[x] + step, out[x])
                run[x] = way
                out[x] = way * way


@jit_fast
def _lowest(lines: F32, first: int, spacing: int, n: int, at: int, unit: Any, best: F32) -> None:
    """Least of `best` and of the lines around line `at` plus the squared way to them.

    Line i begins at ``first + i * spacing``; there are `n`.
    """
    lanes = np.uint64(_LANES)
    top = np.float32(0)
    for x in range(lanes):
        top = max(top, best[x])
    k = 1
    while True:
        way = np.float32(k * k) * unit
        if way >= top:
            return
        low, high = at - k, at + k
        if low < 0:
            if high >= n:
                return
            low = high
        elif high >= n:
            high = low
        a, b = np.uint64(first + low * spacing), np.uint64(first + high * spacing)
        top = np.float32(0)
        for x in range(lanes):
            value = min(min(lines[a + x], lines[b + x]) + way, best[x])
            best[x] = value
            top = max(top, value)
        k += 1


@jit_fast
def depth_across(squared: F32, step: Any, first: int, last: int) -> None:
    """Carry squared distances on along y, in place, for planes `first` to `last`."""
    _, ny, nx = squared.shape
    unit = np.float32(step) ** 2
    lines, best = np.zeros(ny * _LANES, np.float32), np.empty(_LANES, np.float32)
    nearest = np.empty(_LANES, np.float32)
    for z in range(first, last):
        for x0 in range(0, nx, _LANES):
            n = min(_LANES, nx - x0)
            nearest[:] = 0
            nearest[:n] = _FAR
            for y in range(ny):
                for x in range(n):
                    lines[y * _LANES + x] = squared[z, y, x0 + x]
                    nearest[x] = min(nearest[x], squared[z, y, x0 + x])
                for x in range(n, _LANES):
                    lines[y * _LANES + x] = 0
            # a line without any wall would have the others try the longest ways
            for x in range(n):
                if nearest[x] >= np.float32(_FAR):
                    for y in range(ny):
                        lines[y * _LANES + x] = 0
            for y in range(ny):
                for x in range(_LANES):
                    best[x] = lines[y * _LANES + x]
                _lowest(lines, 0, _LANES, ny, y, unit, best)
                for x in range(n):
                    if nearest[x] < np.float32(_FAR):
                        squared[z, y, x0 + x] = best[x]


@jit_fast
def depth_along(squared: F32, step: Any, first: int, last: int) -> None:
    """Carry squared distances on along x and take the root, in place."""
    _, ny, nx = squared.shape
    unit = np.float32(step) ** 2
    room = -(-nx // _LANES) * _LANES
    line, best = np.full(3 * room, np.float32(_FAR)), np.empty(_LANES, np.float32)
    for z in range(first, last):
        for y in range(ny):
            row = squared[z, y]
            for x in range(nx):
                line[room + x] = row[x]
            for x0 in range(0, nx, _LANES):
                n = min(_LANES, nx - x0)
                best[:] = 0
                for x in range(n):
                    best[x] = line[room + x0 + x]
                _lowest(line, 0, 1, 3 * room - _LANES, room + x0, unit, best)
                for x in range(n):
                    row[x0 + x] = np.sqrt(best[x])
