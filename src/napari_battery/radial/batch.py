"""Run the kernels over one batch of particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.label_boxes import Scratch, padded_sizes
from napari_battery.radial.layers import LayerRule
from napari_battery.radial.voxels import Block

__all__ = ["Measured", "Shells", "measure_batch", "signed_levels"]


@dataclass(frozen=True)
class Shells:
    """Flat arrays of shells from the centroid."""

    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    means: NDArray[np.float64]
    stds: NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """What the kernels fill, one entry per particle, and flat arrays of layers.

    `layer_starts` has one entry more than there are particles; the layers of particle i are
    ``layer_starts[i]`` to ``layer_starts[i] + summary[i, 0]``. Shells, where asked for, have
    fixed room for each particle, from `starts` on; those without voxels count 0.
    """

    moments: NDArray[np.int64]
    pairs: NDArray[np.int64]
    pieces: NDArray[np.int64]
    summary: NDArray[np.float64]
    layer_starts: NDArray[np.int64]
    layer_counts: NDArray[np.int64]
    layer_means: NDArray[np.float64]
    layer_stds: NDArray[np.float64]
    shells: Shells | None = None


def measure_batch(
    block: Block,
    flat: bool,
    rule: LayerRule,
    small: bool,
    grey_dtype: np.dtype[Any],
    bits: NDArray[np.uint64],
    boxes: NDArray[np.int64],
    out: Measured,
    rows: slice,
    scratch: Scratch,
) -> None:
    """Measure the particles `rows` of `out`, all of them inside `block`."""
    from napari_battery._kernels_find import extract_masks
    from napari_battery._kernels_shape import describe_shapes
    from napari_battery.radial._kernels_depth import layers_any, squares_small

    boxes = boxes[rows] - np.array(block.offset * 2)
    sizes, margins = padded_sizes(boxes)
    ends = np.cumsum(sizes + 2 * margins)
    starts, total = ends - margins - sizes, int(ends[-1])
    n_rows = (boxes[:, 3] - boxes[:, 0]) * (boxes[:, 4] - boxes[:, 1])
    row_starts = np.concatenate([[0], np.cumsum(n_rows)])
    _, ny, nx = block.shape

    masks = scratch.take("masks", total, np.uint8)
    targets = bits[rows].astype(block.labels.dtype)
    extract_masks(block.labels, ny, nx, targets, boxes, starts, masks)
    first = scratch.take("first", int(row_starts[-1]), np.int32)
    last = scratch.take("last", int(row_starts[-1]), np.int32)
    longest = int((margins).max())
    acc = scratch.take("acc", 8 * longest, np.uint8).reshape(8, longest)
    moments, pairs, pieces = out.moments[rows], out.pairs[rows], out.pieces[rows]
    describe_shapes(masks, boxes, starts, row_starts, acc, first, last, moments, pairs, pieces)

    index = scratch.take("index", total, np.uint16)
    if small:
        spare = scratch.take("spare", total, np.uint16)
        squares_small(masks, boxes, starts, row_starts, first, flat, index, spare)
        table = rule.table
    else:
        room = int((sizes + 2 * margins).max())
        a, b = scratch.take("a", room, np.float64), scratch.take("b", room, np.float64)
        layers_any(masks, boxes, starts, flat, rule.weights, index, a, b)
        table = rule.identity

    kernel, flip, bias = _grey_kernel(grey_dtype)
    kernel(
        block.grey, ny, nx, flip, bias, boxes, starts, row_starts, first, last, index, table,
        out.layer_starts[rows.start : rows.stop + 1],
        out.layer_counts, out.layer_means, out.layer_stds, out.summary[rows],
    )  # fmt: skip
    if out.shells is not None:
        from napari_battery.radial._kernels_shells import measure_shells

        measure_shells(
            signed_levels(block.grey, grey_dtype), ny, nx,
            masks, boxes, starts, moments, rule.edges,
            out.shells.starts[rows.start : rows.stop + 1],
            out.shells.counts, out.shells.means, out.shells.stds,
        )  # fmt: skip


def _grey_kernel(dtype: np.dtype[Any]) -> tuple[Any, Any, int]:
    """Kernel for a grey type, and how it turns the bits of signed levels into levels."""
    from napari_battery.radial import _kernels_grey as kernels

    if dtype.kind not in "iub" or dtype.itemsize > 2:
        return kernels.measure_floats, 0, 0
    top = 1 << (8 * dtype.itemsize - 1) if dtype.kind == "i" else 0
    if dtype.itemsize == 1:
        return kernels.measure_bytes, np.uint8(top), -top
    return kernels.measure_words, np.uint16(top), -top


def signed_levels(grey: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Grey levels themselves, from what `voxels.grey_bits` made of them."""
    if dtype.kind == "i" and dtype.itemsize <= 2:
        return grey.view(f"i{dtype.itemsize}")
    return grey
