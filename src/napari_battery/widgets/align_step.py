"""One step of an alignment: an image and what belongs to it are moved, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Image
from napari.viewer import ViewerModel
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.units import to_um
from napari_battery.widgets.align_place import (
    is_noted,
    move_layers,
    moved_so_far,
    place_layers,
)
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.series_companions import companions

__all__ = ["move_with_companions", "place_with_companions"]

Matrix = NDArray[np.float64]


def move_with_companions(
    viewer: ViewerModel, image: Any, step: Matrix, unit: str, **how: Any
) -> Callable[[], None]:
    """Move an image from where it is now, and with it the layers that were made from it.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers.
    image : Image
        2-D or 3-D.
    step : (ndim + 1, ndim + 1) array
        From the world of now to where it is to be, in `unit`.
    unit : {"um", "voxel"}
        "voxel" where the voxel sizes are unknown.
    **how
        Kept in the layers' metadata.

    Returns
    -------
    callable
        Takes it back, see `move_layers`. What was made from the image since goes back with it.

    Raises
    ------
    InputError
        See `move_layers`.
    """
    moved = [image, *_along(viewer, image)]
    restore = move_layers(moved, step, unit, _so_far(moved), **how)
    return _taking_back(viewer, moved, restore, unit)


def place_with_companions(
    viewer: ViewerModel, layer: Any, matrix: Matrix, unit: str
) -> Callable[[], None]:
    """Bring a layer to where a transform takes it from its original place, see `place_layers`.

    With an image goes what was made from it; any other layer goes alone.
    """
    group = [layer, *_along(viewer, layer)]
    so_far = _so_far(group)
    moved = group if isinstance(layer, Image) else [layer]
    restore = place_layers(moved, matrix, unit, so_far)
    return _taking_back(viewer, moved, restore, unit)


def _along(viewer: ViewerModel, layer: Any) -> list[Any]:
    try:
        return companions(viewer, layer, volume_from_layer(layer))
    except (InputError, AttributeError):  # in colours or of more axes, or no image at all
        return []


def _so_far(layers: list[Any]) -> Matrix:
    """How far the first one was moved; if not by itself, with the one it was made from."""
    known = next((layer for layer in layers if is_noted(layer)), layers[0])
    return moved_so_far(known)


def _taking_back(
    viewer: ViewerModel, moved: list[Any], restore: Callable[[], None], unit: str
) -> Callable[[], None]:
    weakly, weak_viewer = [ref(layer) for layer in moved], ref(viewer)

    def take_back() -> None:
        first, known, viewer = weakly[0](), [weak() for weak in weakly], weak_viewer()
        if viewer is None or first not in viewer.layers or not isinstance(first, Image):
            restore()
            return
        since = [layer for layer in _along(viewer, first) if layer not in known]
        so_far, there = moved_so_far(first), np.array(first.affine.affine_matrix)
        restore()
        way_back = _in_um(first, first.affine.affine_matrix @ np.linalg.inv(there))
        move_layers(since, way_back, unit, so_far)

    return take_back


def _in_um(layer: Any, matrix: Any) -> Matrix:
    """Turn a matrix between worlds in a layer's units into one in µm, where they are lengths."""
    to_micron = np.diag([*(to_um(1.0, str(unit)) or 1.0 for unit in layer.units), 1.0])
    return np.asarray(to_micron @ matrix @ np.linalg.inv(to_micron), np.float64)
