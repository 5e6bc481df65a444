"""The compared microstructures of a window: the Compare dock puts them here, others follow."""

from __future__ import annotations

from typing import ClassVar
from weakref import WeakKeyDictionary

from napari.viewer import ViewerModel
from psygnal import Signal

from napari_battery.microstructure.comparison import Comparison
from napari_battery.widgets.session import Session

__all__ = ["MicrostructureHolder"]


class MicrostructureHolder:
    """Holds the last comparison of one window; get it with `MicrostructureHolder.of`."""

    changed = Signal()
    """Another comparison is there, or it no longer fits its layers."""

    _of_session: ClassVar[WeakKeyDictionary[Session, MicrostructureHolder]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._comparison: Comparison | None = None
        self.stale = ""
        """Why it no longer fits its layers; empty while it does."""

    @classmethod
    def of(cls, viewer: ViewerModel) -> MicrostructureHolder:
        """The holder of a viewer; made at the first call."""
        session = Session.of(viewer)
        if session not in cls._of_session:
            cls._of_session[session] = cls()
        return cls._of_session[session]

    @property
    def comparison(self) -> Comparison | None:
        """What was compared last; None while nothing was."""
        return self._comparison

    @comparison.setter
    def comparison(self, comparison: Comparison | None) -> None:
        if comparison is not self._comparison:
            self._comparison, self.stale = comparison, ""
            self.changed.emit()

    def mark_stale(self, why: str) -> None:
        """Say that the layers are no longer what was compared; its provenance says so, too."""
        if self._comparison is not None and why != self.stale:
            self.stale = self._comparison.made["stale"] = why
            self.changed.emit()
