"""Compiled: where the particles are, and which voxels are theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.radial._jit import I32, I64, U8, U64, jit

__all__ = ["extract_masks", "rehash", "scan_boxes"]

_GOLDEN = 0x9E3779B97F4A7C15


@jit
def _slot(keys: U64, key: Any, shift: Any) -> int:
    """Slot of `key` in an open-addressing table, or the free slot where it belongs."""
    mask = keys.size - 1
    slot = np.int64((key * np.uint64(_GOLDEN)) >> shift)
    while keys[slot] != key and keys[slot] != np.uint64(0):
        slot = (slot + 1) & mask
    return slot


@jit
def rehash(
    keys: U64,
    boxes: I32,
    new_keys: U64,
    new_boxes: I32,
    shift: Any,
) -> None:
    """Move a table into a larger one."""
    for i in range(keys.size):
        if keys[i] != np.uint64(0):
            slot = _slot(new_keys, keys[i], shift)
            new_keys[slot] = keys[i]
            new_boxes[slot, :] = boxes[i, :]


@jit
def scan_boxes(
    labels: NDArray[Any],
    row: int,
    n_rows: int,
    ny: int,
    nx: int,
    keys: U64,
    boxes: I32,
    used: int,
    shift: Any,
) -> tuple[int, int]:
    """Grow each label's box by the runs of rows `row` to `n_rows` of a flat block.

    Stops before the table of labels gets more than half full.

    Returns
    -------
    row, used : int
        The next row to scan, and how many labels the table holds.
    """
    room = keys.size // 2 - nx
    while row < n_rows and used <= room:
        z = row // ny
        y = row - z * ny
        start = row * nx
        x = 0
        while x < nx:
            label = labels[start + x]
            end = x + 1
            while end < nx and labels[start + end] == label:
                end += 1
            if label != 0:
                key = np.uint64(label)
                slot = _slot(keys, key, shift)
                if keys[slot] == np.uint64(0):
                    keys[slot] = key
                    used += 1
                    boxes[slot, 0] = z
                    boxes[slot, 1] = y
                    boxes[slot, 2] = x
                    boxes[slot, 3] = z + 1
                    boxes[slot, 4] = y + 1
                    boxes[slot, 5] = end
                else:
                    boxes[slot, 1] = min(boxes[slot, 1], y)
                    boxes[slot, 2] = min(boxes[slot, 2], x)
                    boxes[slot, 3] = z + 1
                    boxes[slot, 4] = max(boxes[slot, 4], y + 1)
                    boxes[slot, 5] = max(boxes[slot, 5], end)
            x = end
        row += 1
    return row, used


@jit
def extract_masks(
    labels: NDArray[Any],
    ny: int,
    nx: int,
    targets: U64,
    boxes: I64,
    starts: I64,
    masks: U8,
) -> None:
    """Copy each particle's mask into its own padded, flat box.

    A box of (bz, by, bx) voxels is laid out with row stride bx + 1 and plane stride
    (by + 1)(bx + 1): one empty column and one empty row part neighbouring rows and
    planes, so that a shift by any neighbour offset never meets a voxel it should not.
    `starts` are the positions of the first voxel; `masks` is empty (0) on entry.
    """
    for p in range(targets.size):
        target = targets[p]
        bz = boxes[p, 3] - boxes[p, 0]
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        for z in range(bz):
            for y in range(by):
                source = ((boxes[p, 0] + z) * ny + boxes[p, 1] + y) * nx + boxes[p, 2]
                to = starts[p] + (z * (by + 1) + y) * (bx + 1)
                for x in range(bx):
                    masks[to + x] = np.uint64(labels[source + x]) == target
