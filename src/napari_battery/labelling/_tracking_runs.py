"""Kernels on runs: stretches of one label along x, the form in which labels are compared."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = [
    "at_edge",
    "core_runs",
    "count_runs",
    "deepest",
    "fill_runs",
    "join_runs",
    "plant_runs",
    "sums",
    "write_runs",
]


@numba.njit(cache=True, nogil=True)
def count_runs(block: Any, counts: Any) -> int:
    """Count the runs of each row of a block of planes; returns the smallest label seen."""
    nz, ny, nx = block.shape
    least = 0
    for z in range(nz):
        for y in range(ny):
            n, last = 0, block.dtype.type(0)
            for x in range(nx):
                label = block[z, y, x]
                if label != last:
                    n += label != 0
                    last = label
                    if label < 0:
                        least = -1
            counts[z * ny + y] = n
    return least


@numba.njit(cache=True, nogil=True)
def fill_runs(block: Any, first: int, starts: Any, ends: Any, labels: Any) -> None:
    """Write the runs of a block of planes, row by row, from place `first` on."""
    nz, ny, nx = block.shape
    k = first - 1
    for z in range(nz):
        for y in range(ny):
            last = block.dtype.type(0)
            for x in range(nx):
                label = block[z, y, x]
                if label != last:
                    if last != 0:
                        ends[k] = x
                    if label != 0:
                        k += 1
                        starts[k] = x
                        labels[k] = label
                    last = label
            if last != 0:
                ends[k] = nx


@numba.njit(cache=True, nogil=True)
def sums(
    rows: Any, ny: int, nz: int, nx: int, starts: Any, ends: Any, index: Any, volume: Any,
    position: Any, cut: Any,
) -> None:  # fmt: skip
    """Add up voxels and positions of each label, and mark those at a face of the volume.

    An axis of one voxel has no faces: everything would be cut by them.

    Parameters
    ----------
    rows : (nz·ny + 1,) int64 array
        First run of each row.
    ny, nz, nx : int
        Shape of the volume.
    starts, ends, index : (n,) integer arrays
        Runs, with the place of each one's label in the results.
    volume : (m,) int64 array
        Receives voxels.
    position : (m, 3) float64 array
        Receives sums of z, y, x.
    cut : (m,) bool array
        Receives True at labels that reach a face.
    """
    for row in range(len(rows) - 1):
        z, y = row // ny, row % ny
        at_face = (nz > 1 and (z == 0 or z == nz - 1)) or (ny > 1 and (y == 0 or y == ny - 1))
        for k in range(rows[row], rows[row + 1]):
            i, n = index[k], ends[k] - starts[k]
            volume[i] += n
            position[i, 0] += z * n
            position[i, 1] += y * n
            position[i, 2] += 0.5 * n * (starts[k] + ends[k] - 1)
            if at_face or (nx > 1 and (starts[k] == 0 or ends[k] == nx)):
                cut[i] = True


@numba.njit(cache=True, nogil=True)
def at_edge(rows: Any, region: Any, starts: Any, ends: Any, index: Any, cut: Any) -> None:
    """Mark labels with a voxel whose face neighbour lies outside the region (nz, ny, nx)."""
    nz, ny, nx = region.shape
    for row in range(len(rows) - 1):
        z, y = row // ny, row % ny
        for k in range(rows[row], rows[row + 1]):
            if cut[index[k]]:
                continue
            left, right = max(starts[k] - 1, 0), min(ends[k] + 1, nx)
            inside = True
            for x in range(left, right):
                inside &= region[z, y, x]
            for x in range(starts[k], ends[k]):
                if z > 0:
                    inside &= region[z - 1, y, x]
                if z < nz - 1:
                    inside &= region[z + 1, y, x]
                if y > 0:
                    inside &= region[z, y - 1, x]
                if y < ny - 1:
                    inside &= region[z, y + 1, x]
            if not inside:
                cut[index[k]] = True


@numba.njit(cache=True, nogil=True)
def _root(parent: Any, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@numba.njit(cache=True, nogil=True)
def _join_rows(
    a: int, a_end: int, b: int, b_end: int, starts: Any, ends: Any, index: Any, parent: Any
) -> None:
    while a < a_end and b < b_end:
        if index[a] == index[b] and starts[a] < ends[b] and starts[b] < ends[a]:
            i, j = _root(parent, a), _root(parent, b)
            if i < j:
                parent[j] = i
            else:
                parent[i] = j
        if ends[a] < ends[b]:
            a += 1
        else:
            b += 1


@numba.njit(cache=True, nogil=True)
def join_runs(
    rows: Any, ny: int, starts: Any, ends: Any, index: Any, parent: Any, pieces: Any, largest: Any
) -> None:  # fmt: skip
    """Count the pieces of each label (joined by faces) and the voxels of its largest.

    Parameters
    ----------
    rows, ny, starts, ends, index
        Runs, see `sums`.
    parent : (n,) integer array
        Working memory.
    pieces, largest : (m,) int64 arrays
        Receive the results.
    """
    for k in range(len(starts)):
        parent[k] = k
    for row in range(len(rows) - 1):
        a, a_end = rows[row], rows[row + 1]
        if row % ny:
            _join_rows(a, a_end, rows[row - 1], a, starts, ends, index, parent)
        if row >= ny:
            up = row - ny
            _join_rows(a, a_end, rows[up], rows[up + 1], starts, ends, index, parent)
    size = np.zeros(len(starts), np.int64)
    for k in range(len(starts)):
        size[_root(parent, k)] += ends[k] - starts[k]
    for k in range(len(starts)):
        if parent[k] == k:
            pieces[index[k]] += 1
            largest[index[k]] = max(largest[index[k]], size[k])


@numba.njit(cache=True, nogil=True)
def deepest(
    rows: Any, ny: int, starts: Any, ends: Any, index: Any, depth: Any, result: Any
) -> None:
    """Find the greatest depth, or square of it, of each label; `depth` is (nz, ny, nx)."""
    for row in range(len(rows) - 1):
        line = depth[row // ny, row % ny]
        for k in range(rows[row], rows[row + 1]):
            for x in range(starts[k], ends[k]):
                if line[x] > result[index[k]]:
                    result[index[k]] = line[x]


@numba.njit(cache=True, nogil=True)
def core_runs(
    rows: Any, ny: int, starts: Any, ends: Any, index: Any, depth: Any, least: Any, fill: bool,
    core_rows: Any, core_starts: Any, core_ends: Any, core_index: Any,
) -> None:  # fmt: skip
    """Find the parts of runs that lie deeper than `least` of their label.

    Parameters
    ----------
    rows, ny, starts, ends, index
        Runs, see `sums`.
    depth : (nz, ny, nx) float32 array
        Depth below the particle's surface, or its square.
    least : (m,) float32 array
        The same where each label's core begins.
    fill : bool
        False counts only.
    core_rows : (nz·ny + 1,) int64 array
        Receives the first core run of each row.
    core_starts, core_ends, core_index : (n,) int32 arrays
        Receive the core runs.
    """
    n = 0
    for row in range(len(rows) - 1):
        core_rows[row] = n
        line = depth[row // ny, row % ny]
        for k in range(rows[row], rows[row + 1]):
            limit, inside = least[index[k]], False
            for x in range(starts[k], ends[k] + 1):
                deep = x < ends[k] and line[x] > limit
                if deep and not inside:
                    if fill:
                        core_starts[n] = x
                        core_index[n] = index[k]
                elif inside and not deep:
                    if fill:
                        core_ends[n] = x
                    n += 1
                inside = deep
    core_rows[len(rows) - 1] = n


_SEED = 1 << 17
"""Taken from a seed's (negative) level while seeds are planted: more than any level."""


