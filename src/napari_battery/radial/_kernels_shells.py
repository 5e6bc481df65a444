"""Compiled: grey levels by true distance from a particle's centroid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery._jit import F64, I64, U8, jit

__all__ = ["measure_shells"]


@jit
def measure_shells(
    grey: NDArray[Any],
    ny: int,
    nx: int,
    masks: U8,
    boxes: I64,
    starts: I64,
    moments: I64,
    edges: F64,
    shell_starts: I64,
    counts: I64,
    means: F64,
    stds: F64,
) -> None:
    """Fill count, mean and standard deviation of each particle's shells of thickness 1.

    `edges` are voxel edges z, y, x in shell thicknesses; shell k, counted from 0, holds the
    voxels whose centre is k to k + 1 from the centroid. `shell_starts` says where each
    particle's shells begin in the flat `counts`, `means` and `stds`, which are 0 on entry.
    NaN and infinite levels are left out.
    """
    for p in range(starts.size):
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        centre_z = moments[p, 1] / moments[p, 0]
        centre_y = moments[p, 2] / moments[p, 0]
        centre_x = moments[p, 3] / moments[p, 0]
        # First the means, then the deviations from them.
        for turn in range(2):
            for z in range(boxes[p, 3] - boxes[p, 0]):
                for y in range(by):
                    aside = ((z - centre_z) * edges[0]) ** 2 + ((y - centre_y) * edges[1]) ** 2
                    source = ((boxes[p, 0] + z) * ny + boxes[p, 1] + y) * nx + boxes[p, 2]
                    base = starts[p] + (z * (by + 1) + y) * (bx + 1)
                    for x in range(bx):
                        if masks[base + x] == 0:
                            continue
                        level = np.float64(grey[source + x])
                        if not np.isfinite(level):
                            continue
                        away = np.sqrt(aside + ((x - centre_x) * edges[2]) ** 2)
                        k = shell_starts[p] + np.int64(away)
                        if turn == 0:
                            counts[k] += 1
                            means[k] += level
                        else:
                            stds[k] += (level - means[k]) ** 2
            for k in range(shell_starts[p], shell_starts[p + 1]):
                if turn == 0:
                    means[k] /= counts[k]
                else:
                    stds[k] = np.sqrt(stds[k] / counts[k])
