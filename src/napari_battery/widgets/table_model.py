"""A table of up to a million rows for a Qt view: columns are arrays, rows only an order."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor

from napari_battery.expressions import column_array, matching
from napari_battery.tables import COLUMNS, column_title

__all__ = ["TableModel", "cell_text", "sort_order"]

_NO_INDEX = QModelIndex()
_NUMBERS_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_TEXT_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_MISSING = "–"
_HEADER_WIDTH = 12


def sort_order(values: NDArray[Any], *, descending: bool = False) -> NDArray[np.intp]:
    """Stable order of a column; NaN and empty texts come last in either direction.

    Parameters
    ----------
    values : (n,) array
        Numbers, bool, or str (dtype object).
    """
    if values.dtype.kind == "O":
        codes, _ = pd.factorize(values, sort=True)
        last = values == ""
        values = np.where(last, np.nan, codes.astype(np.float64))
    if values.dtype.kind == "f":  # numpy puts NaN last; the sign keeps it there
        return np.argsort(-values if descending else values, kind="stable")
    if not descending:
        return np.argsort(values, kind="stable")
    # unsigned numbers have no minus: sort backwards, twice
    return len(values) - 1 - np.argsort(values[::-1], kind="stable")[::-1]


def cell_text(value: Any) -> str:
    """How a cell is shown: four significant digits, yes or no, and – for what is missing."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return str(value)
    number = float(value)
    if np.isnan(number):
        return _MISSING
    size = abs(number)
    if size == 0 or not np.isfinite(number):
        return f"{number:.0f}" if size == 0 else str(number)
    if size >= 1e9 or size < 1e-4:
        return f"{number:.3e}"
    decimals = max(0, 3 - int(np.floor(np.log10(size))))
    return f"{number:.{decimals}f}"


class TableModel(QAbstractTableModel):
    """Rows of a DataFrame in the order and choice the person asked for.

    Sorting and filtering only make a new array of row numbers. Selections are not kept
    across them by this model (a reset is announced): who shows it picks rows by label.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table = pd.DataFrame()
        self._arrays: list[NDArray[Any]] = []
        self._names: list[str] = []
        self._assumed = False
        self._condition = ""
        self._mask: NDArray[np.bool_] | None = None
        self._sorted_by: tuple[str, bool] | None = None
        self._order: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._marks: dict[int, QColor] = {}

    # what it shows

    def set_table(self, table: pd.DataFrame, *, assumed: bool = False) -> None:
        """Show all of another table; the sorting stays where that column is still there.

        Parameters
        ----------
        table : DataFrame
            Not copied; its columns are shown in their order.
        assumed : bool
            Whether lengths rest on an assumed voxel size; headers say so.
        """
        self.beginResetModel()
        self._table, self._assumed = table, assumed
        self._names = [str(name) for name in table.columns]
        self._arrays = [column_array(table.iloc[:, i]) for i in range(table.shape[1])]
        self._condition, self._mask = "", None
        self._arrange()
        self.endResetModel()

    def set_condition(self, condition: str) -> None:
        """Show only the rows that fulfil a condition; all of them where it is empty.

        Raises
        ------
        InputError
            If the condition cannot be understood; the rows shown stay as they were.
        """
        columns = dict(zip(self._names, self._arrays, strict=True))
        mask = matching(condition, columns) if condition.strip() else None
        self.beginResetModel()
        self._condition, self._mask = condition.strip(), mask
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 is the table's own order."""
        self.beginResetModel()
        descending = order == Qt.SortOrder.DescendingOrder
        self._sorted_by = (self._names[column], descending) if column >= 0 else None
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        if self._sorted_by is not None and self._sorted_by[0] in self._names:
            name, descending = self._sorted_by
            order = sort_order(self._arrays[self._names.index(name)], descending=descending)
        else:
            order = np.arange(len(self._table), dtype=np.intp)
        self._order = order if self._mask is None else order[self._mask[order]]

    @property
    def names(self) -> list[str]:
        """Column names, in order."""
        return self._names

    @property
    def condition(self) -> str:
        """The condition that the rows shown fulfil."""
        return self._condition

    @property
    def n_all(self) -> int:
        """Rows of the table, shown or not."""
        return len(self._table)

    def shown(self) -> pd.DataFrame:
        """The rows shown, in the order shown."""
        return self._table.iloc[self._order]

    def whole(self) -> pd.DataFrame:
        """All rows, in the table's own order."""
        return self._table

    # labels and rows

    def labels(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Labels of the rows at these places; empty where the table has no labels."""
        if "label" not in self._names:
            return np.empty(0, dtype=np.int64)
        values: NDArray[Any] = self._arrays[self._names.index("label")][self._order[rows]]
        return values

    def rows(self, labels: tuple[int, ...]) -> NDArray[np.intp]:
        """Places of these labels among the rows shown, ascending; hidden ones are left out."""
        shown = self.labels(np.arange(len(self._order)))
        return np.flatnonzero(np.isin(shown, np.array(labels, dtype=shown.dtype)))

    def mark(self, colours: Mapping[int, QColor]) -> None:
        """Put a spot of colour before these labels."""
        self._marks = dict(colours)
        if "label" in self._names and len(self._order):
            column = self._names.index("label")
            self.dataChanged.emit(
                self.index(0, column),
                self.index(len(self._order) - 1, column),
                [Qt.ItemDataRole.DecorationRole],
            )

    # Qt's side

    def rowCount(self, parent: QModelIndex = _NO_INDEX) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = _NO_INDEX) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._order):
            return None
        column = index.column()
        values = self._arrays[column]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(values[self._order[index.row()]])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _NUMBERS_RIGHT if values.dtype.kind in "iuf" else _TEXT_LEFT
        if role == Qt.ItemDataRole.DecorationRole:
            is_label = self._marks and self._names[column] == "label"
            return self._marks.get(int(values[self._order[index.row()]])) if is_label else None
        if role == Qt.ItemDataRole.ToolTipRole:
            value = values[self._order[index.row()]]
            exact = f"{value:.10g}" if values.dtype.kind == "f" else cell_text(value)
            return f"{self._title(column)}: {exact if exact != 'nan' else 'no value'}"
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self._names):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            title, bracket, unit = self._title(section).partition(" (")
            unit_line = [f"({unit}"] if bracket else []
            return "\n".join([*textwrap.wrap(title, _HEADER_WIDTH), *unit_line])
        if role == Qt.ItemDataRole.ToolTipRole:
            name = self._names[section]
            column = COLUMNS.get(name)
            about = f"{column.description}.\n" if column else ""
            return f"{self._title(section)}\n{about}In conditions and files: {name}"
        return None

    def _title(self, column: int) -> str:
        return column_title(self._names[column], assumed=self._assumed)
