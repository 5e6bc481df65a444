"""The table of a judgement in a dock: a row per method, for one metric at a time."""

from __future__ import annotations

import pandas as pd
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_battery.widgets.judge_words import (
    METRIC_TITLES,
    PAPER_NOTE,
    QualityRow,
    as_text_table,
    paper_rows,
    quality_rows,
)
from napari_battery.widgets.notice import Notice

__all__ = ["QualityTable"]

# to be read on both of napari's themes
_COLOURS = {"better": "#3c9a5f", "worse": "#e05c5c"}
_TIPS = {
    "psnr_db": "Peak signal to noise; higher is better. The peak is the high scan's robust range",
    "ssim": "Structural similarity (Wang et al. 2004), slice by slice; higher is better, 1 at most",
    "mse": "Mean squared error of normalised grey levels; lower is better",
    "mae": "Mean absolute error of normalised grey levels; lower is better",
    "crack_recall": "Share of the labelled cracks that the prediction shows, too; higher is better",
    "crack_false": "Share of the prediction's cracks that no label knows; lower is better",
}


class QualityTable(QWidget):
    """Mean, spread and interval of each method, and its gain over cubic with a grey match."""

    metric_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.metric = QComboBox()
        self.metric.setToolTip("What the table and the figure show")
        self.paper = QCheckBox("Beside the paper's table 1")
        self.paper.setToolTip("Show what the super-resolution paper measured on its own sample")
        self.tree = QTreeWidget()
        self.tree.setRootIsDecorated(False)
        self.tree.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.tree.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.tree.setWordWrap(True)  # a row has two lines anyhow
        self.tree.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.tree.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionsMovable(False)
        self.note = Notice()
        self._quality: pd.DataFrame | None = None
        self._confidence = 0.95
        top = QHBoxLayout()
        top.addWidget(QLabel("Metric"))
        top.addWidget(self.metric, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.tree)
        column.addWidget(self.paper)
        column.addWidget(self.note)
        self.metric.currentIndexChanged.connect(self._metric_chosen)
        self.paper.toggled.connect(self._show)

    @property
    def shown_metric(self) -> str:
        """Name of the column that is shown ("psnr_db")."""
        return str(self.metric.currentData() or "psnr_db")

    def show_quality(self, quality: pd.DataFrame, confidence: float) -> None:
        """Show this ``tables.SUPERRES_QUALITY``; the metric stays where it has it."""
        self._quality, self._confidence = quality, confidence
        before = self.metric.currentData()
        self.metric.blockSignals(True)
        self.metric.clear()
        for name, title in METRIC_TITLES.items():
            if (quality["metric"] == name).any():
                self.metric.addItem(title, name)
                tip = _TIPS[name]
                self.metric.setItemData(self.metric.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.metric.setCurrentIndex(max(0, self.metric.findData(before)))
        self.metric.blockSignals(False)
        self._metric_chosen()

    def copy(self) -> None:
        """Put the whole table, all metrics, on the clipboard."""
        if self._quality is not None:
            QApplication.clipboard().setText(as_text_table(self._quality))

    def _metric_chosen(self) -> None:
        self._show()
        self.metric_changed.emit()

    def _show(self, *_: object) -> None:
        self.tree.clear()
        if self._quality is None:
            return
        metric = self.shown_metric
        self.tree.setHeaderLabels(["Method", "", "Against cubic\n+ grey match"])
        percent = f"{100 * self._confidence:.4g} %"
        head = self.tree.headerItem()
        if head is not None:
            head.setText(1, f"Mean ± SD\n{percent} interval")
            head.setToolTip(1, f"{_TIPS[metric]}. Mean and standard deviation over the regions")
            head.setToolTip(
                2,
                "Mean difference, region by region, to cubic interpolation whose grey levels "
                f"were matched, and its {percent} interval: clear where that excludes zero",
            )
        reference = paper_rows(metric) if self.paper.isChecked() else []
        for row in [*quality_rows(self._quality, metric), *reference]:
            self.tree.addTopLevelItem(_item(row))
        self.note.say(PAPER_NOTE if reference else "")
        self._fit()

    def _fit(self) -> None:
        heights = [
            self.tree.sizeHintForIndex(self.tree.model().index(i, 1)).height()
            for i in range(self.tree.topLevelItemCount())
        ]
        self.tree.setFixedHeight(self.tree.header().sizeHint().height() + sum(heights) + 6)
        self._fit_width()

    def _fit_width(self) -> None:
        """Let the names take what the numbers leave."""
        header = self.tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        taken = sum(max(self.tree.sizeHintForColumn(i), header.sectionSizeHint(i)) for i in (1, 2))
        self.tree.setColumnWidth(0, max(60, self.tree.viewport().width() - taken - 2))

    def resizeEvent(self, event: object) -> None:  # noqa: N802 (Qt's name)
        """Give the names the new width."""
        super().resizeEvent(event)
        self._fit_width()


def _item(row: QualityRow) -> QTreeWidgetItem:
    verdict = row.verdict if row.verdict in _COLOURS else ""
    gain = f"{row.gain} {verdict}".strip()
    item = QTreeWidgetItem(
        [row.method, f"{row.mean}\n{row.interval}", f"{gain}\n{row.gain_interval}"]
    )
    for column in range(3):
        item.setToolTip(column, f"{row.method}: {row.verdict}" if row.verdict else row.method)
        if column:
            item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        else:
            item.setTextAlignment(column, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        if row.is_reference:
            font = item.font(column)
            font.setItalic(True)
            item.setFont(column, font)
            item.setToolTip(column, PAPER_NOTE)
    if verdict:
        item.setForeground(2, QBrush(QColor(_COLOURS[verdict])))
    return item
