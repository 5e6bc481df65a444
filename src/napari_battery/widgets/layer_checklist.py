"""A list of the viewer's stacks with a box to tick each, and what is known of their grid."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from weakref import ref

from napari.layers import Image, Labels, Layer
from napari.viewer import ViewerModel
from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from napari_battery.volume import AXES
from napari_battery.widgets.layers import is_overlay
from napari_battery.widgets.listening import listen
from napari_battery.widgets.voxel_size import describe_voxel_size

__all__ = ["LayerChecklist"]

_ROWS_SHOWN = 4


class LayerChecklist(QListWidget):
    """Image and Labels layers with boxes; ticked ones are what a dock works on.

    Layers selected in napari's own list are ticked at the start; a layer that comes later
    is ticked while none other is.
    """

    changed = Signal()
    """Other layers are ticked, or one of the ticked ones has another grid or name."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._ticked: list[Layer] = [
            layer for layer in viewer.layers if layer in viewer.layers.selection
        ]
        self._watched: list[Layer] = []
        self.setToolTip("Tick the layers that the steps below are to work on")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        # napari's lists have the colour of an empty box, which then cannot be seen
        self.setStyleSheet(
            "QListWidget { background-color: transparent; "
            "border: 1px solid rgba(128, 128, 128, 90); border-radius: 2px }"
        )
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.refresh)
        events = viewer.layers.events
        listen(self, self._later, events.inserted, events.removed, events.reordered, events.renamed)
        self.destroyed.connect(lambda: self._watch(()))
        self.refresh()

    @property
    def layers(self) -> list[Any]:
        """The ticked layers that are still in the viewer, in the viewer's order."""
        return [layer for layer in self._offered() if layer in self._ticked]

    @property
    def images(self) -> list[Any]:
        """The ticked Image layers."""
        return [layer for layer in self.layers if isinstance(layer, Image)]

    def tick(self, layers: Iterable[Layer]) -> None:
        """Tick these layers and no others."""
        self._ticked = list(layers)
        self.refresh()

    def refresh(self) -> None:
        """Read the layer list again."""
        offered = self._offered()
        self._ticked = [layer for layer in self._ticked if layer in offered]
        new = [layer for layer in offered if layer not in self._watched]
        if not self._ticked and new:
            self._ticked = new[-1:]
        self._watch(offered)
        self.clear()
        row = self.fontMetrics().height() * 2
        for layer in reversed(offered):
            box = self._box(layer)
            item = QListWidgetItem()
            row = box.sizeHint().height() + 6
            item.setSizeHint(QSize(0, row))
            self.addItem(item)
            self.setItemWidget(item, box)
        self.setFixedHeight(row * min(max(len(offered), 1), _ROWS_SHOWN) + 6)
        self.changed.emit()

    def _offered(self) -> list[Layer]:
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image | Labels)
            and layer.ndim in (2, 3)
            and not getattr(layer, "rgb", False)
            and not is_overlay(layer)
        ]

    def _watch(self, layers: Iterable[Layer]) -> None:
        for layer in self._watched:
            for emitter in (layer.events.scale, layer.events.units, layer.events.data):
                emitter.disconnect(self._later)
        self._watched = list(layers)
        for layer in self._watched:
            for emitter in (layer.events.scale, layer.events.units, layer.events.data):
                emitter.connect(self._later)

    def _later(self, event: Any = None) -> None:
        self._timer.start(0)  # one change of voxel size is several events

    def _box(self, layer: Any) -> QCheckBox:
        data = layer.data[0] if layer.multiscale else layer.data
        shape = "×".join(str(n) for n in data.shape)
        # a lone & would underline the letter after it
        name = layer.name.replace("&", "&&")
        box = QCheckBox(f"{name}\n{shape} · {describe_voxel_size(layer)}")
        kind = "labels" if isinstance(layer, Labels) else "image"
        axes = ", ".join(AXES[-layer.ndim :])
        box.setToolTip(
            f"{layer.name}\n{kind} of {data.dtype}, {shape} voxels ({axes})\n"
            f"{describe_voxel_size(layer)}"
        )
        box.setChecked(layer in self._ticked)
        box.toggled.connect(partial(self._toggled, ref(layer)))
        return box

    def _toggled(self, layer: Any, ticked: bool) -> None:
        chosen = [other for other in self._ticked if other is not layer()]
        self._ticked = [*chosen, layer()] if ticked else chosen
        self.changed.emit()
