"""First and last slice along one axis, typed or taken from the slice that is shown."""

from __future__ import annotations

from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QSpinBox, QWidget

from napari_battery.widgets.slices import current_slice

__all__ = ["SliceRange"]


class SliceRange(QWidget):
    """Two numbers, first and last voxel, both included, of one axis of a layer."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel, axis: str) -> None:
        super().__init__()
        self._viewer, self._axis = viewer, axis
        self._reference: Any = None
        self._index = 0
        self.limit = 1
        self._title = QLabel(axis)
        self._title.setMinimumWidth(14)
        self.first, self.last = self._spin("First"), self._spin("Last")
        self.from_here = self._here("From this slice", self._take_first)
        self.to_here = self._here("To this slice", self._take_last)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self._title, 0, 0)
        grid.addWidget(self.first, 0, 1)
        grid.addWidget(QLabel("to"), 0, 2)
        grid.addWidget(self.last, 0, 3)
        grid.addWidget(self.from_here, 1, 1)
        grid.addWidget(self.to_here, 1, 3)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)

    def value(self) -> tuple[int, int]:
        """First voxel and one past the last."""
        return self.first.value(), self.last.value() + 1

    def set_value(self, low: int, high: int) -> None:
        """Show the half-open range, cut to the axis; at least one voxel stays."""
        low = min(max(low, 0), self.limit - 1)
        high = min(max(high, low + 1), self.limit)
        for spin, value in ((self.first, low), (self.last, high - 1)):
            spin.blockSignals(True)
            spin.setValue(value)
            spin.blockSignals(False)

    def set_axis(self, axis: str) -> None:
        """Name the axis."""
        self._axis = axis
        self._title.setText(axis)

    def set_reference(self, layer: Any, index: int, *, keep: bool = False) -> None:
        """Count the voxels of `layer` along its axis `index`; start with all of them."""
        self._reference, self._index = layer, index
        low, high = self.value()
        data = layer.data[0] if layer.multiscale else layer.data
        self.limit = int(data.shape[index])
        for spin in (self.first, self.last):
            spin.blockSignals(True)
            spin.setRange(0, self.limit - 1)
            spin.blockSignals(False)
        if keep:
            self.set_value(low, high)
        else:
            self.set_value(0, self.limit)

    def show_here(self, shown: bool) -> None:
        """Offer to take the shown slice; only the axis of the slider has one."""
        self.from_here.setVisible(shown)
        self.to_here.setVisible(shown)

    def _take_first(self) -> None:
        self.first.setValue(current_slice(self._viewer, self._reference, self._index))

    def _take_last(self) -> None:
        self.last.setValue(current_slice(self._viewer, self._reference, self._index))

    def _changed(self) -> None:
        # the other end gives way, so that at least one slice stays
        if self.first.value() > self.last.value():
            other = self.last if self.sender() is self.first else self.first
            other.blockSignals(True)
            other.setValue(self.sender().value())
            other.blockSignals(False)
        self.changed.emit()

    def _spin(self, which: str) -> QSpinBox:
        spin = QSpinBox()
        spin.setRange(0, 0)
        spin.setKeyboardTracking(False)
        spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        spin.setToolTip(f"{which} voxel along {self._axis} that is kept (counted from 0)")
        spin.valueChanged.connect(self._changed)
        return spin

    def _here(self, text: str, take: Any) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip("Take the slice that the viewer shows now")
        button.clicked.connect(take)
        button.hide()
        return button
