"""Panels side by side; kept for the next drawing of the same figure, since making them is slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_battery.plots.style import Style, as_text, dress, start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["grid_of", "outer_titles", "panel_title", "panels", "share_limits"]

_LEAST_MM = 42.0
"""Least width of a panel."""

_MOST_KEPT = 12
"""Of a figure: what was drawn, times how many panels."""


class _Kept:
    """Panels that a figure has, or had; their ticks and titles stay as they are."""

    def __init__(self, axes: list[Axes]) -> None:
        self.axes, self.dressed = axes, False


def _kept_by(figure: Any) -> dict[tuple[Any, ...], _Kept]:
    """Panels of a figure. They know it, so it holds them itself: else it would never be freed."""
    known: dict[tuple[Any, ...], _Kept] = vars(figure).setdefault("_kept_panels", {})
    return known


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
    """Axes side by side for `n` things, in rows.

    Parameters
    ----------
    figure : Figure, optional
        To draw into; None is a new one.
    style : Style
        Colours and fonts.
    n : int
        How many.
    kind : str
        What is drawn. A figure that showed the same kind with as many panels before gets
        those, emptied: making axes with their ticks takes as long as drawing them.
    width_mm, height_mm : float
        Of one panel, in a new figure.
    most_across : int
        How many stand side by side at most.
    share : bool
        Whether all have the same limits, so that ticks are numbered at the outer ones only; to
        be set alike by the caller, see `share_limits`.

    Returns
    -------
    figure, axes
    """
    if figure is not None:  # a narrow dock has room for fewer
        most_across = max(1, min(most_across, int(figure.get_figwidth() * 25.4 / _LEAST_MM)))
    across = min(n, most_across)
    down = -(-n // across)
    first = 85.0 if n == 1 else width_mm * across + 12
    figure = start(figure, style, width_mm=first, height_mm=height_mm * down + 7)
    known = _kept_by(figure)
    key = (kind, n, across, share, style)
    kept = known.pop(key, None)
    if kept is None:
        kept = _Kept(_made(figure, n, across, down, share))
    else:
        for here in kept.axes:
            _empty(here)
            figure.add_axes(here)
    known[key] = kept  # the last one used stands last
    while len(known) > _MOST_KEPT:
        known.pop(next(iter(known)))
    return figure, list(kept.axes)


def _made(figure: Figure, n: int, across: int, down: int, share: bool) -> list[Axes]:
    grid = figure.add_gridspec(down, across)
    axes = [figure.add_subplot(grid[k // across, k % across]) for k in range(n)]
    for number, here in enumerate(axes):
        if share and number + across < n:  # another stands below
            here.xaxis.set_tick_params(labelbottom=False)
        if share and number % across:
            here.yaxis.set_tick_params(labelleft=False)
    return axes


def _empty(axes: Axes) -> None:
    """Take all that is drawn out of axes; ticks and titles stay."""
    for drawn in (axes.lines, axes.collections, axes.patches, axes.texts, axes.images):
        for artist in list(drawn):
            artist.remove()
    axes.set_prop_cycle(None)
    axes.set_in_layout(True)
    axes.relim()
    axes.autoscale()


def share_limits(axes: Sequence[Axes], *, x: bool = True, y: bool = True) -> None:
    """Let limits that are still found from the data hold the data of every panel.

    Matplotlib's own sharing would end for good when panels are put away.
    """
    from matplotlib.transforms import Bbox

    together = Bbox.union([here.dataLim for here in axes])
    if np.isfinite(together.extents).all():
        for here in axes:
            here.update_datalim(together.get_points(), updatex=x, updatey=y)
            here.autoscale_view(scalex=x, scaley=y)


def outer_titles(axes: Sequence[Axes], style: Style, x: str = "", y: str = "") -> None:
    """Axis titles where they are not said by the panel beside or below; dresses all panels."""
    known = _kept_by(axes[0].get_figure()).values()
    kept = next((one for one in known if one.axes[0] is axes[0]), None)
    across = sum(_spec(here).rowspan.start == 0 for here in axes)
    for number, here in enumerate(axes):
        if y and _spec(here).is_first_col():
            here.set_ylabel(y)
        if x and number >= len(axes) - across:
            here.set_xlabel(x)
        if kept is not None and kept.dressed:
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
