"""Compiled: second moments of particles from their padded masks."""

from __future__ import annotations

import numpy as np

from napari_battery._jit import F64, I32, I64, U8, jit

__all__ = ["second_moments"]


@jit
def second_moments(
    masks: U8,
    boxes: I64,
    starts: I64,
    row_starts: I64,
    first: I32,
    last: I32,
    moments: I64,
    pairs: I64,
    second: F64,
) -> None:
    """Central second moments, in voxels, of the particles that `describe_shapes` described.

    Parameters
    ----------
    masks, boxes, starts, row_starts, first, last, moments, pairs
        As `describe_shapes` takes and fills them.
    second : (n, 6) float64
        Filled with the mean of zz, yy, xx, zy, zx and yx about the centroid; a voxel counts
        as its centre.
    """
    for p in range(starts.size):
        bz = boxes[p, 3] - boxes[p, 0]
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        n_rows = 0
        for row in range(row_starts[p], row_starts[p] + bz * by):
            n_rows += first[row] >= 0
        in_one = moments[p, 0] - pairs[p, 0] == n_rows
        zz, yy, xx = np.int64(0), np.int64(0), np.int64(0)
        zy, zx, yx = np.int64(0), np.int64(0), np.int64(0)
        for z in range(bz):
            # whole numbers about the middle of the box: exact, and far from overflow
            k = z - bz // 2
            for y in range(by):
                row = row_starts[p] + z * by + y
                x0, x1 = np.int64(first[row]), np.int64(last[row])
                if x0 < 0:
                    continue
                j = y - by // 2
                n, sx, sxx = np.int64(0), np.int64(0), np.int64(0)
                if in_one:
                    a, b = x0 - bx // 2, x1 - bx // 2
                    n = b - a + 1
                    sx = n * (a + b) // 2
                    sxx = (b * (b + 1) * (2 * b + 1) - (a - 1) * a * (2 * a - 1)) // 6
                else:
                    base = starts[p] + (z * (by + 1) + y) * (bx + 1)
                    for x in range(x0, x1 + 1):
                        if masks[base + x]:
                            i = x - bx // 2
                            n += 1
                            sx += i
                            sxx += i * i
                zz += n * k * k
                yy += n * j * j
                xx += sxx
                zy += n * k * j
                zx += sx * k
                yx += sx * j
        n_voxels = np.float64(max(moments[p, 0], 1))
        cz = moments[p, 1] / n_voxels - bz // 2
        cy = moments[p, 2] / n_voxels - by // 2
        cx = moments[p, 3] / n_voxels - bx // 2
        second[p, 0] = zz / n_voxels - cz * cz
        second[p, 1] = yy / n_voxels - cy * cy
        second[p, 2] = xx / n_voxels - cx * cx
        second[p, 3] = zy / n_voxels - cz * cy
        second[p, 4] = zx / n_voxels - cz * cx
        second[p, 5] = yx / n_voxels - cy * cx
