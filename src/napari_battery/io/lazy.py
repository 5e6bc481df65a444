"""An array that is read from its file piece by piece, when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LazyArray", "Window", "is_lazy"]

Window = tuple[slice, ...]
"""One slice per axis with start and stop given and step 1."""


class LazyArray:
    """Array in a file, or behind a computation, of which only asked-for pieces are read.

    Indexing gives numpy arrays; what is not indexed stays in the file.

    Parameters
    ----------
    shape, dtype
        Of the whole array.
    read : callable
        Returns the voxels of a window: ``read((slice(z0, z1), slice(y0, y1), …))``.
        May be called from several threads at once.
    chunks : tuple of int, optional
        Shape of the pieces that the file is stored in; windows that keep to them
        are read without waste.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any,
        read: Callable[[Window], NDArray[Any]],
        chunks: tuple[int, ...] | None = None,
    ) -> None:
        self.shape = tuple(int(n) for n in shape)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.chunks = tuple(chunks) if chunks else self.shape
        self._read = read

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        whole = self._read(tuple(slice(0, n) for n in self.shape))
        return np.asarray(whole, dtype=dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = key if isinstance(key, tuple) else (key,)
        if any(k is None or getattr(k, "dtype", None) == np.bool_ for k in keys):
            result: NDArray[Any] = np.asarray(self)[key]
            return result
        window: list[slice] = []
        inside: list[Any] = []
        for k, n in zip(_one_per_axis(keys, self.ndim), self.shape, strict=True):
            bounds, rest = _bounds(k, n)
            window.append(bounds)
            inside.append(rest)
        if any(w.start == w.stop for w in window):
            block = np.empty([w.stop - w.start for w in window], self.dtype)
        else:
            block = self._read(tuple(window))
        picked: NDArray[Any] = block[tuple(inside)]
        return picked


def is_lazy(data: Any) -> bool:
    """Whether indexing `data` may read a file and decode it (memory maps do not decode)."""
    return not isinstance(data, np.ndarray)


def _one_per_axis(keys: tuple[Any, ...], ndim: int) -> tuple[Any, ...]:
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        keys = keys[:at] + (slice(None),) * (ndim - len(keys) + 1) + keys[at + 1 :]
    if len(keys) > ndim:
        raise IndexError(f"too many indices: the array has {ndim} axes, not {len(keys)}")
    return keys + (slice(None),) * (ndim - len(keys))


def _bounds(key: Any, n: int) -> tuple[slice, Any]:
    """Split an index along one axis into the range it needs and the index within that range."""
    if isinstance(key, slice):
        steps = range(*key.indices(n))
        if not steps:
            return slice(0, 0), slice(None)
        low, high = min(steps[0], steps[-1]), max(steps[0], steps[-1])
        return slice(low, high + 1), slice(None, None, steps.step)
    index = np.asarray(key)
    if index.size == 0:
        return slice(0, 0), index.astype(np.intp)
    if index.dtype.kind not in "iu":
        raise IndexError(f"arrays are indexed with whole numbers and slices, not {key!r}")
    if index.min() < -n or index.max() >= n:
        raise IndexError(f"index {key} is out of bounds for an axis of {n}")
    index = np.where(index < 0, index + n, index)
    low = int(index.min())
    inside = index - low
    return slice(low, int(index.max()) + 1), int(inside) if inside.ndim == 0 else inside