@numba.njit(cache=True, nogil=True)
def plant_runs(
    rows: Any, ny: int, starts: Any, ends: Any, index: Any, numbers: Any, padded: Any, width: int,
    border: int, strides: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Number the voxels of runs that lie inside a mask; those with room to grow are listed.

    Parameters
    ----------
    rows, ny, starts, ends, index
        Runs, see `sums`.
    numbers : (m,) int32 array
        Labels.
    padded : (n,) int32 array
        Negative levels inside the mask, 0 outside, with a border of one voxel. Receives the
        numbers of seeds that have seeds or nothing all around.
    width : int
        Length of a row of `padded`.
    border : int
        Planes before the first: 1 in 3-D, 0 in 2-D.
    strides : (k,) int64 array
        Steps to the neighbours of a voxel.

    Returns
    -------
    places : (n,) int64 array
        Seeds with an unlabelled neighbour, left as they were.
    seeds : (n,) int32 array
        Their labels.
    """
    for row in range(len(rows) - 1):
        first = ((row // ny + border) * (ny + 2) + row % ny + 1) * width + 1
        for k in range(rows[row], rows[row + 1]):
            for i in range(first + starts[k], first + ends[k]):
                if padded[i] < 0:
                    padded[i] -= _SEED
    n = 0
    for row in range(len(rows) - 1):
        first = ((row // ny + border) * (ny + 2) + row % ny + 1) * width + 1
        for k in range(rows[row], rows[row + 1]):
            for i in range(first + starts[k], first + ends[k]):
                if padded[i] < -_SEED:
                    room = False
                    for stride in strides:
                        room |= -_SEED <= padded[i + stride] < 0
                    if room:
                        n += 1
                    else:
                        padded[i] = numbers[index[k]]
    places, seeds = np.empty(n, np.int64), np.empty(n, np.int32)
    n = 0
    for row in range(len(rows) - 1):
        first = ((row // ny + border) * (ny + 2) + row % ny + 1) * width + 1
        for k in range(rows[row], rows[row + 1]):
            for i in range(first + starts[k], first + ends[k]):
                if padded[i] < -_SEED:
                    padded[i] += _SEED
                    places[n] = i
                    seeds[n] = numbers[index[k]]
                    n += 1
    return places, seeds


@numba.njit(cache=True, nogil=True)
def write_runs(
    rows: Any, ny: int, starts: Any, ends: Any, index: Any, numbers: Any, data: Any
) -> None:
    """Write runs into a volume (nz, ny, nx) of zeros, under the numbers given."""
    for row in range(len(rows) - 1):
        line = data[row // ny, row % ny]
        for k in range(rows[row], rows[row + 1]):
            line[starts[k] : ends[k]] = numbers[index[k]]
