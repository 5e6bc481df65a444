"""Figure of a validation: each metric's error by method, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, legend_below, start

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

__all__ = ["validation_plot"]

_LARGEST = 10.0
"""Relative errors above this are drawn at the edge."""


def validation_plot(
    table: pd.DataFrame,
    titles: Mapping[str, str] | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Relative error of each metric by method, with its interval, and the tolerance.

    Parameters
    ----------
    table : DataFrame
        ``tables.VALIDATION``.
    titles : mapping of str to str, optional
        Title of each metric.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        A filled dot is a metric that the model is validated for, an open one any other; bars
        are the intervals. Data: the rows drawn, with ``relative_error_ci_low`` and ``_high``.

    Raises
    ------
    InputError
        If no metric has a relative error.
    """
    data = table[np.isfinite(table["relative_error"])].reset_index(drop=True)
    if data.empty:
        raise InputError("No metric has a relative error: nothing can be drawn.")
    scale = data["error"] / data["relative_error"].where(data["relative_error"] > 0)
    for end in ("low", "high"):
        data[f"relative_error_ci_{end}"] = data[f"error_ci_{end}"] / scale
    names = [_name(row, titles or {}) for row in data.to_dict("records")]
    lines, methods = list(dict.fromkeys(names)), list(dict.fromkeys(data["method"]))
    is_new = figure is None
    height = 24.0 + (3.0 + 2.0 * len(methods)) * len(lines)
    figure = start(figure, style, width_mm=150.0, height_mm=height)
    axes = figure.add_subplot()
    places = {line: place for place, line in enumerate(lines)}
    for number, method in enumerate(methods):
        own = (data["method"] == method).to_numpy()
        rows, colour = data[own], style.colour(number)
        shift = 0.8 * ((number + 0.5) / len(methods) - 0.5)
        at = np.array([places[n] for n in np.array(names)[own]]) + shift
        values = np.minimum(rows["relative_error"].to_numpy(), _LARGEST)
        low = np.nan_to_num(values - rows["relative_error_ci_low"], nan=0.0).clip(0)
        high = np.nan_to_num(rows["relative_error_ci_high"] - values, nan=0.0).clip(0)
        axes.errorbar(values, at, xerr=(low, high), fmt="none", ecolor=colour, elinewidth=1)
        good = (rows["verdict"] == "validated").to_numpy()
        axes.plot(values[~good], at[~good], "o", color=colour, markersize=4, markerfacecolor="none")
        axes.plot(values[good], at[good], "o", color=colour, markersize=4)
        axes.plot([], [], "o", color=colour, markersize=4, label=as_text(method))
    tolerance = _tolerance(data)
    if np.isfinite(tolerance):
        axes.axvline(tolerance, color=style.muted, linewidth=0.8, linestyle="--")
    axes.set_xscale("symlog", linthresh=0.02, linscale=0.6)
    axes.set_xlim(0, None)
    ticks = [0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
    axes.set_xticks([t for t in ticks if t <= max(axes.get_xlim()[1], 0.1)])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(_none())
    axes.set_xlabel("Error / mean of the high scan")
    axes.set_yticks(range(len(lines)), [as_text(line) for line in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    legend_below(figure, axes, style, grow=is_new)
    dress(axes, style, note)
    return Plot(figure, data)


def _none() -> Locator:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _tolerance(data: pd.DataFrame) -> float:
    shares = data["error_limit"] / (data["error"] / data["relative_error"])
    return float(shares[np.isfinite(shares)].median())


def _name(row: dict[str, object], titles: Mapping[str, str]) -> str:
    title = titles.get(str(row["metric"]), str(row["metric"]))
    where = ", ".join(filter(None, (str(row["phase"]), str(row["axis"]))))
    return f"{title}, {where}" if where else title
