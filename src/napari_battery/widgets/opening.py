"""Open another dock of this plugin, or bring the one that is open to the front."""

from __future__ import annotations

from typing import Any

__all__ = ["open_dock"]


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
    if to_front:
        dock.show()
        dock.raise_()
    return widget
