"""Histograms of a column per state, and the particle size distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["core_histogram", "size_distribution"]

_MAX_BINS = 80
_LINES = ("-", "--", "-.", ":")


def core_histogram(
    particles: Mapping[str, pd.DataFrame],
    column: str = "core_mean",
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    assumed: bool = False,
    note: str = "",
) -> Plot:
    """Histogram of a column of the particle table, one outline per state.

    Parameters
    ----------
    particles : mapping of str to DataFrame
        Particle table of each state.
    column : str
        What to count by.
    figure, style, assumed, note
        As in the other figures.

    Returns
    -------
    Plot
        Data: ``state, value_from, value_to, particles``. The legend gives each state's
        mean ± standard error over particles.

    Raises
    ------
    InputError
        If no state has a value of that column.
    """
    values = {state: _finite(table, column) for state, table in particles.items()}
    together = np.concatenate(list(values.values())) if values else np.zeros(0)
    if not together.size:
        raise InputError(
            f"No particle has a value of “{column}”: there is nothing to draw. With fewer "
            "outer layers excluded, more particles keep a core."
        )
    edges = np.histogram_bin_edges(together, "fd" if np.ptp(together) else 1)
    if len(edges) > _MAX_BINS + 1:
        edges = np.linspace(edges[0], edges[-1], _MAX_BINS + 1)
    is_new = figure is None
    figure = start(figure, style)
    axes = figure.add_subplot()
    rows = []
    for number, (state, of_state) in enumerate(values.items()):
        if not of_state.size:
            continue
        counts, _ = np.histogram(of_state, edges)
        colour, dashes = style.colour(number), _LINES[number % len(_LINES)]
        error = of_state.std(ddof=1) / np.sqrt(len(of_state)) if len(of_state) > 1 else np.nan
        text = f"{state}: {of_state.mean():.4g} ± {error:.2g} (n = {len(of_state)})"
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.15)
        axes.stairs(counts, edges, color=colour, linestyle=dashes, label=as_text(text))
        axes.axvline(of_state.mean(), color=colour, linestyle=dashes, linewidth=0.8)
        frame = {"value_from": edges[:-1], "value_to": edges[1:], "particles": counts}
        rows.append(pd.DataFrame({"state": state, **frame}))
    axes.set_xlabel(axis_title(column, assumed=assumed))
    axes.set_ylabel("Particles")
    legend_below(figure, axes, style, grow=is_new)
    dress(axes, style, note)
    return Plot(figure, pd.concat(rows, ignore_index=True))


def _finite(table: pd.DataFrame, column: str) -> NDArray[np.float64]:
    values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def size_distribution(
    particles: pd.DataFrame,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    assumed: bool = False,
    note: str = "",
) -> Plot:
    """Equivalent diameters: particles per size, and their cumulative share of the volume.

    Particles cut by the volume's faces are left out (their size is not known), and
    counted in the figure. D10, D50 and D90 weigh by volume (area in 2-D).

    Returns
    -------
    Plot
        Data: ``diameter_from_um, diameter_to_um, particles, fraction, cumulative_fraction``;
        fractions are of volume (area in 2-D).

    Raises
    ------
    InputError
        If no whole particle is left.
    """
    whole = particles[~particles["touches_border"].astype(bool)]
    weight = "volume_um3" if "volume_um3" in particles else "area_um2"
    diameters = whole["equivalent_diameter_um"].to_numpy(np.float64)
    if not diameters.size:
        raise InputError(
            f"All {len(particles)} particles are cut by the faces of the volume: no size "
            "distribution can be drawn."
        )
    edges = _log_edges(diameters)
    counts, _ = np.histogram(diameters, edges)
    volumes, _ = np.histogram(diameters, edges, weights=whole[weight].to_numpy(np.float64))
    share = volumes / volumes.sum()
    figure = start(figure, style)
    axes = figure.add_subplot()
    axes.stairs(counts, edges, fill=True, color=style.colour(0), alpha=0.35)
    axes.stairs(counts, edges, color=style.colour(0))
    axes.set_xscale("log")
    axes.set_xlabel(axis_title("equivalent_diameter_um", assumed=assumed))
    axes.set_ylabel(f"Particles (n = {len(whole)})")
    kind = "volume" if weight == "volume_um3" else "area"
    order = np.argsort(diameters)
    cumulative = np.cumsum(whole[weight].to_numpy(np.float64)[order])
    cumulative /= cumulative[-1]
    right = axes.twinx()
    right.step(diameters[order], cumulative, where="post", color=style.colour(1), linewidth=1.2)
    right.set_ylim(0, 1.02)
    right.set_ylabel(f"Cumulative fraction of {kind}")
    tenths = [diameters[order][np.searchsorted(cumulative, q)] for q in (0.1, 0.5, 0.9)]
    cut = len(particles) - len(whole)
    text = "D10, D50, D90: " + ", ".join(f"{d:.3g}" for d in tenths) + " µm"
    left_out = f"{cut} cut at the border left out" if cut else ""
    dress(axes, style, "; ".join(filter(None, (note, left_out))))
    dress(right, style)
    right.spines["right"].set_visible(True)
    right.yaxis.label.set_color(style.colour(1))
    axes.yaxis.label.set_color(style.colour(0))
    axes.text(
        0.03, 0.96, text, transform=axes.transAxes, va="top", size=style.font_size - 1,
        color=style.foreground,
    )  # fmt: skip
    _plain_log_ticks(axes, edges)
    frame = {
        "diameter_from_um": edges[:-1],
        "diameter_to_um": edges[1:],
        "particles": counts,
        "fraction": share,
        "cumulative_fraction": np.cumsum(share),
    }
    return Plot(figure, pd.DataFrame(frame))


def _plain_log_ticks(axes: Axes, edges: NDArray[np.float64]) -> None:
    """Ticks at 1, 2, 5 of each decade, written out: sizes rarely span a whole one."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    decades = 10.0 ** np.arange(np.floor(np.log10(edges[0])), np.ceil(np.log10(edges[-1])) + 1)
    ticks = np.outer(decades, [1, 2, 5]).ravel()
    axes.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(edges[0] / 1.05, edges[-1] * 1.05)


def _log_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    logs = np.log10(values)
    if not np.ptp(logs):
        return np.array([values[0] * 0.9, values[0] * 1.1])
    edges: NDArray[np.float64] = np.histogram_bin_edges(logs, "fd")
    if len(edges) > _MAX_BINS + 1:
        edges = np.linspace(edges[0], edges[-1], _MAX_BINS + 1)
    result: NDArray[np.float64] = 10.0**edges
    result[0], result[-1] = values.min(), values.max()  # rounding must not lose an end
    return result
