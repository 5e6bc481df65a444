"""Which slice of a layer the viewer shows, counted in the layer's own voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import ViewerModel

__all__ = ["camera_of", "current_slice", "displayed_axes", "hidden_axis"]


def camera_of(viewer: ViewerModel) -> Any:
    """Return the camera, wherever this napari keeps it."""
    scene = getattr(viewer, "scene", None)  # napari 0.9 moved it
    return viewer.camera if scene is None else scene.camera


def displayed_axes(viewer: ViewerModel, layer: Any) -> tuple[int, ...]:
    """The layer's axes that lie in the shown plane (or volume)."""
    missing = viewer.dims.ndim - layer.ndim  # napari aligns layers at their last axis
    return tuple(axis - missing for axis in viewer.dims.displayed if axis >= missing)


def hidden_axis(viewer: ViewerModel, layer: Any) -> int | None:
    """The layer's axis the slider runs along; None for a 2-D layer and in a 3-D view."""
    hidden = [axis for axis in range(layer.ndim) if axis not in displayed_axes(viewer, layer)]
    return hidden[0] if len(hidden) == 1 and viewer.dims.ndisplay == 2 else None


def current_slice(viewer: ViewerModel, layer: Any, axis: int) -> int:
    """Index of the shown slice along `axis`, not beyond the layer's ends."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    index = round(float(np.asarray(layer.world_to_data(viewer.dims.point))[axis]))
    return int(np.clip(index, 0, data.shape[axis] - 1))
