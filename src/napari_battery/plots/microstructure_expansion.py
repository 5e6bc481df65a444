"""How much each particle expanded between two states, by its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, legend_below, start

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["expansion_plot"]

_QUARTILES = (25, 50, 75)


def expansion_plot(
    particles: pd.DataFrame,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Relative volume change of each whole particle against its first volume.

    Parameters
    ----------
    particles : DataFrame
        ``label, volume_first_um3, volume_second_um3, expansion, touches_border, states``, as
        `microstructure.expansion` makes it for each pair of states.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        One dot per particle that no face cuts; the line is the median, the band holds the
        middle half. Data: the particles drawn.

    Raises
    ------
    InputError
        If there is no whole particle in two states.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    whole = particles[~particles["touches_border"].astype(bool)].reset_index(drop=True)
    if whole.empty:
        raise InputError("No whole particle is in both states: there is no expansion to draw.")
    is_new = figure is None
    figure = start(figure, style, width_mm=100.0)
    axes = figure.add_subplot()
    for number, (states, one) in enumerate(whole.groupby("states", sort=False)):
        colour = style.colour(number)
        low, middle, high = np.percentile(one["expansion"], _QUARTILES)
        text = f"{states}: median {middle:+.3g} (n = {len(one)})"
        axes.plot(
            one["volume_first_um3"], one["expansion"], "o", color=colour, markersize=2.5,
            alpha=0.5, markeredgewidth=0, label=as_text(text),
        )  # fmt: skip
        axes.axhline(middle, color=colour, linewidth=1)
        axes.axhspan(low, high, color=colour, alpha=0.1, linewidth=0)
    axes.axhline(0, color=style.muted, linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Volume in the first state (µm³)")
    axes.set_ylabel("Relative change of volume")
    legend_below(figure, axes, style, grow=is_new)
    dress(axes, style, note)
    return Plot(figure, whole)
