"""The states of a study: which images, in which order, with name, direction, voltage and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Labels
from napari.viewer import ViewerModel
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QHeaderView, QTreeWidgetItem

from napari_battery.states.manifest import State, row_problems
from napari_battery.widgets.layers import battery_metadata, is_smoothed
from napari_battery.widgets.series_states import SeriesStates

__all__ = ["GIVEN", "StudyStates", "given_of"]

GIVEN = ("direction", "voltage_V", "time_h", "capacity_mAh")
"""What is told of a state beside its name, as entries of its image's metadata."""

_STATE, _LAYER, _DIRECTION, _VOLTAGE, _TIME = range(5)
_TITLES = ("State", "Image", "", "V", "h")
_ARROWS = {"": "", "charge": "↑", "discharge": "↓"}
_ODD = QColor("#d9a441")
_WIDEST_NAME = 100


def given_of(layer: Any) -> tuple[str, float | None, float | None, float | None]:
    """Direction, voltage, time and capacity that were told of an image's state."""
    kept = battery_metadata(layer)
    direction = str(kept.get("direction") or "")
    voltage, time, capacity = (kept.get(name) for name in GIVEN[1:])
    return ("" if direction == "empty" else direction), voltage, time, capacity


class StudyStates(SeriesStates):
    """Images to tick, drag into order and name; rows with something odd stand out.

    What is told of a state stands in its image's metadata, so it outlives the dock.
    """

    row_chosen = Signal()
    """Another row is the current one."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._own_labels: dict[int, Labels] = {}
        self._ready = False
        super().__init__(viewer)
        self.setColumnCount(len(_TITLES))
        self.setHeaderLabels(list(_TITLES))
        header, head = self.header(), self.headerItem()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_STATE, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(_LAYER, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(24)
        tips = ("", "", "↑ reached on charge, ↓ on discharge", "Voltage", "Time in hours")
        for column, tip in enumerate(tips):
            if head is not None and tip:
                head.setToolTip(column, tip)
        self.setToolTip(
            "States in order, the first is the reference: tick their images, drag rows or use the "
            "arrows, double-click a state to name it"
        )
        self._ready = True
        self.changed.connect(self._described)
        self.currentItemChanged.connect(lambda *_: self.row_chosen.emit())
        self._described()

    # --- what is chosen

    @property
    def layer(self) -> Any:
        """The image of the current row, or None."""
        row = self.currentItem()
        return None if row is None else self._layer_of(row)

    def labels_of(self, image: Any) -> Labels | None:
        """A state's own labels, where it has some."""
        labels = self._own_labels.get(id(image))
        return labels if labels in self._viewer.layers else None

    def set_labels(self, image: Any, labels: Labels | None) -> None:
        """Give a state labels of its own, or none."""
        if self.labels_of(image) is labels:
            return
        self._own_labels.pop(id(image), None)
        if labels is not None:
            self._own_labels[id(image)] = labels
        self.changed.emit()

    def tell(self, image: Any, **given: Any) -> None:
        """Write direction, voltage, time or capacity of a state."""
        kept = battery_metadata(image)
        if any(kept.get(name) != value for name, value in given.items()):
            kept.update(given)
            self.changed.emit()

    def described(self) -> list[State]:
        """The ticked states in order, with the files of their layers where these have some."""
        return [self._state(name, layer) for name, layer in self.states]

    def problems(self) -> list[list[str]]:
        """What is odd about each of the ticked states."""
        return row_problems(self.described(), files=False)

    def tick(self, images: list[Any]) -> None:
        """Tick exactly these, in the order of the list."""
        with QSignalBlocker(self):
            for i in range(self.topLevelItemCount()):
                row = self._row(i)
                wanted = self._layer_of(row) in images
                state = Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked
                row.setCheckState(_STATE, state)
        self.changed.emit()

    def move(self, by: int) -> None:
        """Move the current row up or down."""
        row = self.currentItem()
        if row is None:
            return
        at = self.indexOfTopLevelItem(row)
        to = at + by
        if not 0 <= to < self.topLevelItemCount():
            return
        with QSignalBlocker(self):
            self.takeTopLevelItem(at)
            self.insertTopLevelItem(to, row)
        self.setCurrentItem(row)
        self.changed.emit()

    def put_in_order(self, images: list[Any]) -> None:
        """Bring these images to the front, in this order."""
        self.refresh()
        with QSignalBlocker(self):
            for to, image in enumerate(images):
                for at in range(to, self.topLevelItemCount()):
                    if self._layer_of(self._row(at)) is image:
                        self.insertTopLevelItem(to, self.takeTopLevelItem(at))
                        break
        self.changed.emit()

    # --- showing

    def _state(self, name: str, layer: Any) -> State:
        labels = self.labels_of(layer)
        return State(name, _file(layer), _file(labels), *given_of(layer))

    def _described(self) -> None:
        """Write what is known of each state into its row, and colour what is odd."""
        if not self._ready:
            return
        ticked = [layer for _, layer in self.states]
        problems = dict(zip(map(id, ticked), self.problems(), strict=True))
        with QSignalBlocker(self):
            for i in range(self.topLevelItemCount()):
                row = self._row(i)
                layer = self._layer_of(row)
                if layer is not None:
                    self._write(row, layer, problems.get(id(layer), []))
        names = [self._row(i).text(_STATE) for i in range(self.topLevelItemCount())]
        wide = max(map(self.fontMetrics().horizontalAdvance, names), default=0) + 40
        self.setColumnWidth(_STATE, min(wide, _WIDEST_NAME))

    def _write(self, row: QTreeWidgetItem, layer: Any, problems: list[str]) -> None:
        direction, voltage, time, capacity = given_of(layer)
        row.setText(_DIRECTION, _ARROWS.get(direction, "?"))
        row.setText(_VOLTAGE, "" if voltage is None else f"{voltage:g}")
        row.setText(_TIME, "" if time is None else f"{time:g}")
        brush = QBrush(_ODD) if problems else QBrush()
        labels = self.labels_of(layer)
        own = "" if labels is None else f"\nOwn labels: {labels.name}"
        own += "" if capacity is None else f"\nCapacity: {capacity:g} mAh"
        for column in range(len(_TITLES)):
            row.setForeground(column, brush)
            row.setToolTip(column, "\n".join([*problems, f"{layer.name}{own}"]))

    def fitting(self) -> list[Any]:
        """All images that may be states, as they are ticked at first."""
        rows = [self._layer_of(self._row(i)) for i in range(self.topLevelItemCount())]
        return [layer for layer in rows if layer is not None and self._fits(layer)]

    def _fits(self, layer: Any) -> bool:
        return super()._fits(layer) and not is_smoothed(layer)

    def _leave_out_source(self, layer: Any) -> None:
        """Grey levels are best measured on the scan, not on what it was filtered to."""

    def _item_changed(self, row: QTreeWidgetItem, column: int) -> None:
        layer = self._layer_of(row)
        if column == _STATE and layer is not None:
            battery_metadata(layer)["state"] = row.text(_STATE).strip()
        if column > _LAYER and layer is not None:  # these are changed below the list
            self._described()
            return
        super()._item_changed(row, column)


def _file(layer: Any) -> Path | None:
    path = None if layer is None else battery_metadata(layer).get("path")
    return None if path is None else Path(path)
