"""A list of boxes to tick, which can be seen on both of napari's themes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QListWidget, QListWidgetItem, QWidget

__all__ = ["Tick", "TickList"]


class Tick(NamedTuple):
    """One box."""

    name: str
    text: str
    tooltip: str = ""
    ticked: bool = False


class TickList(QListWidget):
    """Boxes under one another.

    Parameters
    ----------
    rows_shown : int
        Rows up to which the list grows; then it scrolls.
    """

    changed = Signal()
    """The person ticked another box, or took a tick away."""

    def __init__(self, rows_shown: int = 6, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows_shown = rows_shown
        self.boxes: dict[str, QCheckBox] = {}
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        # napari's lists have the colour of an empty box, which then cannot be seen
        self.setStyleSheet(
            "QListWidget { background-color: transparent; "
            "border: 1px solid rgba(128, 128, 128, 90); border-radius: 2px }"
        )

    @property
    def ticked(self) -> list[str]:
        """Names of the ticked boxes, in order."""
        return [name for name, box in self.boxes.items() if box.isChecked()]

    def fill(self, ticks: Iterable[Tick]) -> None:
        """Show these boxes in place of those before."""
        self.clear()
        self.boxes, height = {}, self.fontMetrics().height() + 8
        for tick in ticks:
            # a lone & would underline the letter after it
            box = QCheckBox(tick.text.replace("&", "&&"))
            box.setToolTip(tick.tooltip)
            box.setChecked(tick.ticked)
            box.toggled.connect(self.changed)
            item = QListWidgetItem()
            height = box.sizeHint().height() + 4
            item.setSizeHint(QSize(0, height))
            self.addItem(item)
            self.setItemWidget(item, box)
            self.boxes[tick.name] = box
        self.setFixedHeight(height * min(max(len(self.boxes), 1), self._rows_shown) + 6)

    def tick(self, names: Iterable[str]) -> None:
        """Tick these boxes and no others."""
        wanted = set(names)
        for name, box in self.boxes.items():
            box.setChecked(name in wanted)

    def hide_one(self, name: str) -> None:
        """Hide this box; all others show."""
        for row, other in enumerate(self.boxes):
            item = self.item(row)
            if item is not None:
                item.setHidden(other == name)
