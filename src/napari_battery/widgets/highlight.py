"""The overlay that makes picked particles stand out."""

from __future__ import annotations

import warnings
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QTimer

from napari_battery.widgets.going import bounding_boxes
from napari_battery.widgets.layers import KEY
from napari_battery.widgets.session import Session

__all__ = ["NAME", "PICK_COLOURS", "Highlight", "add_quietly", "warm_up"]

NAME = "Picked particles"

PICK_COLOURS = np.array(
    [
        (1.00, 0.83, 0.00, 1),
        (0.00, 0.90, 1.00, 1),
        (1.00, 0.35, 0.80, 1),
        (0.45, 1.00, 0.30, 1),
        (1.00, 0.50, 0.15, 1),
        (0.65, 0.55, 1.00, 1),
    ],
    dtype=np.float32,
)
"""Colours of the first, second, … picked particle; the seventh starts again."""

_CLEAR = np.zeros(4, dtype=np.float32)
_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_THIN_BELOW_VOXELS = 10


class Highlight:
    """Keeps the layer "Picked particles" in step with the session.

    The layer views the label data (never a copy), cut down to the box around what is picked
    so that in 3-D only that part is sent to the graphics card.
    """

    def __init__(self, session: Session) -> None:
        viewer = session.viewer
        self._session = ref(session)
        self._layer: Labels | None = None
        self._followed: Any = lambda: None
        self._by_us = False
        self._switched_off = False
        session.selection_changed.connect(self.update)
        session.current_changed.connect(self.update)
        session.analyses_changed.connect(self.update)
        session.editing_changed.connect(self.update)
        viewer.dims.events.ndisplay.connect(self._set_contour)
        # napari slices the layers before it tells anyone that it went to 3-D, so the person
        # would be warned of a contour that is switched off right after
        warnings.filterwarnings("ignore", message="Contours are not displayed during 3D")
        viewer.layers.events.inserted.connect(self._other_layer_added)

    @property
    def layer(self) -> Labels | None:
        """The overlay, while the viewer has it."""
        session = self._session()
        if session is None or session.viewer is None or self._layer not in session.viewer.layers:
            return None
        return self._layer

    def update(self, *_: Any) -> None:
        """Show what is picked now."""
        session = self._session()
        if session is None or session.viewer is None:
            return
        labels = session.picked_layer
        if labels is None or labels not in session.viewer.layers:
            self._show(False)
            # layers must not go while the viewer is taking others away
            QTimer.singleShot(0, self._remove_if_idle)
        elif not session.selection:
            self._show(False)
        else:
            self._follow(labels)
            self._set_content(session, labels)

    def _set_content(self, session: Session, labels: Labels) -> None:
        picked = session.selection
        data, begin, smallest = _around(session, labels, picked)
        place = {name: getattr(labels, name) for name in _PLACE}
        step = np.asarray(labels.data_to_world(begin)) - np.asarray(labels.data_to_world(begin * 0))
        place["translate"] = labels.translate + np.linalg.solve(labels.affine.linear_matrix, step)
        colours: dict[int | None, Any] = {None: _CLEAR, 0: _CLEAR}
        colours |= {n: PICK_COLOURS[i % len(PICK_COLOURS)] for i, n in enumerate(picked)}
        changes = {**place, "colormap": DirectLabelColormap(color_dict=colours), "data": data}
        layer = self.layer
        if layer is None:
            layer = self._layer = Labels(
                name=NAME,
                visible=False,
                opacity=1.0,
                blending="translucent_no_depth",  # seen through what is in front of it
                metadata={KEY: {"overlay": True}},
                **changes,
            )
            layer.events.visible.connect(self._switched)
            add_quietly(session.viewer, layer)
        # each change is sliced anew: let it be while the view is small
        grows = np.prod(data.shape) >= np.prod(layer.data.shape)
        names = list(changes) if grows else list(reversed(changes))
        for name in names:
            if not _same(name, getattr(layer, name), changes[name]):
                setattr(layer, name, changes[name])
        layer.editable = False  # painting on it would change the labels themselves
        self._thickness = 1 if smallest < _THIN_BELOW_VOXELS else 2
        self._set_contour()
        self._to_top()
        self._show(not self._switched_off)

    def _follow(self, labels: Labels) -> None:
        """Stay on the labels when they are moved, rescaled or edited."""
        if self._followed() is labels:
            return
        names = [name for name in _PLACE if hasattr(labels.events, name)]
        before = self._followed()
        for name in (*names, "paint", "data"):
            if before is not None:
                getattr(before.events, name).disconnect(self.update)
            getattr(labels.events, name).connect(self.update)
        self._followed = ref(labels)

    def _set_contour(self, event: Any = None) -> None:
        layer, session = self.layer, self._session()
        if layer is None or session is None:
            return
        contour = self._thickness if session.viewer.dims.ndisplay == 2 else 0
        if layer.contour != contour:  # setting it slices the layer anew
            layer.contour = contour

    def _show(self, visible: bool) -> None:
        layer = self.layer
        if layer is not None and layer.visible != visible:
            self._by_us = True
            try:
                layer.visible = visible
            finally:
                self._by_us = False

    def _switched(self, event: Any) -> None:
        """The person clicked the overlay's eye: it stays as they want it."""
        if not self._by_us:
            self._switched_off = not event.source.visible

    def _other_layer_added(self, event: Any) -> None:
        if event.value is not self._layer:
            QTimer.singleShot(0, self._to_top)

    def _to_top(self) -> None:
        layer, session = self.layer, self._session()
        if layer is None or session is None or session.viewer is None:
            return
        layers = session.viewer.layers
        if layers[-1] is not layer:
            layers.move(layers.index(layer), len(layers))

    def _remove_if_idle(self) -> None:
        layer, session = self.layer, self._session()
        if layer is None or session is None:
            return
        if session.picked_layer is None:
            session.viewer.layers.remove(layer)
            self._layer = None


