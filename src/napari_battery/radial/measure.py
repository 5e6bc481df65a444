"""Measure every particle once, in its own box, in batches spread over threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.label_boxes import Scratch, morton, padded_sizes
from napari_battery.progress import Progress
from napari_battery.radial.batch import Measured, Shells, measure_batch
from napari_battery.radial.find import Found
from napari_battery.radial.giant import measure_giant
from napari_battery.radial.layers import LayerRule
from napari_battery.radial.voxels import Block, Voxels

__all__ = ["default_workers", "measure_particles"]

_BATCH_VOXELS = 1 << 18
"""Voxels of a batch: what the kernels pass on to each other then stays in a core's cache."""
_GROUP = 16
"""Batches that a thread does in a row: handing one over costs as much as a small particle."""


def default_workers() -> int:
    """Processors this process may use, at most 16."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(usable or 1, 16))


def _plan(
    voxels: Voxels, boxes: NDArray[np.int64], giant: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], list[tuple[Any, slice]]]:
    """Order of the particles, giants last, and jobs: a box to read, and a slice of the order."""
    usual = np.flatnonzero(~giant)
    boxes = boxes[usual]
    if voxels.whole is not None:
        order = usual[np.argsort(morton(boxes), kind="stable")]
        jobs: list[tuple[Any, slice]] = [(None, slice(0, usual.size))]
    else:
        # Particles that begin in the same slab share one block, of at most two slabs.
        step = voxels.planes_per_block
        window = boxes[:, 0] // step
        alone = boxes[:, 3] > (window + 2) * step
        window[alone] = voxels.shape[0] // step + 1 + np.arange(alone.sum())
        inner = np.lexsort((morton(boxes), window))
        edges = np.flatnonzero(np.diff(window[inner], prepend=-1, append=-1))
        jobs = []
        for i, j in pairwise(edges):
            some = boxes[inner[i:j]]
            ends = zip(some[:, :3].min(axis=0), some[:, 3:].max(axis=0), strict=True)
            jobs.append((tuple(slice(int(a), int(b)) for a, b in ends), slice(int(i), int(j))))
        order = usual[inner]
    return np.concatenate([order, np.flatnonzero(giant)]), jobs


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
    voxels: Voxels,
    found: Found,
    rule: LayerRule,
    shells: bool,
    workers: int,
    progress: Progress,
) -> Measured:
    """Measure all particles; results stand in the order of `found`.

    Results do not depend on the number of workers: each particle is measured by one thread.

    Raises
    ------
    Cancelled
        If the person stopped it.
    """
    giant = rule.is_giant(found.boxes)
    order, jobs = _plan(voxels, found.boxes, giant)
    boxes, bits = found.boxes[order], found.bits[order]
    out = _room(rule, boxes, shells)
    sizes, small = padded_sizes(boxes)[0], rule.is_small(boxes)
    scratch = Scratch()
    progress.begin(len(boxes), "Measuring particles")
    with ThreadPoolExecutor(workers) as pool:
        pending: dict[Future[None], int] = {}

        def measure(block: Block, batches: list[slice]) -> None:
            for batch in batches:
                is_small = bool(small[batch.start])
                measure_batch(
                    block, voxels.is_flat, rule, is_small,
                    voxels.grey_dtype, bits, boxes, out, batch, scratch,
                )  # fmt: skip

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
                batches = _batches(rows, sizes, small)
                while group := list(islice(batches, _GROUP)):
                    future = pool.submit(measure, block, group)
                    pending[future] = group[-1].stop - group[0].start
                    finish(2 * workers)
                # One copied block in memory at a time.
                finish(0)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    for i in range(len(boxes) - int(giant.sum()), len(boxes)):
        measure_giant(voxels, rule, bits[i], boxes[i], out, i, lambda: progress.advance(0))
        progress.advance()
    return _reorder(out, order)


def _room(rule: LayerRule, boxes: NDArray[np.int64], shells: bool) -> Measured:
    """Empty results, with room for as many layers and shells as fit into the boxes."""
    n = len(boxes)
    starts = np.concatenate([[0], np.cumsum(rule.most_layers(boxes))]).astype(np.int64)
    total = int(starts[-1])
    out = Measured(
        np.zeros((n, 4), np.int64), np.zeros((n, 7), np.int64), np.zeros(n, np.int64),
        np.zeros((n, 7)), starts, np.zeros(total, np.int64), np.zeros(total), np.zeros(total),
    )  # fmt: skip
    if not shells:
        return out
    reach = np.linalg.norm((boxes[:, 3:] - boxes[:, :3]) * rule.edges, axis=1)
    starts = np.concatenate([[0], np.cumsum(reach.astype(np.int64) + 1)]).astype(np.int64)
    total = int(starts[-1])
    empty = Shells(starts, np.zeros(total, np.int64), np.zeros(total), np.zeros(total))
    return replace(out, shells=empty)


def _packed(
    starts: NDArray[np.int64], counts: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """New starts, and where to take entries from, without unused room and in another order."""
    counts = counts[order]
    packed = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    take = np.repeat(starts[:-1][order] - packed[:-1], counts) + np.arange(packed[-1])
    return packed, take


def _reorder(out: Measured, order: NDArray[np.int64]) -> Measured:
    """Back into the order of the labels."""
    inverse = np.empty_like(order)
    inverse[order] = np.arange(order.size)
    starts, take = _packed(out.layer_starts, out.summary[:, 0].astype(np.int64), inverse)
    shells = out.shells
    if shells is not None:
        room, entries = _packed(shells.starts, np.diff(shells.starts), inverse)
        shells = Shells(room, shells.counts[entries], shells.means[entries], shells.stds[entries])
    return Measured(
        out.moments[inverse], out.pairs[inverse], out.pieces[inverse], out.summary[inverse],
        starts, out.layer_counts[take], out.layer_means[take], out.layer_stds[take], shells,
    )  # fmt: skip
