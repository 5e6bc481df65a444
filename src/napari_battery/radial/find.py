"""Find the particles: their labels and bounding boxes, in one pass over the labels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.label_boxes import merge_boxes, scan_boxes_of
from napari_battery.progress import SILENT, Progress
from napari_battery.radial.voxels import Voxels, label_bits
from napari_battery.volume import Volume

__all__ = ["Found", "find_particles", "find_some", "label_boxes"]

_SLAB_VOXELS = 1 << 23


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


def _edge_labels(voxels: Voxels, z0: int, z1: int) -> NDArray[np.uint64]:
    """Labels in planes z0 to z1 with a voxel next to one outside the region."""
    lo, hi = max(z0 - 1, 0), min(z1 + 1, voxels.shape[0])
    box = voxels.slab_box(lo, hi)
    allowed = voxels.read_region(box)
    if allowed is None:
        return np.zeros(0, np.uint64)
    labels = voxels.read_labels(box)
    return np.unique(labels[_near_outside(voxels, allowed) & allowed]).astype(np.uint64)


def _near_outside(voxels: Voxels, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels with a face neighbour that lies outside the region."""
    near = np.zeros(allowed.shape, bool)
    for axis in (1, 2) if voxels.is_flat else (0, 1, 2):
        a = tuple(slice(None, -1) if k == axis else slice(None) for k in range(3))
        b = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        near[a] |= ~allowed[b]
        near[b] |= ~allowed[a]
    return near


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
        keys, boxes = scan_boxes_of(flat, (z1 - z0, *voxels.shape[1:]))
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
    bits, boxes = merge_boxes([p[:2] for p in parts])
    labels = _as_labels(bits, voxels.label_dtype, voxels.names[0])
    cut = _at_faces(voxels, boxes)
    cut |= np.isin(bits, np.concatenate([p[2] for p in parts] or [bits[:0]]))
    order = np.argsort(labels, kind="stable")
    return Found(labels[order], bits[order], boxes[order], cut[order])


def find_some(voxels: Voxels, labels: NDArray[Any], within: NDArray[np.int64]) -> Found:
    """Find some particles, each somewhere within a box of its own; those that are gone are not.

    Parameters
    ----------
    voxels : Voxels
        Where to look.
    labels : (n,) int64 or uint64
        Labels, ascending, each once.
    within : (n, 6) int64
        First z, y, x and past-last z, y, x of where to look for each.

    Returns
    -------
    Found
        The same as `find_particles` gives for these labels.
    """
    bits = labels.astype(np.uint64)
    boxes, cut = np.zeros((len(labels), 6), np.int64), np.zeros(len(labels), bool)
    there = np.zeros(len(labels), bool)
    for i, (low, high) in enumerate(zip(within[:, :3], within[:, 3:], strict=True)):
        if (low >= high).any():
            continue
        # one voxel more on all sides shows the edge of the region
        wide = np.maximum(low - 1, 0), np.minimum(high + 1, voxels.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(*wide, strict=True))
        read = voxels.read_labels(box)  # type: ignore[arg-type]
        inside = read == read.dtype.type(bits[i])
        ends = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {k}))) for k in range(3)]
        if not ends[0].size:
            continue
        there[i] = True
        first, last = np.array([(e[0], e[-1]) for e in ends]).T + wide[0]
        boxes[i] = np.concatenate([first, last + 1])
        allowed = voxels.read_region(box)  # type: ignore[arg-type]
        cut[i] = allowed is not None and bool((inside & _near_outside(voxels, allowed)).any())
    cut |= _at_faces(voxels, boxes)
    return Found(labels[there], bits[there], boxes[there], cut[there])


def label_boxes(
    labels: Volume, progress: Progress = SILENT
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Every label and its bounding box, in one pass.

    Returns
    -------
    labels : (n,) int64 or uint64
        The labels, ascending.
    boxes : (n, ndim, 2) int64
        First and past-last voxel of each along every axis.

    Raises
    ------
    InputError
        If a label is negative or no whole number.
    Cancelled
        If the person stopped it.
    """
    shape = (1, *labels.shape) if labels.ndim == 2 else labels.shape
    step = max(1, _SLAB_VOXELS // max(1, shape[1] * shape[2]))
    starts = range(0, shape[0], step)
    parts = []
    progress.begin(len(starts), "Finding particles")
    for z in starts:
        slab = labels.data if labels.ndim == 2 else labels.data[z : z + step]
        flat = label_bits(np.asarray(slab), labels.name).reshape(-1)
        planes = min(step, shape[0] - z)
        keys, found = scan_boxes_of(flat, (planes, *shape[1:]))  # type: ignore[arg-type]
        found = found.astype(np.int64)
        found[:, [0, 3]] += z
        parts.append((keys, found))
        progress.advance()
    bits, boxes = merge_boxes(parts)
    numbers = _as_labels(bits, labels.dtype, labels.name)
    order = np.argsort(numbers, kind="stable")
    ends = boxes[order].reshape(-1, 2, 3).transpose(0, 2, 1)
    return numbers[order], ends[:, 3 - labels.ndim :]


def _at_faces(voxels: Voxels, boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which boxes touch a face of the volume."""
    axes = [1, 2] if voxels.is_flat else [0, 1, 2]
    low, high = boxes[:, :3][:, axes], boxes[:, 3:][:, axes]
    at_face = (low == 0).any(axis=1) | (high == np.array(voxels.shape)[axes]).any(axis=1)
    return np.asarray(at_face)


def _as_labels(bits: NDArray[np.uint64], dtype: np.dtype[Any], name: str) -> NDArray[Any]:
    """The labels' own numbers again; refuses negative ones."""
    if dtype.kind in "if":
        size = 8 if dtype.kind == "f" else dtype.itemsize
        signed = bits.astype(f"u{size}").view(f"i{size}").astype(np.int64)
        if (signed < 0).any():
            raise InputError(
                f"The labels “{name}” hold negative numbers (down to {signed.min()}); "
                "background must be 0 and particles count upwards. Relabel them first."
            )
        return signed
    if bits.size and bits.max() > np.iinfo(np.int64).max:
        return bits
    return bits.astype(np.int64)
