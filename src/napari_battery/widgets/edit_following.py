"""Tables that follow corrections by hand: rows of the labels touched are measured again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QObject, QTimer

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.radial import RadialResult, update_tables
from napari_battery.volume import Volume
from napari_battery.widgets.background import Latest
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.session import EDITED, Analysis, Session

__all__ = ["Following"]

_PATIENCE_MS = 300
"""Tables that are not up to date by then are marked so; shorter, the mark would flicker."""


@dataclass(frozen=True, eq=False)
class _Job:
    """Rows of one analysis to be measured again."""

    analysis: Analysis
    labels: Volume
    image: Volume
    changed: frozenset[int]
    boxes: dict[int, Any] | None
    version: int
    state: object

    def run(self, progress: Progress) -> RadialResult | InputError:
        try:
            return update_tables(
                self.analysis.result,
                self.labels,
                self.image,
                self.changed,
                progress,
                boxes=self.boxes,
            )
        except InputError as error:
            return error


class Following:
    """Keeps the tables of one viewer in step with its labels; start it with `Following.of`.

    Rows are measured in a thread; whatever changes meanwhile is measured after. An analysis
    without its image, or whose grid was changed, is marked out of date instead.
    """

    _of_session: ClassVar[WeakKeyDictionary[Session, Following]] = WeakKeyDictionary()

    def __init__(self, session: Session) -> None:
        self._session = ref(session)
        self._late: list[Analysis] = []
        self._owner = QObject()
        self._latest = Latest(self._owner, self._failed)
        self._patience = QTimer(self._owner)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._mark_late)
        session.keep_up = self._keep_up

    @classmethod
    def of(cls, session: Session) -> Following:
        """What follows the corrections of a session; started at the first call."""
        if session not in cls._of_session:
            cls._of_session[session] = cls(session)
        return cls._of_session[session]

    @property
    def busy(self) -> bool:
        """Whether rows are being measured."""
        return self._latest.busy

    def _keep_up(self, analysis: Analysis) -> bool:
        session = self._session()
        if session is None or self._job(session, analysis) is None:
            return False
        if analysis not in self._late:
            self._late.append(analysis)
        self._ask(session)
        return True

    def _job(self, session: Session, analysis: Analysis) -> _Job | None:
        """What to measure; None where that cannot be known or done."""
        labels, image = analysis.labels, analysis.image
        if labels is None or image is None:
            return None
        history = session.history(labels)
        changed = history.changes_since(analysis.measured_version)
        if changed is None:
            return None
        try:
            volumes = volume_from_layer(labels), volume_from_layer(image)
        except InputError:
            return None
        places = history.places
        boxes = None if places is None else places.boxes(changed)
        return _Job(analysis, *volumes, changed, boxes, history.version, history.state)

    def _ask(self, session: Session) -> None:
        jobs = [job for a in self._late if (job := self._job(session, a)) is not None]
        self._latest.ask(
            lambda progress: [(job, job.run(progress)) for job in jobs], self._measured
        )
        if not self._patience.isActive():
            self._patience.start()

    def _measured(self, answers: list[tuple[_Job, RadialResult | InputError]]) -> None:
        session = self._session()
        if session is None:
            return
        for job, result in answers:
            analysis, labels = job.analysis, job.analysis.labels
            if labels is None or session.history(labels).version != job.version:
                continue  # a later question is on its way
            if analysis in self._late:
                self._late.remove(analysis)
            if isinstance(result, InputError):
                session.mark_out_of_date(analysis, f"{EDITED}. {result}".rstrip("."))
            elif analysis in session.analyses:
                session.update_result(analysis, result, job.version, job.state)
        if not self._late:
            self._patience.stop()

    def _failed(self, error: BaseException) -> None:
        self._mark_late()
        self._late.clear()
        raise error  # napari shows unexpected errors with their traceback

    def _mark_late(self) -> None:
        session = self._session()
        if session is None:
            return
        for analysis in self._late:
            session.mark_out_of_date(analysis, EDITED)
