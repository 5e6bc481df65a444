"""Fields that ask of a study whether two states differ, and how many particles show a change."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel

from napari_battery.widgets.spin import PlainSpinBox

__all__ = ["StatesQuestion"]

_ALTERNATIVES = {
    "two-sided": "differs",
    "less": "is darker",
    "greater": "is brighter",
}
_NARROW = 70
"""Pixels that a field may shrink to, so that a narrow dock holds the line."""


class StatesQuestion:
    """Two states and what is asked of the second; a change, and at how many standard errors."""

    def __init__(self) -> None:
        self.first, self.second, self.alternative = QComboBox(), QComboBox(), QComboBox()
        self.change, self.sigmas = PlainSpinBox(0.001, 1e6), PlainSpinBox(0.1, 20.0)
        self.combos = (self.first, self.second, self.alternative)
        self.spins = (self.change, self.sigmas)
        self.first.setToolTip("State to compare with")
        self.second.setToolTip("State that is compared")
        self.alternative.setToolTip("What is asked of the second state's mean, beside it")
        for name, text in _ALTERNATIVES.items():
            self.alternative.addItem(text, name)
        for combo in self.combos:
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(6)
        for field in (*self.combos, *self.spins):
            field.setMinimumWidth(_NARROW)
        self.change.setValue(1.0)
        self.change.setToolTip("Mean change that shall be seen (grey levels)")
        self.sigmas.setValue(5.0)
        self.sigmas.setSuffix(" σ")
        self.sigmas.setToolTip("Standard errors that it shall be")

    def pair(self) -> QGridLayout:
        """The lines "4.4 V, is darker" and "vs pristine": one would be cut in a narrow dock."""
        lines = QGridLayout()
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(self.second, 0, 0, 1, 2)
        lines.addWidget(self.alternative, 0, 2)
        lines.addWidget(QLabel("vs"), 1, 0)
        lines.addWidget(self.first, 1, 1, 1, 2)
        for column in (1, 2):
            lines.setColumnStretch(column, 1)
        return lines

    def wish(self) -> QGridLayout:
        """The lines "1 grey levels" and "at 5 σ"."""
        lines = QGridLayout()
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(self.change, 0, 0, 1, 2)
        lines.addWidget(QLabel("grey levels"), 0, 2)
        lines.addWidget(QLabel("at"), 1, 0)
        lines.addWidget(self.sigmas, 1, 1, 1, 2)
        lines.setColumnStretch(1, 1)
        return lines

    @property
    def states(self) -> tuple[str, str]:
        """Names of the state to compare with and of the one compared; empty before there are."""
        return self.first.currentText(), self.second.currentText()

    def offer(self, names: Sequence[str], second: int) -> None:
        """Offer states; those chosen stay chosen, else the first and the one at `second`."""
        for combo, place in ((self.first, 0), (self.second, second)):
            before = combo.currentText()
            combo.clear()
            combo.addItems(names)
            combo.setCurrentIndex(names.index(before) if before in names else place)
