"""Measure every particle once, in its own box, in batches spread over threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import Progress
from napari_battery.radial.find import Found
from napari_battery.radial.layers import LayerRule
from napari_battery.radial.voxels import Block, Voxels

__all__ = ["Measured", "default_workers", "measure_particles"]

_BATCH_VOXELS = 1 << 18


@dataclass(frozen=True)
class Measured:
    """What the kernels fill, one entry per particle, and flat arrays of layers.

    `layer_starts` has one entry more than there are particles; the layers of particle i are
    ``layer_starts[i]`` to ``layer_starts[i] + summary[i, 0]``.
    """

    moments: NDArray[np.int64]
    pairs: NDArray[np.int64]
    pieces: NDArray[np.int64]
    summary: NDArray[np.float64]
    layer_starts: NDArray[np.int64]
    layer_counts: NDArray[np.int64]
    layer_means: NDArray[np.float64]
    layer_stds: NDArray[np.float64]


def default_workers() -> int:
    """Processors this process may use, at most 16."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(usable or 1, 16))


class _Scratch(threading.local):
    """Arrays that each thread uses again and again."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def take(self, name: str, size: int, dtype: Any) -> NDArray[Any]:
        array = self._arrays.get(name)
        if array is None or array.size < size:
            array = self._arrays[name] = np.empty(int(size * 1.25), dtype)
        return array[:size]


def _padded(boxes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Voxels of each padded box, and of the empty margin that parts boxes."""
    bz, by, bx = (boxes[:, 3:] - boxes[:, :3]).T
    plane = (by + 1) * (bx + 1)
    return bz * plane, plane + bx + 3


def _measure_batch(
    block: Block,
    flat: bool,
    rule: LayerRule,
    small: bool,
    grey_dtype: np.dtype[Any],
    bits: NDArray[np.uint64],
    boxes: NDArray[np.int64],
    layer_starts: NDArray[np.int64],
    out: Measured,
    rows: slice,
    scratch: _Scratch,
) -> None:
    from napari_battery.radial import _kernels_grey as grey_kernels
    from napari_battery.radial._kernels_depth import layers_any, squares_small
    from napari_battery.radial._kernels_find import extract_masks
    from napari_battery.radial._kernels_shape import describe_shapes

    boxes = boxes - np.array(block.offset * 2)
    sizes, margins = _padded(boxes)
    ends = np.cumsum(sizes + 2 * margins)
    starts, total = ends - margins - sizes, int(ends[-1])
    n_rows = (boxes[:, 3] - boxes[:, 0]) * (boxes[:, 4] - boxes[:, 1])
    row_starts = np.concatenate([[0], np.cumsum(n_rows)])
    _, ny, nx = block.shape

    masks = scratch.take("masks", total, np.uint8)
    masks[:] = 0
    extract_masks(block.labels, ny, nx, bits, boxes, starts, masks)
    first = scratch.take("first", int(row_starts[-1]), np.int32)
    last = scratch.take("last", int(row_starts[-1]), np.int32)
    longest = int((margins).max())
    acc = scratch.take("acc", 8 * longest, np.uint8).reshape(8, longest)
    moments, pairs, pieces = out.moments[rows], out.pairs[rows], out.pieces[rows]
    describe_shapes(masks, boxes, starts, row_starts, acc, first, last, moments, pairs, pieces)

    index = scratch.take("index", total, np.uint16)
    index[:] = 0
    if small:
        spare = scratch.take("spare", total, np.uint16)
        squares_small(masks, boxes, starts, flat, index, spare)
        table = rule.table
    else:
        room = int((sizes + 2 * margins).max())
        a, b = scratch.take("a", room, np.float64), scratch.take("b", room, np.float64)
        layers_any(masks, boxes, starts, flat, rule.weights, index, a, b)
        table = rule.identity

    kind, size = grey_dtype.kind, grey_dtype.itemsize
    flip = bias = 0
    kernel: Any = grey_kernels.measure_floats
    if kind in "iub" and size <= 2:
        kernel = grey_kernels.measure_bytes if size == 1 else grey_kernels.measure_words
        if kind == "i":
            flip, bias = (0x80, -0x80) if size == 1 else (0x8000, -0x8000)
    kernel(
        block.grey, ny, nx, flip, bias, boxes, starts, row_starts, first, last, index, table,
        layer_starts, out.layer_counts, out.layer_means, out.layer_stds, out.summary[rows],
    )  # fmt: skip


