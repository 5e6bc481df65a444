"""Switch for aligning by hand, with the steps of its keys and the centre to turn about."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.widgets.align_hand import HandMode
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.spin import PlainSpinBox

__all__ = ["HandPanel"]

_HELP = (
    "Drag moves, Shift+drag turns, Ctrl+drag pans the view. Arrow and Page keys move by a step, "
    "with Shift they turn. Ctrl+Z takes back, Esc ends."
)
_ONLY_2D = "Show slices (2-D) to move it: in a 3-D view only the camera is moved."


class HandPanel(QWidget):
    """Controls of a `HandMode`.

    Parameters
    ----------
    hand : HandMode
        What they control; whoever holds the pair of layers starts and stops it.
    """

    toggled = Signal(bool)
    """The person wants to move the layer by hand, or no longer."""

    def __init__(self, hand: HandMode, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hand = hand
        self.button = QPushButton("Move by hand")
        self.button.setCheckable(True)
        self.button.setToolTip("Move and turn the moving layer on the canvas; Esc ends it")
        self.centre_button = QPushButton("Choose centre")
        self.centre_button.setCheckable(True)
        self.centre_button.setToolTip(
            "Click the point on the canvas to turn about; otherwise it is the middle of the view"
        )
        self.step = PlainSpinBox(1e-6, 1e6, "How far one press of an arrow or Page key moves")
        self.degrees = PlainSpinBox(1e-3, 90, "How far one press with Shift turns")
        self.degrees.setSuffix("°")
        self.degrees.setValue(hand.degrees)
        self.help = Notice()
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Step", self.step)
        form.addRow("Turn", self.degrees)
        self._fine = QWidget()
        self._fine.setLayout(form)
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addWidget(self.centre_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._fine)
        column.addWidget(self.help)
        self.button.clicked.connect(self.toggled)
        self.centre_button.clicked.connect(self._choose_centre)
        self.step.valueChanged.connect(self._set_step)
        self.degrees.valueChanged.connect(self._set_degrees)
        hand.changed.connect(self._refresh)
        hand.centre_chosen.connect(self._refresh)
        self._refresh()

    def _refresh(self, is_on: bool | None = None) -> None:
        hand = self._hand
        self.button.setChecked(hand.is_on)
        self.centre_button.setEnabled(hand.is_on)
        self.centre_button.setChecked(hand.centre is not None)
        self.centre_button.setText("Choose centre" if hand.centre is None else "Centre chosen")
        self._fine.setVisible(hand.is_on)
        self.help.say((_HELP if hand.sees_slices else _ONLY_2D) if hand.is_on else "")
        self.step.blockSignals(True)
        self.step.setSuffix(f" {hand.unit}")
        self.step.setValue(hand.step)
        self.step.blockSignals(False)

    def _choose_centre(self, choose: bool) -> None:
        if choose:
            self._hand.choose_centre()
            self.centre_button.setText("Click it…")
        else:
            self._hand.forget_centre()

    def _set_step(self, step: float) -> None:
        self._hand.step = step

    def _set_degrees(self, degrees: float) -> None:
        self._hand.degrees = degrees
