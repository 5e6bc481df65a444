"""Compiled: exact Euclidean distance from outside, for particles in padded flat boxes.

Separable: first how far up or down the next outside voxel is, then the smallest
``value + offset²`` along y and along x. The padding is outside and lies nearer than
anything beyond it, so shifts may run across rows and planes without a test: whatever they
meet there is larger. That leaves plain loops over contiguous planes, which compilers turn
into vector instructions.
"""

from __future__ import annotations

import numpy as np

from napari_battery._jit import F64, I32, I64, U8, U16, jit

__all__ = ["LARGEST_SMALL", "layers_any", "squares_small"]

LARGEST_SMALL = 181
"""Largest distance whose square, plus that of as large an offset, fits into 16 bits."""


@jit
def _lower_small(to: U16, above: U16, below: U16, cost: int) -> None:
    for i in range(to.size):
        a = above[i]
        b = below[i]
        c = np.uint16((a if a < b else b) + np.uint16(cost))
        d = to[i]
        to[i] = c if c < d else d


@jit
def _spread_small(source: U16, to: U16, first: int, n: int, step: int, most: int) -> None:
    # Views that start at 0: an index that may be negative keeps loops from being vectorised.
    plane = source[first : first + n]
    out = to[first : first + n]
    top = np.uint16(0)
    for i in range(n):
        out[i] = plane[i]
        top = max(top, plane[i])
    k = 1
    while k <= most and k * k < top:
        above = first - k * step
        below = first + k * step
        _lower_small(out, source[above : above + n], source[below : below + n], k * k)
        k += 1


@jit
def _rise_small(near: U16, to: U16, mask: U8) -> None:
    for i in range(to.size):
        up = np.uint16(near[i] + np.uint16(1))
        up = up if up < np.uint16(181) else np.uint16(181)
        to[i] = np.uint16(up * mask[i])


@jit
def _fall_small(near: U16, to: U16) -> None:
    for i in range(to.size):
        up = np.uint16(near[i] + np.uint16(1))
        to[i] = up if up < to[i] else to[i]


@jit
def squares_small(
    masks: U8,
    boxes: I64,
    starts: I64,
    row_starts: I64,
    first: I32,
    flat: bool,
    squares: U16,
    scratch: U16,
) -> None:
    """Squared distance, in voxels, of each particle voxel to the nearest outside voxel.

    Parameters
    ----------
    masks, boxes, starts, row_starts, first
        As `extract_masks` and `describe_shapes` fill them; no distance may exceed `LARGEST_SMALL`.
    flat : bool
        Whether the data are a 2-D image: nothing lies above or below.
    squares : uint16, same layout as `masks`
        Filled with the squares; 0 outside.
    scratch : uint16
        At least as long.
    """
    for p in range(starts.size):
        bz = boxes[p, 3] - boxes[p, 0]
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        stride = bx + 1
        plane = (by + 1) * stride
        start = starts[p]
        end = start + bz * plane
        margin = plane + stride + 2
        squares[start - margin : start] = 0
        squares[end : end + margin] = 0
        inside = masks[start:end]
        own = squares[start:end]
        if flat:
            for i in range(own.size):
                own[i] = np.uint16(inside[i] * np.uint16(181))
        else:
            for z in range(start, end, plane):
                _rise_small(squares[z - plane : z], squares[z : z + plane], masks[z : z + plane])
            for z in range(end - plane, start - 1, -plane):
                _fall_small(squares[z + plane : z + 2 * plane], squares[z : z + plane])
        for i in range(own.size):
            own[i] = np.uint16(own[i] * own[i])
        # The y pass reads and the x pass writes `squares`: planes do not meet any more,
        # but a shift may look across the padding into a plane that is already final. It
        # holds smaller values, though never smaller than 0, which the padding has nearer.
        for z in range(bz):
            row = row_starts[p] + z * by
            top, bottom = 0, by
            while top < by and first[row + top] < 0:
                top += 1
            while bottom > top and first[row + bottom - 1] < 0:
                bottom -= 1
            here = start + z * plane + top * stride
            n = (bottom - top) * stride
            _spread_small(squares, scratch, here, n, stride, by // 2 + 1)
            scratch[here - stride - 1 : here] = 0
            scratch[here + n : here + n + stride + 1] = 0
            _spread_small(scratch, squares, here, n, 1, bx // 2 + 1)


@jit
def _lower_any(to: F64, above: F64, below: F64, cost: float) -> None:
    for i in range(to.size):
        c = min(above[i], below[i]) + cost
        d = to[i]
        to[i] = c if c < d else d


@jit
def _spread_any(
    source: F64, to: F64, first: int, n: int, step: int, most: int, weight: float
) -> None:
    plane = source[first : first + n]
    out = to[first : first + n]
    top = 0.0
    for i in range(n):
        out[i] = plane[i]
        top = max(top, plane[i])
    k = 1
    while k <= most and weight * k * k < top:
        above = first - k * step
        below = first + k * step
        _lower_any(out, source[above : above + n], source[below : below + n], weight * k * k)
        k += 1


@jit
def layers_any(
    masks: U8,
    boxes: I64,
    starts: I64,
    flat: bool,
    weights: F64,
    layers: U16,
    a: F64,
    b: F64,
) -> None:
    """Layer of each voxel of particles of any size and voxel shape.

    Parameters
    ----------
    masks, boxes, starts, flat
        As for `squares_small`.
    weights : (3,) float64
        Squared voxel edges in layer thicknesses, z, y, x.
    layers : uint16, same layout as `masks`
        Filled with the layer, counted from 1; 0 outside.
    a, b : float64
        Scratch, at least as long as the longest padded box.
    """
    for p in range(starts.size):
        bz = boxes[p, 3] - boxes[p, 0]
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        stride = bx + 1
        plane = (by + 1) * stride
        start = plane + stride + 2
        end = start + bz * plane
        a[: end + start] = 0.0
        b[: end + start] = 0.0
        inside = masks[starts[p] : starts[p] + bz * plane]
        own = a[start:end]
        if flat:
            for i in range(own.size):
                own[i] = 1e9 * inside[i]
        else:
            for z in range(bz):
                here = a[start + z * plane : start + (z + 1) * plane]
                near = a[start + (z - 1) * plane : start + z * plane]
                mask = inside[z * plane : (z + 1) * plane]
                for i in range(plane):
                    here[i] = (near[i] + 1.0) * mask[i]
            for z in range(bz - 1, -1, -1):
                here = a[start + z * plane : start + (z + 1) * plane]
                near = a[start + (z + 1) * plane : start + (z + 2) * plane]
                for i in range(plane):
                    here[i] = min(here[i], near[i] + 1.0)
        for i in range(own.size):
            own[i] = weights[0] * own[i] * own[i]
        for z in range(bz):
            _spread_any(a, b, start + z * plane, plane, stride, by // 2 + 1, weights[1])
        for z in range(bz):
            _spread_any(b, a, start + z * plane, plane, 1, bx // 2 + 1, weights[2])
        final = layers[starts[p] : starts[p] + bz * plane]
        for i in range(own.size):
            # The small term keeps layers the same whatever unit the voxel size is in.
            layer = np.int64(np.sqrt(own[i]) + 0.5 + 1e-9)
            final[i] = max(layer, 1) if inside[i] else 0
