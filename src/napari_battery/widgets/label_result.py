"""Part of the Label particles dock: what one goes on with once particles are labelled."""

from __future__ import annotations

from collections.abc import Sequence

from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QWidget

from napari_battery.labelling import STAGES
from napari_battery.widgets.opening import open_dock

__all__ = ["ResultPart", "StageButton"]


class StageButton(QPushButton):
    """A menu of the stages that can be shown as layers."""

    wanted = Signal(str)
    """Name of the chosen one, of `STAGES`."""

    def __init__(self) -> None:
        super().__init__("Show stage")
        self.setToolTip("Add mask, distance map or markers of the last run as a layer")
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self.offer([])

    def offer(self, names: Sequence[str]) -> None:
        """Offer these stages; none switches the button off."""
        self._menu.clear()
        for name in names:
            if name == "labels":  # that is the result itself
                continue
            action = self._menu.addAction(STAGES[name])
            action.triggered.connect(lambda _=False, name=name: self.wanted.emit(name))
        self.setEnabled(not self._menu.isEmpty())

    def offered(self) -> list[str]:
        """Titles in the menu."""
        return [action.text() for action in self._menu.actions()]


class ResultPart(QWidget):
    """Buttons to the next steps; hidden until there is something to go on with."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.correct_button = QPushButton("Correct labels…")
        self.correct_button.setToolTip("Merge, split, delete or redraw particles by hand")
        self.next_button = QPushButton("Radial analysis…")
        self.next_button.setToolTip("Go on: grey level of each particle from surface to centre")
        self.correct_button.clicked.connect(lambda: open_dock(viewer, "Correct labels"))
        self.next_button.clicked.connect(lambda: open_dock(viewer, "Radial analysis"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.correct_button)
        row.addWidget(self.next_button)
        self.hide()

    def made(self) -> None:
        """Particles are there: offer what comes next, where docks can be opened."""
        self.setVisible(hasattr(self._viewer, "window"))
