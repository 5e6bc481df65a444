"""Compiled: the shape of particles from their padded masks (see `extract_masks`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_battery._jit import I32, I64, U8, jit

__all__ = ["describe_shapes"]


@jit
def _add_1(acc: U8, m: U8, a: U8) -> None:
    for i in range(acc.size):
        acc[i] = np.uint8(acc[i] + (m[i] & a[i]))


@jit
def _add_2(acc: U8, m: U8, a: U8, b: U8) -> None:
    for i in range(acc.size):
        acc[i] = np.uint8(acc[i] + (m[i] & a[i]) + (m[i] & b[i]))


@jit
def _add_4(acc: U8, m: U8, a: U8, b: U8, c: U8, d: U8) -> None:
    for i in range(acc.size):
        two = np.uint8((m[i] & a[i]) + (m[i] & b[i]))
        acc[i] = np.uint8(acc[i] + two + (m[i] & c[i]) + (m[i] & d[i]))


@jit
def _pairs(m: U8, i: int, n: int, s: int, p: int, acc: U8) -> None:
    """Add one plane's voxels, and its pairs of neighbours along 13 directions, to `acc`.

    Rows of `acc`: voxels, then pairs along x, y, z, xy, xz, yz and xyz. One row takes at
    most 4 per plane, so 60 planes fit into 8 bits; narrow numbers are what makes it fast,
    and so are views that start at 0.
    """
    e = i + n
    own = m[i:e]
    _add_1(acc[0, :n], own, own)
    _add_1(acc[1, :n], own, m[i + 1 : e + 1])
    _add_1(acc[2, :n], own, m[i + s : e + s])
    _add_1(acc[3, :n], own, m[i + p : e + p])
    _add_2(acc[4, :n], own, m[i + s + 1 : e + s + 1], m[i + s - 1 : e + s - 1])
    i += p
    e += p
    _add_2(acc[5, :n], own, m[i + 1 : e + 1], m[i - 1 : e - 1])
    _add_2(acc[6, :n], own, m[i + s : e + s], m[i - s : e - s])
    _add_4(
        acc[7, :n],
        own,
        m[i + s + 1 : e + s + 1],
        m[i + s - 1 : e + s - 1],
        m[i - s + 1 : e - s + 1],
        m[i - s - 1 : e - s - 1],
    )


@jit
def _find(parent: I32, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@jit
def _join_rows(
    parent: I32,
    begins: I32,
    ends: I32,
    a: int,
    a_end: int,
    b: int,
    b_end: int,
) -> int:
    """Join the runs a..a_end of one row with those b..b_end of a neighbouring one."""
    joined = 0
    while a < a_end and b < b_end:
        if begins[a] <= ends[b] and begins[b] <= ends[a]:
            i = _find(parent, a)
            j = _find(parent, b)
            if i != j:
                parent[i] = j
                joined += 1
        if ends[a] < ends[b]:
            a += 1
        else:
            b += 1
    return joined


@jit
def _pieces_of_rows(bz: int, by: int, first: I32, last: I32) -> int:
    """Number of 26-connected pieces where no row holds more than one run."""
    parent = np.empty(bz * by, np.int32)
    pieces = 0
    for row in range(bz * by):
        parent[row] = row
        pieces += first[row] >= 0
    # Rows that meet only across an edge are looked at where faces left pieces apart.
    for across in range(2):
        if pieces == 1:
            break
        for row in range(bz * by):
            if first[row] < 0:
                continue
            y = row % by
            for k in range(2):
                other = row - 1 if k == 0 else row - by
                missing = (k == 0 and y == 0) or other < 0
                if across:
                    other = row - by - 1 if k == 0 else row - by + 1
                    missing = other < 0 or (k == 0 and y == 0) or (k == 1 and y == by - 1)
                if missing or first[other] < 0:
                    continue
                if first[row] <= last[other] + 1 and first[other] <= last[row] + 1:
                    i = _find(parent, row)
                    j = _find(parent, other)
                    if i != j:
                        parent[i] = j
                        pieces -= 1
    return pieces


@jit
def _pieces_of_runs(
    m: U8,
    start: int,
    bz: int,
    by: int,
    bx: int,
    n_runs: int,
    first: I32,
    last: I32,
) -> int:
    """Number of 26-connected pieces, from the runs of all rows."""
    parent = np.arange(n_runs).astype(np.int32)
    begins = np.empty(n_runs, np.int32)
    ends = np.empty(n_runs, np.int32)
    row_of = np.zeros(bz * by + 1, np.int32)
    r = 0
    for row in range(bz * by):
        row_of[row] = r
        if first[row] >= 0:
            base = start + row // by * (by + 1) * (bx + 1) + row % by * (bx + 1)
            x = first[row]
            while x <= last[row]:
                if m[base + x]:
                    begins[r] = x
                    while m[base + x]:
                        x += 1
                    ends[r] = x
                    r += 1
                x += 1
    row_of[bz * by] = r
    pieces = n_runs
    for row in range(bz * by):
        a, a_end = row_of[row], row_of[row + 1]
        if a == a_end:
            continue
        z, y = row // by, row % by
        if y > 0:
            pieces -= _join_rows(parent, begins, ends, a, a_end, row_of[row - 1], a)
        if z > 0:
            for dy in range(-1, 2):
                if 0 <= y + dy < by:
                    q = row - by + dy
                    pieces -= _join_rows(parent, begins, ends, a, a_end, row_of[q], row_of[q + 1])
    return pieces


@jit
def _span(m: U8, begin: Any, end: Any, i: Any, j: Any) -> tuple[Any, Any]:
    """First and past-last voxel of the run in a row, from a guess; twice `end` for none.

    The guess is the row before: neighbouring rows are much alike. Of several runs it finds
    one. Positions are unsigned (signed ones cost a test each); m[begin - 1] and m[end] are 0.
    """
    one = np.uint64(1)
    if m[i]:
        while m[i - one]:
            i -= one
    else:
        guess = i
        while i < end and not m[i]:
            i += one
        if i == end:
            i = guess
            while i > begin and not m[i - one]:
                i -= one
            if i == begin:
                return end, end
            while m[i - one]:
                i -= one
    j = max(i, j)
    if m[j]:
        while m[j]:
            j += one
    else:
        while not m[j - one]:
            j -= one
    return i, j


@jit
def _describe_rows(
    m: U8, start: int, bz: int, by: int, bx: int, first: I32, last: I32, moments: I64
) -> None:
    """Row spans and moments voxel by voxel, for rows of several runs."""
    moments[1:] = 0
    for row in range(bz * by):
        z = row // by
        y = row - z * by
        base = start + (z * (by + 1) + y) * (bx + 1)
        first[row], last[row] = -1, -1
        for x in range(bx):
            if m[base + x]:
                first[row] = x if first[row] < 0 else first[row]
                last[row] = x
                moments[1] += z
                moments[2] += y
                moments[3] += x


@jit
def _sum(values: U8) -> int:
    total: Any = 0
    for i in range(values.size):
        total += values[i]
    return int(total)


@jit
def describe_shapes(
    masks: U8,
    boxes: I64,
    starts: I64,
    row_starts: I64,
    acc: U8,
    first: I32,
    last: I32,
    moments: I64,
    pairs: I64,
    pieces: I64,
) -> None:
    """Voxel counts, first moments, neighbour pairs, row spans and pieces of a batch.

    Parameters
    ----------
    masks, boxes, starts
        As `extract_masks` fills them.
    row_starts : (n,) int64
        Position of each particle's rows in `first` and `last`.
    acc : (8, at least the longest plane) uint8
        Scratch.
    first, last : int32
        Filled with the first and last voxel of each row, -1 where it is empty.
    moments : (n, 4) int64
        Filled with the number of voxels and the sums of z, y and x in the box.
    pairs : (n, 7) int64
        Filled with the pairs of neighbours along x, y, z, xy, xz, yz, xyz, both inside.
    pieces : (n,) int64
        Filled with the number of 26-connected pieces.
    """
    for p in range(starts.size):
        bz = boxes[p, 3] - boxes[p, 0]
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        stride = bx + 1
        plane = (by + 1) * stride
        begin = row_starts[p]
        end = begin + bz * by
        moments[p, :] = 0
        pairs[p, :] = 0
        acc[:, :plane] = 0
        n_rows = 0
        in_one = True
        x0, x1 = np.uint64(0), np.uint64(0)
        for z in range(bz):
            start = starts[p] + z * plane
            top, bottom = by, 0
            linked = z == 0
            for y in range(by):
                base = np.uint64(start + y * stride)
                i, j = _span(masks, base, base + np.uint64(bx), base + x0, base + x1)
                row = begin + z * by + y
                if i == j:
                    first[row], last[row] = -1, -1
                    x0, x1 = np.uint64(bx // 2), np.uint64(bx // 2)
                    continue
                before, after = np.int64(x0), np.int64(x1)
                x0, x1 = i - base, j - base - np.uint64(1)
                first[row], last[row] = x0, x1
                here, there = np.int64(x0), np.int64(x1)
                apart = bottom != y or here > after + 1 or before > there + 1
                if top < by and apart:
                    in_one = False
                if not linked and first[row - by] >= 0:
                    linked = here <= last[row - by] + 1 and first[row - by] <= there + 1
                n = np.int64(j - i)
                n_rows += 1
                moments[p, 1] += n * z
                moments[p, 2] += n * y
                moments[p, 3] += n * np.int64(x0 + x1) // 2
                top = min(top, y)
                bottom = y + 1
            if not linked:
                in_one = False
            if top < bottom:
                skip = top * stride
                n = (bottom - top) * stride
                _pairs(masks, start + skip, n, stride, plane, acc[:, skip : skip + n])
            if z % 60 == 59 or z == bz - 1:
                moments[p, 0] += _sum(acc[0, :plane])
                for k in range(7):
                    pairs[p, k] += _sum(acc[k + 1, :plane])
                acc[:, :plane] = 0
        n_runs = moments[p, 0] - pairs[p, 0]
        if in_one and n_runs == n_rows:
            # each row one run that meets the run before, each plane meets the plane before
            pieces[p] = 1
        elif n_runs == n_rows:
            pieces[p] = _pieces_of_rows(bz, by, first[begin:end], last[begin:end])
        else:
            _describe_rows(
                masks, starts[p], bz, by, bx, first[begin:end], last[begin:end], moments[p]
            )
            pieces[p] = _pieces_of_runs(
                masks, starts[p], bz, by, bx, n_runs, first[begin:end], last[begin:end]
            )
