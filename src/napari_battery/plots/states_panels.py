"""Panels side by side; kept for the next drawing of the same figure, since making them is slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_battery.plots.style import Style, as_text, dress, start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["grid_of", "outer_titles", "panel_title", "panels"]

_LEAST_MM = 42.0
"""Least width of a panel."""


class _Kept:
    """The panels that a figure has, and what they were made for."""

    def __init__(self, key: tuple[Any, ...], axes: list[Axes]) -> None:
        self.key, self.axes, self.dressed = key, axes, False


_kept: WeakKeyDictionary[Figure, _Kept] = WeakKeyDictionary()


def panels(
    figure: Figure | None,
    style: Style,
    n: int,
    kind: str,
    *,
    width_mm: float = 62.0,
    height_mm: float = 58.0,
    most_across: int = 4,
    share: bool = True,
) -> tuple[Figure, list[Axes]]:
    """Axes side by side for `n` things, in rows; they share both axes' limits.

    Parameters
    ----------
    figure : Figure, optional
        To draw into; None is a new one.
    style : Style
        Colours and fonts.
    n : int
        How many.
    kind : str
        What is drawn. A figure that was last drawn into for the same kind with as many panels
        keeps its axes, emptied: making axes with their ticks takes as long as drawing them.
    width_mm, height_mm : float
        Of one panel, in a new figure.
    most_across : int
        How many stand side by side at most.
    share : bool
        Whether limits are shared.

    Returns
    -------
    figure, axes
    """
    if figure is not None:  # a narrow dock has room for fewer
        most_across = max(1, min(most_across, int(figure.get_figwidth() * 25.4 / _LEAST_MM)))
    across = min(n, most_across)
    down = -(-n // across)
    key = (kind, n, across, share, style)
    if figure is not None:
        kept = _kept.get(figure)
        if kept is not None and kept.key == key and set(kept.axes) <= set(figure.axes):
            _empty(figure, kept.axes)
            return figure, list(kept.axes)
    first = 85.0 if n == 1 else width_mm * across + 12
    figure = start(figure, style, width_mm=first, height_mm=height_mm * down + 7)
    axes = _made(figure, n, across, down, share)
    _kept[figure] = _Kept(key, list(axes))
    return figure, axes


def _made(figure: Figure, n: int, across: int, down: int, share: bool) -> list[Axes]:
    grid = figure.add_gridspec(down, across)
    axes: list[Axes] = []
    for number in range(n):
        leader = axes[0] if share and axes else None
        spec = grid[number // across, number % across]
        here = figure.add_subplot(spec, sharex=leader, sharey=leader)
        if share and number + across < n:  # another stands below
            here.xaxis.set_tick_params(labelbottom=False)
        if share and number % across:
            here.yaxis.set_tick_params(labelleft=False)
        axes.append(here)
    return axes


def _empty(figure: Figure, axes: list[Axes]) -> None:
    """Take out of a figure all but these axes with their ticks and titles."""
    for other in list(figure.axes):
        if other not in axes:
            other.remove()
    for legend in list(figure.legends):
        legend.remove()
    figure.suptitle("")
    for here in axes:
        for drawn in (here.lines, here.collections, here.patches, here.texts, here.images):
            for artist in list(drawn):
                artist.remove()
        here.set_in_layout(True)
        here.relim()
        here.autoscale()


def outer_titles(axes: Sequence[Axes], style: Style, x: str = "", y: str = "") -> None:
    """Axis titles where they are not said by the panel beside or below; dresses all panels."""
    figure = axes[0].figure
    kept = _kept.get(figure)  # type: ignore[call-overload]
    is_dressed = kept is not None and kept.dressed
    across = sum(_spec(here).rowspan.start == 0 for here in axes)
    for number, here in enumerate(axes):
        if y and _spec(here).is_first_col():
            here.set_ylabel(y)
        if x and number >= len(axes) - across:
            here.set_xlabel(x)
        if is_dressed:
            continue
        dress(here, style)
        if len(axes) > 1:
            _fewer_ticks(here)
    if kept is not None:
        kept.dressed = True


def _fewer_ticks(axes: Axes) -> None:
    from matplotlib.ticker import AutoLocator, MaxNLocator

    for axis in (axes.xaxis, axes.yaxis):
        if isinstance(axis.get_major_locator(), AutoLocator):
            axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))


def _spec(axes: Axes) -> Any:
    return axes.get_subplotspec()


def grid_of(axes: Axes) -> Any:
    """The grid that a panel stands in."""
    return _spec(axes).get_gridspec()


def panel_title(axes: Axes, style: Style, text: str) -> None:
    """Name of a panel, at its left."""
    axes.set_title(  # y as it is: looking for a free place measures all ticks again
        as_text(text), loc="left", y=1.0, fontsize=style.font_size, color=style.foreground, pad=4
    )
