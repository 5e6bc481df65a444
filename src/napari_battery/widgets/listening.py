"""Listen to a viewer's or a layer's events for as long as a widget lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QWidget

__all__ = ["listen"]


def listen(widget: QWidget, callback: Callable[..., Any], *emitters: Any) -> None:
    """Connect `callback` to napari emitters or psygnal signals until `widget` is destroyed.

    Without the disconnection an event after a dock was closed would call into a widget
    whose C++ half is gone.
    """
    for emitter in emitters:
        emitter.connect(callback)

    def stop() -> None:
        for emitter in emitters:
            emitter.disconnect(callback)

    widget.destroyed.connect(stop)
