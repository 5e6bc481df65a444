"""How many particles each rule of consistency leaves out, with the colours of the map."""

from __future__ import annotations

from typing import Any

import pandas as pd
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

from napari_battery.labelling.consistency import ledger

__all__ = ["COLOURS", "KEPT", "Ledger"]

KEPT = "kept"

COLOURS: dict[str, str] = {
    KEPT: "#7fb6c9",
    "missing": "#e69f00",
    "border": "#7a7a7a",
    "volume": "#d55e00",
    "centre": "#cc79a7",
    "overlap": "#f0e442",
    "pieces": "#56b4e9",
    "cross_check": "#0072b2",
    "neighbours": "#009e73",
    "smallest": "#b3a2c7",
    "core": "#8c564b",
}
"""Colour of each rule (Okabe and Ito's, told apart by all eyes), and of what is kept."""

_SWATCH = 12


class Ledger(QTreeWidget):
    """A row per rule: how many particles break it, and how many break no other."""

    chosen = Signal(object)
    """Another row is chosen: the reason it stands for, "" for what is kept, None for all."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(["", "Particles", "Only"])
        self.setRootIsDecorated(False)
        self.setIconSize(QSize(_SWATCH, _SWATCH))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip(
            "Particles that break each rule in any state, and those that break no other. "
            "Click a row to see them; click it again for all"
        )
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._now: str | None = None
        self.itemClicked.connect(self._clicked)
        self.hide()

    @property
    def now(self) -> str | None:
        """The chosen reason; None while all are shown."""
        return self._now

    def show_table(self, table: pd.DataFrame) -> None:
        """Count anew, from a checked table of particles and states."""
        self.show_counts(int(table.drop_duplicates("label")["kept"].sum()), ledger(table))

    def show_counts(self, kept: int, counts: pd.DataFrame) -> None:
        """Show how many are kept, and a ledger: ``rule, reason, particles, only_this``."""
        self.clear()
        self._add(KEPT, "kept", kept, None)
        rows = counts[["rule", "reason", "particles", "only_this"]]
        for rule, reason, particles, only in rows.to_numpy().tolist():
            if particles:
                self._add(rule, reason, particles, only)
        reasons = [self._reason(i) for i in range(self.topLevelItemCount())]
        if self._now not in reasons:
            self._now = None
        self._mark()
        row = max(self.sizeHintForRow(0), self.fontMetrics().height() + 2)
        header = self.header().sizeHint().height()
        self.setFixedHeight(header + row * self.topLevelItemCount() + 6)
        self.show()

    def _add(self, rule: str, reason: str, particles: int, only: int | None) -> None:
        row = QTreeWidgetItem([reason, f"{particles:,}", "" if only is None else f"{only:,}"])
        swatch = QPixmap(_SWATCH, _SWATCH)
        swatch.fill(QColor(COLOURS[rule]))
        row.setIcon(0, QIcon(swatch))
        row.setData(0, Qt.ItemDataRole.UserRole, "" if rule == KEPT else reason)
        for column in (1, 2):
            row.setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
        row.setToolTip(0, reason)
        self.addTopLevelItem(row)

    def _reason(self, i: int) -> Any:
        row = self.topLevelItem(i)
        return None if row is None else row.data(0, Qt.ItemDataRole.UserRole)

    def _clicked(self, row: QTreeWidgetItem) -> None:
        reason = row.data(0, Qt.ItemDataRole.UserRole)
        self._now = None if reason == self._now else reason
        self._mark()
        self.chosen.emit(self._now)

    def _mark(self) -> None:
        self.clearSelection()
        for i in range(self.topLevelItemCount()):
            row = self.topLevelItem(i)
            if row is not None and self._now is not None:
                row.setSelected(self._reason(i) == self._now)
