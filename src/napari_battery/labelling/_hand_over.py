"""Giving voxels that lost their phase to the phases around them."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["hand_over"]


def hand_over(
    codes: NDArray[np.uint8], lost: NDArray[np.int64], own: int, outside: NDArray[np.bool_]
) -> None:
    """Give each lost voxel the commonest code among its face neighbours, from the rim inwards.

    Parameters
    ----------
    codes : (z, y, x) or (y, x) uint8 array
        Changed in place.
    lost : (n,) int64 array
        Flat indices of the voxels to give away, all of code `own`.
    own : int
        A code that is not given to them, unless nothing else is near.
    outside : bool array
        Voxels that do not count as neighbours; of size 0: none.
    """
    # 255: nobody's; the indices of the neighbours per axis follow from the strides
    waiting = np.asarray(lost)
    flat = codes.reshape(-1)
    flat[waiting] = 255
    shape = (1,) * (3 - codes.ndim) + codes.shape
    beyond = outside.reshape(-1)
    while waiting.size:
        given = _commonest(flat, waiting, np.array(shape), own, beyond)
        done = given != 255
        if not done.any():
            flat[waiting] = 0  # wholly enclosed by the phase they lost, or by nothing
            return
        flat[waiting[done]] = given[done]
        waiting = waiting[~done]


@numba.njit(cache=True, nogil=True)
def _commonest(flat: Any, waiting: Any, shape: Any, own: int, outside: Any) -> Any:
    """Commonest code around each voxel but `own` and 255; 255 where there is none."""
    n_z, n_y, n_x = shape
    given = np.full(len(waiting), 255, np.uint8)
    seen = np.zeros(256, np.int64)
    for w in range(len(waiting)):
        i = waiting[w]
        x, rest = i % n_x, i // n_x
        y, z = rest % n_y, rest // n_y
        seen[:] = 0
        for axis in range(3):
            for step in (-1, 1):
                a = z + step if axis == 0 else z
                b = y + step if axis == 1 else y
                c = x + step if axis == 2 else x
                if a < 0 or b < 0 or c < 0 or a >= n_z or b >= n_y or c >= n_x:
                    continue
                j = (a * n_y + b) * n_x + c
                if len(outside) > 0 and outside[j]:
                    continue
                seen[flat[j]] += 1
        most = 0
        for code in range(255):
            if code != own and seen[code] > most:
                most = seen[code]
                given[w] = code
    return given
