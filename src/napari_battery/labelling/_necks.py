"""Necks between touching labels, and how deep each label is."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["add_necks"]

_EMPTY = -1


@numba.njit(cache=True, nogil=True)
def _slot(keys: Any, key: int) -> int:
    """Where a key is in a table, or is to go."""
    mask = len(keys) - 1
    at = (key * 0x9E3779B97F4A7C15 >> 20) & mask
    while keys[at] != _EMPTY and keys[at] != key:
        at = (at + 1) & mask
    return at


@numba.njit(cache=True, nogil=True)
def _grown(keys: Any, heights: Any) -> Any:
    wide_keys = np.full(2 * len(keys), _EMPTY, np.int64)
    wide_heights = np.zeros(2 * len(keys), np.int32)
    for at in range(len(keys)):
        if keys[at] != _EMPTY:
            to = _slot(wide_keys, keys[at])
            wide_keys[to], wide_heights[to] = keys[at], heights[at]
    return wide_keys, wide_heights


@numba.njit(cache=True, nogil=True)
def add_necks(
    labels: Any, levels: Any, z: int, keys: Any, heights: Any, n: int, deepest: Any
) -> Any:
    """Add one plane: the highest level at which each pair of labels meets, and each one's own.

    Parameters
    ----------
    labels : (nz, ny, nx) int32 array
        Labels, 0 outside.
    levels : (nz, ny, nx) uint16 array
        Depths.
    z : int
        Plane; its faces towards the plane before count.
    keys : (c,) int64 array
        Table of pairs: smaller label · 2³² + larger; -1 where free. c is a power of 2.
    heights : (c,) int32 array
        Level of each pair's neck: where two voxels meet, the shallower counts.
    n : int
        How many pairs there are.
    deepest : (n_labels + 1,) int32 array
        Receives the highest level of each label.

    Returns
    -------
    keys, heights, n
        The tables now; others where they had to grow.
    """
    ny, nx = labels.shape[1:]
    last, at = np.int64(_EMPTY), 0
    for y in range(ny):
        for x in range(nx):
            own = labels[z, y, x]
            if own == 0:
                continue
            level = np.int32(levels[z, y, x])
            deepest[own] = max(deepest[own], level)
            for axis in range(3):
                if (x, y, z)[axis] == 0:
                    continue
                i, j, k = z - (axis == 2), y - (axis == 1), x - (axis == 0)
                other = labels[i, j, k]
                if other == 0 or other == own:
                    continue
                key = np.int64(min(own, other)) << 32 | np.int64(max(own, other))
                if key != last:
                    at, last = _slot(keys, key), key
                    if keys[at] == _EMPTY:
                        keys[at] = key
                        n += 1
                        if 2 * n > len(keys):
                            keys, heights = _grown(keys, heights)
                            at = _slot(keys, key)
                heights[at] = max(heights[at], min(level, np.int32(levels[i, j, k])))
    return keys, heights, n
