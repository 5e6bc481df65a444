"""Whether a part of a dock is on the screen: a dock behind another tab is not."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QWidget

__all__ = ["Seen", "dock_of"]


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that holds a widget, or None where none does."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


class Seen(QObject):
    """Tell when a widget comes on the screen, and when it goes.

    Qt calls a dock behind another tab visible, and sends it no hide event; what a dock
    draws over the picture should go all the same.

    Parameters
    ----------
    widget : QWidget
        A dock's widget, or a part of one.
    """

    changed = Signal(bool)

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self._shown, self._in_front, self._told = widget.isVisible(), True, widget.isVisible()
        self._dock: QDockWidget | None = None
        widget.installEventFilter(self)

    @property
    def now(self) -> bool:
        """Whether the widget is on the screen."""
        return self._shown and self._in_front

    def eventFilter(self, widget: Any, event: Any) -> bool:  # noqa: N802 (Qt's name)
        """Follow the widget; a minimised window (a spontaneous event) keeps all."""
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide) and not event.spontaneous():
            self._shown = event.type() == QEvent.Type.Show
            if self._shown:
                QTimer.singleShot(0, self, self._watch_tab)  # napari is still adding it
            self._tell()
        return False

    def _watch_tab(self) -> None:
        dock = dock_of(self._widget)
        if dock is not None and dock is not self._dock:
            self._dock, self._in_front = dock, True
            dock.visibilityChanged.connect(self._tab_changed)

    def _tab_changed(self, in_front: bool) -> None:
        self._in_front = in_front
        self._tell()

    def _tell(self) -> None:
        if self.now != self._told:
            self._told = self.now
            self.changed.emit(self.now)
