"""A shape that the person draws on the canvas: one for all slices, or one on each of some."""

from __future__ import annotations

from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_battery.widgets.layers import KEY
from napari_battery.widgets.listening import listen
from napari_battery.widgets.slices import displayed_axes, hidden_axis

__all__ = ["Outline", "Shape"]

Shape = Literal["rectangle", "polygon", "ellipse"]

_COLOUR = "#ffb000"
_IDLE = "Drawing"

# By viewer and number of axes: the layer that outlines are drawn in, one after the other.
# Once made it stays, empty and hidden between drawings: napari 0.9 crashes in OpenGL when
# a layer is added after a Shapes layer was removed (napari issues 6472 and 8471).
_layers: WeakKeyDictionary[ViewerModel, dict[int, Any]] = WeakKeyDictionary()
_owners: WeakKeyDictionary[Any, Outline] = WeakKeyDictionary()


class Outline(QObject):
    """A shape in a Shapes layer on a stack's grid, in voxels of that stack.

    All outlines of a viewer share the layer; whoever draws takes it over.

    Parameters
    ----------
    parent : QWidget
        With which it goes away.
    viewer : ViewerModel
        Where to draw.
    name : str
        Name of the layer.
    per_slice : bool
        Whether each slice keeps the shape drawn on it; otherwise there is one shape, which
        goes along to the slice that is shown.
    """

    drawn = Signal()
    """The person finished drawing or moving the shape."""

    def __init__(
        self, parent: QWidget, viewer: ViewerModel, name: str, *, per_slice: bool = False
    ) -> None:
        super().__init__(parent)
        self._viewer, self._name, self._per_slice = viewer, name, per_slice
        self.layer: Any = None
        self._reference: Any = None
        self._writing = False
        # napari is still inside the drawing when it tells that a shape was added
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._read)
        listen(parent, self._layer_removed, viewer.layers.events.removed)
        dims = viewer.dims.events
        listen(parent, self._follow_slice, dims.point, dims.order, dims.ndisplay)
        self._held: list[Any] = []
        held, layers = self._held, viewer.layers  # not self: it is already gone by then
        parent.destroyed.connect(lambda: _empty_those(held, layers))

    @property
    def vertices(self) -> NDArray[np.float64] | None:
        """Corners of the shape, one row each, in voxels of the stack; None if there is none."""
        if self.layer is None or not self.layer.data:
            return None
        return np.asarray(self.layer.data[-1], dtype=float)

    @property
    def unread(self) -> bool:
        """Whether the person has just drawn something that `drawn` has yet to tell of."""
        return bool(self._later.isActive())

    @property
    def by_slice(self) -> dict[int, NDArray[np.float64]]:
        """Corners (y, x) of the shape on each slice that has one, the latest of each."""
        shapes = [] if self.layer is None else self.layer.data
        return {
            round(float(corners[0, 0])) if corners.shape[1] == 3 else 0: corners[:, -2:]
            for corners in map(np.asarray, shapes)
        }

    def draw(self, reference: Any, shape: Shape) -> None:
        """Let the person draw on the stack `reference` with the tool of `shape`."""
        self.place(reference)
        self._viewer.dims.ndisplay = 2
        self._viewer.layers.selection.active = self.layer
        self.layer.mode = f"add_{shape}"

    def place(self, reference: Any) -> None:
        """Have the layer, on the grid of `reference`."""
        if self.layer is not None and self._reference is reference:
            self._match_grid()
            return
        self.remove()
        self._reference = reference
        layers = _layers.setdefault(self._viewer, {})
        layer = layers.get(reference.ndim)
        if layer is None or layer not in self._viewer.layers:
            layer = layers[reference.ndim] = self._viewer.add_shapes(
                None,
                ndim=reference.ndim,
                face_color="transparent",
                edge_color=_COLOUR,
                units=reference.units,
                axis_labels=reference.axis_labels,
                scale=reference.scale,
                metadata={KEY: {"overlay": True}},
            )
        elif layer in _owners:
            _owners[layer].remove()
        _owners[layer] = self
        self.layer, self._held[:] = layer, [layer]
        layer.name, layer.visible = self._name, True
        layer.current_edge_width = max(1.0, min(_shape_of(reference)[-2:]) / 200)
        layer.current_edge_color = _COLOUR
        layer.current_face_color = "transparent"
        self._viewer.layers.move(self._viewer.layers.index(layer), len(self._viewer.layers))
        self._match_grid()
        layer.events.data.connect(self._changed)

    def set_shape(self, vertices: NDArray[np.float64], shape: Shape) -> None:
        """Replace the shape, as if it had been drawn, without saying so."""
        if self.layer is not None:
            self._write([(vertices, shape)])
            self._follow_slice()

    def remove(self) -> None:
        """Take the shape away."""
        layer, self.layer, self._reference = self.layer, None, None
        self._held.clear()
        if layer is None:
            return
        layer.events.data.disconnect(self._changed)
        _owners.pop(layer, None)
        if layer in self._viewer.layers:
            _empty(layer)

    def _match_grid(self) -> None:
        reference = self._reference
        self.layer.units, self.layer.axis_labels = reference.units, reference.axis_labels
        self.layer.scale, self.layer.translate = reference.scale, reference.translate
        self.layer.rotate, self.layer.shear = reference.rotate, reference.shear
        self.layer.affine = reference.affine

    def _changed(self, event: Any) -> None:
        if not self._writing and str(event.action).lower().endswith(("added", "changed")):
            self._later.start(0)

    def _read(self) -> None:
        if self.layer is None or not self.layer.data:
            return
        if self._per_slice:
            self._keep_latest()
        elif len(self.layer.data) > 1:
            self.set_shape(np.asarray(self.layer.data[-1]), self.layer.shape_type[-1])
        # drawing one shape is the job; what follows is moving it
        self.layer.mode = "select"
        self.drawn.emit()

    def _keep_latest(self) -> None:
        """Drop shapes that a later one on the same slice replaces."""
        latest = {round(float(c[0, 0])): i for i, c in enumerate(self.layer.data)}
        kinds = self.layer.shape_type
        shapes = []
        for plane, i in sorted(latest.items()):
            corners = np.array(self.layer.data[i])
            if corners.shape[1] == 3:
                corners[:, 0] = plane
            shapes.append((corners, kinds[i]))
        if self.layer.ndim == 2:
            shapes = [(np.array(self.layer.data[-1]), kinds[-1])]
        self._write(shapes)

    def _write(self, shapes: list[tuple[NDArray[np.float64], str]]) -> None:
        self._writing = True
        try:
            mode, selected = self.layer.mode, set(self.layer.selected_data)
            self.layer.selected_data = set()
            self.layer.data = shapes
            self.layer.mode = mode
            self.layer.selected_data = {i for i in selected if i < len(shapes)}
        finally:
            self._writing = False

    def _follow_slice(self, event: Any = None) -> None:
        """Move the shape along to the shown slice, where it can be seen."""
        vertices = self.vertices
        if vertices is None or self._writing or self._per_slice:
            return
        if self.layer.mode.startswith("add_"):
            return  # napari is still drawing it
        axis = hidden_axis(self._viewer, self.layer)
        if axis is None or np.ptp(vertices[:, axis]) > 0:
            return  # drawn in another plane
        shown = float(np.asarray(self.layer.world_to_data(self._viewer.dims.point))[axis])
        if vertices[0, axis] == shown:
            return
        vertices = vertices.copy()
        vertices[:, axis] = shown
        self._write([(vertices, self.layer.shape_type[-1])])

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.layer or event.value is self._reference:
            self.remove()

    def plane(self) -> tuple[int, ...]:
        """Axes of the stack in which the shape lies flat now."""
        return displayed_axes(self._viewer, self.layer) if self.layer is not None else ()


def _empty(layer: Any) -> None:
    """Leave the layer for the next drawing."""
    layer.mode = "pan_zoom"
    layer.selected_data = set()
    layer.data = []
    layer.name, layer.visible = _IDLE, False


def _empty_those(held: list[Any], layers: Any) -> None:
    for layer in held:
        if layer in layers:
            _empty(layer)


def _shape_of(layer: Any) -> tuple[int, ...]:
    return tuple((layer.data[0] if layer.multiscale else layer.data).shape)
