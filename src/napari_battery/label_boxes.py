"""Every label of a block and its bounding box, and its padded mask: what kernels start from."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scratch", "merge_boxes", "morton", "padded_sizes", "scan_boxes_of"]


def scan_boxes_of(
    flat: NDArray[Any], shape: tuple[int, int, int]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels (as bits) and boxes of one flat block of unsigned numbers.

    Returns
    -------
    keys : (n,) uint64
        The labels but 0, in no order.
    boxes : (n, 6) int32
        First z, y, x and past-last z, y, x of each.
    """
    from napari_battery._kernels_find import rehash, scan_boxes

    nz, ny, nx = shape
    bits = max(12, int(4 * nx - 1).bit_length())
    keys, boxes = np.zeros(1 << bits, np.uint64), np.zeros((1 << bits, 6), np.int32)
    row, used = 0, 0
    while True:
        row, used = scan_boxes(flat, row, nz * ny, ny, nx, keys, boxes, used, np.uint64(64 - bits))
        if row == nz * ny:
            return keys[keys != 0], boxes[keys != 0]
        bits += 1
        old = keys, boxes
        keys, boxes = np.zeros(1 << bits, np.uint64), np.zeros((1 << bits, 6), np.int32)
        rehash(*old, keys, boxes, np.uint64(64 - bits))


def merge_boxes(
    parts: list[tuple[NDArray[Any], NDArray[Any]]],
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Labels (as bits) of all slabs, each once, ascending, and the boxes around their parts."""
    keys = np.concatenate([p[0] for p in parts] or [np.zeros(0, np.uint64)])
    boxes = np.concatenate([p[1] for p in parts] or [np.zeros((0, 6), np.int64)])
    bits, group = np.unique(keys, return_inverse=True)
    low = np.full((bits.size, 3), np.iinfo(np.int64).max)
    high = np.zeros((bits.size, 3), np.int64)
    np.minimum.at(low, group, boxes[:, :3])
    np.maximum.at(high, group, boxes[:, 3:])
    return bits, np.hstack([low, high])


def morton(boxes: NDArray[np.int64], cell: int = 32) -> NDArray[np.int64]:
    """Sort key that keeps neighbours together, so that they share what is in the cache."""
    key = np.zeros(len(boxes), np.int64)
    for axis in range(3):
        place = boxes[:, axis] // cell
        for bit in range(16):
            key |= ((place >> bit) & 1) << (3 * bit + 2 - axis)
    return key


class Scratch(threading.local):
    """Arrays that each thread uses again and again."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def take(self, name: str, size: int, dtype: Any) -> NDArray[Any]:
        """An array of that size, of whatever it held before."""
        array = self._arrays.get(name)
        if array is None or array.size < size:
            array = self._arrays[name] = np.empty(int(size * 1.25), dtype)
        return array[:size]


def padded_sizes(boxes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Voxels of each padded box, and of the empty margin that parts boxes."""
    bz, by, bx = (boxes[:, 3:] - boxes[:, :3]).T
    plane = (by + 1) * (bx + 1)
    return bz * plane, plane + bx + 3
