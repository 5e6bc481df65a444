"""Computing over a volume in blocks with a margin, in threads: larger than memory goes through.

A step that needs only a neighbourhood of each voxel is a `BlockStep`. Every block is read
with its margin, mirrored at the faces of the volume, so that a step sees the same
neighbourhood however the volume is cut, and the result does not depend on the cuts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window, is_lazy
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = [
    "BlockStep",
    "block_result",
    "compute",
    "lazily",
    "mirrored",
    "read_with_halo",
    "whole",
    "window_of",
    "windows",
    "working_dtype",
]

_BLOCK_VOXELS = 2**21
_LARGEST_BLOCK_VOXELS = 2**24
_SLAB_BYTES = 2**28
_LARGEST_SLAB_BYTES = 2**30
_CHUNK_ROWS = 64
"""Slices per chunk of the OME-Zarrs written here; slabs keep to it."""
_MOST_THREADS = 8
_POLL_S = 0.1


@dataclass(frozen=True)
class BlockStep:
    """A computation that needs only a neighbourhood of each voxel.

    Parameters
    ----------
    run : callable
        ``run(block, window)`` gets the voxels of `window` with the margin `halo` on every
        side and returns the result for `window` alone. Called from several threads; must
        not depend on where the block begins.
    halo : tuple of int
        Voxels needed beyond a block on either side, one number per axis.
    dtype
        Type of the result.
    block_voxels : int
        About how many voxels, margin included, one call is to get: fewer where a step is
        slow, so that it can be cancelled soon.
    """

    run: Callable[[NDArray[Any], Window], NDArray[Any]]
    halo: tuple[int, ...]
    dtype: np.dtype[Any]
    block_voxels: int = _BLOCK_VOXELS


def whole(shape: tuple[int, ...]) -> Window:
    """The window that is everything."""
    return tuple(slice(0, n) for n in shape)


def window_of(image: Volume, box: tuple[slice, ...] | None) -> Window:
    """The window that a person's box of an image is; None is everything.

    Raises
    ------
    InputError
        If the box has other axes than the image, or holds none of its voxels.
    """
    if box is None:
        return whole(image.shape)
    if len(box) != image.ndim:
        raise InputError(
            f"The box has {len(box)} axes, “{image.name}” has {image.ndim}; they must be equal."
        )
    window = tuple(slice(*s.indices(n)[:2]) for s, n in zip(box, image.shape, strict=True))
    if any(w.start >= w.stop for w in window):
        raise InputError(f"The box holds no voxel of “{image.name}” (shape {image.shape}).")
    return window


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Floating point type that holds an image's grey levels exactly."""
    small = dtype.itemsize <= 2 or dtype == np.float32
    return np.dtype(np.float32 if small else np.float64)


def read_with_halo(data: Any, window: Window, halo: tuple[int, ...]) -> NDArray[Any]:
    """Voxels of a window with a margin, mirrored at the faces of the volume.

    Parameters
    ----------
    data : array
        numpy, memory map, zarr or `LazyArray`.
    window : tuple of slices
        Within the volume, with start and stop.
    halo : tuple of int
        Margin on both sides, per axis; may exceed the volume.

    Returns
    -------
    array
        Of the window's shape plus twice the margin. The outermost voxel is repeated
        (numpy's "symmetric"). It may share memory with `data`.
    """
    bounds = tuple(
        slice(max(0, w.start - h), min(n, w.stop + h))
        for w, h, n in zip(window, halo, data.shape, strict=True)
    )
    block: NDArray[Any] = np.asarray(data[bounds])
    for axis, (w, h, n, b) in enumerate(zip(window, halo, data.shape, bounds, strict=True)):
        if w.start - h < 0 or w.stop + h > n:
            index = mirrored(np.arange(w.start - h, w.stop + h), n)
            block = np.take(block, index - b.start, axis=axis)
    return block


def mirrored(index: NDArray[Any], n: int) -> NDArray[Any]:
    """Where indices along an axis of `n` voxels lie that is mirrored at its faces."""
    folded = index % (2 * n)
    return np.asarray(np.where(folded < n, folded, 2 * n - 1 - folded))


