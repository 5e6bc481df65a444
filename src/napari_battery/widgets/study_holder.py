"""The operando study of a window: whoever runs or opens one puts it here, others follow it."""

from __future__ import annotations

from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from napari.viewer import ViewerModel
from psygnal import Signal

from napari_battery.widgets.session import Session

__all__ = ["StudyHolder"]


class StudyHolder:
    """Holds the finished study of one window; get it with `StudyHolder.of`."""

    changed = Signal()
    """Another study is there (or none)."""

    _of_session: ClassVar[WeakKeyDictionary[Session, StudyHolder]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._study: Any = None

    @classmethod
    def of(cls, viewer: ViewerModel) -> StudyHolder:
        """The holder of a viewer; made at the first call."""
        session = Session.of(viewer)
        if session not in cls._of_session:
            cls._of_session[session] = cls()
        return cls._of_session[session]

    @property
    def study(self) -> Any:
        """The `napari_battery.states` Study; None while there is none."""
        return self._study

    @study.setter
    def study(self, study: Any) -> None:
        if study is not self._study:
            self._study = study
            self.changed.emit()
