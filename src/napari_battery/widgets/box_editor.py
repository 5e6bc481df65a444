"""A box in a stack: drawn on the canvas, or typed as first and last voxel per axis."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.volume import AXES
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.outline import Outline
from napari_battery.widgets.slice_range import SliceRange
from napari_battery.widgets.slices import displayed_axes

__all__ = ["Box", "BoxEditor"]

Box = tuple[tuple[int, int], ...]
"""Half-open range of voxels per axis."""


class _Layers(Protocol):
    """What tells which layers are chosen, such as a `LayerChecklist`."""

    changed: Any

    @property
    def layers(self) -> list[Any]: ...


class BoxEditor(QWidget):
    """Box in the first chosen stack.

    Parameters
    ----------
    viewer : ViewerModel
        Where the box is drawn.
    layers : LayerChecklist or alike
        The first of its layers is the one whose voxels are counted.
    name : str
        Name of the layer the box is drawn in.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, layers: _Layers, name: str) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self._reference: Any = None
        self.outline = Outline(self, viewer, name)
        self.draw_button = QPushButton("Draw box")
        self.draw_button.setToolTip("Drag a rectangle on the slice; it can be moved afterwards")
        self.whole_button = QPushButton("Whole stack")
        self.whole_button.setToolTip("Start again from the whole stack")
        self.ranges = {axis: SliceRange(viewer, axis) for axis in AXES}
        self.summary = Notice()

        buttons = QHBoxLayout()
        buttons.addWidget(self.draw_button)
        buttons.addWidget(self.whole_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        for row in self.ranges.values():
            layout.addWidget(row)
            row.changed.connect(self._typed)
        layout.addWidget(self.summary)

        self.draw_button.clicked.connect(self.draw)
        self.whole_button.clicked.connect(self.reset)
        self.outline.drawn.connect(self._drawn)
        layers.changed.connect(self.refresh)
        dims = viewer.dims.events
        listen(self, self._plane_changed, dims.order, dims.ndisplay)
        self.refresh()

    @property
    def box(self) -> Box:
        """First voxel and one past the last, per axis of the reference."""
        return tuple(row.value() for row in self._rows())

    @property
    def reference(self) -> Any:
        """The layer whose voxels are counted, or None."""
        return self._reference

    def set_box(self, box: Box) -> None:
        """Show this box."""
        for row, (low, high) in zip(self._rows(), box, strict=True):
            row.set_value(low, high)
        self._typed()

    def draw(self) -> None:
        """Let the person drag a rectangle."""
        if self._reference is not None:
            self.outline.draw(self._reference, "rectangle")

    def reset(self) -> None:
        """Take the whole stack and remove the drawing."""
        self.outline.remove()
        if self._reference is not None:
            self.set_box(tuple((0, n) for n in self._shape()))

    def refresh(self) -> None:
        """Follow the chosen layers; another grid starts with its whole box."""
        chosen = self._layers.layers
        reference = chosen[0] if chosen else None
        self.setEnabled(reference is not None)
        if reference is self._reference:
            if self.outline.layer is not None and reference is not None:
                self.outline.place(reference)  # its voxel size may be another now
            return
        self.outline.remove()
        before = None if self._reference is None else [row.limit for row in self._rows()]
        self._reference = reference
        if reference is None:
            return
        for axis, row in self.ranges.items():
            row.setVisible(axis in AXES[-reference.ndim :])
        if before != list(self._shape()):
            for index, row in enumerate(self._rows()):
                row.set_reference(reference, index, keep=False)
        else:
            for index, row in enumerate(self._rows()):
                row.set_reference(reference, index, keep=True)
        self._plane_changed()
        self._summarise()

    def _rows(self) -> list[SliceRange]:
        ndim = 3 if self._reference is None else self._reference.ndim
        return [self.ranges[axis] for axis in AXES[-ndim:]]

    def _shape(self) -> tuple[int, ...]:
        layer = self._reference
        return tuple((layer.data[0] if layer.multiscale else layer.data).shape)

    def _drawn(self) -> None:
        vertices = self.outline.vertices
        if vertices is None:
            return
        rows = self._rows()
        for axis in self.outline.plane():
            # a voxel is in the box if its centre is
            low = int(np.ceil(vertices[:, axis].min()))
            high = int(np.floor(vertices[:, axis].max())) + 1
            rows[axis].set_value(low, high)
        self._typed()

    def _typed(self) -> None:
        self._summarise()
        self._redraw()
        self.changed.emit()

    def _redraw(self) -> None:
        """Show the box on the canvas, where one is drawn already."""
        plane = self.outline.plane()
        if len(plane) != 2 or self.outline.unread or self._viewer.dims.ndisplay != 2:
            return
        box = self.box
        (y0, y1), (x0, x1) = (box[axis] for axis in plane)
        corners = np.zeros((4, len(box)))
        corners[:, plane[0]] = np.array([y0, y0, y1, y1]) - 0.5
        corners[:, plane[1]] = np.array([x0, x1, x1, x0]) - 0.5
        point = self.outline.layer.world_to_data(self._viewer.dims.point)
        for axis in range(len(box)):
            if axis not in plane:
                corners[:, axis] = point[axis]
        self.outline.set_shape(corners, "rectangle")

    def _plane_changed(self, event: Any = None) -> None:
        if self._reference is None:
            return
        plane = displayed_axes(self._viewer, self._reference)
        for index, row in enumerate(self._rows()):
            row.show_here(index not in plane and self._reference.ndim == 3)
        if self.outline.vertices is not None:
            self._redraw()

    def _summarise(self) -> None:
        box = self.box
        data = self._reference.data[0] if self._reference.multiscale else self._reference.data
        sizes = [high - low for low, high in box]
        mega = np.prod([float(n) for n in sizes]) * np.dtype(data.dtype).itemsize / 1e6
        whole = " (the whole stack)" if tuple(sizes) == self._shape() else ""
        self.summary.say(
            f"{' × '.join(map(str, sizes))} voxels, {mega:,.1f} MB{whole}"
            if mega >= 0.1
            else f"{' × '.join(map(str, sizes))} voxels{whole}"
        )
