"""Distributions and profiles of several volumes, one over the other (the paper's fig. 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.style import (
    PAPER,
    Plot,
    Style,
    as_text,
    axis_title,
    dress,
    legend_below,
    start,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curves_overlaid"]

_PER_ROW = 3
_LINES = ("-", "--", "-.", ":")
_FIRST = 3  # columns: volume, phase, axis


def curves_overlaid(
    curves: pd.DataFrame,
    titles: tuple[str, str] = ("", ""),
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """One line per volume, one set of axes per phase and direction.

    Parameters
    ----------
    curves : DataFrame
        ``volume, phase, axis``, then x and y; more columns are kept in the data.
    titles : tuple of str
        Of x and y; made from the columns' names by default.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        Data: `curves`.

    Raises
    ------
    InputError
        If no curve has a finite value.
    """
    x, y = (str(name) for name in curves.columns[_FIRST : _FIRST + 2])
    if curves.empty or not np.isfinite(curves[y].to_numpy(np.float64)).any():
        raise InputError(f"No curve of {y} has a value: nothing can be drawn.")
    kinds = list(dict.fromkeys(zip(curves["phase"], curves["axis"], strict=True)))
    volumes = list(dict.fromkeys(curves["volume"]))
    columns = min(len(kinds), _PER_ROW)
    rows = -(-len(kinds) // columns)
    is_new = figure is None
    figure = start(figure, style, width_mm=32.0 + 53.0 * columns, height_mm=10.0 + 52.0 * rows)
    plots = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (phase, axis) in zip(plots, kinds, strict=False):
        of_kind = curves[(curves["phase"] == phase) & (curves["axis"] == axis)]
        for number, volume in enumerate(volumes):
            line = of_kind[of_kind["volume"] == volume]
            dashes = _LINES[number % len(_LINES)]
            axes.plot(line[x], line[y], dashes, color=style.colour(number), linewidth=1.2,
                      label=as_text(volume))  # fmt: skip
        axes.set_xlabel(as_text(titles[0]) if titles[0] else axis_title(x))
        axes.set_ylabel(as_text(titles[1]) if titles[1] else axis_title(y))
        axes.margins(x=0.02)
        what = " ".join(filter(None, (phase, f"along {axis}" if axis else "")))
        dress(axes, style, note if axes is plots[0] else "")
        axes.set_title(as_text(what), loc="left", fontsize=style.font_size, color=style.foreground)
    for axes in plots[len(kinds) :]:
        axes.set_visible(False)
    if len(volumes) > 1:
        legend_below(figure, plots[0], style, grow=is_new)
    return Plot(figure, curves.reset_index(drop=True))
