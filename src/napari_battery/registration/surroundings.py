"""The constant that a reconstruction, or a resampling, leaves around a field of view."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["field_of_view"]

_DOUBT = 0.05
"""Largest share of what would be left out that runs along the axes disagree about."""
_WIDE = 0.8
"""A field of view spans the grid; an object within it may not."""
_SMALLEST = 0.2
"""Share of the grid that it must fill."""
_LEAST = 0.005
"""Below this share of all voxels, surroundings are not worth a mask."""
_RIM, _TEXTURE = 3, 0.05
"""This many voxels below the rim, this share of the spread of grey levels must remain."""
_SIDE = 96
"""Voxels along an axis that suffice to recognise it."""

Mask = NDArray[np.bool_]


def field_of_view(data: NDArray[np.floating[Any]]) -> Mask | None:
    """Where the field of view lies in an image that is one constant around it.

    A reconstruction writes zeros outside its cylinder; a resampled image of whole numbers has
    them beside its box. These edges stay with the grid and pull an alignment towards itself.
    The surroundings are recognised by exact equality, and by a field of view that is convex
    and spans the grid, so that dark pores, or one object in air, are kept.

    Parameters
    ----------
    data : (z, y, x) array
        NaN where there is no data.

    Returns
    -------
    boolean array or None
        True within, one voxel less at its rim (which may be mixed); None where there is no such
        constant.
    """
    constant = _corner(data)
    if constant is None:
        return None
    every = tuple(slice(None, None, max(1, n // _SIDE)) for n in data.shape)
    if not _convincing(data[every] != constant):
        return None
    seen = _without_rim(_filled(data != constant))
    # an object whose outline is all that there is to see needs it
    inner = seen.copy()
    for axis, n in enumerate(data.shape):
        if n > 8 * _RIM:  # where it touches a face, it ends there
            np.moveaxis(inner, axis, 0)[[0, -1]] = False
    for _ in range(_RIM):
        inner = _without_rim(inner)
    spreads = [float(np.nanstd(data[part])) if part.any() else 0.0 for part in (seen, inner)]
    return seen if spreads[1] > _TEXTURE * spreads[0] else None


def _without_rim(seen: Mask) -> Mask:
    within = seen.copy()
    for axis, n in enumerate(seen.shape):
        if n > 1:
            first, last = [slice(None)] * 3, [slice(None)] * 3
            first[axis], last[axis] = slice(None, -1), slice(1, None)
            within[tuple(last)] &= seen[tuple(first)]
            within[tuple(first)] &= seen[tuple(last)]
    return within


def _corner(data: NDArray[np.floating[Any]]) -> float | None:
    """The grey level that half of all corners share, or more."""
    ends = [slice(None, None, max(1, n - 1)) for n in data.shape]
    values, counts = np.unique(data[tuple(ends)], return_counts=True)
    corners = 2 ** sum(n > 1 for n in data.shape)
    most = int(np.argmax(counts))
    found = float(values[most])
    return found if 2 * counts[most] >= corners and np.isfinite(found) else None


def _runs(rest: Mask, axis: int) -> Mask:
    """All between the first and the last True of each row along an axis."""
    back = np.flip(np.logical_or.accumulate(np.flip(rest, axis), axis=axis), axis)
    return np.asarray(np.logical_or.accumulate(rest, axis=axis) & back)


def _filled(rest: Mask) -> Mask:
    whole = rest.copy()
    for axis, n in enumerate(rest.shape):
        if n > 1:
            whole |= _runs(rest, axis)
    return whole


def _convincing(rest: Mask) -> bool:
    """Whether what is not the constant is convex, large, and spans the grid."""
    whole = _filled(rest)
    outside = whole.size - int(np.count_nonzero(whole))
    if not (_LEAST * whole.size <= outside <= (1 - _SMALLEST) * whole.size):
        return False
    for axis, n in enumerate(rest.shape):
        if n == 1:
            continue
        doubt = np.count_nonzero(whole & ~_runs(rest, axis))
        if doubt > _DOUBT * outside:
            return False
        there = np.flatnonzero(whole.any(axis=tuple(a for a in range(3) if a != axis)))
        if there[-1] - there[0] + 1 < _WIDE * n:
            return False
    return True
