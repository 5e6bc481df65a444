"""Find the particles: their labels and bounding boxes, in one pass over the labels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.radial.voxels import Voxels

__all__ = ["Found", "find_particles"]


@dataclass(frozen=True)
class Found:
    """Particles in ascending order of their label.

    Parameters
    ----------
    labels : (n,) int64 or uint64
        Their labels.
    bits : (n,) uint64
        The labels as the kernels see them (see `voxels.label_bits`).
    boxes : (n, 6) int64
        First z, y, x and past-last z, y, x of each.
    cut : (n,) bool
        Whether it touches a face of the volume or the edge of the region.
    """

    labels: NDArray[Any]
    bits: NDArray[np.uint64]
    boxes: NDArray[np.int64]
    cut: NDArray[np.bool_]


def _scan(flat: NDArray[Any], shape: tuple[int, int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels (as bits) and boxes of one flat block."""
    from napari_battery.radial._kernels_find import rehash, scan_boxes

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


def _edge_labels(voxels: Voxels, z0: int, z1: int) -> NDArray[np.uint64]:
    """Labels in planes z0 to z1 with a voxel next to one outside the region."""
    lo, hi = max(z0 - 1, 0), min(z1 + 1, voxels.shape[0])
    box = voxels.slab_box(lo, hi)
    allowed = voxels.read_region(box)
    if allowed is None:
        return np.zeros(0, np.uint64)
    near = np.zeros(allowed.shape, bool)
    for axis in (1, 2) if voxels.is_flat else (0, 1, 2):
        a = tuple(slice(None, -1) if k == axis else slice(None) for k in range(3))
        b = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        near[a] |= ~allowed[b]
        near[b] |= ~allowed[a]
    labels = voxels.read_labels(box)
    return np.unique(labels[near & allowed]).astype(np.uint64)


def find_particles(voxels: Voxels, workers: int, progress: Progress) -> Found:
    """Find every label and its box, slab by slab.

    Raises
    ------
    InputError
        If a label is negative.
    Cancelled
        If the person stopped it.
    """
    slabs = list(voxels.slabs())
    if voxels.whole is not None and voxels.shape[0] > 1:
        step = max(1, -(-voxels.shape[0] // max(16, 4 * workers)))
        slabs = [(z, min(z + step, voxels.shape[0])) for z in range(0, voxels.shape[0], step)]
    plane = voxels.shape[1] * voxels.shape[2]

    def scan(slab: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        z0, z1 = slab
        if voxels.whole is not None:
            flat = voxels.whole.labels[z0 * plane : z1 * plane]
        else:
            flat = voxels.read_labels(voxels.slab_box(z0, z1)).reshape(-1)
        keys, boxes = _scan(flat, (z1 - z0, *voxels.shape[1:]))
        boxes = boxes.astype(np.int64)
        boxes[:, [0, 3]] += z0
        return keys, boxes, _edge_labels(voxels, z0, z1)

    progress.begin(len(slabs), "Finding particles")
    parts = []
    with ThreadPoolExecutor(workers if voxels.whole is not None else 1) as pool:
        futures = [pool.submit(scan, slab) for slab in slabs]
        try:
            for future in futures:
                parts.append(future.result())
                progress.advance()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    keys = np.concatenate([p[0] for p in parts] or [np.zeros(0, np.uint64)])
    boxes = np.concatenate([p[1] for p in parts] or [np.zeros((0, 6), np.int64)])
    bits, group = np.unique(keys, return_inverse=True)
    low = np.full((bits.size, 3), np.iinfo(np.int64).max)
    high = np.zeros((bits.size, 3), np.int64)
    np.minimum.at(low, group, boxes[:, :3])
    np.maximum.at(high, group, boxes[:, 3:])
    labels = _as_labels(bits, voxels)
    axes = [1, 2] if voxels.is_flat else [0, 1, 2]
    cut = (low[:, axes] == 0).any(axis=1)
    cut |= (high[:, axes] == np.array(voxels.shape)[axes]).any(axis=1)
    cut |= np.isin(bits, np.concatenate([p[2] for p in parts] or [bits[:0]]))
    order = np.argsort(labels, kind="stable")
    return Found(labels[order], bits[order], np.hstack([low, high])[order], cut[order])


def _as_labels(bits: NDArray[np.uint64], voxels: Voxels) -> NDArray[Any]:
    """The labels' own numbers again; refuses negative ones."""
    dtype = voxels.label_dtype
    if dtype.kind in "if":
        size = 8 if dtype.kind == "f" else dtype.itemsize
        signed = bits.astype(f"u{size}").view(f"i{size}").astype(np.int64)
        if (signed < 0).any():
            raise InputError(
                f"The labels “{voxels.names[0]}” hold negative numbers (down to {signed.min()}); "
                "background must be 0 and particles count upwards. Relabel them first."
            )
        return signed
    if bits.size and bits.max() > np.iinfo(np.int64).max:
        return bits
    return bits.astype(np.int64)
