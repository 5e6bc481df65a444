"""Kernels that count, in a hash table, which labels share voxels and which share faces."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["add_pairs", "contacts", "pair_runs"]


@numba.njit(cache=True, nogil=True)
def _slot(keys: Any, key: Any, shift: Any) -> Any:
    # multiplying by 2⁶⁴ over the golden ratio spreads neighbouring numbers over the table
    at = (key * np.uint64(0x9E3779B97F4A7C15)) >> shift
    mask = np.uint64(len(keys) - 1)
    while keys[at] != 0 and keys[at] != key:
        at = (at + np.uint64(1)) & mask
    return np.int64(at)


@numba.njit(cache=True, nogil=True)
def add_pairs(keys: Any, values: Any, new_keys: Any, new_values: Any) -> None:
    """Enter pairs and their counts (n, k) in a larger hash table."""
    shift = np.uint64(64)
    size = len(new_keys)
    while size > 1:
        size >>= 1
        shift -= np.uint64(1)
    for i in range(len(keys)):
        if keys[i] != 0:
            at = _slot(new_keys, keys[i], shift)
            new_keys[at] = keys[i]
            new_values[at] = values[i]


@numba.njit(cache=True, nogil=True)
def pair_runs(
    row: int, rows_a: Any, starts_a: Any, ends_a: Any, index_a: Any, rows_b: Any, starts_b: Any,
    ends_b: Any, index_b: Any, keys: Any, values: Any, used: int, shift: Any,
) -> tuple[int, int]:  # fmt: skip
    """Count the voxels that each pair of labels has in common, until the table is half full.

    Parameters
    ----------
    row : int
        Row to begin with.
    rows_a, … index_b
        Runs of the two volumes, see `_tracking_runs.sums`.
    keys : (2ᵏ,) uint64 array
        Hash table of the pairs, ``(a + 1) << 32 | b``; 0 is free.
    values : (2ᵏ, 1) int64 array
        Voxels in common.
    used : int
        Pairs in the table.
    shift : uint64
        64 − k.

    Returns
    -------
    tuple of int
        The row to go on with (their number once done), and pairs in the table.
    """
    while row < len(rows_a) - 1:
        a, a_end, b, b_end = rows_a[row], rows_a[row + 1], rows_b[row], rows_b[row + 1]
        if used + (a_end - a) + (b_end - b) > len(keys) // 2:
            return row, used
        while a < a_end and b < b_end:
            n = min(ends_a[a], ends_b[b]) - max(starts_a[a], starts_b[b])
            if n > 0:
                key = np.uint64(index_a[a] + 1) << np.uint64(32) | np.uint64(index_b[b])
                at = _slot(keys, key, shift)
                if keys[at] == 0:
                    keys[at] = key
                    used += 1
                values[at, 0] += n
            if ends_a[a] < ends_b[b]:
                a += 1
            else:
                b += 1
        row += 1
    return row, used


@numba.njit(cache=True, nogil=True)
def _touch(i: int, j: int, n: int, axis: int, keys: Any, values: Any, shift: Any) -> int:
    """Add n faces between two labels, the smaller first; returns how many pairs are new."""
    key = np.uint64(min(i, j) + 1) << np.uint64(32) | np.uint64(max(i, j))
    at = _slot(keys, key, shift)
    new = 0
    if keys[at] == 0:
        keys[at] = key
        new = 1
    values[at, axis] += n
    return new


@numba.njit(cache=True, nogil=True)
def _touch_rows(
    a: int, a_end: int, b: int, b_end: int, axis: int, starts: Any, ends: Any, index: Any,
    keys: Any, values: Any, shift: Any,
) -> int:  # fmt: skip
    new = 0
    while a < a_end and b < b_end:
        if index[a] != index[b]:
            n = min(ends[a], ends[b]) - max(starts[a], starts[b])
            if n > 0:
                new += _touch(index[a], index[b], n, axis, keys, values, shift)
        if ends[a] < ends[b]:
            a += 1
        else:
            b += 1
    return new


@numba.njit(cache=True, nogil=True)
def contacts(
    row: int, rows: Any, ny: int, starts: Any, ends: Any, index: Any, keys: Any, values: Any,
    used: int, shift: Any,
) -> tuple[int, int]:  # fmt: skip
    """Count the faces between each pair of touching labels, until the table is half full.

    Parameters
    ----------
    row, rows, ny, starts, ends, index
        Runs, see `pair_runs`.
    keys : (2ᵏ,) uint64 array
        Hash table of the pairs, smaller one first; 0 is free.
    values : (2ᵏ, 3) int64 array
        Faces across z, y and x.
    used, shift
        See `pair_runs`.

    Returns
    -------
    tuple of int
        The row to go on with (their number once done), and pairs in the table.
    """
    while row < len(rows) - 1:
        a, a_end = rows[row], rows[row + 1]
        up = rows[row - ny + 1] - rows[row - ny] if row >= ny else 0
        if used + 4 * (a_end - a) + (a - rows[max(row - 1, 0)]) + up > len(keys) // 2:
            return row, used
        for k in range(a + 1, a_end):
            if ends[k - 1] == starts[k]:
                used += _touch(index[k - 1], index[k], 1, 2, keys, values, shift)
        if row % ny:
            used += _touch_rows(
                a, a_end, rows[row - 1], a, 1, starts, ends, index, keys, values, shift
            )
        if row >= ny:
            used += _touch_rows(
                a, a_end, rows[row - ny], rows[row - ny + 1], 0, starts, ends, index, keys,
                values, shift,
            )  # fmt: skip
        row += 1
    return row, used
