"""Tick the metrics that are to be measured."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_battery.microstructure.metric import Metric
from napari_battery.microstructure.metrics import METRICS
from napari_battery.widgets.forms import remembered

__all__ = ["MetricChecklist"]

_KEY = "compare/metrics"
_ROWS_SHOWN = 8


class MetricChecklist(QListWidget):
    """Every metric with a box; those that take minutes are off at first. Remembered."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWordWrap(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # napari's lists have the colour of an empty box, which then cannot be seen
        self.setStyleSheet(
            "QListWidget { background-color: transparent; "
            "border: 1px solid rgba(128, 128, 128, 90); border-radius: 2px }"
        )
        stored = remembered().value(_KEY)
        wanted = None if stored is None else str(stored).split(",")
        for metric in METRICS.values():
            ticked = not metric.heavy if wanted is None else metric.name in wanted
            item = QListWidgetItem(_line(metric))
            item.setData(Qt.ItemDataRole.UserRole, metric.name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            item.setToolTip(_about(metric))
            self.addItem(item)
        row = self.sizeHintForRow(0) if self.count() else 20
        self.setFixedHeight(row * min(max(self.count(), 1), _ROWS_SHOWN) + 8)
        self.itemChanged.connect(self._changed)

    @property
    def names(self) -> list[str]:
        """The ticked metrics."""
        items = [self.item(row) for row in range(self.count())]
        return [
            str(item.data(Qt.ItemDataRole.UserRole))
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]

    def tick(self, *names: str) -> None:
        """Tick these metrics and no others."""
        for row in range(self.count()):
            item = self.item(row)
            if item is not None:
                is_one = item.data(Qt.ItemDataRole.UserRole) in names
                item.setCheckState(Qt.CheckState.Checked if is_one else Qt.CheckState.Unchecked)

    def _changed(self) -> None:
        remembered().setValue(_KEY, ",".join(self.names))
        self.changed.emit()


def _line(metric: Metric) -> str:
    units = ", ".join(dict.fromkeys(q.unit for q in metric.gives.values() if q.unit))
    text = f"{metric.title} ({units})" if units else metric.title
    return f"{text} · slow" if metric.heavy else text


def _about(metric: Metric) -> str:
    """What each number is, as a list."""
    lines = [
        f"<li><b>{escape(q.title)}</b>{f' [{escape(q.unit)}]' if q.unit else ''}: "
        f"{escape(q.definition)}</li>"
        for q in metric.gives.values()
    ]
    needs = {"labels": "labels of particles", "phases": "phases"}.get(
        metric.needs, f"a phase called “{metric.needs}”"
    )
    slow = " A volume of 10⁷ voxels takes minutes." if metric.heavy else ""
    return f"Needs {escape(needs)}.{slow}<ul style='margin-left: -20px'>{''.join(lines)}</ul>"
