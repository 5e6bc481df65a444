"""What super-resolving made, as a layer that lies on the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import ViewerModel

from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.swipe_geometry import placement

__all__ = ["add_result", "place_on"]

_LOOK = ("colormap", "gamma", "interpolation2d", "interpolation3d", "rendering", "contrast_limits")


def place_on(layer: Any, image: Volume, made: Volume) -> dict[str, Any]:
    """Arguments that put a volume in its place on the layer of `image`, in that layer's units."""
    size = np.array(image.known_voxel_size_um())
    start = (np.array(made.origin_um) - image.origin_um) / size
    step = np.array(made.known_voxel_size_um()) / size
    return placement(layer, tuple(start.tolist()), tuple(step.tolist()))


def add_result(viewer: ViewerModel, layer: Any, image: Volume, made: Volume) -> Any:
    """Add the result right above its image, with the image's look; return its layer.

    `layer` may have been deleted meanwhile.
    """
    look = {name: getattr(layer, name) for name in _LOOK}
    look["contrast_limits"] = tuple(layer.contrast_limits)
    added = add_volume(viewer, made, **place_on(layer, image, made), **look)
    if layer in viewer.layers:
        viewer.layers.move(viewer.layers.index(added), viewer.layers.index(layer) + 1)
    return added
