"""What is told of one state of a study: direction, voltage, time, capacity, its own labels."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from napari.viewer import ViewerModel
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.states.manifest import DIRECTIONS, named_voltage
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.states_list import GIVEN, StudyStates, given_of

__all__ = ["StateEditor"]

_TITLES = {"": "—", "charge": "charge ↑", "discharge": "discharge ↓"}


class StateEditor(QWidget):
    """The list of states, and the fields of the row that is chosen."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.states = StudyStates(viewer)
        self.up_button, self.down_button = _tool("▲", "Earlier"), _tool("▼", "Later")
        self.direction = QComboBox()
        for direction in DIRECTIONS:
            self.direction.addItem(_TITLES[direction], direction)
        self.direction.setToolTip("How the state was reached from the one before")
        self.voltage, self.time, self.capacity = QLineEdit(), QLineEdit(), QLineEdit()
        self.voltage.setToolTip("Cell voltage in V; may be left empty")
        self.time.setToolTip("Time since the first state in h; may be left empty")
        self.capacity.setToolTip("Charge passed since the first state in mAh; may be left empty")
        self.labels = LayerChooser(
            viewer,
            Labels,
            "Labels of this state alone (after Track through states, say); without them those "
            "of the first state serve",
            none="as the first state",
        )
        self.said = Notice()
        self._fields = QWidget()
        self._showing = False
        self._lay_out()
        self.up_button.clicked.connect(lambda: self.states.move(-1))
        self.down_button.clicked.connect(lambda: self.states.move(1))
        self.states.row_chosen.connect(self._show)
        self.states.changed.connect(self._show)
        self.direction.activated.connect(self._told)
        self.voltage.editingFinished.connect(self._told)
        self.time.editingFinished.connect(self._told)
        self.capacity.editingFinished.connect(self._told)
        self.labels.activated.connect(self._labels_chosen)
        self._show()

    def _lay_out(self) -> None:
        arrows = QVBoxLayout()
        arrows.setSpacing(2)
        arrows.addWidget(self.up_button)
        arrows.addWidget(self.down_button)
        arrows.addStretch(1)
        top = QHBoxLayout()
        top.setSpacing(3)
        top.addWidget(self.states, 1)
        top.addLayout(arrows)
        line = QHBoxLayout()
        line.setSpacing(4)
        line.addWidget(self.direction, 2)
        for field, unit in ((self.voltage, "V"), (self.time, "h"), (self.capacity, "mAh")):
            field.setMaximumWidth(60)
            line.addWidget(field, 1)
            line.addWidget(QLabel(unit))
        form = QFormLayout(self._fields)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Reached by", line)
        form.addRow("Own labels", self.labels)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self._fields)
        column.addWidget(self.said)

    def _show(self) -> None:
        """Show what is known of the current row, and what is odd about the list."""
        layer = self.states.layer
        self._fields.setVisible(layer is not None)
        if layer is not None:
            self._showing = True
            direction, voltage, time, capacity = given_of(layer)
            self.direction.setCurrentIndex(max(self.direction.findData(direction), 0))
            self.voltage.setText("" if voltage is None else f"{voltage:g}")
            named = named_voltage(self.states.currentItem().text(0))
            self.voltage.setPlaceholderText("" if named is None else f"{named:g}")
            self.time.setText("" if time is None else f"{time:g}")
            self.capacity.setText("" if capacity is None else f"{capacity:g}")
            self.labels.choose(self.states.labels_of(layer))
            self._showing = False
        names = [name for name, _ in self.states.states]
        said = [
            f"{name}: {text}"
            for name, problems in zip(names, self.states.problems(), strict=True)
            for text in problems
        ]
        self.said.say("\n".join(said), "warning" if said else "plain")

    def _told(self) -> None:
        layer = self.states.layer
        if layer is None or self._showing:
            return
        given: dict[str, Any] = {"direction": self.direction.currentData()}
        fields = (self.voltage, self.time, self.capacity)
        for name, field in zip(GIVEN[1:], fields, strict=True):
            try:
                given[name] = _number(field.text())
            except ValueError:
                field.setText("")
                given[name] = None
        self.states.tell(layer, **given)

    def _labels_chosen(self) -> None:
        layer = self.states.layer
        if layer is not None:
            self.states.set_labels(layer, self.labels.layer)


def _number(text: str) -> float | None:
    text = text.strip().replace(",", ".")
    return float(text) if text else None


def _tool(text: str, tooltip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(f"{tooltip}: move the chosen row")
    return button
