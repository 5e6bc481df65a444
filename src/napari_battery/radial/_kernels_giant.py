"""Compiled: exact distances within one plane, for particles too big for `_kernels_depth`."""

from __future__ import annotations

import numpy as np

from napari_battery._jit import F64, I64, jit

__all__ = ["plane_squares"]


@jit
def _envelope(line: F64, n: int, weight: float, out: F64, place: I64, edge: F64) -> None:
    """Smallest ``line[j] + weight (i - j)²`` over j, by the lower envelope of parabolas.

    `line` has the n values and one 0 (outside) before and behind them.
    """
    last = 0
    place[0] = 0
    edge[0] = -np.inf
    edge[1] = np.inf
    for j in range(1, n + 2):
        while True:
            i = place[last]
            cross = (line[j] - line[i] + weight * (j * j - i * i)) / (2 * weight * (j - i))
            if cross > edge[last]:
                break
            last -= 1
        last += 1
        place[last] = j
        edge[last] = cross
        edge[last + 1] = np.inf
    k = 0
    for j in range(1, n + 1):
        while edge[k + 1] < j:
            k += 1
        out[j - 1] = line[place[k]] + weight * (j - place[k]) ** 2


@jit
def plane_squares(squares: F64, weight_y: float, weight_x: float) -> None:
    """Turn squared distances along z into squared distances from outside, in place.

    Felzenszwalb & Huttenlocher (2012); `squares` is one plane, 0 outside, and whatever lies
    beyond its edges is outside.
    """
    ny, nx = squares.shape
    most = max(ny, nx)
    line = np.zeros(most + 2)
    place = np.zeros(most + 2, np.int64)
    edge = np.zeros(most + 3)
    for x in range(nx):
        line[1 : ny + 1] = squares[:, x]
        line[ny + 1] = 0.0
        _envelope(line, ny, weight_y, squares[:, x], place, edge)
    for y in range(ny):
        line[1 : nx + 1] = squares[y]
        line[nx + 1] = 0.0
        _envelope(line, nx, weight_x, squares[y], place, edge)
