"""An image on a finer grid: cubic interpolation in the plane and across slices, on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import mirrored, window_of
from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.prepare import kept_metadata
from napari_battery.superres.greys import Greys
from napari_battery.volume import Volume

__all__ = ["Upscaler", "grid_window", "target_grid", "upscaled"]

_ROUNDING = 1e-6
"""Relative error allowed where two voxel sizes should be equal."""
_RINGS = 2
"""Voxels that cubic interpolation reaches beyond the one that a point lies in."""
_EMPTY = 0.5
"""Normalised grey level of what is further outside the field of view."""


def target_grid(low: Volume, target_voxel_size_um: float | Sequence[float]) -> Volume:
    """The grid of another voxel size that covers an image: their first outer corners coincide.

    Parameters
    ----------
    low : Volume
        2-D or 3-D, of known voxel size; its data are not read.
    target_voxel_size_um : float or sequence of float
        Edge length of the new voxels in µm, one for all axes or one per axis; no longer
        than the image's. The ratio may be any number from 1 on.

    Returns
    -------
    Volume
        Of ``round(n · voxel size / target)`` voxels per axis, with the image's affine and
        nothing in it (its data take no memory).

    Raises
    ------
    InputError
        If the image's voxel size is unknown, or the target's is coarser on any axis.
    """
    size = low.known_voxel_size_um()
    if 0 in low.shape:
        raise InputError(f"“{low.name}” has no voxel (shape {low.shape}).")
    given = target_voxel_size_um
    target = (float(given),) * low.ndim if isinstance(given, int | float) else tuple(given)
    if len(target) != low.ndim or not all(np.isfinite(t) and t > 0 for t in target):
        raise InputError(
            f"The target voxel size {target} µm does not fit “{low.name}” with {low.ndim} axes: "
            "one positive number, or one per axis, is needed."
        )
    for axis, v, t in zip(low.axes, size, target, strict=True):
        if t > v * (1 + _ROUNDING):
            raise InputError(
                f"The target voxel size is {t:g} µm along {axis}, that of “{low.name}” is "
                f"{v:g} µm: super-resolution only makes voxels smaller. Choose at most {v:g} µm."
            )
    shape = tuple(
        max(1, int(np.floor(n * v / t + 0.5)))
        for n, v, t in zip(low.shape, size, target, strict=True)
    )
    origin = tuple(o + (t - v) / 2 for o, t, v in zip(low.origin_um, target, size, strict=True))
    empty = np.broadcast_to(np.uint8(0), shape)
    return low.like(empty, low.name, voxel_size_um=target, origin_um=origin, region=None)


def grid_window(low: Volume, grid: Volume, box: tuple[slice, ...] | None) -> Window:
    """The voxels of a target grid whose centres lie in a box of the image's voxels.

    Boxes that touch give windows that touch; the box that is everything gives all of it.

    Raises
    ------
    InputError
        If the box has other axes than the image, or holds none of its voxels.
    """
    window = []
    for w, n, size, total in zip(
        window_of(low, box), low.shape, _ratios(low, grid), grid.shape, strict=True
    ):
        first, last = (int(np.ceil(edge * size - 0.5)) for edge in (w.start, w.stop))
        stop = total if w.stop == n else min(last, total)
        window.append(slice(min(max(first, 0), total - 1), max(stop, 1)))
    return tuple(slice(w.start, max(w.stop, w.start + 1)) for w in window)


def upscaled(low: Volume, grid: Volume) -> Volume:
    """An image interpolated onto its target grid, voxel by voxel as they are asked for.

    Cubic convolution of Keys with a = −1/2 (which reproduces parabolas), 4 taps per axis,
    the image mirrored at its faces. Any window is that part of the whole, bit for bit.

    Parameters
    ----------
    low : Volume
        Grey levels of any type.
    grid : Volume
        From `target_grid`; its data are not read.

    Returns
    -------
    Volume
        float32 over a `LazyArray`, on the grid. NaN within voxels of the image that are not
        finite; these have no part in their neighbours. A region is carried along.

    Raises
    ------
    InputError
        If the grid is not one of the image's.

    References
    ----------
    Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions
    on Acoustics, Speech, and Signal Processing 29 (1981) 1153.
    """
    scaler = Upscaler(low, grid)

    def read(window: Window) -> NDArray[Any]:
        block = scaler.block(window)
        gone = scaler.gone(window)
        if gone is not None:
            block[gone] = np.nan
        return block

    data = LazyArray(grid.shape, np.float32, read)
    metadata = kept_metadata(low)
    return grid.like(data, f"{low.name} cubic", region=scaler.region(), metadata=metadata)


class Upscaler:
    """Reads windows of an image on its target grid; may be used from several threads.

    Parameters
    ----------
    low, grid : Volume
        As in `upscaled`.
    greys : Greys, optional
        Normalises the grey levels before they are interpolated.
    data : array, optional
        To read in place of ``low.data``, a cache of it say.
    """

    def __init__(
        self, low: Volume, grid: Volume, greys: Greys | None = None, data: Any | None = None
    ) -> None:
        _check_grid(low, grid)
        self._low = low
        self._data = low.data if data is None else data
        self._greys = greys
        self.shape = grid.shape
        self._steps = tuple(1 / ratio for ratio in _ratios(low, grid))
        self._may_lack = low.dtype.kind == "f"

    def block(self, window: Window) -> NDArray[np.float32]:
        """Interpolated (and normalised) grey levels of a window, gaps filled.

        Voxels that are not finite take the mean of their finite neighbours, two voxels deep;
        what lies deeper becomes 0, or ½ of normalised grey levels.
        """
        from napari_battery.superres import _kernels_upscale as kernels

        taps = [self._taps(axis, w) for axis, w in enumerate(window)]
        ranges = [(t.low, t.high) for t in taps]
        source = self._source(ranges)
        if source.ndim == 2:
            source = source[None]
        n_z, n_y, _ = source.shape
        columns = np.empty((n_z, n_y, len(taps[-1].index)), np.float32)
        kernels.gather_columns(
            source.reshape(n_z * n_y, -1),
            taps[-1].index,
            taps[-1].weight,
            columns.reshape(n_z * n_y, -1),
        )
        rows = np.empty((n_z, len(taps[-2].index), columns.shape[2]), np.float32)
        kernels.blend_rows(columns, taps[-2].index, taps[-2].weight, rows)
        if len(taps) == 2:
            return np.asarray(rows[0])
        slices = np.empty((len(taps[0].index), *rows.shape[1:]), np.float32)
        kernels.blend_rows(
            rows.reshape(1, n_z, -1),
            taps[0].index,
            taps[0].weight,
            slices.reshape(1, len(slices), -1),
        )
        return slices

    def gone(self, window: Window) -> NDArray[np.bool_] | None:
        """Where a window lies in voxels that are not finite; None where none does."""
        if not self._may_lack:
            return None
        bad = self._nearest(lambda box: ~np.isfinite(np.asarray(self._data[box])), window)
        return bad if bad.any() else None

    def region(self) -> LazyArray | None:
        """The image's region on the grid."""
        region = self._low.region
        if region is None:
            return None

        def read(window: Window) -> NDArray[Any]:
            return self._nearest(lambda box: np.asarray(region[box]).astype(bool), window)

        return LazyArray(self.shape, bool, read)

    def _nearest(self, read: Any, window: Window) -> NDArray[np.bool_]:
        """What `read` says of the voxels that the points of a window lie in."""
        indices = [
            np.clip(np.floor((np.arange(w.start, w.stop) + 0.5) * step).astype(np.intp), 0, n - 1)
            for w, step, n in zip(window, self._steps, self._low.shape, strict=True)
        ]
        box = tuple(slice(int(i[0]), int(i[-1]) + 1) for i in indices)
        found: NDArray[np.bool_] = read(box)
        if found.all() or not found.any():
            return np.full([len(i) for i in indices], bool(found.flat[0]))
        return found[np.ix_(*[i - i[0] for i in indices])]

    def _taps(self, axis: int, window: slice) -> _Taps:
        step = self._steps[axis]
        place = (np.arange(window.start, window.stop) + 0.5) * step - 0.5
        base = np.floor(place)
        t = place - base
        weight = np.stack(
            [
                ((-0.5 * t + 1) * t - 0.5) * t,
                (1.5 * t - 2.5) * t * t + 1,
                ((-1.5 * t + 2) * t + 0.5) * t,
                (0.5 * t - 0.5) * t * t,
            ],
            axis=1,
        )
        first = base.astype(np.intp) - 1
        index = first[:, None] + np.arange(4)
        low, high = int(index[0, 0]), int(index[-1, -1]) + 1
        return _Taps(index - low, weight.astype(np.float32), low, high)

    def _source(self, ranges: list[tuple[int, int]]) -> NDArray[np.float32]:
        """Grey levels of the image, mirrored at its faces and without gaps."""
        rings = _RINGS if self._may_lack else 0
        block = _mirrored(self._data, [(a - rings, b + rings) for a, b in ranges])
        inner = tuple(slice(rings, n - rings) for n in block.shape)
        bad = ~np.isfinite(block)
        gaps = self._may_lack and bad.any()
        block = np.where(bad, 0, block) if gaps else block[inner]
        grey = block.astype(np.float32) if self._greys is None else self._greys.normalise(block)
        if gaps:
            grey = _filled(grey, bad, 0.0 if self._greys is None else _EMPTY)
        return np.ascontiguousarray(grey)


