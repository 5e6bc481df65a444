"""A training as it runs: curves, a validation patch, the round, and the time that is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_battery.progress import Progress
from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.notice import Notice

if TYPE_CHECKING:
    import pandas as pd

    from napari_battery.superres.train_loop import Snapshot

__all__ = ["LiveTraining", "Pace", "duration"]

_POLL_MS = 250


class Pace(Progress):
    """Passes progress on, and reckons from it how long the stage will still take.

    Parameters
    ----------
    progress : Progress
        Told everything, and asked whether to go on.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._total = self._done = self._counted = 0
        self._began = time.monotonic()

    def begin(self, total: int, what: str) -> None:
        self._total, self._done, self._counted = total, 0, 0
        self._began = time.monotonic()
        self._progress.begin(total, what)

    def advance(self, n: int = 1) -> None:
        self._done += n
        if n == 1:  # not what was done before a training was interrupted
            self._counted += 1
        self._progress.advance(n)

    @property
    def seconds_left(self) -> float | None:
        """Of this stage; None while too little is done to tell."""
        if self._counted < 3:
            return None
        each = (time.monotonic() - self._began) / self._counted
        return each * (self._total - self._done)


class LiveTraining(QWidget):
    """Curves and pictures of a training, drawn anew after each of its rounds.

    Parameters
    ----------
    viewer : ViewerModel
        Whose theme the figures follow.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.words = Notice()
        self.curves = FigureCanvas(viewer, height=260)
        self.patch = FigureCanvas(viewer, height=130)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.words, self.curves, self.patch):
            column.addWidget(part)
        self.snapshot: Snapshot | None = None
        """What was seen last."""
        self._waiting: list[Snapshot] = []
        self._paces: list[Pace] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)
        for canvas in (self.curves, self.patch):
            canvas.style_changed.connect(self._draw)
        self._show_figures()

    def follow(self, waiting: list[Snapshot], pace: list[Pace]) -> None:
        """Show a training that begins now.

        Parameters
        ----------
        waiting : list of Snapshot
            Another thread appends to it.
        pace : list of Pace
            Gets one when training begins.
        """
        self.snapshot, self._waiting, self._paces = None, waiting, pace
        self._show_figures()
        self.words.say("Making the training images …")
        self._timer.start()

    def stop(self) -> None:
        """Show what is still waiting, and follow no more."""
        self._poll()
        self._timer.stop()
        if self.snapshot is None:
            self.words.say("")

    def save(self, path: Path, history: pd.DataFrame, made: dict[str, Any]) -> list[Path]:
        """Save the curves as for a paper, their numbers and provenance beside them.

        Raises
        ------
        InputError, OSError
            If it cannot be written there.
        """
        from napari_battery.plots import save_plot, training_curves

        return save_plot(training_curves(history), path, made)

    def say_ended(self, text: str) -> None:
        """Say how the training ended."""
        self.words.say(text)

    def _poll(self) -> None:
        is_new = bool(self._waiting)
        while self._waiting:
            self.snapshot = self._waiting.pop(0)
        if self._paces:
            self.words.say(self._in_words(self._paces[0].seconds_left))
        if is_new:
            self._show_figures()
            self._draw()

    def _in_words(self, seconds: float | None) -> str:
        left = "" if seconds is None else f"; about {duration(seconds)} left"
        if self.snapshot is None:
            return f"Round 1{left}."
        history, epochs = self.snapshot.history, self.snapshot.epochs
        n = len(history)
        best = history.nlargest(1, "validation_psnr").iloc[0]
        now = f"Round {min(n + 1, epochs)} of {epochs}{left}."
        return (
            f"{now} Best PSNR on the validation patches {best['validation_psnr']:.2f} dB, in round "
            f"{int(best['epoch'])}."
        )

    def _show_figures(self) -> None:
        for canvas in (self.curves, self.patch):
            canvas.setVisible(self.snapshot is not None)

    def _draw(self) -> None:
        if self.snapshot is None:
            return
        from napari_battery.plots import patch_comparison, training_curves

        seen = self.snapshot
        training_curves(seen.history, figure=self.curves.figure, style=self.curves.look)
        patch_comparison(
            seen.low,
            seen.predicted,
            seen.high,
            figure=self.patch.figure,
            style=self.patch.look,
        )
        self.curves.redraw()
        self.patch.redraw()


def duration(seconds: float) -> str:
    """A time for the person: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
