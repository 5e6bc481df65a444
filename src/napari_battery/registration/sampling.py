"""Voxels of a fixed grid looked up in a moving image, a block at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.io.lazy import Window

__all__ = ["Sampler"]

_BLOCK_VOXELS = 1 << 21
_SOURCE_VOXELS = 1 << 23
_SPLINE_MARGIN = 16
"""Beyond it a voxel's share in a cubic spline is below 1e-9."""


@dataclass(frozen=True, eq=False)
class Sampler:
    """How to get a block of the moving image on the fixed grid.

    Parameters
    ----------
    data : array
        The moving image, 2-D or 3-D; only pieces are read.
    region : boolean array or None
        Where it counts.
    matrix : (ndim + 1, ndim + 1) array
        From voxel indices of the fixed grid to those of the moving image.
    interpolation : {"linear", "nearest", "cubic"}
    """

    data: Any
    region: Any
    matrix: NDArray[np.float64]
    interpolation: str

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Places per voxel of the fixed grid, along its axes, whose mean is taken.

        About one per voxel of the moving image: where that is finer, a single place would take
        its noise whole, and fold detail that the fixed grid cannot hold into patterns.
        """
        if self.interpolation == "nearest":
            return (1,) * self.ndim
        steps = np.linalg.norm(self.matrix[:-1, :-1], axis=0)
        return tuple(int(n) for n in np.maximum(1, np.round(steps)))

    @property
    def ndim(self) -> int:
        return len(self.matrix) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the result: the moving image's, in the machine's byte order."""
        dtype: np.dtype[Any] = np.dtype(self.data.dtype).newbyteorder("=")
        return dtype

    @cached_property
    def block_voxels(self) -> int:
        """How many voxels of the fixed grid to ask for at a time."""
        ratio = abs(float(np.linalg.det(self.matrix[:-1, :-1])))
        return int(np.clip(_SOURCE_VOXELS / max(ratio, 1e-9), 1 << 12, _BLOCK_VOXELS))

    def source_box(self, window: Window) -> Window | None:
        """What of the moving image a window of the fixed grid needs; None for nothing."""
        corners = np.reshape(
            np.meshgrid(*[(w.start, w.stop - 1.0) for w in window], indexing="ij"),
            (self.ndim, -1),
        )
        reach = self.matrix[:-1, :-1] @ corners + self.matrix[:-1, -1:]
        shape = np.array(self.data.shape)
        low, high = reach.min(axis=1), reach.max(axis=1)
        if (high < -0.51).any() or (low > shape - 0.49).any():
            return None
        margin = _SPLINE_MARGIN if self.interpolation == "cubic" else 1
        # half a voxel beyond the outermost centres needs the outermost voxel
        first = np.clip(np.floor(low).astype(int) - margin, 0, shape - 1)
        last = np.clip(np.ceil(high).astype(int) + margin, 0, shape - 1)
        return tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))

    def sample(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values and where there are any, for a window of the fixed grid.

        Parameters
        ----------
        window : tuple of slices
            With start and stop.

        Returns
        -------
        values : array
            Of the moving image's type; NaN, or 0, where there are none. Means over the voxel
            of the fixed grid where that is coarser (see `places`).
        inside : boolean array
            False also outside the moving image's region.
        """
        if max(self.places) > 1:
            return self._averaged(window)
        return self._single(window, self.dtype)

    def _averaged(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The mean over places spread evenly in each voxel, where all of them have data."""
        finer = np.diag([*(1 / np.array(self.places)), 1.0])
        # the first of n places lies (n − 1) / 2n of a voxel before its centre
        finer[:-1, -1] = (1 / np.array(self.places) - 1) / 2
        fine = replace(self, matrix=self.matrix @ finer)
        wide = tuple(
            slice(w.start * n, w.stop * n) for w, n in zip(window, self.places, strict=True)
        )
        grey, there = fine._single(wide, np.dtype(np.float64))
        blocks: list[int] = []
        for w, n in zip(window, self.places, strict=True):
            blocks += [w.stop - w.start, n]
        within = tuple(range(1, 2 * self.ndim, 2))
        inside = np.asarray(there.reshape(blocks).all(axis=within))
        means = grey.reshape(blocks).mean(axis=within)
        values = np.full(inside.shape, np.nan if self.dtype.kind == "f" else 0, self.dtype)
        values[inside] = _as_type(means[inside], self.dtype)
        return values, inside

    def _single(
        self, window: Window, dtype: np.dtype[Any]
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        from napari_battery.registration import _kernels_apply as kernels

        shape = tuple(w.stop - w.start for w in window)
        is_float = dtype.kind == "f"
        values = np.full(shape, np.nan if is_float else 0, dtype)
        inside = np.zeros(shape, bool)
        box = self.source_box(window)
        if box is None:
            return values, inside
        start = self.matrix[:-1, :-1] @ [w.start for w in window] + self.matrix[:-1, -1]
        place = _lift(self.matrix[:-1, :-1], start, self.data.shape, box)
        matrix, offset, limit, low = place
        inside3 = _lifted(inside)
        kernels.mark_inside(matrix, offset, limit, inside3)
        if not inside.any():
            return values, inside
        source = np.array(self.data[box], self.dtype, order="C")
        if self.interpolation == "nearest":
            kernels.sample_nearest(
                _lifted(_plain(source)),
                low,
                matrix,
                offset,
                limit,
                _lifted(_plain(values)),
                inside3,
            )
            if is_float:
                inside &= np.isfinite(values)
                values[~inside] = np.nan
        elif self.interpolation == "linear":
            grey = np.zeros(shape)
            kernels.sample_linear(
                _lifted(_working(source)), low, matrix, offset, limit, _lifted(grey), inside3
            )
            values[inside] = _as_type(grey[inside], dtype)
        else:
            grey, lost = _cubic(source, self.matrix[:-1, :-1], start, box, shape)
            inside &= ~lost
            values[inside] = _as_type(grey[inside], dtype)
        if self.region is not None:
            kept = np.zeros(shape, bool)
            counts = np.array(self.region[box], bool, order="C")
            kernels.sample_nearest(
                _lifted(_plain(counts)), low, matrix, offset, limit, _lifted(_plain(kept)), inside3
            )
            inside &= kept
        return values, inside


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """The same bytes as one of four types: what is only copied needs no kernel of its own."""
    return array.view(f"u{array.dtype.itemsize}")


def _working(source: NDArray[Any]) -> NDArray[Any]:
    """The same levels as one of two types; float32 holds 16 bits exactly."""
    small = source.dtype.itemsize <= 2 or source.dtype == np.float32
    return source.astype(np.float32 if small else np.float64, copy=False)


def _lifted(array: NDArray[Any]) -> NDArray[Any]:
    """An image as a stack of one slice; a stack as it is."""
    return array if array.ndim == 3 else array[None]


def _lift(
    linear: NDArray[np.float64],
    start: NDArray[np.float64],
    shape: tuple[int, ...],
    box: Window,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Matrix, offset, shape and first voxel with three axes, whatever there were."""
    new = 3 - len(shape)
    matrix = np.eye(3)
    matrix[new:, new:] = linear
    offset, limit, low = np.zeros(3), np.ones(3, np.int64), np.zeros(3, np.int64)
    offset[new:] = start
    limit[new:] = shape
    low[new:] = [w.start for w in box]
    return matrix, offset, limit, low


def _cubic(
    source: NDArray[Any],
    linear: NDArray[np.float64],
    start: NDArray[np.float64],
    box: Window,
    shape: tuple[int, ...],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Cubic B-spline of a piece, and where voxels that are not finite have a share in it."""
    from scipy import ndimage

    offset = start - [w.start for w in box]

    def transform(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = ndimage.affine_transform(
            coefficients, linear, offset, shape, np.float64, 3, mode="mirror", prefilter=False
        )
        return np.asarray(moved)

    levels = source.astype(np.float64)
    bad = ~np.isfinite(levels)
    lost = np.zeros(shape, bool)
    if bad.all():
        return np.zeros(shape), ~lost
    if bad.any():
        # a jump to zero would ring far into the data beside it
        nearest = ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
        levels = levels[tuple(nearest)]
        lost = transform(bad.astype(np.float64)) > 1e-6
    return transform(ndimage.spline_filter(levels, 3, np.float64, mode="mirror")), lost


def _as_type(grey: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # float16
            return grey.astype(dtype)
    limits = np.iinfo(dtype)
    # the largest 64-bit numbers are no floating point numbers: clip below them
    high = math.nextafter(limits.max, 0) if limits.bits > 53 else limits.max
    rounded: NDArray[Any] = np.rint(grey).clip(limits.min, high).astype(dtype)
    return rounded
