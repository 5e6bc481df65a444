"""Walking down the trees of a random forest."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["levels", "walk"]

_AT_ONCE = 128


@numba.njit(cache=True, nogil=True)
def levels(after: Any, leaf: Any, level: Any) -> None:
    """Steps from the root to each node; nodes come before what is below them."""
    for i in range(len(after)):
        if not leaf[i]:
            level[after[i]] = level[i] + 1
            level[after[i] + 1] = level[i] + 1


@numba.njit(cache=True, nogil=True)
def walk(
    feature: Any, threshold: Any, after: Any, leaf: Any, roots: Any, depths: Any, shares: Any,
    values: Any, result: Any,
) -> None:  # fmt: skip
    """Walk many voxels down a tree side by side: none waits for another's memory.

    No step has a condition, for the processor cannot foresee which way a voxel goes.
    """
    n, n_features = values.shape
    n_classes = shares.shape[1]
    flat = values.ravel()
    node = np.empty(_AT_ONCE, np.int32)
    row = np.empty(_AT_ONCE, np.int32)
    for j in range(_AT_ONCE):
        row[j] = j * n_features
    total = np.zeros((_AT_ONCE, n_classes))
    for first in range(0, n, _AT_ONCE):
        m = min(_AT_ONCE, n - first)
        part = flat[first * n_features : (first + m) * n_features]
        total[:] = 0
        for t in range(len(roots)):
            node[:] = roots[t]
            for _ in range(depths[t]):
                for j in range(m):
                    i = node[j]
                    node[j] = after[i] + np.int32(
                        part[np.uint32(row[j] + feature[i])] > threshold[i]
                    )
            for j in range(m):
                for k in range(n_classes):
                    total[j, k] += shares[leaf[node[j]], k]
        for j in range(m):
            for k in range(n_classes):
                result[first + j, k] = total[j, k] / len(roots)
