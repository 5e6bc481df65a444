"""Grey levels of states over one another, and how far they moved (the paper's fig. 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, legend_below, start

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["grey_shift_plot"]

_LINES = ("-", "--", "-.", ":")


def grey_shift_plot(
    greys: pd.DataFrame,
    shifts: pd.DataFrame,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Normalised frequencies of grey levels, one outline per image, with each mean.

    Parameters
    ----------
    greys : DataFrame
        ``volume, grey_from, grey_to, fraction``, as `microstructure.greys` makes it.
    shifts : DataFrame
        ``volume, mean, …, shift_mean``, of the same images.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        Data: `greys`. The legend gives each mean and its shift from the first image's.

    Raises
    ------
    InputError
        If there is no image.
    """
    if greys.empty:
        raise InputError("No image was given: there are no grey levels to draw.")
    is_new = figure is None
    figure = start(figure, style, width_mm=100.0)
    axes = figure.add_subplot()
    for number, row in enumerate(shifts.to_dict("records")):
        one = greys[greys["volume"] == row["volume"]]
        edges = np.append(one["grey_from"].to_numpy(), one["grey_to"].iloc[-1])
        colour, dashes = style.colour(number), _LINES[number % len(_LINES)]
        moved = "" if number == 0 else f", shift {row['shift_mean']:+.3g}"
        text = f"{row['volume']}: mean {row['mean']:.4g}{moved}"
        axes.stairs(one["fraction"], edges, fill=True, color=colour, alpha=0.12)
        axes.stairs(one["fraction"], edges, color=colour, linestyle=dashes, label=as_text(text))
        axes.axvline(row["mean"], color=colour, linestyle=dashes, linewidth=0.8)
    axes.set_xlabel("Grey level")
    axes.set_ylabel("Fraction of voxels")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    legend_below(figure, axes, style, grow=is_new)
    dress(axes, style, note)
    return Plot(figure, greys.reset_index(drop=True))
