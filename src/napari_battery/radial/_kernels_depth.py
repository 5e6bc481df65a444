"""Compiled: exact Euclidean distance from outside, for particles in padded flat boxes.

Separable: first how far up or down the next outside voxel is, then the smallest
``value + offset²`` along y and along x. The padding is outside and lies nearer than
anything beyond it, so shifts may run across rows and planes without a test: whatever they
meet there is larger. That leaves plain loops over contiguous planes, which compilers turn
into vector instructions.
"""

from __future__ import annotations

import numpy as np

from napari_battery.radial._jit import F64, I64, U8, U16, jit

__all__ = ["LARGEST_SMALL", "layers_any", "squares_small"]

LARGEST_SMALL = 181
"""Largest distance whose square, plus that of as large an offset, fits into 16 bits."""


@jit
def _spread_small(source: U16, to: U16, first: int, n: int, step: int, most: int) -> None:
    top = np.uint16(0)
    for i in range(first, first + n):
        to[i] = source[i]
        top = max(top, source[i])
    k = 1
    while k <= most and k * k < top:
        cost = np.uint16(k * k)
        shift = k * step
        for i in range(first, first + n):
            a = source[i - shift]
            b = source[i + shift]
            c = np.uint16((a if a < b else b) + cost)
            d = to[i]
            to[i] = c if c < d else d
        k += 1


@jit
def squares_small(
    masks: U8,
    boxes: I64,
    starts: I64,
    flat: bool,
    squares: U16,
    scratch: U16,
) -> None:
    """Squared distance, in voxels, of each particle voxel to the nearest outside voxel.

    Parameters
    ----------
    masks, boxes, starts
        As `extract_masks` fills them; no distance may exceed `LARGEST_SMALL`.
    flat : bool
        Whether the data are a 2-D image: nothing lies above or below.
    squares : uint16, same layout as `masks`
        Filled with the squares; 0 outside. All 0 on entry.
    scratch : uint16
        At least as long.
    """
    most = np.uint16(181)
    for p in range(starts.size):
        bz = boxes[p, 3] - boxes[p, 0]
        by = boxes[p, 4] - boxes[p, 1]
        bx = boxes[p, 5] - boxes[p, 2]
        stride = bx + 1
        plane = (by + 1) * stride
        start = starts[p]
        end = start + bz * plane
        if flat:
            for i in range(start, end):
                squares[i] = np.uint16(masks[i] * most)
        else:
            for i in range(start, end):
                near = np.uint16(squares[i - plane] + np.uint16(1))
                near = near if near < most else most
                squares[i] = near if masks[i] else np.uint16(0)
            for z in range(bz - 1, -1, -1):
                first = start + z * plane
                for i in range(first, first + plane):
                    near = np.uint16(squares[i + plane] + np.uint16(1))
                    squares[i] = near if near < squares[i] else squares[i]
        for i in range(start, end):
            squares[i] = np.uint16(squares[i] * squares[i])
        # The y pass reads and the x pass writes `squares`: planes do not meet any more,
        # but a shift may look across the padding into a plane that is already final. It
        # holds smaller values, though never smaller than 0, which the padding has nearer.
        for z in range(bz):
            first = start + z * plane
            _spread_small(squares, scratch, first, plane, stride, by // 2 + 1)
            for i in range(first - stride - 1, first):
                scratch[i] = np.uint16(0)
            for i in range(first + plane, first + plane + stride + 1):
                scratch[i] = np.uint16(0)
            _spread_small(scratch, squares, first, plane, 1, bx // 2 + 1)


@jit
def _spread_any(
    source: F64,
    to: F64,
    first: int,
    n: int,
    step: int,
    most: int,
    weight: float,
) -> None:
    top = 0.0
    for i in range(first, first + n):
        to[i] = source[i]
        top = max(top, source[i])
    k = 1
    while k <= most and weight * k * k < top:
        cost = weight * k * k
        shift = k * step
        for i in range(first, first + n):
            a = source[i - shift]
            b = source[i + shift]
            c = (a if a < b else b) + cost
            d = to[i]
            to[i] = c if c < d else d
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
        away = starts[p] - start
        if flat:
            for i in range(start, end):
                a[i] = 1e9 * masks[i + away]
        else:
            for i in range(start, end):
                a[i] = (a[i - plane] + 1.0) * masks[i + away]
            for z in range(bz - 1, -1, -1):
                first = start + z * plane
                for i in range(first, first + plane):
                    a[i] = min(a[i], a[i + plane] + 1.0)
        for i in range(start, end):
            a[i] = weights[0] * a[i] * a[i]
        for z in range(bz):
            _spread_any(a, b, start + z * plane, plane, stride, by // 2 + 1, weights[1])
        for z in range(bz):
            _spread_any(b, a, start + z * plane, plane, 1, bx // 2 + 1, weights[2])
        for i in range(start, end):
            # The small term keeps layers the same whatever unit the voxel size is in.
            layer = np.int64(np.sqrt(a[i]) + 0.5 + 1e-9)
            layers[i + away] = max(layer, 1) if masks[i + away] else 0
