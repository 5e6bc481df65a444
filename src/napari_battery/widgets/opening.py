"""Open another dock of this plugin, or bring the one that is open to the front."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

__all__ = ["open_dock"]

_WIDE = ("Results table",)
"""Docks that are read along rows: they go below the picture, the others beside it."""


def open_dock(viewer: Any, name: str, *, to_front: bool = True) -> Any:
    """Open the dock that the manifest calls `name`.

    Parameters
    ----------
    viewer : Viewer
        Where; a viewer without a window (a script, a test) is left as it is.
    name : str
        Display name in the manifest ("Results table").
    to_front : bool
        Whether a dock behind another tab comes to the front.

    Returns
    -------
    QWidget or None
        The dock's widget; None where there is no window.
    """
    window = getattr(viewer, "window", None)
    if window is None:
        return None
    before = set(window.dock_widgets)
    dock, widget = window.add_plugin_dock_widget("napari-battery", name)
    main = dock.parent()
    if set(window.dock_widgets) != before and isinstance(main, QMainWindow):
        if name in _WIDE:
            _put_below(main, dock)
        else:
            _share_height(main)
    if to_front:
        dock.show()
        dock.raise_()
    return widget


def _put_below(main: QMainWindow, dock: Any) -> None:
    """Below the picture only: the columns at its sides keep their full height."""
    main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    main.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    main.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    main.resizeDocks([dock], [main.height() // 3], Qt.Orientation.Vertical)


def _share_height(main: QMainWindow) -> None:
    """Docks beside the picture get the same height each."""
    right = Qt.DockWidgetArea.RightDockWidgetArea
    docks = [d for d in main.findChildren(QDockWidget) if main.dockWidgetArea(d) == right]
    main.resizeDocks(docks, [main.height() // len(docks)] * len(docks), Qt.Orientation.Vertical)
