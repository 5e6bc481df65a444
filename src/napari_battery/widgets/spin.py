"""A spin box that shows no more digits than its number has."""

from __future__ import annotations

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QDoubleSpinBox, QSizePolicy, QWidget

__all__ = ["PlainSpinBox"]


class PlainSpinBox(QDoubleSpinBox):
    """Double spin box without trailing zeros, that waits until a number is typed whole."""

    def __init__(
        self, low: float, high: float, tooltip: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setDecimals(6)
        self.setRange(low, high)
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(tooltip)

    def textFromValue(self, value: float) -> str:  # noqa: N802 (Qt's name)
        """The number as people write it."""
        text = f"{value:.{self.decimals()}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Room for eight digits; Qt would make room for the ends of the range."""
        hint: QSize = super().minimumSizeHint()
        enough = self.fontMetrics().horizontalAdvance("00000000" + self.suffix()) + 40
        return QSize(min(hint.width(), enough), hint.height())
