"""Shape of labelled particles: volume, surface, sphericity and axes, in one pass."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.crofton import perimeter, surface_area
from napari_battery.label_boxes import Scratch, merge_boxes, morton, padded_sizes, scan_boxes_of
from napari_battery.microstructure._volumes import label_volume, volume_edges
from napari_battery.progress import SILENT, Progress

__all__ = ["label_shapes", "label_sizes"]

_SLAB_VOXELS = 1 << 23
_BATCH_VOXELS = 1 << 21


@dataclass(frozen=True, eq=False)
class _Labels:
    """Labels of a volume, ascending, and their boxes."""

    volume: NDArray[Any]
    numbers: NDArray[np.uint64]
    boxes: NDArray[np.int64]

    def cut(self, ndim: int) -> NDArray[np.bool_]:
        """Whether each touches a face of the volume (in 2-D: an edge of the plane)."""
        low, high = self.boxes[:, 3 - ndim : 3], self.boxes[:, 6 - ndim :]
        ends = np.array(self.volume.shape[3 - ndim :])
        return np.asarray((low == 0).any(axis=1) | (high == ends).any(axis=1))


@dataclass(frozen=True, eq=False)
class _Raw:
    """What the kernels count, one row per label."""

    moments: NDArray[np.int64]
    pairs: NDArray[np.int64]
    pieces: NDArray[np.int64]
    second: NDArray[np.float64]


def label_shapes(
    labels: NDArray[Any],
    voxel_size_um: Sequence[float],
    progress: Progress = SILENT,
    workers: int | None = None,
) -> pd.DataFrame:
    """Volume, surface area, sphericity and principal axes of every label.

    Parameters
    ----------
    labels : (nz, ny, nx) or (ny, nx) integer array
        0 outside particles.
    voxel_size_um : sequence of float
        Voxel edges in µm along the array's axes; they need not be equal.
    progress : Progress
        Two stages, "Finding particles" and "Measuring shapes".
    workers : int, optional
        Threads; by default as many as there are processors, at most 16.

    Returns
    -------
    DataFrame
        One row per label, ascending:

        - ``label, volume_voxels, volume_um3, equivalent_diameter_um``;
        - ``surface_area_um2`` by Crofton's formula (see `napari_battery.crofton`) and
          ``sphericity`` = π^⅓ (6 V)^⅔ / A: 1 for a ball, 0.81 for a cube;
        - ``axis_long_um, axis_middle_um, axis_short_um``: full axes of the ellipsoid with the
          same second moments, a voxel being a small box; ``aspect_ratio`` long / short and
          ``elongation`` = middle / long, ``flatness`` = short / middle;
        - ``roughness``: surface area over that of this ellipsoid (1 for ellipsoids; notches,
          bumps and open pores raise it);
        - ``long_z, long_y, long_x``: unit vector along the long axis, z ≥ 0;
        - ``pieces``: 26-connected pieces, ``bbox_{z,y,x}{0,1}`` in voxels, half open;
        - ``touches_border``: whether a face of the volume cuts it. What is seen of it is
          measured; its faces there count as surface.

        In 2-D ``area_pixels, area_um2, perimeter_um, circularity`` (4π A / P²) stand in the
        places of volume, surface and sphericity, and there is no middle axis.

    Raises
    ------
    InputError
        If they are no labels or the voxel size does not fit.
    Cancelled
        If the person stopped it.
    """
    ndim = np.ndim(labels)
    size = volume_edges(voxel_size_um, ndim)
    found = _find(label_volume(labels), progress)
    raw = _measure(found, workers or _default_workers(), progress)
    return _table(found, raw, size, ndim)


def label_sizes(
    labels: NDArray[Any], voxel_size_um: Sequence[float], progress: Progress = SILENT
) -> pd.DataFrame:
    """Volumes and boxes only: the columns of `label_shapes` that need no surface."""
    ndim = np.ndim(labels)
    size = volume_edges(voxel_size_um, ndim)
    found = _find(label_volume(labels), progress)
    voxels = _volumes(found)
    columns: dict[str, Any] = {"label": _numbers(found), **_size_columns(voxels, size, ndim)}
    return pd.DataFrame(columns | _box_columns(found, ndim))


def _default_workers() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(usable or 1, 16))


def _find(volume: NDArray[Any], progress: Progress) -> _Labels:
    """Every label and its box, slab by slab."""
    nz, ny, nx = volume.shape
    step = max(1, _SLAB_VOXELS // (ny * nx))
    parts = []
    progress.begin(-(-nz // step), "Finding particles")
    for z in range(0, nz, step):
        slab = volume[z : z + step]
        keys, boxes = scan_boxes_of(slab.reshape(-1), (len(slab), ny, nx))
        boxes = boxes.astype(np.int64)
        boxes[:, [0, 3]] += z
        parts.append((keys, boxes))
        progress.advance()
    return _Labels(volume, *merge_boxes(parts))


def _volumes(found: _Labels) -> NDArray[np.int64]:
    """Voxels of each label."""
    top = int(found.numbers.max(initial=0))
    if top < 8 * found.volume.size:
        counts = np.zeros(top + 1, np.int64)
        step = max(1, _SLAB_VOXELS // found.volume[0].size)
        for z in range(0, len(found.volume), step):
            slab = found.volume[z : z + step].reshape(-1)
            counts += np.bincount(slab.view(f"i{slab.itemsize}"), minlength=top + 1)
        return counts[found.numbers.astype(np.int64)]
    values, counts = np.unique(found.volume, return_counts=True)
    return np.asarray(counts[values > 0], np.int64)


def _measure(found: _Labels, workers: int, progress: Progress) -> _Raw:
    """Run the kernels over all labels, in batches spread over threads."""
    n = len(found.numbers)
    raw = _Raw(
        np.zeros((n, 4), np.int64), np.zeros((n, 7), np.int64), np.zeros(n, np.int64),
        np.zeros((n, 6)),
    )  # fmt: skip
    order = np.argsort(morton(found.boxes), kind="stable")
    batches = list(_batches(padded_sizes(found.boxes[order])[0]))
    scratch = Scratch()
    progress.begin(len(batches), "Measuring shapes")
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(_measure_batch, found, order[b], raw, scratch) for b in batches]
        try:
            for future in futures:
                future.result()
                progress.advance()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return raw


def _batches(sizes: NDArray[np.int64]) -> Iterator[slice]:
    """Cut the particles into batches of about equal work."""
    start, work = 0, 0
    for i, size in enumerate(sizes.tolist()):
        if i > start and work + size > _BATCH_VOXELS:
            yield slice(start, i)
            start, work = i, 0
        work += size
    if len(sizes) > start:
        yield slice(start, len(sizes))


def _measure_batch(found: _Labels, rows: NDArray[np.int64], raw: _Raw, scratch: Scratch) -> None:
    """Measure some of the labels."""
    from napari_battery._kernels_find import extract_masks
    from napari_battery._kernels_shape import describe_shapes
    from napari_battery.microstructure._kernels_axes import second_moments

    boxes = found.boxes[rows]
    sizes, margins = padded_sizes(boxes)
    ends = np.cumsum(sizes + 2 * margins)
    starts, total = ends - margins - sizes, int(ends[-1])
    n_rows = (boxes[:, 3] - boxes[:, 0]) * (boxes[:, 4] - boxes[:, 1])
    row_starts = np.concatenate([[0], np.cumsum(n_rows)])
    masks = scratch.take("masks", total, np.uint8)
    _, ny, nx = found.volume.shape
    targets = found.numbers[rows].astype(found.volume.dtype)
    extract_masks(found.volume.reshape(-1), ny, nx, targets, boxes, starts, masks)
    first = scratch.take("first", int(row_starts[-1]), np.int32)
    last = scratch.take("last", int(row_starts[-1]), np.int32)
    longest = int(margins.max())
    acc = scratch.take("acc", 8 * longest, np.uint8).reshape(8, longest)
    moments, pairs = np.zeros((len(rows), 4), np.int64), np.zeros((len(rows), 7), np.int64)
    pieces, second = np.zeros(len(rows), np.int64), np.zeros((len(rows), 6))
    describe_shapes(masks, boxes, starts, row_starts, acc, first, last, moments, pairs, pieces)
    second_moments(masks, boxes, starts, row_starts, first, last, moments, pairs, second)
    raw.moments[rows], raw.pairs[rows] = moments, pairs
    raw.pieces[rows], raw.second[rows] = pieces, second


def _numbers(found: _Labels) -> NDArray[Any]:
    """The labels' own numbers."""
    if found.numbers.max(initial=0) > np.iinfo(np.int64).max:
        return found.numbers
    return found.numbers.astype(np.int64)


