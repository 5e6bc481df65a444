"""Which radial layer a voxel belongs to: GREAT2's rule, also for anisotropic voxels."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError

__all__ = ["LayerRule"]

_LARGEST = 181
_SMALL_VOXELS = 1 << 22
_ANY_VOXELS = 1 << 21


class LayerRule:
    """Layers of thickness h by distance from outside.

    The distance d of a voxel is that of its centre to the centre of the nearest voxel
    outside its particle, in µm; background, other labels and whatever lies beyond the faces
    of the image are outside. Its layer is ``max(1, floor(d / h + 1/2))``.

    With cubic voxels and h their edge that is GREAT2's ``round(EDT)``: layer k holds the
    squared voxel distances k² − k + 1 to k² + k. For other voxels h is the longest edge, or
    longer: a voxel at the surface then has d ≤ h whichever way it faces, so it is in layer
    1; and walking from the deepest voxel to the surface along any axis changes d / h by at
    most 1 a step, so no layer in between is empty and no voxel is in none. (The first layer
    is up to h/2 thicker along a shorter edge: centres stand half an edge below the
    surface, and only along the longest edge is that h/2.)

    Parameters
    ----------
    voxel_size_um : tuple of float
        Voxel edges z, y, x in µm, or y, x.
    thickness_um : float, optional
        h; None is the longest edge.

    Raises
    ------
    InputError
        If `thickness_um` is less than the longest voxel edge.
    """

    def __init__(self, voxel_size_um: tuple[float, ...], thickness_um: float | None) -> None:
        longest = max(voxel_size_um)
        if thickness_um is None:
            thickness_um = longest
        elif thickness_um < longest * (1 - 1e-6):
            raise InputError(
                f"A layer thickness of {thickness_um:g} µm is less than the longest voxel edge, "
                f"{longest:g} µm: some layers would be empty. Give at least {longest:g} µm."
            )
        self.thickness_um = float(thickness_um)
        self.is_flat = len(voxel_size_um) == 2
        edges = ((longest,) if self.is_flat else ()) + tuple(voxel_size_um)
        self.edges = np.array(edges) / self.thickness_um
        self.is_cubic = bool(np.ptp(self.edges) <= 1e-6 * self.edges.max())

    @property
    def weights(self) -> NDArray[np.float64]:
        """Squared voxel edges in layer thicknesses."""
        return np.asarray(self.edges**2)

    @cached_property
    def table(self) -> NDArray[np.uint16]:
        """Layer of each squared voxel distance, cubic voxels only."""
        distance = np.sqrt(np.arange(2 * _LARGEST**2 + 1)) * self.edges.max()
        layers = np.maximum(self.of_distance(distance), 1)
        layers[0] = 0
        return np.asarray(layers.astype(np.uint16))

    @cached_property
    def identity(self) -> NDArray[np.uint16]:
        """The table that leaves layers as they are."""
        return np.arange(1 << 16).astype(np.uint16)

    @staticmethod
    def of_distance(distance: NDArray[np.float64]) -> NDArray[Any]:
        """Layer by distance in layer thicknesses; the small term undoes float rounding."""
        return np.floor(distance + 0.5 + 1e-9)

    def _extents(self, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
        extents = boxes[:, 3:] - boxes[:, :3]
        return extents[:, 1:] if self.is_flat else extents

    def is_small(self, boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which particles' squared distances fit into 16 bits, in a box of modest size."""
        if not self.is_cubic:
            return np.zeros(len(boxes), bool)
        fits = (self._extents(boxes).min(axis=1) + 1) // 2 <= _LARGEST
        return np.asarray(fits & ((boxes[:, 3:] - boxes[:, :3]).prod(axis=1) <= _SMALL_VOXELS))

    def is_giant(self, boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which particles are too big to copy and are streamed through instead."""
        voxels = (boxes[:, 3:] - boxes[:, :3]).prod(axis=1)
        return np.asarray(voxels > np.where(self.is_small(boxes), _SMALL_VOXELS, _ANY_VOXELS))

    def most_layers(self, boxes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Upper bound of each particle's number of layers, from its box."""
        edges = self.edges[-self._extents(boxes).shape[1] :]
        reach = (self._extents(boxes) + 1) // 2 * edges
        most: NDArray[np.int64] = np.maximum(self.of_distance(reach.min(axis=1)), 1).astype(
            np.int64
        )
        return most
