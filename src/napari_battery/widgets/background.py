"""Short computations beside the window, of which only the newest question is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_battery.progress import CallbackProgress, Cancelled, Progress

__all__ = ["Latest"]

_POLL_MS = 15


class Latest(QObject):
    """Answer questions in one thread; one asked while busy waits, and a newer replaces it.

    For previews that follow a slider: each answer that is ready is shown, none queues up.

    Parameters
    ----------
    parent : QObject
        Once it is destroyed the thread is stopped and its answer dropped.
    on_error : callable
        Called with the exception of a question that could not be answered.
    """

    def __init__(self, parent: QObject, on_error: Callable[[BaseException], None]) -> None:
        super().__init__(parent)
        self._on_error = on_error
        self._waiting: tuple[Callable[[Progress], Any], Callable[[Any], None]] | None = None
        self._running = False
        self._on_done: Callable[[Any], None] = lambda _: None
        self._outcome: list[Any] = []
        self._stop = threading.Event()
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._stops = stops = [self._stop]
        # not self: it is already gone when this fires
        self.destroyed.connect(lambda: stops[0].set())

    @property
    def busy(self) -> bool:
        """Whether a question is being answered or waits."""
        return self._running

    def ask(self, work: Callable[[Progress], Any], on_done: Callable[[Any], None]) -> None:
        """Call ``on_done(work(progress))``; `work` in the thread, `on_done` in this one."""
        if self._running:
            self._waiting = (work, on_done)
        else:
            self._start(work, on_done)

    def forget(self) -> None:
        """Drop what is asked; nothing of it will be answered."""
        self._waiting = None
        self._stop.set()
        self._on_done = lambda _: None

    def _start(self, work: Callable[[Progress], Any], on_done: Callable[[Any], None]) -> None:
        self._running, self._on_done = True, on_done
        outcome: list[Any] = []
        self._outcome = outcome
        self._stop = stop = threading.Event()
        self._stops[0] = stop

        def run() -> None:
            try:
                answer = work(CallbackProgress(lambda *_: None, stop.is_set))
                outcome.append((answer, None))
            except BaseException as error:
                outcome.append((None, error))

        threading.Thread(target=run, name="napari-battery step", daemon=True).start()
        self._timer.start()

    def _poll(self) -> None:
        if not self._outcome:
            return
        answer, error = self._outcome.pop()
        on_done, waiting = self._on_done, self._waiting
        self._on_done = lambda _: None  # it may hold whole volumes
        self._running, self._waiting = False, None
        if waiting is None:
            self._timer.stop()
        else:
            self._start(*waiting)
        if error is None:
            on_done(answer)
        elif not isinstance(error, Cancelled):
            self._on_error(error)
