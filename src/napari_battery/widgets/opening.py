"""Open another dock of this plugin, or bring the one that is open to the front."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QTabWidget

__all__ = ["arrange", "open_dock"]

_WIDE = ("Results table",)
"""Docks that are read along rows: they go below the picture, the others beside it."""

_STEPS = (
    "Prepare stack",
    "Align stacks",
    "Align states",
    "Super-resolve",
    "Train super-resolution",
    "Judge super-resolution",
    "Filter image",
    "Segment phases",
    "Label particles",
    "Correct labels",
    "Track through states",
    "Radial analysis",
    "States of charge",
    "State plots",
    "Compare microstructures",
    "Save and open results",
)
"""Docks of which one is used at a time."""

_ARRANGED = "napari-battery arranged"


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
    dock, widget = window.add_plugin_dock_widget("napari-battery", name)
    arrange(dock)
    if to_front:
        dock.show()
        dock.raise_()
    return widget


def arrange(dock: QDockWidget) -> None:
    """Give a dock that was just opened its place, unless the person has moved it already.

    The steps of the work share one place as tabs: one is used at a time, and under one
    another none would have room for its settings.
    """
    main = dock.parent()
    if dock.property(_ARRANGED) or not isinstance(main, QMainWindow):
        return
    dock.setProperty(_ARRANGED, True)
    right, below = Qt.DockWidgetArea.RightDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea
    area = main.dockWidgetArea(dock)
    if _is_one_of(dock, _WIDE) and area in (right, below):  # napari remembers "below"
        _put_below(main, dock)
    if dock.isFloating() or area != right or _is_one_of(dock, _WIDE):
        return
    beside = [
        other
        for other in main.findChildren(QDockWidget)
        if other is not dock
        and not other.isFloating()
        and other.isVisibleTo(main)
        and main.dockWidgetArea(other) == right
    ]
    steps = [other for other in beside if _is_one_of(other, _STEPS)]
    if steps and _is_one_of(dock, _STEPS):
        main.setTabPosition(right, QTabWidget.TabPosition.North)
        main.tabifyDockWidget(steps[-1], dock)
        dock.raise_()
    else:
        _share_height(main, [*beside, dock])


def _is_one_of(dock: QDockWidget, names: tuple[str, ...]) -> bool:
    title: str = dock.windowTitle()  # napari puts the plugin's name behind ours
    return title.startswith(names)


def _put_below(main: QMainWindow, dock: QDockWidget) -> None:
    """Below the picture only: the columns at its sides keep their full height."""
    main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    main.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    main.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
    main.resizeDocks([dock], [main.height() // 3], Qt.Orientation.Vertical)


def _share_height(main: QMainWindow, docks: list[QDockWidget]) -> None:
    """Docks above one another get the same height each; tabs count once."""
    rows: list[QDockWidget] = []
    for dock in docks:
        if not set(main.tabifiedDockWidgets(dock)) & set(rows):
            rows.append(dock)
    main.resizeDocks(rows, [main.height() // len(rows)] * len(rows), Qt.Orientation.Vertical)