def windows(box: Window, sides: tuple[int, ...]) -> Iterator[Window]:
    """Cut a box into windows of at most `sides` voxels, last axis fastest."""
    starts = [range(w.start, w.stop, side) for w, side in zip(box, sides, strict=True)]
    for corner in product(*starts):
        yield tuple(
            slice(a, min(a + side, w.stop)) for a, side, w in zip(corner, sides, box, strict=True)
        )


def compute(
    step: BlockStep,
    data: Any,
    progress: Progress = SILENT,
    what: str = "Computing",
    *,
    box: Window | None = None,
    sides: tuple[int, ...] | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Run a step over a volume, or a box of it, into memory.

    Parameters
    ----------
    step : BlockStep
        What to compute.
    data : array
        Only the box and its margin are read.
    progress : Progress
        Advanced per block; asked several times a second whether to go on.
    what : str
        Name of the stage.
    box : tuple of slices, optional
        Part to compute, start and stop given; everything by default.
    sides : tuple of int, optional
        Shape of the blocks; chosen by the step's margin otherwise.
    threads : int, optional
        As many as processors (at most 8) by default.

    Returns
    -------
    array
        The box of the result: exactly that part of the whole result.

    Raises
    ------
    Cancelled
        Once the running blocks have ended.
    """
    box = whole(data.shape) if box is None else box
    result = np.empty([w.stop - w.start for w in box], step.dtype)
    parts = list(_slabs(step, data, box))
    blocks = [list(windows(part, sides or _sides(step, part))) for part in parts]
    progress.begin(sum(map(len, blocks)), what)
    for part, cuts in zip(parts, blocks, strict=True):
        _fill(step, data, part, cuts, result, box, progress, threads)
    return result


def lazily(
    step: BlockStep,
    data: Any,
    progress: Progress = SILENT,
    what: str = "Computing",
    *,
    box: Window | None = None,
) -> LazyArray:
    """The result of a step as an array that computes what is asked for.

    Made to be written to a file from its first slice to its last: a slab of slices is
    computed at a time and kept until another is asked for, and `progress` counts the
    blocks of all slabs.
    """
    box = whole(data.shape) if box is None else box
    shape = tuple(w.stop - w.start for w in box)
    parts = list(_slabs(step, data, box))
    thick = parts[0][0].stop - parts[0][0].start
    blocks = [list(windows(part, _sides(step, part))) for part in parts]
    kept: dict[int, NDArray[Any]] = {}
    begun: set[int] = set()

    def slab(i: int) -> NDArray[Any]:
        if i not in kept:
            if not begun:
                progress.begin(sum(map(len, blocks)), what)
            kept.clear()
            part = parts[i]
            result = np.empty([w.stop - w.start for w in part], step.dtype)
            report = SILENT if i in begun else progress
            _fill(step, data, part, blocks[i], result, part, report, None)
            begun.add(i)
            kept[i] = result
        return kept[i]

    def read(window: Window) -> NDArray[Any]:
        rows, rest = window[0], window[1:]
        result = np.empty([w.stop - w.start for w in window], step.dtype)
        for i in range(rows.start // thick, -(-rows.stop // thick)):
            first, last = max(rows.start, i * thick), min(rows.stop, (i + 1) * thick)
            inside = slice(first - i * thick, last - i * thick)
            result[first - rows.start : last - rows.start] = slab(i)[(inside, *rest)]
        return result

    return LazyArray(shape, step.dtype, read, (min(thick, shape[0]), *shape[1:]))


def block_result(
    step: BlockStep,
    data: Any,
    finish: Callable[[Any], Volume],
    progress: Progress = SILENT,
    what: str = "Computing",
    *,
    box: Window | None = None,
    out: Path | None = None,
) -> Volume:
    """Run a step into memory, or into a file of any size.

    Parameters
    ----------
    step, data, progress, what, box
        As in `compute`.
    finish : callable
        Gives the result its grid, name and ``metadata["made"]``.
    out : Path, optional
        TIFF or OME-Zarr to write to, a slab at a time; nothing is left of it on Cancel.

    Returns
    -------
    Volume
        In memory, or over the written file.
    """
    if out is None:
        return finish(compute(step, data, progress, what, box=box))
    from napari_battery.io import write_volume

    result = finish(lazily(step, data, progress, what, box=box))
    return write_volume(out, result, result.metadata.get("made"), SILENT)


def _slabs(step: BlockStep, data: Any, box: Window) -> Iterator[Window]:
    """Cut a box into slabs of slices that fit into memory, input with margin and result."""
    halo = step.halo[0]
    across = [
        min(w.stop + h, n) - max(w.start - h, 0)
        for w, h, n in zip(box[1:], step.halo[1:], data.shape[1:], strict=True)
    ]
    held = np.dtype(data.dtype).itemsize if is_lazy(data) else 0
    per_row = max(1, math.prod(across) * (held + step.dtype.itemsize))
    # a margin is read again by the next slab: no slab is thinner than four, as memory allows
    fit = max(_SLAB_BYTES // per_row, min(6 * halo, _LARGEST_SLAB_BYTES // per_row)) - 2 * halo
    thick = max(fit, 1)
    if thick > _CHUNK_ROWS:
        thick -= thick % _CHUNK_ROWS
    for start in range(box[0].start, box[0].stop, thick):
        yield (slice(start, min(start + thick, box[0].stop)), *box[1:])


def _sides(step: BlockStep, box: Window) -> tuple[int, ...]:
    """Shape of blocks: small enough for memory, large enough beside their margin."""
    sides = [w.stop - w.start for w in box]

    def voxels() -> int:
        return math.prod(side + 2 * h for side, h in zip(sides, step.halo, strict=True))

    while voxels() > step.block_voxels:
        worth = [side for side, h in zip(sides, step.halo, strict=True) if side > max(8 * h, 16)]
        if not worth and voxels() > _LARGEST_BLOCK_VOXELS:
            worth = [side for side in sides if side > 16]
        if not worth:
            break
        axis = sides.index(max(worth))
        sides[axis] = -(-sides[axis] // 2)
    return tuple(sides)


def _fill(
    step: BlockStep,
    data: Any,
    part: Window,
    cuts: list[Window],
    result: NDArray[Any],
    box: Window,
    progress: Progress,
    threads: int | None,
) -> None:
    """Compute one slab in threads, each block straight into its place in `result`."""
    read = _reader(data, part, step.halo)

    def one(window: Window) -> None:
        block = read_with_halo(read, window, step.halo)
        there = tuple(
            slice(w.start - b.start, w.stop - b.start) for w, b in zip(window, box, strict=True)
        )
        result[there] = step.run(block, window)

    n = min(threads or _threads(), len(cuts))
    waiting = iter(cuts)
    with ThreadPoolExecutor(n, "napari-battery block") as pool:
        running: set[Future[None]] = {pool.submit(one, w) for _, w in zip(range(n), waiting)}  # noqa: B905
        while running:
            done, running = wait(running, _POLL_S, FIRST_COMPLETED)
            for future in done:
                future.result()
                progress.advance()
                running |= {pool.submit(one, w) for _, w in zip(range(1), waiting)}  # noqa: B905
            if not done:
                progress.advance(0)


def _threads() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, _MOST_THREADS)


def _reader(data: Any, part: Window, halo: tuple[int, ...]) -> Any:
    """The array to read a slab's blocks from: a file's slices are decoded once, not per block."""
    if not is_lazy(data):
        return data
    bounds = tuple(
        slice(max(0, w.start - h), min(n, w.stop + h))
        for w, h, n in zip(part, halo, data.shape, strict=True)
    )
    held = np.asarray(data[bounds])

    def read(window: Window) -> NDArray[Any]:
        inside = tuple(
            slice(w.start - b.start, w.stop - b.start) for w, b in zip(window, bounds, strict=True)
        )
        return held[inside]

    return LazyArray(tuple(data.shape), data.dtype, read)
