"""The table of states: means of the kept particles with their errors, one row per state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem

__all__ = ["PlainTable", "StatesTable", "number", "with_error"]

_TITLES = ("State", "n", "Ī ± SES", "ΔĪ ± SES", "z", "SEM", "SE_tot", "SE_tot Δ")
_TIPS = (
    "In order; the first is the reference",
    "Particles that count",
    "Mean core grey level, and its sampling error σ/√n: the calibrated error of the mean",
    "Mean change of the same particles since the first state, and its sampling error",
    "Mean change over its sampling error",
    "Measurement error as published: root mean square over particles",
    "Error as published, of Ī: it adds SEM to SES and so overstates the error of the mean",
    "Error as published, of ΔĪ_prist: it overstates the error of the mean in the same way",
)
_ARROWS = {"charge": "↑", "discharge": "↓"}
_MOST_ROWS = 10
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def number(value: float, digits: int = 2) -> str:
    """A figure with a proper minus; nothing where there is none."""
    return f"{value:.{digits}f}".replace("-", "−") if np.isfinite(value) else ""


def with_error(value: float, error: float) -> str:
    """A figure and its error, to the error's second digit."""
    if not np.isfinite(value):
        return ""
    if not (np.isfinite(error) and error > 0):
        return number(value)
    digits = int(np.clip(1 - np.floor(np.log10(error)), 0, 6))
    return f"{number(value, digits)} ± {error:.{digits}f}"


class PlainTable(QTreeWidget):
    """Read-only rows of figures; as high as they are many.

    Parameters
    ----------
    titles, tips : sequence of str
        Of each column.
    """

    def __init__(self, titles: Sequence[str], tips: Sequence[str]) -> None:
        super().__init__()
        self.setHeaderLabels(list(titles))
        self.setRootIsDecorated(False)
        self.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setStyleSheet(
            "QTreeWidget { background-color: transparent; "
            "border: 1px solid rgba(128, 128, 128, 90); border-radius: 2px }"
        )
        header, head = self.header(), self.headerItem()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(24)
        for column, tip in enumerate(tips):
            if head is not None:
                head.setToolTip(column, tip)
                if column:
                    head.setTextAlignment(column, _RIGHT)

    def show_rows(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these cells."""
        self.clear()
        for cells in rows:
            item = QTreeWidgetItem(list(cells))
            for column in range(1, len(cells)):
                item.setTextAlignment(column, _RIGHT)
            self.addTopLevelItem(item)
        self._fit_height()

    def resizeEvent(self, event: object) -> None:  # noqa: N802 (Qt's name)
        """Make room for the scroll bar where the dock is narrow."""
        super().resizeEvent(event)
        self._fit_height()

    def _fit_height(self) -> None:
        row = max(self.sizeHintForRow(0), self.fontMetrics().height() + 2)
        shown = min(max(self.topLevelItemCount(), 1), _MOST_ROWS)
        header, bar = self.header(), self.horizontalScrollBar()
        wide = sum(
            max(header.sectionSizeHint(i), self.sizeHintForColumn(i)) for i in range(header.count())
        )
        needs_bar = wide > self.viewport().width()
        height = header.sizeHint().height() + row * shown + 6
        self.setFixedHeight(height + (bar.sizeHint().height() if needs_bar else 0))


class StatesTable(PlainTable):
    """Means of the kept particles with their errors."""

    def __init__(self) -> None:
        super().__init__(_TITLES, _TIPS)

    def show_summary(self, summary: pd.DataFrame) -> None:
        """Show the table of states."""
        rows = []
        for place, row in enumerate(summary.to_dict("records")):
            changes = [
                with_error(row["delta"], row["ses_delta"]),
                number(row["z"], 1),
                number(row["se_tot_delta"]),
            ]
            change, z, total = changes if place else ("", "", "")
            rows.append(
                (
                    f"{row['state']} {_ARROWS.get(str(row['direction']), '')}".strip(),
                    f"{row['n']:,}",
                    with_error(row["mean"], row["ses_mean"]),
                    change,
                    z,
                    number(row["sem_mean"]),
                    number(row["se_tot_mean"]),
                    total,
                )
            )
        self.show_rows(rows)
