"""Labels and grey levels as flat blocks of the few number types that kernels know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.volume import Volume

__all__ = ["BLOCK_BYTES", "Block", "Voxels"]

BLOCK_BYTES = 64 * 2**20
"""Bytes of one block where blocks have to be copied."""

Box = tuple[slice, slice, slice]


class _Writable:
    """The memory of an array, handed on as writable.

    Kernels never write to inputs; but read-only arrays would be another type to
    them, and everything would be compiled twice.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array
        self.__array_interface__ = {
            **array.__array_interface__,
            "data": (array.__array_interface__["data"][0], False),
        }


def _is_plain(array: NDArray[Any]) -> bool:
    return bool(array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative)


def _unsigned(array: NDArray[Any]) -> NDArray[Any]:
    return array.view(np.dtype(f"u{array.dtype.itemsize}"))


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Contiguous and in the machine's byte order; itself where it already is."""
    array = np.asarray(array)
    if not _is_plain(array):
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return np.asarray(_Writable(array))


def label_bits(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Labels as unsigned numbers of the same size; only whether they are equal matters.

    Raises
    ------
    InputError
        If labels are floats with a fraction, or no numbers at all.
    """
    if array.dtype.kind == "f":
        if not np.all(array == np.rint(array)) or np.abs(array).max(initial=0) >= 2.0**63:
            raise InputError(
                f"The labels “{name}” hold numbers with a fraction ({array.dtype}); "
                "whole numbers are needed. Is it the grey-level image?"
            )
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise InputError(f"The labels “{name}” hold {array.dtype}; whole numbers are needed.")
    return _unsigned(_plain(array))


def grey_bits(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Grey levels as uint8, uint16 (signed ones as their bits), float32 or float64."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in "iubf":
        raise InputError(
            f"The image “{name}” holds {array.dtype}; one real grey level per voxel is needed."
        )
    if kind in "iub" and size <= 2:
        return _unsigned(_plain(array))
    if kind == "f" and size in (4, 8):
        return _plain(array)
    return array.astype(np.float32 if size == 2 else np.float64)


@dataclass(frozen=True)
class Block:
    """A box of both volumes as flat arrays, for kernels."""

    labels: NDArray[Any]
    grey: NDArray[Any]
    offset: tuple[int, int, int]
    shape: tuple[int, int, int]


class Voxels:
    """Labels and image side by side, read in boxes; a 2-D image is one plane.

    Plain arrays in memory, or memory-mapped, are never copied; others (zarr, dask,
    another byte order, transposed, limited to a region) are copied box by box.
    """

    def __init__(self, labels: Volume, image: Volume, block_bytes: int = BLOCK_BYTES) -> None:
        self.names = (labels.name, image.name)
        self.is_flat = labels.ndim == 2
        self.shape: tuple[int, int, int] = (1, *labels.shape) if self.is_flat else labels.shape  # type: ignore[assignment]
        self._labels, self._image = labels.data, image.data
        self.regions = [v.region for v in (labels, image) if v.region is not None]
        self.label_dtype, self.grey_dtype = labels.dtype, image.dtype
        per_plane = self.shape[1] * self.shape[2] * (labels.dtype.itemsize + image.dtype.itemsize)
        self.planes_per_block = int(max(1, min(self.shape[0], block_bytes // max(per_plane, 1))))
        self.whole: Block | None = None
        if self._is_direct():
            self.whole = Block(
                label_bits(np.asarray(self._labels), labels.name).reshape(-1),
                grey_bits(np.asarray(self._image), image.name).reshape(-1),
                (0, 0, 0),
                self.shape,
            )

    def _is_direct(self) -> bool:
        labels, grey = self._labels, self._image
        return (
            not self.regions
            and isinstance(labels, np.ndarray)
            and isinstance(grey, np.ndarray)
            and labels.dtype.kind in "iub"
            and (grey.dtype.kind, grey.dtype.itemsize)
            in {("b", 1), ("i", 1), ("u", 1), ("i", 2), ("u", 2), ("f", 4), ("f", 8)}
            and _is_plain(labels)
            and _is_plain(grey)
        )

    def _read(self, data: Any, box: Box) -> NDArray[Any]:
        return np.asarray(data[box[1:]])[None] if self.is_flat else np.asarray(data[box])

    def read_region(self, box: Box) -> NDArray[np.bool_] | None:
        """Where the analysis is allowed to look; None is everywhere."""
        allowed: NDArray[np.bool_] | None = None
        for region in self.regions:
            part = self._read(region, box).astype(bool)
            allowed = part if allowed is None else allowed & part
        return allowed

    def read_labels(self, box: Box) -> NDArray[Any]:
        """Labels of a box, 0 outside the region."""
        labels = label_bits(self._read(self._labels, box), self.names[0])
        allowed = self.read_region(box)
        return labels if allowed is None else np.where(allowed, labels, labels.dtype.type(0))

    def read_grey(self, box: Box) -> NDArray[Any]:
        """Grey levels of a box."""
        return grey_bits(self._read(self._image, box), self.names[1])

    def read_levels(self, box: Box) -> NDArray[np.float64]:
        """Grey levels of a box as numbers."""
        return self._read(self._image, box).astype(np.float64)

    def block(self, box: Box) -> Block:
        """A box of both; the whole, uncopied, where that is possible."""
        if self.whole is not None:
            return self.whole
        labels = self.read_labels(box)
        return Block(
            labels.reshape(-1),
            self.read_grey(box).reshape(-1),
            (box[0].start, box[1].start, box[2].start),
            labels.shape,
        )

    def slabs(self) -> Iterator[tuple[int, int]]:
        """First and past-last plane of each slab."""
        step = self.planes_per_block
        for z in range(0, self.shape[0], step):
            yield z, min(z + step, self.shape[0])

    def slab_box(self, z0: int, z1: int) -> Box:
        """The box of some planes."""
        return slice(z0, z1), slice(0, self.shape[1]), slice(0, self.shape[2])
