"""A dock that the person closes is gone: its steps stop and it hears of nothing any more."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

__all__ = ["delete_when_closed"]


class _Closer(QObject):
    def eventFilter(self, dock: Any, event: Any) -> bool:  # noqa: N802 (Qt's name)
        if event.type() == QEvent.Type.ParentChange and dock.parentWidget() is None:
            dock.deleteLater()
        return False


def delete_when_closed(dock: QWidget) -> None:
    """Delete `dock` once napari has taken it out of its window.

    napari's close button only takes the widget out of the dock and drops it; as Qt still
    holds its connections, it would live on unseen, run its step to the end, and follow the
    layers for the rest of the sitting.
    """
    dock.installEventFilter(_Closer(dock))