def _size_columns(
    voxels: NDArray[np.int64], size: tuple[float, float, float], ndim: int
) -> dict[str, Any]:
    amount = voxels * float(np.prod(size))
    if ndim == 2:
        diameter = np.sqrt(4 * amount / np.pi)
        return {"area_pixels": voxels, "area_um2": amount, "equivalent_diameter_um": diameter}
    diameter = np.cbrt(6 * amount / np.pi)
    return {"volume_voxels": voxels, "volume_um3": amount, "equivalent_diameter_um": diameter}


def _box_columns(found: _Labels, ndim: int) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for k, axis in enumerate("zyx"):
        if k >= 3 - ndim:
            columns[f"bbox_{axis}0"] = found.boxes[:, k]
            columns[f"bbox_{axis}1"] = found.boxes[:, k + 3]
    return columns | {"touches_border": found.cut(ndim)}


def _table(found: _Labels, raw: _Raw, size: tuple[float, float, float], ndim: int) -> pd.DataFrame:
    voxels = raw.moments[:, 0]
    columns: dict[str, Any] = {"label": _numbers(found), **_size_columns(voxels, size, ndim)}
    axes, directions = _axes(raw.second, size, ndim)
    halves = axes / 2
    if ndim == 3:
        amount = columns["volume_um3"]
        area = surface_area(voxels, raw.pairs, size)
        columns["surface_area_um2"] = area
        columns["sphericity"] = np.cbrt(np.pi) * np.cbrt(6 * amount) ** 2 / area
        columns["roughness"] = area / _ellipsoid_area(*halves.T)
    else:
        around = perimeter(voxels, raw.pairs, size[1:])
        columns["perimeter_um"] = around
        columns["circularity"] = 4 * np.pi * columns["area_um2"] / around**2
        columns["roughness"] = around / _ellipse_perimeter(*halves.T)
    for k, name in enumerate(("long", "middle", "short") if ndim == 3 else ("long", "short")):
        columns[f"axis_{name}_um"] = axes[:, k]
    columns["aspect_ratio"] = axes[:, 0] / axes[:, -1]
    if ndim == 3:
        columns["elongation"] = axes[:, 1] / axes[:, 0]
        columns["flatness"] = axes[:, 2] / axes[:, 1]
    for k, axis in enumerate("zyx"[3 - ndim :]):
        columns[f"long_{axis}"] = directions[:, k]
    columns["pieces"] = raw.pieces
    return pd.DataFrame(columns | _box_columns(found, ndim))


