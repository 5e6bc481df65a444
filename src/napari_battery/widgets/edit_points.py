"""The points at which a particle is to be split, shown as an overlay."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Points
from numpy.typing import NDArray

from napari_battery.widgets.highlight import add_quietly
from napari_battery.widgets.layers import KEY
from napari_battery.widgets.slices import camera_of, current_slice, hidden_axis

__all__ = ["NAME", "SplitPoints"]

NAME = "Split points"
_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_SIZE_PX = 22
_HERE, _ELSEWHERE = (1.0, 0.23, 0.19, 1.0), (1.0, 0.23, 0.19, 0.35)


class SplitPoints:
    """Voxels of a labels layer with a number on each, in the order they were placed.

    Those of other slices are seen, too, but fainter: the parts of a particle may lie one
    above the other.
    """

    def __init__(self, viewer: Any, labels: Labels) -> None:
        self._viewer, self._labels = viewer, labels
        self._layer: Points | None = None
        self.points: list[tuple[int, ...]] = []
        dims = viewer.dims.events
        for emitter in (dims.point, dims.order, dims.ndisplay):
            emitter.connect(self._show_slice)

    @property
    def layer(self) -> Points | None:
        """The overlay, while the viewer has it."""
        return self._layer if self._layer in self._viewer.layers else None

    def show(self, points: list[tuple[int, ...]]) -> None:
        """Show these points; none takes the overlay away."""
        self.points = list(points)
        before, labels = self.layer, self._labels
        self._layer = None
        if points:
            place, colours = self._seen()
            layer = Points(
                place,
                name=NAME,
                features={"number": np.arange(1, len(points) + 1)},
                text={"string": "{number}", "size": 12, "color": "white"},
                size=self._size() if before is None else before.size[0],
                face_color=colours,
                border_color="white",
                border_width=0.1,
                blending="translucent_no_depth",
                metadata={KEY: {"overlay": True}},
                **{name: getattr(labels, name) for name in _PLACE},
            )
            add_quietly(self._viewer, layer)
            layer.editable = False  # points come and go by our own clicks
            self._layer = layer
        if before is not None:
            self._viewer.layers.remove(before)

    def forget(self) -> None:
        """No points any more, and nothing to follow."""
        dims = self._viewer.dims.events
        for emitter in (dims.point, dims.order, dims.ndisplay):
            emitter.disconnect(self._show_slice)
        self.show([])

    def at(self, position: Any, dims_displayed: Any) -> tuple[int, ...] | None:
        """The point under the mouse in a slice, wherever it lies along the other axis."""
        layer = self.layer
        if layer is None or len(dims_displayed) != 2:
            return None
        first = len(position) - layer.ndim
        axes = [axis - first for axis in dims_displayed]
        place = np.asarray(layer.world_to_data(position), dtype=np.float64)
        away = np.linalg.norm(np.array(self.points)[:, axes] - place[axes], axis=1)
        nearest = int(np.argmin(away))
        return self.points[nearest] if away[nearest] <= float(layer.size[0]) / 2 else None

    def _seen(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the points are drawn, in the slice shown, and their colours."""
        place = np.array(self.points, dtype=np.float64)
        here = np.ones(len(place), bool)
        axis = hidden_axis(self._viewer, self._labels)
        if axis is not None:
            index = current_slice(self._viewer, self._labels, axis)
            here = place[:, axis] == index
            place[:, axis] = index
        return place, np.where(here[:, None], _HERE, _ELSEWHERE)

    def _show_slice(self, event: Any = None) -> None:
        layer = self.layer
        if layer is not None:
            layer.data, layer.face_color = self._seen()

    def _size(self) -> float:
        """Diameter in voxels that is well seen at this zoom, and no giant later."""
        edge = float(np.max(self._labels.scale))
        size = _SIZE_PX / max(float(camera_of(self._viewer).zoom) * edge, 1e-9)
        return float(np.clip(size, 1, 0.1 * max(self._labels.data.shape)))
