"""The network's tiles put together: in memory, or slab by slab for a file of any size."""

from __future__ import annotations

import math
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.io.lazy import LazyArray, Window
from napari_battery.progress import SILENT, Progress
from napari_battery.superres.greys import Greys
from napari_battery.superres.tiles import Tiles
from napari_battery.superres.upscale import Upscaler

__all__ = ["Held", "Slabs"]

_SLAB_BYTES = 2**28
_HELD_BYTES = 2**28
_CHUNK_ROWS = 64
"""Slices per chunk of the OME-Zarrs written here; slabs keep to it."""


class Slabs:
    """The network's result in the image's grey levels and type."""

    def __init__(
        self, tiles: Tiles, scaler: Upscaler, greys: Greys, dtype: np.dtype[Any], box: Window
    ) -> None:
        self.tiles, self.dtype, self.box = tiles, dtype, box
        self._scaler, self._greys = scaler, greys
        self.shape = tuple(w.stop - w.start for w in box)

    def all(self, progress: Progress, what: str) -> NDArray[Any]:
        """Everything, in memory."""
        cuts = self.tiles.cuts(self.box)
        progress.begin(len(cuts), what)
        result = np.empty(self.shape, self.dtype)
        self._fill(cuts, result, self.box, progress)
        return result

    def lazily(self, progress: Progress, what: str) -> LazyArray:
        """The same as an array that computes slabs of slices when they are asked for."""
        per_row = math.prod(self.shape[1:]) * self.dtype.itemsize
        thick = max(1, _SLAB_BYTES // per_row)
        thick -= thick % _CHUNK_ROWS if thick > _CHUNK_ROWS else 0
        rows, plane = self.box[0], self.box[1:]
        parts: list[Window] = [
            (slice(a, min(a + thick, rows.stop)), *plane)
            for a in range(rows.start, rows.stop, thick)
        ]
        cuts = [self.tiles.cuts(part) for part in parts]
        kept: dict[int, NDArray[Any]] = {}
        seen: set[int] = set()
        lock = Lock()

        def slab(i: int) -> NDArray[Any]:
            if i not in kept:
                if not seen:
                    progress.begin(sum(map(len, cuts)), what)
                kept.clear()
                result = np.empty([w.stop - w.start for w in parts[i]], self.dtype)
                report = SILENT if i in seen else progress
                self._fill(cuts[i], result, parts[i], report)
                seen.add(i)
                kept[i] = result
            return kept[i]

        def read(window: Window) -> NDArray[Any]:
            result = np.empty([w.stop - w.start for w in window], self.dtype)
            wanted, rest = window[0], window[1:]
            with lock:
                for i in range(wanted.start // thick, -(-wanted.stop // thick)):
                    first, last = max(wanted.start, i * thick), min(wanted.stop, (i + 1) * thick)
                    inside = slice(first - i * thick, last - i * thick)
                    there = slice(first - wanted.start, last - wanted.start)
                    result[there] = slab(i)[(inside, *rest)]
            return result

        return LazyArray(self.shape, self.dtype, read, (min(thick, self.shape[0]), *self.shape[1:]))

    def _fill(
        self, cuts: list[Window], result: NDArray[Any], box: Window, progress: Progress
    ) -> None:
        def store(window: Window, values: NDArray[np.float32]) -> None:
            inner = tuple(
                slice(max(w.start, b.start), min(w.stop, b.stop))
                for w, b in zip(window, box, strict=True)
            )
            there = _shifted(inner, box)
            grey = self._greys.restore(values[_shifted(inner, window)], self.dtype)
            result[there] = _as_type(grey, self.dtype)
            gone = self._scaler.gone(inner)
            if gone is not None:
                result[there][gone] = np.nan

        self.tiles.run(cuts, store, progress)


class Held:
    """Slices of a compressed file, decoded once as blocks come by from first to last."""

    def __init__(self, data: Any) -> None:
        self.shape, self.dtype = tuple(data.shape), np.dtype(data.dtype)
        self._data = data
        self._lock = Lock()
        self._first = 0
        self._rows: NDArray[Any] = np.empty((0, *self.shape[1:]), self.dtype)

    def __getitem__(self, window: Window) -> NDArray[Any]:
        rows, plane = window[0], window[1:]
        with self._lock:
            if rows.start < self._first or rows.stop > self._first + len(self._rows):
                # a little before, for the reader that lags behind
                start = max(0, 2 * rows.start - rows.stop)
                per_row = max(1, math.prod(self.shape[1:]) * self.dtype.itemsize)
                last = max(rows.stop, start + _HELD_BYTES // per_row)
                self._rows = np.empty((0, *self.shape[1:]), self.dtype)
                self._rows = np.asarray(self._data[start : min(last, self.shape[0])])
                self._first = start
            held, first = self._rows, self._first
        return np.asarray(held[(slice(rows.start - first, rows.stop - first), *plane)])


def _shifted(inner: Window, box: Window) -> Window:
    return tuple(
        slice(w.start - b.start, w.stop - b.start) for w, b in zip(inner, box, strict=True)
    )


def _as_type(grey: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # float16
            return grey.astype(dtype)
    limits = np.iinfo(dtype)
    # the largest numbers of 64 bits are no float64: clip below them
    high = grey.dtype.type(limits.max)
    if int(high) > limits.max:
        high = np.nextafter(high, grey.dtype.type(0))
    rounded: NDArray[Any] = np.rint(grey).clip(limits.min, high).astype(dtype)
    return rounded