def _axes(
    second: NDArray[np.float64], size: tuple[float, float, float], ndim: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Full axes in µm, longest first, and the unit vector along the longest.

    A solid ellipsoid of semi-axis a has the second moment a²/5 along it (a²/4 in 2-D).
    """
    edges = np.array(size)
    places = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    moments = np.zeros((len(second), 3, 3))
    for k, (i, j) in enumerate(places):
        moments[:, i, j] = moments[:, j, i] = second[:, k] * edges[i] * edges[j]
        if i == j:
            # a voxel is a box, not a point
            moments[:, i, i] += edges[i] ** 2 / 12
    values, vectors = np.linalg.eigh(moments[:, 3 - ndim :, 3 - ndim :])
    long = vectors[:, :, -1]
    sign = np.where(long[:, 0] != 0, long[:, 0], long[:, 1]) < 0
    axes = 2 * np.sqrt((ndim + 2) * np.maximum(values[:, ::-1], 0))
    return axes, np.where(sign[:, None], -long, long)


def _ellipsoid_area(a: Any, b: Any, c: Any) -> NDArray[np.float64]:
    from scipy.special import elliprg

    return np.asarray(4 * np.pi * a * b * c * elliprg(a**-2.0, b**-2.0, c**-2.0))


def _ellipse_perimeter(a: Any, b: Any) -> NDArray[np.float64]:
    from scipy.special import ellipe

    return np.asarray(4 * a * ellipe(1 - (b / a) ** 2))
