"""Take layers out of a viewer at a moment when that is safe."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer

__all__ = ["Removal"]


class Removal:
    """Takes layers out, but waits while the viewer itself is taking some out.

    A person who deletes all selected layers may delete what a dock drew, too: napari looks up
    each layer in turn, and fails where one has gone with another one.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers.
    """

    def __init__(self, viewer: Any) -> None:
        self._layers: Any = viewer.layers
        self._waiting: list[Any] = []
        self._others_go = self.is_ours = False
        self._layers.events.removing.connect(self._begins)

    def remove(self, *layers: Any) -> None:
        """Take layers out, now or as soon as may be; until then they are not seen."""
        for layer in layers:
            if layer is None or layer not in self._layers:
                continue
            if self._others_go and layer in self._layers.selection:
                layer.visible = False
                self._waiting.append(layer)
                continue
            self.is_ours = True
            try:
                self._layers.remove(layer)
            finally:
                self.is_ours = False

    def _begins(self, event: Any = None) -> None:
        if self.is_ours or self._others_go:
            return
        self._others_go = True
        QTimer.singleShot(0, self._over)

    def _over(self) -> None:
        self._others_go = False
        waiting, self._waiting = self._waiting, []
        self.remove(*waiting)
