"""A change of some voxels of a labels array: applied, taken back, kept small."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Patch", "make_patch", "patches_of_stroke", "replace_label"]

Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Patch:
    """Voxels of one box that got other labels.

    Parameters
    ----------
    box : tuple of slice
        Where, in voxels.
    bits : uint8 array
        Which voxels of the box, eight to a byte.
    before, after : int or array
        Their labels in z, y, x order; one number where all are the same.
    """

    box: Box
    bits: NDArray[np.uint8]
    before: int | NDArray[Any]
    after: int | NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Edges of the box."""
        return tuple(s.stop - s.start for s in self.box)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which voxels of the box changed."""
        size = int(np.prod(self.shape))
        return np.unpackbits(self.bits, count=size).view(bool).reshape(self.shape)

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""
        sides = (self.before, self.after)
        return self.bits.nbytes + sum(s.nbytes for s in sides if isinstance(s, np.ndarray))

    @property
    def labels(self) -> frozenset[int]:
        """Every label that won or lost a voxel."""
        return self.lost | self.gained

    @property
    def lost(self) -> frozenset[int]:
        """Labels that lost voxels."""
        return _numbers(self.before) - {0}

    @property
    def gained(self) -> frozenset[int]:
        """Labels that won voxels."""
        return _numbers(self.after) - {0}

    def write(self, data: NDArray[Any], *, back: bool = False) -> None:
        """Write the labels after the change, or with `back` those before it."""
        data[self.box][self.mask] = self.before if back else self.after

    def is_written(self, data: Any, *, back: bool = False) -> bool:
        """Whether the voxels hold the labels after the change, or with `back` before it."""
        there = np.asarray(data[self.box])[self.mask]
        return bool(np.all(there == (self.before if back else self.after)))


def make_patch(
    box: Box, mask: NDArray[np.bool_], before: Any, after: Any, *, offset: tuple[int, ...] = ()
) -> Patch | None:
    """Patch of the voxels `mask` of `box`, cut down to the box around them.

    Parameters
    ----------
    box : tuple of slice
        Start and stop along each axis.
    mask : bool array
        Shape of the box.
    before, after : int or array
        One number, or one per voxel of the mask in z, y, x order.
    offset : tuple of int, optional
        Added to the box: where the array begins that `box` counts from.

    Returns
    -------
    Patch or None
        None where no voxel is changed.
    """
    ends = []
    for axis in range(mask.ndim):
        some = np.flatnonzero(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
        if not some.size:
            return None
        ends.append((int(some[0]), int(some[-1]) + 1))
    inner = tuple(slice(a, b) for a, b in ends)
    at = offset or (0,) * mask.ndim
    starts = [int(s.start) + o for s, o in zip(box, at, strict=True)]
    place = tuple(slice(s + a, s + b) for s, (a, b) in zip(starts, ends, strict=True))
    return Patch(place, np.packbits(mask[inner]), _small(before), _small(after))


def replace_label(data: Any, box: Box, label: int, new: int) -> Patch | None:
    """Patch that gives all voxels of a label in a box another one; nothing is written yet."""
    return make_patch(box, np.asarray(data[box]) == label, label, new)


def patches_of_stroke(atoms: Iterable[Any], shape: tuple[int, ...]) -> list[Patch]:
    """Patches of what napari's brush, fill and eraser note with their event `paint`.

    Parameters
    ----------
    atoms : iterable
        What the event carries: changes of a box and mask (napari 0.8), or triples of indices,
        labels before and labels after.
    shape : tuple of int
        Of the labels.
    """
    patches = []
    for atom in atoms:
        if hasattr(atom, "slice_key"):
            box, mask = atom.slice_key, atom.mask
            before = atom.old_values
            if mask is None:
                mask = np.ones(np.shape(before), bool)
                before = np.ravel(before)
            box = tuple(slice(*s.indices(n)[:2]) for s, n in zip(box, shape, strict=True))
            mask = mask.reshape([s.stop - s.start for s in box])
            patches.append(make_patch(box, mask, before, atom.new_value))
        else:
            indices, before, after = atom
            patches.append(_of_indices(indices, before, after, shape))
    return [patch for patch in patches if patch is not None]


def _of_indices(indices: Any, before: Any, after: Any, shape: tuple[int, ...]) -> Patch | None:
    flat = np.ravel_multi_index(np.broadcast_arrays(*map(np.asarray, indices)), shape).ravel()
    if not flat.size:
        return None
    # a stroke may meet a voxel twice; what stood there first, and last, counts
    flat, first = np.unique(flat, return_index=True)
    place = np.unravel_index(flat, shape)
    low = [int(p.min()) for p in place]
    box = tuple(slice(a, int(p.max()) + 1) for a, p in zip(low, place, strict=True))
    mask = np.zeros([s.stop - s.start for s in box], bool)
    mask[tuple(p - a for p, a in zip(place, low, strict=True))] = True
    sides = [s if np.ndim(s) == 0 else np.ravel(s)[first] for s in (before, after)]
    return make_patch(box, mask, *sides)


def _small(labels: Any) -> int | NDArray[Any]:
    """One number where all are the same."""
    array = np.asarray(labels)
    if array.ndim == 0 or (array.size and (array == array.flat[0]).all()):
        return int(array.flat[0])
    return array.copy()


def _numbers(labels: int | NDArray[Any]) -> frozenset[int]:
    return frozenset(np.unique(labels).tolist())
