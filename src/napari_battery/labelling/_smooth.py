"""Gaussian smoothing of a volume plane by plane, without a copy of the volume."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["smoothed_planes"]

_TRUNCATE = 3.0


def smoothed_planes(
    read: Callable[[int], NDArray[Any]],
    shape: tuple[int, ...],
    sigmas: tuple[float, ...],
    mode: Literal["reflect", "nearest"],
    dtype: type[np.float32] | type[np.float64] = np.float32,
) -> Iterator[NDArray[Any]]:
    """Smooth planes as `scipy.ndimage.gaussian_filter(…, truncate=3)` does a volume.

    Parameters
    ----------
    read : callable
        Answers the plane of an index, a 2-D array. A plane is read once, not before its turn
        needs it, and not needed any more once it is yielded.
    shape : tuple of int
        Shape of the volume, z, y, x.
    sigmas : tuple of float
        Standard deviations along z, y, x in voxels.
    mode : str
        What lies beyond the faces, as scipy calls it.
    dtype : type
        In which the sums are made.

    Yields
    ------
    (ny, nx) array
        One plane after the other, each in the same memory as the one before.
    """
    # along an axis of one voxel nothing changes
    taps = [_taps(sigma if n > 1 else 0.0, dtype) for sigma, n in zip(sigmas, shape, strict=True)]
    reach, reach_x = len(taps[0]) - 1, len(taps[2]) - 1
    depths, rows, columns = (
        _beyond(n, len(weights) - 1, mode) for n, weights in zip(shape, taps, strict=True)
    )
    line = np.empty(shape[2] + 2 * reach_x, dtype)
    ring = np.empty((min(2 * reach + 1, shape[0]), *shape[1:]), dtype)
    out = np.empty(shape[1:], dtype)
    n_read = 0
    for z in range(shape[0]):
        while n_read < min(z + reach + 1, shape[0]):
            plane = np.ascontiguousarray(read(n_read), dtype)
            _blur(plane, rows, columns, taps[1], taps[2], line, ring[n_read % len(ring)])
            n_read += 1
        _blend(ring, depths[z : z + 2 * reach + 1] % len(ring), taps[0], out)
        yield out


def _taps(sigma: float, dtype: type[Any]) -> NDArray[Any]:
    """Half of the kernel, its middle first."""
    radius = int(_TRUNCATE * sigma + 0.5)
    x = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (x / sigma) ** 2) if radius else np.ones(1)
    half: NDArray[Any] = (weights / weights.sum())[radius:].astype(dtype)
    return half


def _beyond(n: int, reach: int, mode: Literal["reflect", "nearest"]) -> NDArray[np.int64]:
    """Which position stands for each from -reach to n + reach."""
    return np.pad(np.arange(n), reach, mode="symmetric" if mode == "reflect" else "edge")


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _blur(
    plane: Any, rows: Any, columns: Any, taps_y: Any, taps_x: Any, line: Any, out: Any
) -> None:
    """Smooth one plane along y and x."""
    ny, nx = plane.shape
    ry, rx = len(taps_y) - 1, len(taps_x) - 1
    for y in range(ny):
        middle = line[rx : rx + nx]
        for x in range(nx):
            middle[x] = taps_y[0] * plane[y, x]
        for k in range(1, ry + 1):
            before, after = plane[rows[ry + y - k]], plane[rows[ry + y + k]]
            weight = taps_y[k]
            for x in range(nx):
                middle[x] += weight * (before[x] + after[x])
        for k in range(rx):
            line[k] = line[rx + columns[k]]
            line[rx + nx + k] = line[rx + columns[rx + nx + k]]
        row = out[y]
        for x in range(nx):
            row[x] = taps_x[0] * middle[x]
        for k in range(1, rx + 1):
            left, right = line[rx - k : rx - k + nx], line[rx + k : rx + k + nx]
            weight = taps_x[k]
            for x in range(nx):
                row[x] += weight * (left[x] + right[x])


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _blend(ring: Any, slots: Any, taps: Any, out: Any) -> None:
    """Smooth along z: the weighted sum of planes."""
    reach = len(taps) - 1
    for y in range(out.shape[0]):
        row, middle = out[y], ring[slots[reach], y]
        for x in range(len(row)):
            row[x] = taps[0] * middle[x]
        for k in range(1, reach + 1):
            before, after = ring[slots[reach - k], y], ring[slots[reach + k], y]
            weight = taps[k]
            for x in range(len(row)):
                row[x] += weight * (before[x] + after[x])
