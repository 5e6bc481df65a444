"""A small histogram with grey levels that can be dragged, in the colours of its window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

__all__ = ["HistogramView"]

_GRAB_PX = 8
_MARGIN = 6
_CHOSEN = "#d9a441"


class HistogramView(QWidget):
    """Bars on a logarithmic axis, vertical lines to drag, and what they part, in colours.

    The arrow keys move the line that was last touched by one bin.
    """

    marker_moved = Signal(int, float)
    """A line was dragged or pushed: which, and its grey value."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: NDArray[Any] = np.zeros(0)
        self._edges: NDArray[Any] = np.array([0.0, 1.0])
        self._markers: list[float] = []
        self._ends: list[float] | None = []
        """Where the colour changes; None: at the lines."""
        self._colours: list[QColor | None] = [None]
        self._grabbed: int | None = None
        self._last = 0
        self._text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(120)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setToolTip(
            "Number of voxels (logarithmic) over grey level. Drag a line, or use the arrow keys"
        )

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Height of a few lines of text; as wide as there is room."""
        return QSize(260, 7 * self.fontMetrics().height())

    @property
    def markers(self) -> list[float]:
        """Grey values of the lines."""
        return list(self._markers)

    def set_histogram(self, counts: Sequence[int] | NDArray[Any], edges: Any) -> None:
        """Show these bars; `edges` has one value more than `counts`."""
        self._counts = np.asarray(counts, dtype=float)
        self._edges = np.asarray(edges, dtype=float)
        self._text = ""
        self.update()

    def clear(self, text: str = "") -> None:
        """Show no bars, but why there are none."""
        self._counts, self._text, self._markers = np.zeros(0), text, []
        self._ends, self._colours = [], [None]
        self.update()

    def set_markers(
        self, values: Sequence[float], chosen: tuple[float, float] | None = None
    ) -> None:
        """Put the lines at `values`; bars inside `chosen` (low, high) stand out."""
        self._markers = [float(v) for v in values]
        self._ends, self._colours = [], [QColor(_CHOSEN)]
        if chosen is not None:
            low, high = chosen
            # the lower end belongs to what is chosen, as the upper does
            self._ends = [float(np.nextafter(low, -np.inf)), high]
            self._colours = [None, QColor(_CHOSEN), None]
        self.update()

    def set_bands(self, values: Sequence[float], colours: Sequence[str | None]) -> None:
        """Put lines at `values` and colour the bars below, between and above them.

        Parameters
        ----------
        values : sequence of float
            Grey levels of the lines, ascending.
        colours : sequence of (str or None)
            One colour more than lines, from dark to bright; None is the faint grey of the
            window. A bar on a line has the colour below it.
        """
        self._markers, self._ends = [float(v) for v in values], None
        self._colours = [None if colour is None else QColor(colour) for colour in colours]
        self.update()

    # --- from grey values to pixels and back

    def _plot(self) -> QRectF:
        bottom = self.fontMetrics().height() + 2
        return QRectF(self.rect()).adjusted(_MARGIN, bottom, -_MARGIN, -bottom)

    def x_of(self, value: float) -> float:
        """Pixel column of a grey value."""
        plot, low, high = self._plot(), self._edges[0], self._edges[-1]
        return float(plot.left() + (value - low) / (high - low) * plot.width())

    def value_at(self, x: float) -> float:
        """Grey value of a pixel column, within what is shown."""
        plot, low, high = self._plot(), self._edges[0], self._edges[-1]
        share = (x - plot.left()) / max(plot.width(), 1.0)
        return float(low + np.clip(share, 0, 1) * (high - low))

    # --- drawing

    def paintEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Draw bars, lines and the ends of the axis."""
        painter = QPainter(self)
        palette = self.palette()
        text = QColor(palette.color(QPalette.ColorRole.WindowText))
        faint = _between(text, QColor(palette.color(QPalette.ColorRole.Window)))
        plot = self._plot()
        if not self._counts.size:
            painter.setPen(text)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect(), int(flags), self._text)
            return
        heights = np.log1p(self._counts)
        heights *= plot.height() / max(heights.max(), 1e-9)
        columns = [round(self.x_of(edge)) for edge in self._edges]
        middles = (self._edges[:-1] + self._edges[1:]) / 2
        bands = np.searchsorted(self._markers if self._ends is None else self._ends, middles)
        for i, height in enumerate(heights.tolist()):
            width = max(columns[i + 1] - columns[i], 1)
            bar = QRectF(columns[i], plot.bottom() - height, width, height)
            painter.fillRect(bar, self._colours[bands[i]] or faint)
        painter.setPen(QPen(faint, 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        painter.setPen(text)
        below = QRectF(plot.left(), plot.bottom() + 2, plot.width(), self.fontMetrics().height())
        low, high = middles[0], middles[-1]  # whole grey levels of integers
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), f"{low:.5g}")
        painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), f"{high:.5g}")
        painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), "grey level")
        for value in self._markers:
            self._paint_marker(painter, plot, value, text)

    def _paint_marker(self, painter: QPainter, plot: QRectF, value: float, colour: QColor) -> None:
        x = min(max(self.x_of(value), plot.left()), plot.right())
        painter.setPen(QPen(colour, 2))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        label = f"{value:.5g}"
        width = self.fontMetrics().horizontalAdvance(label) + 2
        left = min(max(x - width / 2, 0.0), self.width() - width)
        painter.drawText(
            QRectF(left, 0, width, plot.top()), int(Qt.AlignmentFlag.AlignCenter), label
        )

    # --- mouse and keys

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Grab the nearest line; with a single line a click anywhere brings it there."""
        x = event.position().x()
        if not self._counts.size or not self._markers:
            return
        apart = [abs(self.x_of(value) - x) for value in self._markers]
        nearest = int(np.argmin(apart))
        if apart[nearest] <= _GRAB_PX or len(self._markers) == 1:
            self._grabbed = self._last = nearest
            self._move(nearest, self.value_at(x))

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Drag the grabbed line; over a line the pointer says that it can be."""
        x = event.position().x()
        if self._grabbed is not None:
            self._move(self._grabbed, self.value_at(x))
            return
        near = any(abs(self.x_of(value) - x) <= _GRAB_PX for value in self._markers)
        self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Let go."""
        self._grabbed = None

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Left and right push the line last touched by one bin."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
        if step is None or self._last >= len(self._markers) or not self._counts.size:
            super().keyPressEvent(event)
            return
        width = float(self._edges[1] - self._edges[0])
        value = self._markers[self._last] + step * width
        self._move(self._last, min(max(value, self._edges[0]), self._edges[-1]))

    def _move(self, index: int, value: float) -> None:
        # lines do not pass one another
        if index > 0:
            value = max(value, self._markers[index - 1])
        if index + 1 < len(self._markers):
            value = min(value, self._markers[index + 1])
        self._markers[index] = float(value)
        self.update()
        self.marker_moved.emit(index, float(value))


def _between(one: QColor, other: QColor) -> QColor:
    return QColor(*((a + b) // 2 for a, b in zip(one.getRgb(), other.getRgb(), strict=True)))
