"""The live figure of the State plots dock: points can be picked, and outlines drawn on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtWidgets import QApplication, QWidget

from napari_battery.plots.states_figures import draw_states_figure
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import Plot, start
from napari_battery.states.frames import Frames
from napari_battery.states.recipes import SIGNIFICANCE
from napari_battery.states.subsets import Plane, Subset
from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.figure_places import Places

__all__ = ["WITH_POINTS", "StatesCanvas"]

WITH_POINTS = ("volcano", "scatter")
"""Figures in which every particle is a point."""

_PICK_PX = 8.0
_TIDY_MS = 600
"""After the last change: panels stand where they stood for the same figure before till then."""
_STILL_PX = 3.0
_MOST_RINGS = 200
_PANEL_PX, _FIRST_PX = 150, 260
_ROUNDS = 3
"""Of layouts, after which what holds this canvas has found its size."""


@dataclass(frozen=True, eq=False)
class _Points:
    """The points of one panel, where they are drawn."""

    axes: Any
    x_name: str
    y_name: str
    state: str
    labels: NDArray[Any]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


class StatesCanvas(FigureCanvas):
    """Draws one figure of a study; `show_figure` draws all of it, `show_picked` is fast."""

    picked = Signal(int, bool)
    """The person clicked the point of this particle; whether to add it to those picked."""
    outlined = Signal(str, str, str, object)
    """The person drew around points: names of x and y, state, corners (k, 2)."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(viewer, _FIRST_PX, parent)
        self._points: list[_Points] = []
        self._corners: list[tuple[float, float]] | None = None
        self._outline_axes: Any = None
        self._pressed: tuple[float, float] | None = None
        self._picked: tuple[int, ...] = ()
        self._connected = False
        self._places, self._name = Places(), ""
        self._tidy = QTimer(self)
        self._tidy.setSingleShot(True)
        self._tidy.setInterval(_TIDY_MS)
        self._tidy.timeout.connect(self._lay_out)
        self.outlining = False
        """Whether the next drag draws an outline."""

    def show_figure(
        self,
        name: str,
        frames: Frames,
        subsets: Sequence[Subset],
        settings: StatesFigureSettings,
        plane: Plane | None,
    ) -> Plot:
        """Draw everything anew.

        Raises
        ------
        InputError
            If the study lacks what the figure needs; nothing is drawn then.
        """
        figure = self.figure
        self._connect()
        self._name, is_known = name, self._places.knows(name)
        figure.set_layout_engine("none" if is_known else "constrained")
        try:
            plot = draw_states_figure(
                name, frames, subsets, settings, plane, figure=figure, style=self.look
            )
        except BaseException:
            start(figure, self.look)
            self._points, self._moving = [], []
            self.redraw()
            raise
        self._make_room()
        if is_known:
            self._places.apply(name, figure)
        self._points = _points_of(name, plot, frames)
        self.show_moving(self._rings(), everything=True)
        if is_known:
            self._tidy.start()
        else:
            self._laid_out()
        return plot

    def _make_room(self) -> None:
        """As high as the rows of panels need, at once: else all would be drawn in both sizes."""
        rows = 1 + max((a.get_subplotspec().rowspan.start for a in _panels(self.figure)), default=0)
        height = _FIRST_PX + _PANEL_PX * (rows - 1)
        if height != self.minimumHeight():
            self.setMinimumHeight(height)
            for _ in range(_ROUNDS):
                QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)

    def _lay_out(self) -> None:
        """Fit the panels to their titles and ticks; it takes as long as drawing them."""
        if not self.figure.axes:
            return
        for axes in self.figure.axes:
            axes.set_in_layout(True)
        self.figure.set_layout_engine("constrained")
        self.redraw()
        self._laid_out()

    def _laid_out(self) -> None:
        self._places.remember(self._name, self.figure)
        self.figure.set_layout_engine("none")  # the next draw is not to do it again

    def show_picked(self, labels: Iterable[int]) -> None:
        """Ring the points of these particles."""
        self._picked = tuple(labels)
        if self._points:
            self._draw_rings()

    def start_outline(self) -> None:
        """Let the next drag in a panel of points draw an outline."""
        self.outlining = True
        self._canvas_cursor(Qt.CursorShape.CrossCursor)

    def stop_outline(self) -> None:
        """No outline is wanted any more."""
        self.outlining, self._corners, self._outline_axes = False, None, None
        self._canvas_cursor(Qt.CursorShape.ArrowCursor)
        if self._points:
            self._draw_rings()

    def _canvas_cursor(self, shape: Any) -> None:
        if self._canvas is not None:
            self._canvas.setCursor(shape)

    def _connect(self) -> None:
        if not self._connected:
            self._connected = True
            self._canvas.mpl_connect("resize_event", lambda _: self._tidy.start())
            self._canvas.mpl_connect("button_press_event", self._press)
            self._canvas.mpl_connect("motion_notify_event", self._move)
            self._canvas.mpl_connect("button_release_event", self._release)

    def _draw_rings(self) -> None:
        for artist in self._moving:
            if artist.axes is not None:
                artist.remove()
        self.show_moving(self._rings())

    def _rings(self) -> list[Any]:
        """Rings around the picked particles, one artist per panel."""
        rings = []
        wanted = np.asarray(self._picked[:_MOST_RINGS], dtype=np.int64)
        for points in self._points if wanted.size else ():
            there = np.isin(points.labels, wanted)
            if there.any():
                rings += points.axes.plot(
                    points.x[there], points.y[there], linestyle="none", marker="o",
                    markersize=7, markerfacecolor="none", markeredgewidth=1.5,
                    markeredgecolor=self.look.foreground, zorder=5,
                )  # fmt: skip
        return rings

    # the mouse

    def _press(self, event: Any) -> None:
        if event.button != 1 or event.inaxes is None:
            return
        if self.outlining and any(points.axes is event.inaxes for points in self._points):
            self._outline_axes, self._corners = event.inaxes, [(event.xdata, event.ydata)]
        elif not self.outlining:
            self._pressed = event.x, event.y

    def _move(self, event: Any) -> None:
        if self._corners is None or event.inaxes is not self._outline_axes:
            return
        self._corners.append((event.xdata, event.ydata))
        for artist in self._moving:
            if artist.axes is not None:
                artist.remove()
        x, y = np.array([*self._corners, self._corners[0]]).T
        line = self._outline_axes.plot(x, y, color=self.look.foreground, linewidth=1.0)
        self.show_moving([*self._rings(), *line])

    def _release(self, event: Any) -> None:
        if self._corners is not None:
            corners, axes = self._corners, self._outline_axes
            self.stop_outline()
            points = next(points for points in self._points if points.axes is axes)
            if len(corners) >= 3:
                polygon = _unclipped(np.array(corners), points)
                self.outlined.emit(points.x_name, points.y_name, points.state, polygon)
            return
        pressed, self._pressed = self._pressed, None
        if pressed is None or event.inaxes is None:
            return
        if max(abs(event.x - pressed[0]), abs(event.y - pressed[1])) <= _STILL_PX:
            label = self.label_at(event.inaxes, event.x, event.y)
            if label is not None:
                self.picked.emit(label, bool(event.key in ("control", "shift", "ctrl+shift")))

    def label_at(self, axes: Any, x: float, y: float) -> int | None:
        """Label of the particle whose point is nearest to a place (in pixels of the figure)."""
        for points in self._points:
            if points.axes is axes and len(points.x):
                places = axes.transData.transform(np.stack([points.x, points.y], axis=1))
                away = np.hypot(places[:, 0] - x, places[:, 1] - y)
                nearest = int(np.argmin(away))
                if away[nearest] <= _PICK_PX:
                    return int(points.labels[nearest])
        return None


