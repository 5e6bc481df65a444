"""The layers that belong to an image, and go along when it is moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import ViewerModel

from napari_battery.errors import InputError
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, is_overlay, made_from, volume_from_layer

__all__ = ["SCAN_PAIR", "companions"]

SCAN_PAIR = "scan_pair"
"""Entry of the metadata of layers cut for super-resolution: they stay together."""


def companions(viewer: ViewerModel, image: Any, volume: Volume) -> list[Any]:
    """Layers on an image's grid that were made from it, or it from them, or from each other.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers; points and the like belong to what they were made from, too.
    image : Image
        The image that is going to be moved.
    volume : Volume
        The same, where it is now.
    """
    left = [
        layer for layer in viewer.layers if layer is not image and _lies_on(layer, image, volume)
    ]
    found: list[Any] = [image]
    for one in found:  # grows while it is gone through
        more = [layer for layer in left if _related(one, layer)]
        left = [layer for layer in left if layer not in more]
        found.extend(more)
    return found[1:]


def _lies_on(layer: Any, image: Any, volume: Volume) -> bool:
    if is_overlay(layer) or layer.ndim != image.ndim:
        return False
    if any(SCAN_PAIR in one.metadata.get(KEY, {}) for one in (layer, image)):
        return False
    if not isinstance(layer, Image | Labels):  # no grid of its own
        one, other = layer.affine.affine_matrix, image.affine.affine_matrix
        return tuple(layer.units) == tuple(image.units) and np.allclose(one, other)
    try:
        return volume.same_grid(volume_from_layer(layer))
    except InputError:  # colour, or another number of axes
        return False


def _related(one: Any, other: Any) -> bool:
    states = [layer.metadata.get(KEY, {}).get("state") for layer in (one, other)]
    if all(states):  # labels carried to another state were made from this one's, too
        return bool(states[0] == states[1])
    return one.name in made_from(other) or other.name in made_from(one)
