"""Where the panels of a figure stand, so that it can be drawn again without laying it out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

__all__ = ["Places"]

_GAP_INCH = 0.42
"""Between two rows of panels, for titles and ticks."""
_SIDE_INCH = 0.12


@dataclass(frozen=True)
class _Layout:
    places: list[Any]
    texts: list[tuple[float, float]]


@dataclass(frozen=True)
class _Margins:
    """In inches, from the edges of the figure to the panels, and to a colour bar's sides."""

    left: float
    right: float
    bottom: float
    top: float
    bar: tuple[float, float] | None
    text: float
    """Of the small print below the upper edge."""


class Places:
    """Remembers how figures were laid out; laying out takes as long as drawing.

    A figure of the same shape gets the very places; one with other panels (another number of
    subsets) gets panels between the same margins, until it is laid out properly.
    """

    def __init__(self) -> None:
        self._layouts: dict[Hashable, _Layout] = {}
        self._margins: dict[str, _Margins] = {}

    def knows(self, name: str) -> bool:
        """Whether a figure of this name was laid out before."""
        return name in self._margins

    def remember(self, name: str, figure: Any) -> None:
        """Remember how this figure is laid out."""
        width, height = figure.get_size_inches()
        places = [axes.get_position() for axes in figure.axes]
        texts = [text.get_position() for text in figure.texts]
        self._layouts[_key(name, figure)] = _Layout(places, texts)
        panels = [p for axes, p in zip(figure.axes, places, strict=True) if _is_panel(axes)]
        bars = [p for axes, p in zip(figure.axes, places, strict=True) if not _is_panel(axes)]
        if panels:
            self._margins[name] = _Margins(
                width * min(p.x0 for p in panels),
                width * (1 - max(p.x1 for p in panels)),
                height * min(p.y0 for p in panels),
                height * (1 - max(p.y1 for p in panels)),
                (width * (1 - bars[0].x0), width * (1 - bars[0].x1)) if bars else None,
                height * (1 - texts[0][1]) if texts else 0.0,
            )

    def apply(self, name: str, figure: Any) -> None:
        """Put panels where they stood; the figure must not lay itself out."""
        known = self._layouts.get(_key(name, figure))
        if known is not None:
            for axes, place in zip(figure.axes, known.places, strict=True):
                axes.set_position(place)
            for text, place in zip(figure.texts, known.texts, strict=False):
                text.set_position(place)
            return
        self._between_margins(self._margins[name], figure)

    def _between_margins(self, margins: _Margins, figure: Any) -> None:
        width, height = figure.get_size_inches()
        panels = [axes for axes in figure.axes if _is_panel(axes)]
        if not panels:
            return
        grid = panels[0].get_subplotspec().get_gridspec()
        left, right = margins.left / width, 1 - margins.right / width
        bottom, top = margins.bottom / height, 1 - margins.top / height
        own_titles = any(a.get_ylabel() and a.get_subplotspec().colspan.start for a in panels)
        side = margins.left if own_titles else _SIDE_INCH
        gap_x, gap_y = side / width, _GAP_INCH / height
        wide = (right - left - gap_x * (grid.ncols - 1)) / grid.ncols
        high = (top - bottom - gap_y * (grid.nrows - 1)) / grid.nrows
        if wide <= 0 or high <= 0:
            return
        for axes in panels:
            spec = axes.get_subplotspec()
            row, column = spec.rowspan.start, spec.colspan.start
            x0 = left + column * (wide + gap_x)
            axes.set_position([x0, top - high - row * (high + gap_y), wide, high])
        for axes in figure.axes:
            if not _is_panel(axes) and margins.bar is not None:
                x0, x1 = (1 - inch / width for inch in margins.bar)
                axes.set_position([x0, bottom, x1 - x0, top - bottom])
        for text in figure.texts[:1]:
            text.set_position((text.get_position()[0], 1 - margins.text / height))


def _key(name: str, figure: Any) -> Hashable:
    grids = {
        (g.nrows, g.ncols)
        for g in (a.get_subplotspec().get_gridspec() for a in figure.axes if _is_panel(a))
    }
    return (name, len(figure.axes), tuple(sorted(grids)), *figure.get_size_inches())


def _is_panel(axes: Any) -> bool:
    return axes.get_subplotspec() is not None