def _panels(figure: Any) -> list[Any]:
    return [axes for axes in figure.axes if axes.get_subplotspec() is not None]


def _points_of(name: str, plot: Plot, frames: Frames) -> list[_Points]:
    """Which particle stands where in which panel."""
    data = plot.data
    if name == "scatter":
        x_name, y_name = data.columns[3:5]
        x, y = (data[c].to_numpy(np.float64) for c in (x_name, y_name))
        axes, state = plot.figure.axes[0], str(data["state"].iloc[0])
        return [_Points(axes, x_name, y_name, state, data["label"].to_numpy(), x, y)]
    if name != "volcano":
        return []
    found = []
    for axes, state in zip(plot.figure.axes, frames.states[1:], strict=True):
        here = data[data["state"] == state]
        height = -np.log10(np.maximum(here["q_value"].to_numpy(np.float64), 1e-300))
        (left, right), top = axes.get_xlim(), axes.get_ylim()[1]
        x = np.clip(here["delta_core_mean"].to_numpy(np.float64), left, right)
        y = np.minimum(height, 1.02 / 1.22 * top)
        labels = here["label"].to_numpy()
        found.append(_Points(axes, "delta_core_mean", SIGNIFICANCE, state, labels, x, y))
    return found


def _unclipped(corners: NDArray[np.float64], points: _Points) -> NDArray[np.float64]:
    """The outline, reaching on to those points that stand at the edge for what lies beyond."""
    if points.y_name != SIGNIFICANCE:
        return corners
    (left, right), top = points.axes.get_xlim(), points.axes.get_ylim()[1]
    far = corners.copy()
    margin = 0.01 * (right - left)
    far[corners[:, 0] >= right - margin, 0] = 1e9
    far[corners[:, 0] <= left + margin, 0] = -1e9
    far[corners[:, 1] >= 1.02 / 1.22 * top, 1] = 1e9
    return far
