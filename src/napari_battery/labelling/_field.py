"""The Markov random field, voxel by voxel."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["gaussian", "half_sweep"]


@numba.njit(cache=True, nogil=True)
def gaussian(grey: Any, means: Any, factor: float, costs: Any) -> None:
    """Write ``factor × (grey − mean)²`` above the best class's, clipped to 16 bits."""
    for i in range(len(grey)):
        best = np.inf
        for mean in means:
            best = min(best, (grey[i] - mean) ** 2)
        for k in range(len(means)):
            cost = factor * ((grey[i] - means[k]) ** 2 - best)
            costs[i, k] = np.uint16(min(cost + 0.5, 65_535.0))


@numba.njit(cache=True, nogil=True)
def half_sweep(classes: Any, costs: Any, weights: Any, colour: int, due: Any) -> int:
    """Update the due voxels of one colour of the checkerboard; returns how many changed.

    Parameters
    ----------
    classes : (z, y, x) uint8 array
        Changed in place; 255 stays and is nobody's neighbour.
    costs : (z, y, x, n_classes) uint16 array
        Cost of each class.
    weights : (3,) int64 array
        Cost of a pair of unequal neighbours along each axis.
    colour : int
        Voxels whose indices and it sum to an even number.
    due : (z, y, x) bool array
        Voxels with a neighbour that changed since they were looked at; the others are at
        their best. Kept up to date.
    """
    n_z, n_y, n_x, n_classes = costs.shape
    w_z, w_y, w_x = weights
    alike = np.zeros(256, np.int64)
    changed = 0
    for z in range(n_z):
        for y in range(n_y):
            for x in range((z + y + colour) & 1, n_x, 2):
                if not due[z, y, x]:
                    continue
                due[z, y, x] = False
                own = classes[z, y, x]
                if own == 255:
                    continue
                for k in range(n_classes):
                    alike[k] = 0
                if z > 0:
                    alike[classes[z - 1, y, x]] += w_z
                if z < n_z - 1:
                    alike[classes[z + 1, y, x]] += w_z
                if y > 0:
                    alike[classes[z, y - 1, x]] += w_y
                if y < n_y - 1:
                    alike[classes[z, y + 1, x]] += w_y
                if x > 0:
                    alike[classes[z, y, x - 1]] += w_x
                if x < n_x - 1:
                    alike[classes[z, y, x + 1]] += w_x
                best = own
                least = np.int64(costs[z, y, x, own]) - alike[own]
                for k in range(n_classes):
                    cost = np.int64(costs[z, y, x, k]) - alike[k]
                    if cost < least:
                        least = cost
                        best = k
                if best == own:
                    continue
                classes[z, y, x] = best
                changed += 1
                due[max(z - 1, 0), y, x] = due[min(z + 1, n_z - 1), y, x] = True
                due[z, max(y - 1, 0), x] = due[z, min(y + 1, n_y - 1), x] = True
                due[z, y, max(x - 1, 0)] = due[z, y, min(x + 1, n_x - 1)] = True
    return changed