def _morton(boxes: NDArray[np.int64], cell: int = 32) -> NDArray[np.int64]:
    """Sort key that keeps neighbours together, so that they share what is in the cache."""
    key = np.zeros(len(boxes), np.int64)
    for axis in range(3):
        place = boxes[:, axis] // cell
        for bit in range(16):
            key |= ((place >> bit) & 1) << (3 * bit + 2 - axis)
    return key


def _plan(voxels: Voxels, boxes: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[Any]]:
    """Order of the particles, and jobs (box to read, slice of the order)."""
    if voxels.whole is not None:
        return np.argsort(_morton(boxes), kind="stable"), [(None, slice(0, len(boxes)))]
    step = voxels.planes_per_block
    window = boxes[:, 0] // step
    alone = boxes[:, 3] > (window + 2) * step
    window[alone] = voxels.shape[0] // step + 1 + np.arange(alone.sum())
    order = np.lexsort((_morton(boxes), window))
    jobs = []
    edges = np.flatnonzero(np.diff(window[order], prepend=-1, append=-1))
    for i, j in pairwise(edges):
        low, high = boxes[order[i:j], :3].min(axis=0), boxes[order[i:j], 3:].max(axis=0)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        jobs.append((box, slice(int(i), int(j))))
    return order, jobs


def _batches(rows: slice, sizes: NDArray[np.int64], small: NDArray[np.bool_]) -> Iterator[slice]:
    """Cut a slice of particles into batches of about equal work and one kind."""
    start, work = rows.start, 0
    for i in range(rows.start, rows.stop):
        if i > start and (work + sizes[i] > _BATCH_VOXELS or small[i] != small[start]):
            yield slice(start, i)
            start, work = i, 0
        work += sizes[i]
    if rows.stop > start:
        yield slice(start, rows.stop)


def measure_particles(
    voxels: Voxels, found: Found, rule: LayerRule, workers: int, progress: Progress
) -> Measured:
    """Measure all particles; results stand in the order of `found`.

    Results do not depend on the number of workers: each particle is measured by one thread.

    Raises
    ------
    Cancelled
        If the person stopped it.
    """
    n = len(found.boxes)
    order, jobs = _plan(voxels, found.boxes)
    boxes, bits = found.boxes[order], found.bits[order]
    bounds = rule.most_layers(boxes)
    layer_starts = np.concatenate([[0], np.cumsum(bounds)]).astype(np.int64)
    total = int(layer_starts[-1])
    out = Measured(
        np.zeros((n, 4), np.int64), np.zeros((n, 7), np.int64), np.zeros(n, np.int64),
        np.zeros((n, 7)), layer_starts,
        np.zeros(total, np.int64), np.zeros(total), np.zeros(total),
    )  # fmt: skip
    sizes = _padded(boxes)[0]
    small = rule.is_small(boxes)
    scratch = _Scratch()
    progress.begin(n, "Measuring particles")
    with ThreadPoolExecutor(workers) as pool:
        pending: dict[Future[None], int] = {}

        def finish(at_most: int) -> None:
            while len(pending) > at_most:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    count = pending.pop(future)
                    future.result()
                    progress.advance(count)

        try:
            for box, rows in jobs:
                block = voxels.block(box)
                for batch in _batches(rows, sizes, small):
                    future = pool.submit(
                        _measure_batch, block, voxels.is_flat, rule, bool(small[batch.start]),
                        voxels.grey_dtype,
                        bits[batch], boxes[batch], layer_starts[batch.start : batch.stop + 1],
                        out, batch, scratch,
                    )  # fmt: skip
                    pending[future] = batch.stop - batch.start
                    finish(2 * workers)
                # One copied block in memory at a time.
                finish(0)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return _reorder(out, order)


def _reorder(out: Measured, order: NDArray[np.int64]) -> Measured:
    """Back into the order of the labels, without the unused room after each particle."""
    inverse = np.empty_like(order)
    inverse[order] = np.arange(order.size)
    counts = out.summary[inverse, 0].astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    take = np.repeat(out.layer_starts[inverse] - starts[:-1], counts) + np.arange(starts[-1])
    return Measured(
        out.moments[inverse], out.pairs[inverse], out.pieces[inverse], out.summary[inverse],
        starts, out.layer_counts[take], out.layer_means[take], out.layer_stds[take],
    )  # fmt: skip
