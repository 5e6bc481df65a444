"""What every dock of ours does when it is opened from a menu, and when it is closed."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_battery.widgets.opening import arrange

__all__ = ["delete_when_closed"]


class _Closer(QObject):
    def eventFilter(self, dock: Any, event: Any) -> bool:  # noqa: N802 (Qt's name)
        if event.type() == QEvent.Type.ParentChange and dock.parentWidget() is None:
            dock.deleteLater()
        elif event.type() == QEvent.Type.Show:
            # napari is still adding it
            QTimer.singleShot(0, dock, lambda: _arrange(dock))
        return False


def _arrange(widget: QWidget) -> None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    if parent is not None:
        arrange(parent)


def delete_when_closed(dock: QWidget) -> None:
    """Delete `dock` once napari has taken it out of its window; give it its place before.

    napari's close button only takes the widget out of the dock and drops it; as Qt still
    holds its connections, it would live on unseen, run its step to the end, and follow the
    layers for the rest of the sitting.
    """
    dock.installEventFilter(_Closer(dock))
