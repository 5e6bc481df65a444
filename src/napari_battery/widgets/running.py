"""Run a step in a thread, with a bar that shows how far it is and a button that stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled, Progress
from napari_battery.widgets.durations import duration

__all__ = ["StepRunner"]

_POLL_MS = 40
_FORESEEN_S = 3.0
"""How long a stage runs before it is said how long it will take."""


class StepRunner(QWidget):
    """Run and Cancel buttons, a progress bar, and a line for what happened.

    Parameters
    ----------
    text : str
        What the run button says.
    tooltip : str
        What it does, in one line.

    Notes
    -----
    The step runs in a daemon thread and touches no Qt object. What it reports is left in
    one slot that a timer of this widget reads, so a flood of reports costs nothing, and a
    dock that is closed meanwhile simply never reads it: the step is stopped at its next
    `Progress.advance` and its result dropped.
    """

    clicked = Signal()
    """The run button was pressed: connect this to what calls `start`."""
    busy_changed = Signal(bool)

    def __init__(self, text: str, tooltip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run_button = QPushButton(text)
        self.run_button.setToolTip(tooltip)
        self.run_button.clicked.connect(self.clicked)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop; nothing half-made is left behind")
        self.cancel_button.setEnabled(False)
        self.cancel_button.clicked.connect(self.cancel)
        self.bar = QProgressBar()
        self.bar.setTextVisible(True)
        self.bar.hide()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.message.hide()

        buttons = QHBoxLayout()
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.message)

        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._report: tuple[int, int, str] = (0, 0, "")
        self._outcome: list[Any] = []
        self._on_done: Callable[[Any], None] = lambda _: None
        self._started = 0.0
        self._stage: tuple[str, int, float] = ("", 0, 0.0)
        """What is being done, in how many units, and since when."""
        # bound to the event, not to self: the widget is already gone when this fires
        self.destroyed.connect(self._stop.set)

    @property
    def busy(self) -> bool:
        """Whether a step is running."""
        return self._thread is not None

    def start(
        self, step: Callable[[Progress], Any], on_done: Callable[[Any], None], what: str = ""
    ) -> None:
        """Run ``step(progress)`` in a thread; then ``on_done(result)`` in this one.

        Does nothing while a step is running. Errors and Cancel end in the message line.
        """
        if self.busy:
            return
        self._stop.clear()
        self._report, self._outcome, self._on_done = (0, 0, what), [], on_done
        self._started, self._stage = time.monotonic(), ("", 0, 0.0)
        outcome, stop = self._outcome, self._stop

        def report(done: int, total: int, what: str) -> None:
            self._report = (done, total, what)

        def work() -> None:
            try:
                result = step(CallbackProgress(report, stop.is_set))
                outcome.append((result, None))
            except BaseException as error:
                outcome.append((None, error))

        self._thread = threading.Thread(target=work, name="napari-battery step", daemon=True)
        self.run_button.setEnabled(False)
        self.cancel_button.setEnabled(True)
        self.message.hide()
        self.bar.setRange(0, 0)
        self.bar.setFormat(what)
        self.bar.show()
        self.busy_changed.emit(True)
        self._thread.start()
        self._timer.start()

    def cancel(self) -> None:
        """Ask the running step to stop; it does so at its next block."""
        if self.busy:
            self._stop.set()
            self.cancel_button.setEnabled(False)
            self.bar.setFormat("Stopping…")

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a line under the buttons; errors stand out."""
        self.message.setText(text)
        self.message.setStyleSheet("color: #e05c5c; font-weight: bold" if error else "")
        self.message.setVisible(bool(text))

    def _poll(self) -> None:
        if self._outcome:
            self._finish()
            return
        done, total, what = self._report
        if self._stop.is_set() or not total:
            return
        # Qt's bar counts in 32 bits
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * done / total))
        self._tell(what, f": %p %{self._left(done, total, what)}")

    def _tell(self, what: str, how_far: str) -> None:
        """Write on the bar; of a text that is too long the middle of what is done gives way."""
        metrics = self.bar.fontMetrics()
        room = self.bar.width() - metrics.horizontalAdvance(how_far + "00  ")
        what = metrics.elidedText(what, Qt.TextElideMode.ElideMiddle, max(room, 0))
        self.bar.setFormat(what.replace("%", "%%") + how_far)

    def _left(self, done: int, total: int, what: str) -> str:
        """How long the stage will still take, once that can be told."""
        now = time.monotonic()
        if self._stage[:2] != (what, total):
            self._stage = (what, total, now)
        passed = now - self._stage[2]
        if not 0 < done < total or passed < _FORESEEN_S:
            return ""
        return f", {duration(passed / done * (total - done))} left"

    def _finish(self) -> None:
        self._timer.stop()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self.bar.hide()
        self.run_button.setEnabled(True)
        self.cancel_button.setEnabled(False)
        result, error = self._outcome.pop()
        on_done, self._on_done = self._on_done, lambda _: None  # it may hold whole volumes
        self.busy_changed.emit(False)
        if error is None:
            self.say(f"Done in {time.monotonic() - self._started:.1f} s.")
            try:
                on_done(result)
            except InputError as problem:
                self.say(str(problem), error=True)
        elif isinstance(error, Cancelled):
            self.say("Cancelled; nothing was changed.")
        elif isinstance(error, InputError):
            self.say(str(error), error=True)
        elif isinstance(error, MemoryError):
            self.say("Not enough memory for this step. Crop the stack first.", error=True)
        else:
            self.say(f"Failed: {type(error).__name__}: {error}", error=True)
            raise error  # napari shows unexpected errors with their traceback
