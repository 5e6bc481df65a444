"""Whether the grey levels of the states can be compared: histograms, peaks, their drift."""

from __future__ import annotations

from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.states_table import PlainTable, number

__all__ = ["GreysPart"]

_TITLES = ("State", "empty", "drift", "solid", "drift")
_TIPS = (
    "",
    "Peak of the voxels outside particles, grey level as scanned",
    "Its drift since the first state; beside it every ΔĪ is uncertain",
    "Peak of the voxels in particles; it holds the change that is looked for",
    "Its drift since the first state",
)


class GreysPart(QWidget):
    """Histograms of all states, the peaks of empty space and solid, and their normalisation."""

    normalise = Signal(bool)
    """The person asked for the two-point normalisation, or for none."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._study: Any = None
        self.canvas = FigureCanvas(viewer, height=250)
        self.table = PlainTable(_TITLES, _TIPS)
        self.two_point = QCheckBox("Normalise by two points")
        self.two_point.setToolTip(
            "Map the peaks of empty space and of solid of every state onto those of the first. "
            "That takes the mean change of all particles away, and leaves differences between them"
        )
        self.said = Notice()
        column = QVBoxLayout(self)
        for widget in (self.canvas, self.table, self.two_point, self.said):
            column.addWidget(widget)
        self.two_point.clicked.connect(self.normalise)
        self.canvas.style_changed.connect(self._draw)

    def show_study(self, study: Any) -> None:
        """Show the greys of a study as scanned."""
        from napari_battery.states.comparability import grey_peaks

        self._study = study
        if not len(study.greys):
            self.said.say("The study holds no histograms: it was made without images.")
            for widget in (self.canvas, self.table, self.two_point):
                widget.hide()
            return
        peaks = grey_peaks(study.greys, [state.name for state in study.states])
        rows = []
        for place, row in enumerate(peaks.to_dict("records")):
            drifts = [number(row[f"{kind}_drift"]) if place else "" for kind in ("empty", "solid")]
            empty, solid = number(row["empty_peak"], 1), number(row["solid_peak"], 1)
            rows.append((str(row["state"]), empty, drifts[0], solid, drifts[1]))
        self.table.show_rows(rows)
        self.two_point.setChecked(study.settings.normalise == "two-point")
        scaled = study.settings.normalise
        self.said.say("" if scaled == "none" else f"Greys are normalised ({scaled}).", "warning")
        self._draw()

    def _draw(self) -> None:
        from napari_battery.plots.states_greys import grey_histograms_by_state
        from napari_battery.states.frames import Frames

        if self._study is None or not len(self._study.greys):
            return
        figure, look = self.canvas.figure, self.canvas.look
        try:
            grey_histograms_by_state(Frames.of(self._study), figure=figure, style=look)
        except InputError as problem:
            self.said.say(str(problem), "warning")
            return
        self.canvas.redraw()