@dataclass(frozen=True)
class _Taps:
    index: NDArray[np.intp]
    """Of the voxels that each point is interpolated from, counted from `low`."""
    weight: NDArray[np.float32]
    low: int
    high: int


def _ratios(low: Volume, grid: Volume) -> list[float]:
    """Voxels of the grid per voxel of the image, per axis."""
    sizes = zip(low.known_voxel_size_um(), grid.known_voxel_size_um(), strict=True)
    return [v / t for v, t in sizes]


def _check_grid(low: Volume, grid: Volume) -> None:
    wanted = target_grid(low, grid.known_voxel_size_um())
    if not wanted.same_grid(grid):
        raise InputError(
            f"The grid of {grid.shape} voxels of {grid.voxel_size_um} µm is not the target grid of "
            f"“{low.name}” ({wanted.shape}); make it with target_grid."
        )


def _mirrored(data: Any, ranges: list[tuple[int, int]]) -> NDArray[Any]:
    """Voxels of index ranges that may reach beyond the faces, where the image is mirrored."""
    indices, box = [], []
    for (a, b), n in zip(ranges, data.shape, strict=True):
        index = mirrored(np.arange(a, b), n)
        first = int(index.min())
        box.append(slice(first, int(index.max()) + 1))
        indices.append(index - first)
    block: NDArray[Any] = np.asarray(data[tuple(box)])
    for axis, ((a, b), n, index) in enumerate(zip(ranges, data.shape, indices, strict=True)):
        if a < 0 or b > n:
            block = np.take(block, index, axis=axis)
    return block


def _filled(grey: NDArray[np.float32], bad: NDArray[np.bool_], rest: float) -> NDArray[np.float32]:
    """Fill gaps from around, ring by ring; each ring takes a voxel off every face.

    The sums are written out, axis by axis: running sums would depend on where a block begins.
    """
    for _ in range(_RINGS):
        total = np.where(bad, 0, grey.astype(np.float64))
        count = (~bad).astype(np.float64)
        for axis in range(grey.ndim):
            total, count = _three(total, axis), _three(count, axis)
        inner = (slice(1, -1),) * grey.ndim
        grey, bad = grey[inner].copy(), bad[inner]
        known = bad & (count > 0)
        grey[known] = total[known] / count[known]
        bad = bad & ~known
    grey[bad] = rest
    return grey


def _three(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    n = values.shape[axis]
    parts = [np.take(values, np.arange(i, n - 2 + i), axis=axis) for i in range(3)]
    total: NDArray[np.float64] = parts[0] + parts[1] + parts[2]
    return total