def warm_up(dtype: np.dtype[Any]) -> None:
    """Let napari compile what colours single labels of this type, before the first pick.

    Wider labels reach the screen as 8 bit ones, with a table of their own.
    """
    colormap = DirectLabelColormap(color_dict={None: _CLEAR, 0: _CLEAR, 1: PICK_COLOURS[0]})
    for kind in {np.dtype(np.uint8), np.dtype(dtype)}:
        colormap.map(np.zeros((1, 1), kind))


def _around(
    session: Session, labels: Labels, picked: tuple[int, ...]
) -> tuple[Any, np.ndarray, int]:
    """View of the labels around what is picked, where it begins, and the smallest box edge."""
    whole = np.zeros(labels.ndim)
    known = session.history(labels).places is not None
    is_stale = session.current is not None and bool(session.current.stale)
    boxes = bounding_boxes(session, picked) if known or not is_stale else None
    if boxes is None:
        return labels.data, whole, _THIN_BELOW_VOXELS
    smallest = int((boxes[..., 1] - boxes[..., 0]).min(axis=0).min())
    if not isinstance(labels.data, np.ndarray):
        return labels.data, whole, smallest
    # a margin, so that the contour knows what is outside
    begin = np.maximum(boxes[..., 0].min(axis=0) - 2, 0)
    end = np.minimum(boxes[..., 1].max(axis=0) + 2, labels.data.shape)
    view = labels.data[tuple(slice(a, b) for a, b in zip(begin, end, strict=True))]
    return view, begin.astype(np.float64), smallest


def _same(name: str, a: Any, b: Any) -> bool:
    """Whether a layer's attribute has this value already; of data, the very same memory."""
    if name == "colormap":
        return False
    if name == "data" and isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.__array_interface__["data"], a.shape, a.strides) == (
            b.__array_interface__["data"],
            b.shape,
            b.strides,
        )
    if name == "affine":
        a, b = a.affine_matrix, b.affine_matrix
    return a is b or (name != "data" and np.array_equal(a, b))


def add_quietly(viewer: Any, layer: Any) -> None:
    """Add a layer and leave the selected and the active layer as they are."""
    selected, active = set(viewer.layers.selection), viewer.layers.selection.active
    viewer.layers.append(layer)
    viewer.layers.selection = selected
    viewer.layers.selection.active = active
