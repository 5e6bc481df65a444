"""The figures of a judgement in a dock: quality by method, and grey levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from napari_battery.superres.judge import Judgement
from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.judge_words import drawn_together

__all__ = ["JudgeFigures"]

_KINDS = {
    "quality": ("Quality by method", "Dot: mean; thick: interval; thin: ± SD between regions"),
    "histograms": ("Grey levels", "Of the high scan and of each method, in all regions"),
}


class JudgeFigures(QWidget):
    """Draws the quality of each method, or their grey-level histograms."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.kind = QComboBox()
        for name, (title, tooltip) in _KINDS.items():
            self.kind.addItem(title, name)
            self.kind.setItemData(self.kind.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
        self.kind.setToolTip("What the figure shows")
        self.canvas = FigureCanvas(viewer, height=220)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Figure", self.kind)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(self.canvas)
        self._judged: Judgement | None = None
        self._metric = "psnr_db"
        self.kind.currentIndexChanged.connect(self._draw)
        self.canvas.style_changed.connect(self._draw)

    @property
    def name(self) -> str:
        """Of the shown figure: "quality" or "histograms"."""
        return str(self.kind.currentData())

    def show_judgement(self, judged: Judgement, metric: str) -> None:
        """Draw this judgement; of the quality this metric."""
        self._judged, self._metric = judged, metric
        self._draw()

    def save(self, path: Path) -> list[Path]:
        """Save the shown figure as for a paper, its numbers and its provenance beside it.

        Raises
        ------
        InputError, OSError
            If it cannot be written there.
        """
        from napari_battery.plots import save_plot

        assert self._judged is not None
        return save_plot(self._plot(drawn_together(self._metric)), path, self._judged.made)

    def _plot(self, metrics: tuple[str, ...], **where: Any) -> Any:
        from napari_battery.plots import grey_histograms, quality_plot

        judged = self._judged
        assert judged is not None
        note = "synthetic" if any(i["synthetic"] for i in judged.made["inputs"]) else ""
        if self.name == "quality":
            return quality_plot(judged.quality, metrics, note=note, **where)
        return grey_histograms(judged.histograms, note=note, **where)

    def _draw(self, *_: object) -> None:
        if self._judged is None:
            return
        n_methods = self._judged.histograms["series"].nunique()
        self.canvas.setMinimumHeight(
            90 + 26 * n_methods if self.name == "quality" else 200 + 14 * n_methods
        )
        self._plot((self._metric,), figure=self.canvas.figure, style=self.canvas.look)
        self.canvas.redraw()
