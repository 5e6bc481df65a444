"""The later states of a series: which layers, in which order, under which names."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels, Layer
from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from napari_battery.widgets.layers import KEY, is_map, is_overlay, is_stage, made_from
from napari_battery.widgets.listening import listen
from napari_battery.widgets.track_masks import was_mask_given

__all__ = ["StateList", "is_phases"]

_ROWS_SHOWN = 5
_STATE, _LAYER = 0, 1


def is_phases(layer: Layer) -> bool:
    """Whether a Labels layer holds phases, which serve as a state's mask."""
    return bool(layer.metadata.get(KEY, {}).get("kind") == "phases")


class StateList(QTreeWidget):
    """Layers to tick, drag into order and name by their state of charge.

    Images of the reference's shape are ticked at first, but for the one that the
    reference's labels were made from.
    """

    changed = Signal()
    """Other layers are ticked, or their order or names changed."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._reference: Labels | None = None
        self._with_labels = False
        self._layers: dict[int, Layer] = {}
        self.setHeaderLabels(["State", "Layer"])
        self.setRootIsDecorated(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.header()
        header.setSectionsMovable(False)
        header.setSectionResizeMode(_STATE, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.setToolTip(
            "Later states, in order: tick their layers, drag rows into order, double-click a "
            "state to name it. Phases serve as the state's mask. By the method “overlap”, other "
            "Labels layers are matched as they are"
        )
        # napari's lists have the colour of an empty box, which then cannot be seen
        self.setStyleSheet(
            "QTreeWidget { background-color: transparent; "
            "border: 1px solid rgba(128, 128, 128, 90); border-radius: 2px }"
            # and Qt's own tick is lost on its box in the light theme
            "QTreeWidget::indicator { width: 11px; height: 11px; border-radius: 2px; "
            "border: 1px solid rgba(128, 128, 128, 200) }"
            "QTreeWidget::indicator:checked { background-color: #5c7cfa; "
            "image: url('theme_dark:/check.svg') }"
        )
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self.refresh)
        events = viewer.layers.events
        listen(self, self._later, events.inserted, events.removed, events.renamed)
        self.itemChanged.connect(self._item_changed)
        self._moved = QTimer(self)  # a row that was dragged is whole only after the event
        self._moved.setSingleShot(True)
        self._moved.setInterval(0)
        self._moved.timeout.connect(self.changed)
        self.model().rowsInserted.connect(lambda *_: self._moved.start())
        self.refresh()

    @property
    def states(self) -> list[tuple[str, Any]]:
        """Names and layers of the ticked states, in order."""
        rows = (self._row(i) for i in range(self.topLevelItemCount()))
        ticked = [row for row in rows if row.checkState(_STATE) == Qt.CheckState.Checked]
        found = [(row.text(_STATE).strip(), self._layer_of(row)) for row in ticked]
        return [(name or layer.name, layer) for name, layer in found if layer is not None]

    def set_reference(self, reference: Labels | None) -> None:
        """Leave out the reference's labels; tick anew what fits them."""
        if reference is self._reference:
            return
        self._reference = reference
        self.clear()
        self.refresh()

    def offer_labels(self, wanted: bool) -> None:
        """Offer Labels layers as well, made independently of the reference."""
        if wanted != self._with_labels:
            self._with_labels = wanted
            self.refresh()

    def refresh(self) -> None:
        """Read the layer list again; rows keep their order, ticks and names."""
        offered = self._offered()
        self.blockSignals(True)
        known = []
        for i in reversed(range(self.topLevelItemCount())):
            row = self._row(i)
            layer = self._layer_of(row)
            if layer in offered:
                row.setText(_LAYER, layer.name)
                known.append(layer)
            else:
                self.takeTopLevelItem(i)
        for layer in offered:
            if layer not in known:
                self.addTopLevelItem(self._new_row(layer))
                self._leave_out_source(layer)
        self._layers = {id(layer): layer for layer in offered}
        self.blockSignals(False)
        shown = min(max(self.topLevelItemCount(), 2), _ROWS_SHOWN)
        row = max(self.sizeHintForRow(0), self.fontMetrics().height() + 2)
        self.setFixedHeight(self.header().sizeHint().height() + row * shown + 6)
        self.changed.emit()

    def _offered(self) -> list[Layer]:
        return [
            layer
            for layer in self._viewer.layers
            if (isinstance(layer, Image) or self._may_be_state(layer))
            and layer is not self._reference
            and layer.ndim in (2, 3)
            and not getattr(layer, "rgb", False)
            and not is_overlay(layer)
            and not is_map(layer)
            and not is_stage(layer)
        ]

    def _may_be_state(self, layer: Layer) -> bool:
        return isinstance(layer, Labels) and (self._with_labels or is_phases(layer))

    def _leave_out_source(self, layer: Layer) -> None:
        """A state is there once: of a scan and what it was filtered to, the latter is ticked."""
        if not self._fits(layer):
            return
        sources = made_from(layer)
        for i in range(self.topLevelItemCount() - 1):
            if self._row(i).text(_LAYER) in sources:
                self._row(i).setCheckState(_STATE, Qt.CheckState.Unchecked)

    def _new_row(self, layer: Layer) -> QTreeWidgetItem:
        state = str(layer.metadata.get(KEY, {}).get("state") or "")
        row = QTreeWidgetItem([state or layer.name, layer.name])
        row.setData(_STATE, Qt.ItemDataRole.UserRole, id(layer))
        row.setToolTip(_LAYER, layer.name)
        row.setFlags(
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsUserCheckable
            | Qt.ItemFlag.ItemIsEditable
            | Qt.ItemFlag.ItemIsDragEnabled
        )
        wanted = self._fits(layer)
        row.setCheckState(_STATE, Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
        return row

    def _fits(self, layer: Layer) -> bool:
        reference = self._reference
        if reference is None or (is_phases(layer) and not was_mask_given(reference)):
            return False
        if not (isinstance(layer, Image) or is_phases(layer)):
            return False
        sources = made_from(reference)
        state = reference.metadata.get(KEY, {}).get("state")
        same_state = bool(state) and state == layer.metadata.get(KEY, {}).get("state")
        same_shape = tuple(layer.data.shape) == tuple(reference.data.shape)
        here = {other.name for other in self._viewer.layers}
        of_first = bool(({layer.name} | (made_from(layer) & here)) & sources)
        is_first = of_first or same_state
        return same_shape and not is_first

    def _row(self, i: int) -> QTreeWidgetItem:
        row = self.topLevelItem(i)
        assert row is not None
        return row

    def _layer_of(self, row: QTreeWidgetItem) -> Any:
        layer = self._layers.get(row.data(_STATE, Qt.ItemDataRole.UserRole))
        return layer if layer in self._viewer.layers else None

    def _item_changed(self, row: QTreeWidgetItem, column: int) -> None:
        if column == _LAYER:  # only the state's name is the person's
            layer = self._layer_of(row)
            if layer is not None and row.text(_LAYER) != layer.name:
                row.setText(_LAYER, layer.name)
                return
        self.changed.emit()

    def _later(self, event: Any = None) -> None:
        self._timer.start()
