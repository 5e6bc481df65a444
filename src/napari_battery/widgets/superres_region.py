"""Part of the Super-resolve dock: the whole image, or a box of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_battery.io.lazy import Window
from napari_battery.widgets.box_editor import BoxEditor
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.slices import displayed_axes
from napari_battery.widgets.swipe_geometry import visible_range

__all__ = ["RegionPart"]


class RegionPart(QWidget):
    """Which part of the chosen image is super-resolved; the whole at first."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel, image: LayerChooser) -> None:
        super().__init__()
        self._viewer, self._image = viewer, image
        self._chosen = _Chosen(self, image)
        self.kind = QComboBox()
        self.kind.addItem("Whole image", False)
        self.kind.addItem("A box", True)
        self.kind.setToolTip("What is super-resolved; a box gives just that part of the whole")
        self.editor = BoxEditor(viewer, self._chosen, "Super-resolve box")
        self.view_button = QPushButton("What the view shows")
        self.view_button.setToolTip("Take the part of the slice that the view shows, as the box")
        self._box_part = QWidget()
        box = QVBoxLayout(self._box_part)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.view_button)
        box.addWidget(self.editor)
        row = QHBoxLayout()
        row.addWidget(QLabel("Part"))
        row.addWidget(self.kind, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._box_part)
        self._box_part.hide()
        self.kind.currentIndexChanged.connect(self._kind_changed)
        self.view_button.clicked.connect(self.take_view)
        self.editor.changed.connect(self.changed)

    def box(self) -> Window | None:
        """The box in voxels of the image; None for all of it."""
        if not self.kind.currentData() or self.editor.reference is None:
            return None
        return tuple(slice(low, high) for low, high in self.editor.box)

    def layer_changed(self) -> None:
        """Follow another image, or its place."""
        self._chosen.changed.emit()

    def take_view(self) -> None:
        """Take what the view shows as the box; the slices stay as they are."""
        layer = self.editor.reference
        if layer is None:
            return
        box = list(self.editor.box)
        for axis in displayed_axes(self._viewer, layer):
            if self._viewer.dims.ndisplay == 2:
                low, high = visible_range(layer, axis)
                box[axis] = (int(low), int(np.ceil(high)))
        self.editor.set_box(tuple(box))

    def _kind_changed(self) -> None:
        boxed = bool(self.kind.currentData())
        self._box_part.setVisible(boxed)
        if not boxed:
            self.editor.outline.remove()
        self.changed.emit()


class _Chosen(QObject):
    """The chosen image as a list of layers, which is what a `BoxEditor` follows."""

    changed = Signal()

    def __init__(self, parent: QWidget, image: LayerChooser) -> None:
        super().__init__(parent)
        self._image = image

    @property
    def layers(self) -> list[Any]:
        return [] if self._image.layer is None else [self._image.layer]
