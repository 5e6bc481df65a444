"""A training as it runs: curves, a validation patch, the round, and the time that is left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.notice import Notice

if TYPE_CHECKING:
    import pandas as pd

    from napari_battery.superres.train_loop import Snapshot

__all__ = ["LiveTraining"]

_POLL_MS = 250


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
        self.curves = FigureCanvas(viewer, height=250)
        self.patch = FigureCanvas(viewer, height=140)
        for canvas in (self.curves, self.patch):
            canvas.setMaximumHeight(canvas.minimumHeight())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.words, self.curves, self.patch):
            column.addWidget(part)
        self.snapshot: Snapshot | None = None
        """What was seen last."""
        self._waiting: list[Snapshot] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)
        for canvas in (self.curves, self.patch):
            canvas.style_changed.connect(self._draw)
        self._show_figures()

    def follow(self, waiting: list[Snapshot]) -> None:
        """Show a training that begins now.

        Parameters
        ----------
        waiting : list of Snapshot
            Another thread appends to it.
        """
        self.snapshot, self._waiting = None, waiting
        self._show_figures()
        self.words.say("")
        self._timer.start()

    def stop(self) -> None:
        """Show what is still waiting, and follow no more."""
        self._poll()
        self._timer.stop()
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

    def _poll(self) -> None:
        is_new = bool(self._waiting)
        while self._waiting:
            self.snapshot = self._waiting.pop(0)
        if is_new and self.snapshot is not None:
            self.words.say(_in_words(self.snapshot))
            self._show_figures()
            self._draw()

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show how a training was that is over."""
        self.snapshot = snapshot
        self._show_figures()
        self._draw()

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


def _in_words(seen: Snapshot) -> str:
    n, best = len(seen.history), seen.history.nlargest(1, "validation_psnr").iloc[0]
    return (
        f"{n} of {seen.epochs} rounds done; the best PSNR on the validation patches was "
        f"{best['validation_psnr']:.2f} dB, in round {int(best['epoch'])}."
    )
