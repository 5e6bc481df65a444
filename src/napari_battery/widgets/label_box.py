"""The box of a stack that a preview is made of: some million voxels where the view looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.viewer import ViewerModel

from napari_battery.widgets.slices import camera_of, displayed_axes

__all__ = ["Box", "box_around", "is_inside", "view_centre"]

Box = tuple[slice, ...]


def box_around(
    shape: Sequence[int],
    centre: Sequence[float],
    n_voxels: int,
    voxel_size: Sequence[float] | None = None,
) -> Box:
    """Find a cube (of equal physical edges) of about `n_voxels` within a volume.

    Parameters
    ----------
    shape : sequence of int
        Of the volume.
    centre : sequence of float
        Where the box should lie, in voxels; it is moved where it would stick out.
    n_voxels : int
        About how many voxels; where an axis is too short the others are longer.
    voxel_size : sequence of float, optional
        Edges of a voxel; cubes otherwise.

    Returns
    -------
    tuple of slice
    """
    lengths = np.array(shape, dtype=float)
    size = np.ones(len(lengths)) if voxel_size is None else np.array(voxel_size, dtype=float)
    free = np.ones(len(lengths), bool)
    while free.any():
        rest = n_voxels / np.prod(lengths[~free])
        edge = (rest * np.prod(size[free])) ** (1 / free.sum())
        short = free & (edge / size >= np.array(shape))
        if not short.any():
            lengths[free] = np.maximum(np.round(edge / size[free]), 1)
            break
        free &= ~short
    starts = np.clip(np.round(np.array(centre) - (lengths - 1) / 2), 0, np.array(shape) - lengths)
    return tuple(
        slice(int(start), int(start + n)) for start, n in zip(starts, lengths, strict=True)
    )


def is_inside(box: Box | None, point: Sequence[float]) -> bool:
    """Whether a point, in voxels, lies in a box."""
    return box is not None and all(
        part.start - 0.5 <= value < part.stop - 0.5 for part, value in zip(box, point, strict=True)
    )


def view_centre(viewer: ViewerModel, layer: Any) -> tuple[float, ...]:
    """Return the voxel of a layer that the view looks at, in its slice; not beyond its ends."""
    world = np.array(viewer.dims.point, dtype=float)[-layer.ndim :]
    shown = displayed_axes(viewer, layer)
    world[list(shown)] = np.array(camera_of(viewer).center, dtype=float)[-len(shown) :]
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    place = np.asarray(layer.world_to_data(world), dtype=float)
    return tuple(np.clip(place, 0, np.array(data.shape) - 1).tolist())
