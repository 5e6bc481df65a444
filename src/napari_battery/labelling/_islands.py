"""Islands of a mask, or pores between them, as runs along x joined by faces.

A run is a stretch of a row with one value. Runs are an order of magnitude fewer than voxels,
so that islands are found in one look at each voxel, and in little memory.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba

__all__ = ["count_runs", "join_runs", "paint_runs", "size_runs"]


@numba.njit(cache=True, nogil=True)
def count_runs(plane: Any, value: bool, counts: Any) -> None:
    """Count the runs of a value in each row of a plane."""
    ny, nx = plane.shape
    for y in range(ny):
        row = plane[y]
        n = 1 if row[0] == value else 0
        for x in range(1, nx):
            n += (row[x] == value) & (row[x - 1] != value)
        counts[y] = n


@numba.njit(cache=True, nogil=True)
def _root(parent: Any, i: int) -> int:
    """Find the first run of the island that run i belongs to, halving the path on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@numba.njit(cache=True, nogil=True)
def _join_rows(starts: Any, ends: Any, parent: Any, a: int, a_end: int, b: int, b_end: int) -> None:
    """Join the runs of one row with those of another wherever they lie side by side."""
    while a < a_end and b < b_end:
        if starts[a] < ends[b] and starts[b] < ends[a]:
            first, second = _root(parent, a), _root(parent, b)
            if first < second:
                parent[second] = first
            else:
                parent[first] = second
        if ends[a] < ends[b]:
            a += 1
        else:
            b += 1


@numba.njit(cache=True, nogil=True)
def join_runs(
    plane: Any, value: bool, row: int, first: Any, starts: Any, ends: Any, parent: Any
) -> None:
    """Find the runs of one plane and join them with those around, in it and one plane back.

    Parameters
    ----------
    plane : (ny, nx) bool array
        One plane of the mask.
    value : bool
        Whether to find runs of True or of False.
    row : int
        Number of the plane's first row in the volume.
    first : (n_rows + 1,) int64 array
        First run of each row.
    starts, ends : (n_runs,) int32 arrays
        Receive where runs begin, and one past their ends.
    parent : (n_runs,) integer array
        The islands: each run leads to an earlier one of its island, or is the first.
    """
    ny, nx = plane.shape
    for y in range(ny):
        line = plane[y]
        k = first[row + y]
        x = 0
        while x < nx:
            while x < nx and line[x] != value:
                x += 1
            if x == nx:
                break
            starts[k] = x
            while x < nx and line[x] == value:
                x += 1
            ends[k] = x
            parent[k] = k
            k += 1
        here, there = first[row + y], first[row + y + 1]
        if y > 0:
            before = first[row + y - 1]
            _join_rows(starts, ends, parent, here, there, before, here)
        if row > 0:
            back = row + y - ny
            _join_rows(starts, ends, parent, here, there, first[back], first[back + 1])


@numba.njit(cache=True, nogil=True)
def size_runs(
    first: Any, row: int, n_rows: int, at_face: bool, width: int, starts: Any, ends: Any,
    parent: Any, sizes: Any, open_ended: Any,
) -> None:  # fmt: skip
    """Add up, at each island's first run, the voxels of one plane, and whether it meets a face.

    Parameters
    ----------
    row, n_rows : int
        The plane's first row in the volume, and how many it has.
    at_face : bool
        Whether the whole plane lies at a face.
    width : int
        Length of the rows.
    sizes : (n_runs,) int64 array
        0 at first; receives the numbers of voxels.
    open_ended : (n_runs,) bool array
        False at first; receives whether the island meets a face of the volume, of which axes
        of one voxel have none.
    """
    for y in range(n_rows):
        edge = at_face or (n_rows > 1 and (y == 0 or y == n_rows - 1))
        for k in range(first[row + y], first[row + y + 1]):
            root = _root(parent, k)
            parent[k] = root
            sizes[root] += ends[k] - starts[k]
            if edge or (width > 1 and (starts[k] == 0 or ends[k] == width)):
                open_ended[root] = True


@numba.njit(cache=True, nogil=True)
def paint_runs(
    plane: Any, value: bool, first: Any, row: int, starts: Any, ends: Any, parent: Any, wanted: Any
) -> None:
    """Set the runs of one plane whose islands are wanted to a value."""
    for y in range(plane.shape[0]):
        for k in range(first[row + y], first[row + y + 1]):
            if wanted[parent[k]]:
                plane[y, starts[k] : ends[k]] = value
