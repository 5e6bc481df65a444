"""Random patches of training images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.superres.split import SplitSettings, split
from napari_battery.superres.training_image import TrainingImage

__all__ = ["Patches", "SplitSettings", "fixed_patches", "split"]

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]


class Patches:
    """Draws patches of training images at random, turned and mirrored.

    Every place where a patch lies wholly inside an image, and in valid voxels, is as likely.

    Parameters
    ----------
    images : sequence of TrainingImage
    slices : int
        Neighbouring slices that the network reads; odd. The answer is the middle one's.
    patch : int
        Side of a patch in voxels of the high-resolution grid.
    seed : int
        Start of the random numbers.

    Raises
    ------
    InputError
        If there are no images, or one has no room for a patch.
    """

    def __init__(
        self, images: Sequence[TrainingImage], slices: int, patch: int, seed: int = 0
    ) -> None:
        if not images:
            raise InputError("There are no images to train on.")
        if slices < 1 or slices % 2 == 0:
            raise InputError(f"A network reads an odd number of slices, not {slices}.")
        self._places = [_Places(image, slices, patch) for image in images]
        self._ends = np.cumsum([places.count for places in self._places])
        self._slices, self._patch = slices, patch
        self._rng = np.random.default_rng(seed)

    @property
    def count(self) -> int:
        """How many different places there are, over all images."""
        return int(self._ends[-1])

    @property
    def state(self) -> dict[str, Any]:
        """Where the random numbers stand; fit for JSON."""
        return dict(self._rng.bit_generator.state)

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state

    def draw(self, n: int, *, turned: bool = True) -> Pair:
        """Draw patches.

        Parameters
        ----------
        n : int
            How many.
        turned : bool
            Whether to flip, turn by quarters and transpose them at random (also along z).

        Returns
        -------
        x : (n, slices, patch, patch) float32 array
        y : (n, 1, patch, patch) float32 array
        """
        p = self._patch
        x = np.empty((n, self._slices, p, p), np.float32)
        y = np.empty((n, 1, p, p), np.float32)
        for k, place in enumerate(self._rng.integers(0, self.count, n)):
            low, high = self._at(int(place))
            if turned:
                flips = self._rng.integers(0, 2, 4)
                low, high = _turned(low, flips), _turned(high, flips)
            x[k], y[k] = low, high
        return x, y

    def _at(self, place: int) -> Pair:
        image = int(np.searchsorted(self._ends, place, side="right"))
        first = int(self._ends[image - 1]) if image else 0
        return self._places[image].cut(place - first)


def fixed_patches(
    images: Sequence[TrainingImage], slices: int, patch: int, number: int, seed: int = 0
) -> Pair:
    """Patches to validate with: the same each time, neither flipped nor turned.

    Parameters
    ----------
    images, slices, patch, seed
        As of `Patches`.
    number : int
        How many; fewer where there are not as many places.

    Returns
    -------
    x : (n, slices, patch, patch) float32 array
    y : (n, 1, patch, patch) float32 array
    """
    drawn = Patches(images, slices, patch, seed)
    return drawn.draw(min(number, drawn.count), turned=False)


class _Places:
    """The places in one image where a patch fits, numbered."""

    def __init__(self, image: TrainingImage, slices: int, patch: int) -> None:
        self.image, self.slices, self.patch = image, slices, patch
        self.room = tuple(
            n - side + 1 for n, side in zip(image.shape, (slices, patch, patch), strict=True)
        )
        if min(self.room) < 1:
            raise InputError(
                f"“{image.name}” has {image.shape} voxels, too few for a patch of {slices} slices "
                f"of {patch} × {patch}: make the patch smaller, read fewer slices, or leave the "
                "image out."
            )
        self._free = None if image.valid is None else _free(image.valid, slices, patch)
        if self._free is None:
            self.count = int(np.prod(self.room))
            return
        self._ends = np.cumsum(self._free.sum(axis=(1, 2), dtype=np.int64))
        self.count = int(self._ends[-1])
        if self.count == 0:
            raise InputError(
                f"“{image.name}” has no place for a patch of {slices} slices of {patch} × {patch} "
                "where both scans have data: make the patch smaller."
            )

    def cut(self, place: int) -> Pair:
        """Low slices and the middle one of the high image, at one place."""
        if self._free is None:
            z, y, x = (int(v) for v in np.unravel_index(place, self.room))
        else:
            z = int(np.searchsorted(self._ends, place, side="right"))
            inside = place - (int(self._ends[z - 1]) if z else 0)
            flat = np.flatnonzero(self._free[z])[inside]
            y, x = divmod(int(flat), self.room[2])
        rows, columns = slice(y, y + self.patch), slice(x, x + self.patch)
        middle = z + self.slices // 2
        low = self.image.low[z : z + self.slices, rows, columns]
        return low, self.image.high[middle : middle + 1, rows, columns]


def _free(valid: NDArray[np.bool_], slices: int, patch: int) -> NDArray[np.bool_]:
    """Where a patch that begins there holds valid voxels only."""
    free = valid
    for axis, side in enumerate((slices, patch, patch)):
        # the sum over a run of `side` is full
        total = np.cumsum(free, axis=axis, dtype=np.int32)
        total = np.insert(total, 0, 0, axis=axis)
        n = free.shape[axis]
        run = np.take(total, np.arange(side, n + 1), axis) - np.take(
            total, np.arange(0, n + 1 - side), axis
        )
        free = run == side
    return free


def _turned(block: NDArray[np.float32], flips: NDArray[np.int64]) -> NDArray[np.float32]:
    """One of the 16 symmetries of a square slab: flips along z, y and x, and y with x."""
    block = block[tuple(slice(None, None, -1 if flip else 1) for flip in flips[:3])]
    return block.swapaxes(1, 2) if flips[3] else block
