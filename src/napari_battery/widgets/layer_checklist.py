"""A list of the viewer's stacks with a box to tick each, and what is known of their grid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari.layers import Image, Labels, Layer
from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

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
        self.setSpacing(2)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.refresh)
        self.itemChanged.connect(self._box_clicked)
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
        if not self._ticked and offered:
            self._ticked = [offered[-1]]
        self._watch(offered)
        self.blockSignals(True)
        self.clear()
        for layer in reversed(offered):
            data = layer.data[0] if layer.multiscale else layer.data
            shape = "×".join(str(n) for n in data.shape)
            item = QListWidgetItem(f"{layer.name}\n{shape} · {describe_voxel_size(layer)}")
            kind = "labels" if isinstance(layer, Labels) else "image"
            item.setToolTip(f"{item.text()}\n{kind} of {data.dtype}, axes z, y, x")
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            ticked = layer in self._ticked
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            self.addItem(item)
        self.blockSignals(False)
        row = self.sizeHintForRow(0) + 4 if offered else self.fontMetrics().height() * 2
        self.setFixedHeight(row * min(max(len(offered), 1), _ROWS_SHOWN) + 8)
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

    def _box_clicked(self) -> None:
        rows = list(reversed(self._offered()))
        if len(rows) != self.count():
            return  # a refresh is due already
        self._ticked = [
            layer
            for index, layer in enumerate(rows)
            if self.item(index).checkState() == Qt.CheckState.Checked
        ]
        self.changed.emit()
