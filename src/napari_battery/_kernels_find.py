"""Compiled: where the particles are, and which voxels are theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery._jit import I32, I64, U8, U64, jit

__all__ = ["extract_masks", "rehash", "scan_boxes"]

_GOLDEN = 0x9E3779B97F4A7C15
_DE_BRUIJN = 0x03F79D71B4CB0A89


@jit
def _slot(keys: U64, key: Any, shift: Any) -> Any:
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
def _grow(
    label: Any, z: int, y: int, x0: int, x1: int, keys: U64, boxes: I32, used: int, shift: Any
) -> int:
    """Take a run of voxels into its label's box; returns how many labels are known."""
    if label == 0:
        return used
    key = np.uint64(label)
    slot = _slot(keys, key, shift)
    box = boxes[slot]
    if keys[slot] == np.uint64(0):
        keys[slot] = key
        box[0], box[1], box[2] = z, y, x0
        box[3], box[4], box[5] = z + 1, y + 1, x1
        return used + 1
    box[1], box[2] = min(box[1], y), min(box[2], x0)
    box[3], box[4], box[5] = z + 1, max(box[4], y + 1), max(box[5], x1)
    return used


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
    # Where the label changes, a byte per voxel (on machines that put the lowest byte first);
    # eight are looked at a time, and the lowest set bit tells which byte is next.
    byte_of = np.zeros(64, np.int64)
    for k in range(8):
        one = np.uint64(1) << np.uint64(8 * k)
        byte_of[(one * np.uint64(_DE_BRUIJN)) >> np.uint64(58)] = k
    changes = np.zeros((nx + 7) // 8 * 8, np.uint8)
    words = changes.view(np.uint64)
    while row < n_rows and used <= room:
        z = row // ny
        y = row - z * ny
        line = labels[row * nx : (row + 1) * nx]
        later = changes[1:nx]
        before = line[: nx - 1]
        after = line[1:]
        for x in range(nx - 1):
            later[x] = after[x] != before[x]
        begin = 0
        for w in range(words.size):
            word = words[w]
            while word:
                lowest = word & (~word + np.uint64(1))
                word ^= lowest
                x = 8 * w + byte_of[(lowest * np.uint64(_DE_BRUIJN)) >> np.uint64(58)]
                used = _grow(line[begin], z, y, begin, x, keys, boxes, used, shift)
                begin = x
        used = _grow(line[begin], z, y, begin, nx, keys, boxes, used, shift)
        row += 1
    return row, used


@jit
def extract_masks(
    labels: NDArray[Any],
    ny: int,
    nx: int,
    targets: NDArray[Any],
    boxes: I64,
    starts: I64,
    masks: U8,
) -> int:
    """Copy each particle's mask into its own padded, flat box.

    A box of (bz, by, bx) voxels is laid out with row stride bx + 1 and plane stride
    (by + 1)(bx + 1): one empty column and one empty row part neighbouring rows and
    planes, so that a shift by any neighbour offset never meets a voxel it should not.
    `starts` are the positions of the first voxel; a plane, a row and two voxels are empty
    before and behind each box.

    Returns
    -------
    int
        Nothing of use. Rows are first touched at their ends, so that many of them are
        fetched from memory at a time, which halves the time; unused, that would be dropped.
    """
    touched = 0
    for p in range(targets.size):
        target = targets[p]
        bz = boxes[p, 3] - boxes[p, 0]
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        end = starts[p] + bz * (by + 1) * (bx + 1)
        margin = (by + 2) * (bx + 1) + 2
        masks[starts[p] - margin : starts[p]] = 0
        masks[end : end + margin] = 0
        for z in range(bz):
            source = ((boxes[p, 0] + z) * ny + boxes[p, 1]) * nx + boxes[p, 2]
            for _ in range(by):
                touched += labels[source] ^ labels[source + bx - 1]
                source += nx
        for z in range(bz):
            for y in range(by):
                source = ((boxes[p, 0] + z) * ny + boxes[p, 1] + y) * nx + boxes[p, 2]
                to = starts[p] + (z * (by + 1) + y) * (bx + 1)
                row = labels[source : source + bx]
                mask = masks[to : to + bx]
                for x in range(bx):
                    mask[x] = row[x] == target
                masks[to + bx] = 0
            to = starts[p] + (z * (by + 1) + by) * (bx + 1)
            masks[to : to + bx + 1] = 0
    return touched
