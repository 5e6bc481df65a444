"""One row per state of an aligned series: how well it agrees, and what it was moved by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

__all__ = ["SeriesTable", "StateRow"]

_WARNING, _FAILURE = QColor("#d9a441"), QColor("#e05c5c")
_HEADERS = ("State", "Correlation", "Shift", "Turn", "Overlap")
_TIPS = (
    "Click a row to see the state over the first",
    "Correlation of the grey levels: where the alignment started (a later state starts as the "
    "one before it ended), and where it ended",
    "How far the middle of the stack was moved",
    "Angle it was turned by",
    "Share of the smaller field of view that lies in the other",
)
_MOST_ROWS = 12
_WIDEST_NAME = 90


@dataclass(frozen=True)
class StateRow:
    """A state and what its alignment came to; None where that is not known.

    Parameters
    ----------
    state : str
    is_fixed : bool
        Whether it stays where it is.
    before, after : float or None
        Correlation.
    overlap : float or None
        A fraction.
    shift : str
        With its unit.
    turn_deg : float or None
    warnings : list of str
    failure : str
        Why it could not be aligned; empty where it was.
    """

    state: str
    is_fixed: bool = False
    before: float | None = None
    after: float | None = None
    overlap: float | None = None
    shift: str = ""
    turn_deg: float | None = None
    warnings: list[str] = field(default_factory=list)
    failure: str = ""

    @property
    def cells(self) -> list[str]:
        """What the table shows."""
        if self.is_fixed:
            return [self.state, "", "fixed", "", ""]
        if self.failure:
            return [self.state, "", "failed", "", ""]
        turn = "" if self.turn_deg is None else f"{self.turn_deg:.2f}°"
        correlation = f"{_number(self.before)} → {_number(self.after)}"
        return [self.state, correlation, self.shift, turn, _number(self.overlap)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


class SeriesTable(QTreeWidget):
    """States with their figures; those to look at stand out in colour."""

    chosen = Signal(int)
    """The row that was clicked, or come to by the arrow keys; counted from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(list(_HEADERS))
        self.setRootIsDecorated(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header, head = self.header(), self.headerItem()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(30)
        for column, tip in enumerate(_TIPS):
            if head is not None:
                head.setToolTip(column, tip)
        self.currentItemChanged.connect(self._moved_to)

    def show_rows(self, rows: Sequence[StateRow]) -> None:
        """Show these states, in order."""
        self.blockSignals(True)
        self.clear()
        for row in rows:
            item = QTreeWidgetItem(row.cells)
            said = "\n".join([row.failure, *row.warnings]).strip()
            colour = _FAILURE if row.failure else _WARNING if row.warnings else None
            for column in range(len(_HEADERS)):
                if column:
                    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    item.setTextAlignment(column, right)
                if colour is not None:
                    item.setForeground(column, QBrush(colour))
                item.setToolTip(column, said or row.state)
            self.addTopLevelItem(item)
        self.blockSignals(False)
        self.setColumnWidth(0, min(self.sizeHintForColumn(0) + 4, _WIDEST_NAME))
        self._fit_height()

    def resizeEvent(self, event: object) -> None:  # noqa: N802 (Qt's name)
        """Make room for the scroll bar where the dock is narrow."""
        super().resizeEvent(event)
        self._fit_height()

    def _fit_height(self) -> None:
        row = max(self.sizeHintForRow(0), self.fontMetrics().height() + 2)
        shown = min(max(self.topLevelItemCount(), 2), _MOST_ROWS)
        header, bar = self.header(), self.horizontalScrollBar()
        wide = sum(header.sectionSizeHint(i) for i in range(1, header.count()))
        wide = max(wide, sum(self.sizeHintForColumn(i) for i in range(1, header.count())))
        needs_bar = self.columnWidth(0) + wide > self.viewport().width() or bar.maximum() > 0
        height = header.sizeHint().height() + row * shown + 6
        self.setFixedHeight(height + (bar.sizeHint().height() if needs_bar else 0))

    def _moved_to(self, now: QTreeWidgetItem | None, before: object) -> None:
        if now is not None:
            self.chosen.emit(self.indexOfTopLevelItem(now))
