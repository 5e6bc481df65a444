"""What the colours of a displacement field stand for."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_battery.widgets.series_vectors import OUTLIER

__all__ = ["FieldLegend"]

_BAR = (
    "border-radius: 2px; background: qlineargradient(x1: 0, y1: 0, x2: 1, y2: 0, "
    "stop: 0 #440154, stop: 0.25 #3b528b, stop: 0.5 #21918c, stop: 0.75 #5ec962, stop: 1 #fde725)"
)


class FieldLegend(QWidget):
    """A bar of viridis between its two lengths, and the colour of outliers."""

    def __init__(self) -> None:
        super().__init__()
        self.end, self.outliers = QLabel(), QLabel()
        bar = QLabel()
        bar.setStyleSheet(_BAR)
        bar.setFixedHeight(10)
        bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (QLabel("0"), bar, self.end, self.outliers):
            row.addWidget(widget, 1 if widget is bar else 0)
        self.setToolTip("Length of the displacements; longer ones have the last colour")

    def show_range(self, top: float, unit: str, n_outliers: int) -> None:
        """Say where the colours end, and how many outliers there are."""
        self.end.setText(f"{top:.3g} {unit}")
        noun = "outlier" if n_outliers == 1 else "outliers"
        self.outliers.setText(
            f'<span style="color: {OUTLIER}">■</span> {n_outliers} {noun}' if n_outliers else ""
        )
