"""Medians of boxes by bisection of the levels, bit by bit.

Counting how many voxels of the box lie below a trial level is a loop without branches along
a whole slice, which vectorises; 8-bit images need 8 such trials, floats 32.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["select_rank"]

_PART = 4096
"""Places treated at a time: trial levels and counts stay in the processor's first cache."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _count_below(levels: Any, trial: Any, count: Any) -> None:
    for i in range(len(count)):
        count[i] += levels[i] < trial[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _try_level(here: Any, step: Any, trial: Any, count: Any) -> None:
    for i in range(len(here)):
        trial[i] = here[i] | step
    for i in range(len(here)):
        count[i] = 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _take_if_reached(trial: Any, count: Any, wanted: Any, here: Any) -> None:
    for i in range(len(here)):
        here[i] = trial[i] if count[i] <= wanted[i] else here[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def select_rank(levels: Any, wide: int, reach: Any, bits: int, rank: Any, found: Any) -> None:
    """Level of a given rank in the box around each voxel.

    Parameters
    ----------
    levels : (z, y · x) unsigned array
        With a margin of `reach` on every side.
    wide : int
        Voxels per row, margin included.
    reach : tuple of int
        Radii of the box.
    bits : int
        How many the levels have.
    rank : (z, y · x) unsigned array
        Rank wanted, 0 the smallest; without the margin in z, with it in y and x. Its type
        must hold the number of voxels in the box.
    found : (z, y · x) array like `levels`
        Receives the levels; what lies in the margin is of no use.
    """
    rz, ry, rx = reach
    first = ry * wide + rx
    last = levels.shape[1] - first
    trial = np.empty(_PART, levels.dtype)
    count = np.empty(_PART, rank.dtype)
    one = levels.dtype.type(1)
    for z in range(len(found)):
        for start in range(first, last, _PART):
            stop = min(start + _PART, last)
            size = stop - start
            here, wanted = found[z, start:stop], rank[z, start:stop]
            here[:] = 0
            for bit in range(bits - 1, -1, -1):
                step = levels.dtype.type(one << levels.dtype.type(bit))
                _try_level(here, step, trial[:size], count[:size])
                for dz in range(2 * rz + 1):
                    for dy in range(-ry, ry + 1):
                        for dx in range(-rx, rx + 1):
                            at = start + dy * wide + dx
                            _count_below(levels[z + dz, at : at + size], trial[:size], count[:size])
                _take_if_reached(trial[:size], count[:size], wanted, here)
