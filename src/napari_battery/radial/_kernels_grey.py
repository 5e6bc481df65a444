"""Compiled: grey-level statistics of radial layers, exact for integers.

All kernels read a flat block of grey levels and, for each particle of a batch, the layer of
each voxel as ``table[index[voxel]]`` (0 is outside) along the row spans of
`describe_shapes`. They fill, per layer, the number of voxels with a grey level, their mean
and standard deviation (ddof 0), and per particle a row of `SUMMARY`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery._jit import F64, I32, I64, U8, U16, jit

__all__ = ["SUMMARY", "measure_bytes", "measure_floats", "measure_words"]

SUMMARY = ("n_layers", "n_grey", "mean", "std", "min", "max", "median")
"""Columns of the float64 summary of each particle."""

_COUNT = 1 << 40
"""Count and sum of 16-bit levels share one 64-bit number: a box has at most 2^22 voxels."""


@jit
def _spread(n: int, total: int, squares: int) -> float:
    """Standard deviation from exact integer sums, without cancellation.

    ``squares`` may have wrapped: the sum about the rounded mean is small again.
    """
    if n == 0:
        return np.nan
    centre = np.int64(total // n)
    about = np.int64(squares) - 2 * centre * np.int64(total) + np.int64(n) * centre * centre
    off = total / n - centre
    return float(np.sqrt(max(about / n - off * off, 0.0)))


@jit
def _fetch(grey: NDArray[Any], ny: int, nx: int, boxes: I64, p: int, first: I32, last: I32) -> int:
    """Touch the ends of a particle's rows: many are then fetched from memory at a time.

    Returns a number that must be used, or the compiler drops it all.
    """
    by = boxes[p, 4] - boxes[p, 1]
    touched = 0.0
    for z in range(boxes[p, 3] - boxes[p, 0]):
        source = ((boxes[p, 0] + z) * ny + boxes[p, 1]) * nx + boxes[p, 2]
        for row in range(z * by, (z + 1) * by):
            if first[row] >= 0:
                touched += grey[source + first[row]] + grey[source + last[row]]
            source += nx
    return touched > 0


@jit
def _middle(hist: NDArray[Any], n: int) -> float:
    """Median of levels 0, 1, … from their histogram of n voxels."""
    below = 0
    g = 0
    while below + hist[g] <= (n - 1) // 2:
        below += hist[g]
        g += 1
    low = g
    while below + hist[g] <= n // 2:
        below += hist[g]
        g += 1
    return 0.5 * (low + g)


@jit
def measure_bytes(
    grey: U8,
    ny: int,
    nx: int,
    flip: int,
    bias: int,
    boxes: I64,
    starts: I64,
    row_starts: I64,
    first: I32,
    last: I32,
    index: U16,
    table: U16,
    layer_starts: I64,
    layer_counts: I64,
    layer_means: F64,
    layer_stds: F64,
    summary: F64,
) -> int:
    """8-bit grey levels: one increment per voxel in a histogram of layer × level.

    `flip` and `bias` turn signed bytes into ordered ones and back:
    ``level = (byte ^ flip) + bias``.
    """
    touched, most = 0, 0
    for p in range(starts.size):
        most = max(most, layer_starts[p + 1] - layer_starts[p])
    hist = np.zeros((most + 1, 256), np.uint32)
    whole = np.zeros(256, np.int64)
    for p in range(starts.size):
        touched += _fetch(grey, ny, nx, boxes, p, first[row_starts[p] :], last[row_starts[p] :])
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        top = 0
        row = row_starts[p] - 1
        for z in range(boxes[p, 3] - boxes[p, 0]):
            source = ((boxes[p, 0] + z) * ny + boxes[p, 1] - 1) * nx + boxes[p, 2]
            base = starts[p] + (z * (by + 1) - 1) * (bx + 1)
            for _ in range(by):
                row += 1
                source += nx
                base += bx + 1
                x0 = first[row]
                if x0 < 0:
                    continue
                n = last[row] + 1 - x0
                places = index[base + x0 : base + x0 + n]
                levels = grey[source + x0 : source + x0 + n]
                for x in range(n):
                    hist[table[places[x]], levels[x] ^ flip] += np.uint32(1)
        whole[:] = 0
        for k in range(1, layer_starts[p + 1] - layer_starts[p] + 1):
            n = 0
            for g in range(256):
                n += hist[k, g]
                whole[g] += hist[k, g]
            top = k if n else top
        lo, hi = 0, 255
        while whole[lo] == 0:
            lo += 1
        while whole[hi] == 0:
            hi -= 1
        n_all: Any = 0
        sum_all: Any = 0
        sq_all: Any = 0
        for k in range(1, top + 1):
            n = 0
            total: Any = 0
            squares: Any = 0
            for g in range(lo, hi + 1):
                c = np.int64(hist[k, g])
                n += c
                total += c * g
                squares += c * g * g
            i = layer_starts[p] + k - 1
            layer_counts[i] = n
            layer_means[i] = total / n + bias
            layer_stds[i] = _spread(n, total, squares)
            n_all += n
            sum_all += total
            sq_all += squares
        hist[: top + 1, :] = 0
        summary[p, 0] = top
        summary[p, 1] = n_all
        summary[p, 2] = sum_all / n_all + bias
        summary[p, 3] = _spread(n_all, sum_all, sq_all)
        summary[p, 4] = lo + bias
        summary[p, 5] = hi + bias
        summary[p, 6] = _middle(whole[lo : hi + 1], n_all) + lo + bias
    return touched


@jit
def _range(levels: U16, flip: Any) -> tuple[int, int]:
    least, largest = np.uint16(0xFFFF), np.uint16(0)
    for x in range(levels.size):
        g = np.uint16(levels[x] ^ flip)
        least = min(least, g)
        largest = max(largest, g)
    return int(least), int(largest)


@jit
def measure_words(
    grey: U16,
    ny: int,
    nx: int,
    flip: int,
    bias: int,
    boxes: I64,
    starts: I64,
    row_starts: I64,
    first: I32,
    last: I32,
    index: U16,
    table: U16,
    layer_starts: I64,
    layer_counts: I64,
    layer_means: F64,
    layer_stds: F64,
    summary: F64,
) -> int:
    """16-bit grey levels: exact sums per layer, and a histogram for the median."""
    touched, most = 0, 0
    for p in range(starts.size):
        most = max(most, layer_starts[p + 1] - layer_starts[p])
    sums = np.zeros((most + 1, 2), np.int64)
    squares = np.zeros((most + 1, 2), np.int64)
    hist = np.zeros(1 << 16, np.uint32)
    for p in range(starts.size):
        touched += _fetch(grey, ny, nx, boxes, p, first[row_starts[p] :], last[row_starts[p] :])
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        lo, hi = 0xFFFF, 0
        row = row_starts[p] - 1
        for z in range(boxes[p, 3] - boxes[p, 0]):
            source = ((boxes[p, 0] + z) * ny + boxes[p, 1] - 1) * nx + boxes[p, 2]
            base = starts[p] + (z * (by + 1) - 1) * (bx + 1)
            for _ in range(by):
                row += 1
                source += nx
                base += bx + 1
                x0 = first[row]
                if x0 < 0:
                    continue
                n = last[row] + 1 - x0
                places = index[base + x0 : base + x0 + n]
                levels = grey[source + x0 : source + x0 + n]
                least, largest = _range(levels, flip)
                lo = min(lo, least)
                hi = max(hi, largest)
                for x in range(n):
                    k = table[places[x]]
                    if k == 0:
                        continue
                    g = np.uint64(levels[x] ^ flip)
                    hist[g] += np.uint32(1)
                    # Two turns: a voxel need not wait for its neighbour's sum to be written.
                    sums[k, x & 1] += _COUNT + np.int64(g)
                    squares[k, x & 1] += np.int64(g * g)
        # Rows may have held voxels of others.
        while hist[lo] == 0:
            lo += 1
        while hist[hi] == 0:
            hi -= 1
        top = layer_starts[p + 1] - layer_starts[p]
        while sums[top, 0] + sums[top, 1] == 0:
            top -= 1
        n_all: Any = 0
        sum_all: Any = 0
        sq_all: Any = 0
        for k in range(1, top + 1):
            n = (sums[k, 0] + sums[k, 1]) >> 40
            total = (sums[k, 0] + sums[k, 1]) & (_COUNT - 1)
            about = squares[k, 0] + squares[k, 1]
            i = layer_starts[p] + k - 1
            layer_counts[i] = n
            layer_means[i] = total / n + bias
            layer_stds[i] = _spread(n, total, about)
            n_all += n
            sum_all += total
            sq_all += about
        sums[: top + 1] = 0
        squares[: top + 1] = 0
        levels_seen = hist[lo : hi + 1]
        summary[p, 0] = top
        summary[p, 1] = n_all
        summary[p, 2] = sum_all / n_all + bias
        summary[p, 3] = _spread(n_all, sum_all, sq_all)
        summary[p, 4] = lo + bias
        summary[p, 5] = hi + bias
        summary[p, 6] = _middle(levels_seen, n_all) + lo + bias
        levels_seen[:] = 0
    return touched


@jit
def _median(values: F64, lo: float, hi: float, bins: I64) -> float:
    """Exact median; the mean of the two middle values of an even number.

    A histogram finds the bin of the middle; only that bin's values are sorted.
    """
    n = values.size
    scale = (bins.size - 1) / (hi - lo) if hi > lo else 0.0
    if not np.isfinite(scale):
        scale = 0.0
    bins[:] = 0
    for v in values:
        bins[np.int64((v - lo) * scale)] += 1
    middle = 0.0
    below = 0
    b = 0
    chosen = -1
    some = values[:0]
    for rank in ((n - 1) // 2, n // 2):
        while below + bins[b] <= rank:
            below += bins[b]
            b += 1
        if b != chosen:
            some = np.empty(bins[b], np.float64)
            m = 0
            for v in values:
                if np.int64((v - lo) * scale) == b:
                    some[m] = v
                    m += 1
            some.sort()
            chosen = b
        middle += 0.5 * some[rank - below]
    return middle


@jit
def measure_floats(
    grey: NDArray[Any],
    ny: int,
    nx: int,
    flip: int,
    bias: int,
    boxes: I64,
    starts: I64,
    row_starts: I64,
    first: I32,
    last: I32,
    index: U16,
    table: U16,
    layer_starts: I64,
    layer_counts: I64,
    layer_means: F64,
    layer_stds: F64,
    summary: F64,
) -> int:
    """Float grey levels in float64, deviations taken from the mean; NaN and inf left out."""
    touched, most, longest = 0, 0, 0
    for p in range(starts.size):
        most = max(most, layer_starts[p + 1] - layer_starts[p])
        size = (boxes[p, 3] - boxes[p, 0]) * (boxes[p, 4] - boxes[p, 1])
        longest = max(longest, size * (boxes[p, 5] - boxes[p, 2]))
    counts = np.zeros(most + 1, np.int64)
    sums = np.zeros(most + 1, np.float64)
    squares = np.zeros(most + 1, np.float64)
    values = np.empty(longest + 1, np.float64)
    layers = np.empty(longest + 1, np.uint16)
    bins = np.empty(2048, np.int64)
    for p in range(starts.size):
        touched += _fetch(grey, ny, nx, boxes, p, first[row_starts[p] :], last[row_starts[p] :])
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        top, m = 0, 0
        row = row_starts[p] - 1
        for z in range(boxes[p, 3] - boxes[p, 0]):
            source = ((boxes[p, 0] + z) * ny + boxes[p, 1] - 1) * nx + boxes[p, 2]
            base = starts[p] + (z * (by + 1) - 1) * (bx + 1)
            for _ in range(by):
                row += 1
                source += nx
                base += bx + 1
                x0 = first[row]
                if x0 < 0:
                    continue
                n = last[row] + 1 - x0
                places = index[base + x0 : base + x0 + n]
                levels = grey[source + x0 : source + x0 + n]
                for x in range(n):
                    k = table[places[x]]
                    top = max(top, k)
                    g = np.float64(levels[x])
                    values[m] = g
                    layers[m] = k
                    m += k > 0 and np.isfinite(g)
        about = values[0] if m else 0.0
        for i in range(m):
            counts[layers[i]] += 1
            sums[layers[i]] += values[i] - about
        total = 0.0
        for k in range(1, top + 1):
            total += sums[k]
            sums[k] = sums[k] / counts[k] + about
        mean = total / m + about
        spread = 0.0
        for i in range(m):
            off = values[i] - sums[layers[i]]
            squares[layers[i]] += off * off
            spread += (values[i] - mean) ** 2
        for k in range(1, top + 1):
            i = layer_starts[p] + k - 1
            layer_counts[i] = counts[k]
            layer_means[i] = sums[k]
            layer_stds[i] = np.sqrt(squares[k] / counts[k])
        counts[: top + 1] = 0
        sums[: top + 1] = 0
        squares[: top + 1] = 0
        summary[p, 0] = top
        summary[p, 1] = m
        summary[p, 2] = mean
        summary[p, 3] = np.sqrt(spread / m)
        summary[p, 4:] = np.nan
        if m:
            lo, hi = values[:m].min(), values[:m].max()
            summary[p, 4] = lo
            summary[p, 5] = hi
            summary[p, 6] = _median(values[:m], lo, hi, bins)
    return touched
