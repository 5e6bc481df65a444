"""The view of one table: sort, hide columns, pick rows, copy."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt, Signal
from qtpy.QtGui import QGuiApplication, QKeySequence, QMouseEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView, QWidget

from napari_battery.tables import column_title
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.table_model import TableModel

__all__ = ["TableView"]

_WIDEST = 220
_SAMPLED_ROWS = 40


class TableView(QTableView):
    """Rows that can be sorted and picked; which columns are hidden is remembered.

    Parameters
    ----------
    name : str
        Name of the table, under which its hidden columns are remembered.
    hidden : sequence of str
        Columns hidden until the person shows them.
    """

    rows_picked = Signal()
    """The person selected other rows (not: the program did)."""

    def __init__(self, name: str, hidden: Sequence[str] = (), parent: QWidget | None = None):
        super().__init__(parent)
        self._key, self._hidden_first = f"table/hidden/{name}", list(hidden)
        self._by_program = False
        self.table = TableModel(self)
        self.setModel(self.table)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setWordWrap(False)
        self.setMinimumHeight(150)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        rows.hide()
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignCenter)
        header.setResizeContentsPrecision(_SAMPLED_ROWS)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._header_menu)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._rows_menu)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        if hasattr(header, "setSortIndicatorClearable"):  # Qt 6
            header.setSortIndicatorClearable(True)
        self.setSortingEnabled(True)
        self.selectionModel().selectionChanged.connect(self._selection_changed)

    def show_table(self, table: pd.DataFrame, *, assumed: bool = False) -> None:
        """Show all rows of a table."""
        before = self.table.names.copy()
        self.table.set_table(table, assumed=assumed)
        if self.table.names != before:
            for column, name in enumerate(self.table.names):
                self.setColumnHidden(column, name in self.hidden())
            self.fit_columns()

    def fit_columns(self) -> None:
        """Make the columns as wide as their headers and first rows."""
        self.resizeColumnsToContents()
        for column in range(self.table.columnCount()):
            if self.columnWidth(column) > _WIDEST:
                self.setColumnWidth(column, _WIDEST)

    # columns

    def hidden(self) -> list[str]:
        """Names of the hidden columns, also of those that this table does not have."""
        stored = remembered().value(self._key)
        return self._hidden_first if stored is None else list(json.loads(str(stored)))

    def hide_column(self, name: str, hide: bool) -> None:
        """Hide or show a column, and remember it."""
        others = [n for n in self.hidden() if n != name]
        remembered().setValue(self._key, json.dumps([*others, name] if hide else others))
        if name in self.table.names:
            column = self.table.names.index(name)
            self.setColumnHidden(column, hide)
            if not hide:
                self.resizeColumnToContents(column)

    def reset_columns(self) -> None:
        """Hide what is hidden at first, and show the rest, in the table's order."""
        remembered().remove(self._key)
        header = self.horizontalHeader()
        for column, name in enumerate(self.table.names):
            self.setColumnHidden(column, name in self._hidden_first)
            header.moveSection(header.visualIndex(column), column)
        self.fit_columns()

    def shown_columns(self) -> list[str]:
        """Names of the columns shown, from left to right."""
        header = self.horizontalHeader()
        order = sorted(range(self.table.columnCount()), key=header.visualIndex)
        return [self.table.names[c] for c in order if not self.isColumnHidden(c)]

    def columns_menu(self, parent: QWidget) -> QMenu:
        """Menu that hides and shows columns; it stays open while they are ticked."""
        menu = _StayingMenu(parent)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        hidden = self.hidden()
        for name in self.table.names:
            action = menu.addAction(column_title(name))
            action.setToolTip(name)
            action.setCheckable(True)
            action.setChecked(name not in hidden)
            action.toggled.connect(lambda on, name=name: self.hide_column(name, not on))
        menu.addSeparator()
        menu.addAction("As at first").triggered.connect(self.reset_columns)
        return menu

    def _header_menu(self, position: QPoint) -> None:
        header = self.horizontalHeader()
        column = header.logicalIndexAt(position)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if column >= 0:
            name = self.table.names[column]
            menu.addAction(f"Hide “{column_title(name)}”").triggered.connect(
                lambda: self.hide_column(name, True)
            )
        menu.addAction("Columns as at first").triggered.connect(self.reset_columns)
        menu.popup(header.mapToGlobal(position))

    # rows

    def picked_rows(self) -> NDArray[np.intp]:
        """Places of the selected rows, ascending."""
        ranges = self.selectionModel().selection()
        spans = [np.arange(span.top(), span.bottom() + 1) for span in ranges]
        return np.unique(np.concatenate(spans)) if spans else np.empty(0, dtype=np.intp)

    def pick_rows(self, rows: NDArray[np.intp], *, scroll: bool = True) -> None:
        """Select rows without announcing it, and scroll to the first of them."""
        chosen = QItemSelection()
        last = self.table.columnCount() - 1
        if len(rows):
            for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
                top, bottom = int(run[0]), int(run[-1])
                chosen.select(self.table.index(top, 0), self.table.index(bottom, last))
        self._by_program = True
        try:
            selection = self.selectionModel()
            selection.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if len(rows):
                # arrow keys go on from here
                selection.setCurrentIndex(
                    self.table.index(int(rows[0]), max(0, self._first_shown())),
                    QItemSelectionModel.SelectionFlag.NoUpdate,
                )
        finally:
            self._by_program = False
        if len(rows) and scroll:
            left = self.horizontalScrollBar().value()
            self.scrollTo(self.currentIndex(), QAbstractItemView.ScrollHint.PositionAtCenter)
            self.horizontalScrollBar().setValue(left)

    def _first_shown(self) -> int:
        return int(self.horizontalHeader().logicalIndex(0))

    def _selection_changed(self) -> None:
        if not self._by_program:
            self.rows_picked.emit()

    def copy(self) -> None:
        """Copy the selected rows, or all that are shown, with a header, tab-separated."""
        rows = self.picked_rows()
        table = self.table.shown()
        table = table.iloc[rows] if len(rows) else table
        text = table[self.shown_columns()].to_csv(sep="\t", index=False, lineterminator="\n")
        QGuiApplication.clipboard().setText(text)

    def keyPressEvent(self, event: object) -> None:  # noqa: N802
        """Copy on Ctrl+C; Qt would copy the current cell only."""
        if event.matches(QKeySequence.StandardKey.Copy):  # type: ignore[attr-defined]
            self.copy()
            return
        super().keyPressEvent(event)

    def _rows_menu(self, position: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        n = len(self.picked_rows())
        text = f"Copy {n} selected rows" if n else f"Copy all {self.table.rowCount()} rows shown"
        menu.addAction(text).triggered.connect(self.copy)
        menu.addAction("Select all rows shown").triggered.connect(self.selectAll)
        menu.popup(self.viewport().mapToGlobal(position))


class _StayingMenu(QMenu):
    """A menu that a tick does not close."""

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        action = self.actionAt(event.pos())
        if action is not None and action.isCheckable():
            action.toggle()
            return
        super().mouseReleaseEvent(event)
