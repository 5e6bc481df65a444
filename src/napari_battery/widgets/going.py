"""Where a particle is, and bringing the view to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_battery.widgets.session import Session
from napari_battery.widgets.slices import camera_of

__all__ = ["bounding_boxes", "go_to"]

_TINY_PX = 14.0
_READABLE_PX = 80.0
_SEARCHED_VOXELS = 50_000_000
"""A particle that left its box is looked for in the whole volume up to this size (0.1 s)."""


def go_to(session: Session, label: int) -> None:
    """Centre the view on a particle of the layer picked in, in its middle slice.

    The zoom stays, but where the particle is too small on the screen to be seen.
    """
    layer, viewer = session.picked_layer, session.viewer
    if layer is None or viewer is None:
        return
    dims = viewer.dims
    offset = dims.ndim - layer.ndim
    hidden = [axis for axis in dims.not_displayed if axis >= offset]
    place = _middle(session, layer, label, [axis - offset for axis in hidden])
    if place is None:
        return
    centre, edges = place
    world = np.asarray(layer.data_to_world(centre), dtype=np.float64)
    if hidden:
        dims.set_point(hidden, [world[axis - offset] for axis in hidden])
    shown = [axis for axis in dims.displayed if axis >= offset]
    camera = camera_of(viewer)
    middle = np.array(camera.center, dtype=np.float64)
    middle[-len(shown) :] = [world[axis - offset] for axis in shown]
    camera.center = tuple(middle)
    across = np.asarray(layer.data_to_world(centre + edges)) - world
    size = float(np.linalg.norm([across[axis - offset] for axis in shown]))
    if 0 < size * camera.zoom < _TINY_PX:
        camera.zoom = _READABLE_PX / size


def bounding_boxes(session: Session, labels: tuple[int, ...]) -> NDArray[np.int64] | None:
    """Boxes of particles of the layer picked in, in voxels: (n, ndim, 2), half open.

    As corrections by hand left them, or else as the table has them; None where neither
    knows them all. Once labels were edited those of the table may be wrong.
    """
    layer, analysis = session.picked_layer, session.current
    if layer is None:
        return None
    places = session.history(layer).places
    if places is not None:
        known = list(places.boxes(labels).values())
        return np.stack(known) if known else None
    if analysis is None:
        return None
    table = analysis.particles
    axes = "zyx"[-layer.ndim :]
    columns = [f"bbox_{axis}{end}" for axis in axes for end in "01"]
    if not set(columns) <= set(table.columns):
        return None
    rows = np.flatnonzero(np.isin(table["label"].to_numpy(), np.array(labels)))
    boxes = table[columns].to_numpy()[rows]
    if not len(rows) or not np.isfinite(boxes.astype(np.float64)).all():
        return None
    return boxes.astype(np.int64).reshape(len(rows), layer.ndim, 2)


def _middle(
    session: Session, layer: Labels, label: int, hidden: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Centre of a particle in voxels, in a slice that cuts it, and its edge lengths.

    `hidden` are the axes along which slices are shown.
    """
    data: Any = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    whole = np.array([(0, n) for n in data.shape])
    boxes = bounding_boxes(session, (label,))
    is_small = np.prod(data.shape) <= _SEARCHED_VOXELS
    if boxes is None and not is_small:
        return None
    box = whole if boxes is None else np.clip(boxes[0], 0, whole[:, 1:])
    found = _voxels(data, box, label)
    if not len(found) and is_small:
        box = whole  # edits moved it
        found = _voxels(data, box, label)
    if not len(found):
        return None
    centre = found.mean(axis=0)
    for axis in hidden:  # the middle slice of a bent particle may miss it
        slices = np.unique(found[:, axis])
        if round(centre[axis]) not in slices:
            centre[axis] = slices[np.argmin(np.abs(slices - centre[axis]))]
    return centre + box[:, 0], np.ptp(found, axis=0) + 1.0


def _voxels(data: Any, box: NDArray[np.int64], label: int) -> NDArray[np.int64]:
    """Voxels of a particle in a box, counted from the box's corner."""
    crop = np.asarray(data[tuple(slice(a, b) for a, b in box)])
    return np.argwhere(crop == label)
