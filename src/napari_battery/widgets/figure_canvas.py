"""A matplotlib figure in a dock, in the window's colours, whose moving parts redraw fast."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from napari.utils.theme import get_theme
from napari.viewer import ViewerModel
from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from napari_battery.plots.style import Style, theme_style
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.listening import listen

__all__ = ["FigureCanvas", "ask_figure_path", "window_style"]


def window_style(viewer: ViewerModel, font_size: float = 8.0) -> Style:
    """Style of figures in the docks of a viewer: its theme's background and text colour."""
    theme = get_theme(viewer.theme)
    background, text = (
        "#{:02x}{:02x}{:02x}".format(*colour.as_rgb_tuple(alpha=False))
        for colour in (theme.background, theme.text)
    )
    return theme_style(background, text, font_size)


def ask_figure_path(parent: QWidget, name: str) -> Path | None:
    """Ask where to save a figure; None where the person changed their mind."""
    folder = str(remembered().value("folders/figures", ""))
    chosen, kind = QFileDialog.getSaveFileName(
        parent,
        "Save figure and data",
        str(Path(folder) / f"{name}.png"),
        "PNG, 300 dpi (*.png);;SVG (*.svg);;PDF (*.pdf)",
    )
    if not chosen:
        return None
    path = Path(chosen)
    if not path.suffix:
        path = path.with_suffix(kind[kind.index("*") + 1 : kind.index(")")])
    remembered().setValue("folders/figures", str(path.parent))
    return path


@cache
def _canvas_class() -> Any:
    """Matplotlib's canvas, which is not drawn again later for a size that it was drawn in."""
    from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg

    base: Any = FigureCanvasQTAgg  # it carries no types

    class Canvas(base):
        def __init__(self, figure: Any) -> None:
            self._later = QTimer()
            self._later.setSingleShot(True)
            super().__init__(figure)
            self._later.timeout.connect(self.draw)

        def draw_idle(self) -> None:
            self._later.start(0)

        def draw(self) -> None:
            self._later.stop()
            super().draw()

    return Canvas


class FigureCanvas(QWidget):
    """An empty figure to draw into; made when it is first asked for.

    A full draw of a figure costs some tens of milliseconds, most of it for axes and text
    that stay as they are. What changes with every click is drawn over a copy of the rest:
    hand those artists to `show_moving`.

    Parameters
    ----------
    viewer : ViewerModel
        Whose theme the figure follows.
    height : int
        Least height in pixels.
    """

    style_changed = Signal()
    """The window has another theme: draw the figure anew."""

    def __init__(
        self, viewer: ViewerModel, height: int = 230, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._canvas: Any = None
        self._background: Any = None
        self._moving: list[Any] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setMinimumSize(200, height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        listen(self, self._theme_changed, viewer.events.theme)

    @property
    def look(self) -> Style:
        """Colours and fonts to draw with."""
        return window_style(self._viewer)

    @property
    def figure(self) -> Any:
        """The figure; matplotlib is loaded here."""
        if self._canvas is None:
            from napari_battery.plots.style import new_figure

            self._canvas = _canvas_class()(new_figure(self.look))
            self._canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._canvas.installEventFilter(self)
            self._canvas.mpl_connect("draw_event", self._drawn)
            self._layout.addWidget(self._canvas)
        return self._canvas.figure

    def redraw(self) -> None:
        """Draw everything, now."""
        self.figure.set_facecolor(self.look.background)
        self._canvas.draw()

    def show_moving(self, artists: Sequence[Any], *, everything: bool = False) -> None:
        """Draw these artists over the rest of the figure, which is drawn anew only if asked."""
        for artist in artists:
            artist.set_animated(True)
        self._moving = list(artists)
        if everything or self._background is None:
            self.redraw()
            return
        self._canvas.restore_region(self._background)
        self._draw_moving()
        # not blit: it paints at once, and beside an OpenGL canvas every painting composes the
        # whole window anew; so the legend under the plot would cost a second one
        self._canvas.update()

    def _drawn(self, event: Any) -> None:
        self._background = self._canvas.copy_from_bbox(self.figure.bbox)
        self._draw_moving()

    def _draw_moving(self) -> None:
        for artist in self._moving:
            if artist.axes is not None:
                artist.axes.draw_artist(artist)

    def _theme_changed(self, event: Any = None) -> None:
        # the viewer tells its docks' palettes after this
        QTimer.singleShot(0, self, self.style_changed.emit)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Let the wheel scroll the dock; matplotlib would swallow it."""
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))
