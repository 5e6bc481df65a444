"""Regions that are drawn: polygons on slices, and a circle that goes through slices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.regions import cylinder_region, polygon_region
from napari_battery.volume import Volume
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.outline import Outline
from napari_battery.widgets.slice_range import SliceRange
from napari_battery.widgets.slices import hidden_axis

__all__ = ["CylinderPage", "PolygonPage"]

Maker = Callable[[Progress], Volume]


def _without_progress(make: Callable[[], Volume], _: Progress) -> Volume:
    return make()


class PolygonPage(QWidget):
    """Polygons on one or several z slices; between them the outline is interpolated."""

    def __init__(self, viewer: ViewerModel, layers: LayerChecklist) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self.outline = Outline(self, viewer, "Region polygons", per_slice=True)
        self.draw_button = QPushButton("Draw polygon on this slice")
        self.draw_button.setToolTip(
            "Click the corners, double-click the last. Repeat on other slices where the "
            "outline differs"
        )
        self.again_button = QPushButton("Start again")
        self.again_button.setToolTip("Remove the polygons drawn so far")
        self.summary = Notice()
        buttons = QHBoxLayout()
        buttons.addWidget(self.draw_button, 2)
        buttons.addWidget(self.again_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.summary)
        self.draw_button.clicked.connect(self.draw)
        self.again_button.clicked.connect(self.start_again)
        self.outline.drawn.connect(self.refresh)
        listen(self, self.refresh, viewer.layers.events.removed)
        self.refresh()

    def draw(self) -> None:
        """Let the person draw on the shown z slice."""
        if self._layers.layers:
            order = tuple(range(self._viewer.dims.ndim))
            self._viewer.dims.order = order  # polygons lie across z
            self.outline.draw(self._layers.layers[0], "polygon")

    def start_again(self) -> None:
        """Remove what was drawn."""
        self.outline.remove()
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Say on which slices there is a polygon."""
        planes = sorted(self.outline.by_slice)
        if not planes:
            self.summary.say("No polygon yet.")
        elif len(planes) == 1:
            self.summary.say(f"One polygon (slice {planes[0]}): it goes through all slices.")
        else:
            self.summary.say(
                f"Polygons on slices {', '.join(map(str, planes))}; interpolated between them."
            )

    def maker(self, volume: Volume) -> Maker:
        """What makes the region of `volume`."""
        polygons = self.outline.by_slice
        if not polygons:
            raise InputError("No polygon is drawn yet: press “Draw polygon on this slice”.")
        return partial(_without_progress, partial(polygon_region, volume, polygons))


class CylinderPage(QWidget):
    """A circle in the shown plane and how far it goes through the slices."""

    def __init__(self, viewer: ViewerModel, layers: LayerChecklist) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self._axis: int | None = None
        self._reference: Any = None
        self.outline = Outline(self, viewer, "Region circle")
        self.draw_button = QPushButton("Draw circle")
        self.draw_button.setToolTip("Drag a circle on the slice; it can be moved afterwards")
        self.largest_button = QPushButton("Largest circle")
        self.largest_button.setToolTip("The circle that just fits: the usual field of view")
        self.extent = SliceRange(viewer, "z")
        self.summary = Notice()
        buttons = QHBoxLayout()
        buttons.addWidget(self.draw_button)
        buttons.addWidget(self.largest_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.extent)
        layout.addWidget(self.summary)
        self.draw_button.clicked.connect(self.draw)
        self.largest_button.clicked.connect(self.largest)
        self.outline.drawn.connect(self._drawn)
        layers.changed.connect(self.refresh)
        dims = viewer.dims.events
        listen(self, self.refresh, dims.order, dims.ndisplay, viewer.layers.events.removed)
        self.refresh()

    def draw(self) -> None:
        """Let the person drag a circle."""
        if self._reference is not None:
            self.outline.remove()
            self.outline.draw(self._reference, "ellipse")
            self.refresh()

    def largest(self) -> None:
        """The largest circle of the shown plane."""
        if self._reference is None:
            return
        self._viewer.dims.ndisplay = 2
        self.outline.place(self._reference)
        self.refresh()
        plane = list(self.outline.plane())
        shape = np.asarray(volume_from_layer(self._reference).shape)[plane]
        centre = (shape - 1) / 2
        edges = self._edges()[plane]
        self._set_circle(centre, float((shape * edges).min() / 2))

    def refresh(self, event: Any = None) -> None:
        """Follow the ticked layers and the shown plane."""
        chosen = self._layers.layers
        reference = chosen[0] if chosen else None
        if reference is None:
            self._reference = None
            self.outline.remove()
            return
        axis = hidden_axis(self._viewer, reference)
        if reference is not self._reference or (axis is not None and axis != self._axis):
            self.outline.remove() if reference is not self._reference else None
            self._reference = reference
            self._axis = axis
            if axis is not None:
                self.extent.set_axis("zyx"[-reference.ndim :][axis])
                self.extent.set_reference(reference, axis)
                self.extent.show_here(True)
        self.extent.setVisible(reference.ndim == 3)
        self._summarise()

    def maker(self, volume: Volume) -> Maker:
        """What makes the region of `volume`."""
        vertices = self.outline.vertices
        if vertices is None:
            raise InputError("No circle is drawn yet: press “Draw circle”.")
        plane, centre, radii = self._circle(vertices)
        if volume.ndim == 2:
            make = partial(cylinder_region, volume, tuple(centre), tuple(radii))
        else:
            axis = next(a for a in range(3) if a not in plane)
            extent = self.extent.value() if axis == self._axis else None
            make = partial(
                cylinder_region, volume, tuple(centre), tuple(radii), axis=axis, extent=extent
            )
        return partial(_without_progress, make)

    def _edges(self) -> Any:
        volume = volume_from_layer(self._reference)
        return np.asarray(volume.voxel_size_um or (1.0,) * volume.ndim)

    def _circle(self, vertices: Any) -> tuple[list[int], Any, Any]:
        """Plane, centre and half axes in voxels of what is drawn."""
        span = np.ptp(vertices, axis=0)
        plane = sorted(np.argsort(span)[-2:].tolist())
        return plane, vertices[:, plane].mean(axis=0), span[plane] / 2

    def _drawn(self) -> None:
        """Make a circle of the ellipse that was dragged."""
        vertices = self.outline.vertices
        if vertices is None:
            return
        plane, centre, radii = self._circle(vertices)
        self._set_circle(centre, float(np.mean(radii * self._edges()[plane])))

    def _set_circle(self, centre: Any, radius: float) -> None:
        """Draw the circle of `radius` (µm, or voxels where their size is unknown)."""
        plane = list(self.outline.plane())
        radii = radius / self._edges()[plane]
        corners = np.zeros((4, self._reference.ndim))
        corners[:, plane] = centre + radii * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        point = np.asarray(self.outline.layer.world_to_data(self._viewer.dims.point))
        for axis in range(self._reference.ndim):
            if axis not in plane:
                corners[:, axis] = point[axis]
        self.outline.set_shape(corners, "ellipse")
        self._summarise()

    def _summarise(self) -> None:
        vertices = self.outline.vertices
        if vertices is None:
            self.summary.say("No circle yet.")
            return
        plane, centre, radii = self._circle(vertices)
        names = "zyx"[-self._reference.ndim :]
        where = ", ".join(f"{names[a]} {c:.0f}" for a, c in zip(plane, centre, strict=True))
        radius = f"{radii[0]:.1f}" if np.isclose(*radii) else f"{radii[0]:.1f} × {radii[1]:.1f}"
        self.summary.say(f"Circle at {where}; radius {radius} voxels.")
