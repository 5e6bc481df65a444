"""One table with its condition line and its menu of columns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from qtpy.QtCore import QPoint, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.widgets.condition_line import ConditionLine
from napari_battery.widgets.table_view import TableView

__all__ = ["TablePage"]


class TablePage(QWidget):
    """A table that can be filtered, sorted and copied.

    Parameters
    ----------
    name : str
        Name of the table.
    example : str
        Condition shown as an example.
    first : sequence of str
        Columns shown first; the others follow in the table's order.
    hidden : sequence of str
        Columns hidden until the person shows them.
    """

    rows_changed = Signal()
    """Other rows are shown (another table, condition or order)."""

    def __init__(
        self,
        name: str,
        example: str,
        first: Sequence[str] = (),
        hidden: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.name, self._example, self._first = name, example, list(first)
        self.view = TableView(name, hidden)
        self.condition = ConditionLine(example)
        self.columns_button = QPushButton()
        self.columns_button.setText("Columns …")
        self.columns_button.setToolTip("Hide and show columns; drag headers to move them")
        self.columns_button.clicked.connect(self._show_menu)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.condition.line, 1)
        top.addWidget(self.columns_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.condition.problem)
        layout.addWidget(self.view, 1)
        self.condition.condition_changed.connect(self._filter)
        self.view.table.modelReset.connect(self.rows_changed)

    def show_table(self, table: pd.DataFrame, *, assumed: bool = False) -> None:
        """Show another table under the same condition and order."""
        names = [name for name in self._first if name in table.columns]
        rest = [name for name in table.columns if name not in names]
        self.view.show_table(table[[*names, *rest]], assumed=assumed)
        is_flat = "area_um2" in table.columns  # a 2-D image has no volumes
        example = self._example.replace("volume_um3", "area_um2") if is_flat else self._example
        self.condition.show_example(example)
        self.condition.set_names([str(name) for name in table.columns])
        self._filter(self.condition.text)

    def _filter(self, text: str) -> None:
        if text.strip() == self.view.table.condition:
            self.condition.problem.say("")
            return
        try:
            self.view.table.set_condition(text)
        except InputError as error:
            self.condition.problem.say(str(error), "error")
        else:
            self.condition.problem.say("")

    def _show_menu(self) -> None:
        menu = self.view.columns_menu(self)
        menu.popup(self.columns_button.mapToGlobal(QPoint(0, self.columns_button.height())))
