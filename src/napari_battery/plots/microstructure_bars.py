"""Metrics of several volumes side by side, with their error bars (the paper's fig. 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, legend_below, start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["microstructure_bars"]

_PER_ROW = 3
_GROUP_WIDTH = 0.8
_WHOLE, _PARTS, _THRESHOLDS = "whole", "sub-regions", "threshold ± δ"


def microstructure_bars(
    table: pd.DataFrame,
    metrics: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Bars per volume, one set of axes per metric, one group per phase and direction.

    Parameters
    ----------
    table : DataFrame
        ``tables.MICROSTRUCTURE``.
    metrics : sequence of str
        Which to draw; all by default.
    titles : mapping of str to str, optional
        Title with unit of each metric.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        A bar is the whole volume's value; the dot with its whisker is the mean ± SD over
        sub-regions, the bracket beside it the range over threshold ± δ. Data: the rows drawn.

    Raises
    ------
    InputError
        If there is no finite value of those metrics.
    """
    names = list(metrics) or list(dict.fromkeys(table["metric"]))
    drawn = table[table["metric"].isin(names)].reset_index(drop=True)
    finite = drawn[np.isfinite(drawn["value"])]
    shown = [name for name in names if (finite["metric"] == name).any()]
    if not shown:
        raise InputError(f"No finite value of {', '.join(names) or 'any metric'}: nothing to draw.")
    volumes = list(dict.fromkeys(drawn["volume"]))
    columns = min(len(shown), _PER_ROW)
    rows = -(-len(shown) // columns)
    is_new = figure is None
    figure = start(figure, style, width_mm=30.0 + 50.0 * columns, height_mm=8.0 + 52.0 * rows)
    plots = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(plots, shown, strict=False):
        _bars(axes, drawn[drawn["metric"] == name], volumes, style)
        title = (titles or {}).get(name, name)
        axes.set_ylabel(as_text(title), fontsize=style.font_size)
        dress(axes, style, note if axes is plots[0] else "")
    for axes in plots[len(shown) :]:
        axes.set_visible(False)
    if len(volumes) > 1:
        legend_below(figure, plots[0], style, grow=is_new)
    return Plot(figure, drawn)


def _bars(axes: Axes, rows: pd.DataFrame, volumes: list[str], style: Style) -> None:
    groups = list(dict.fromkeys(zip(rows["phase"], rows["axis"], strict=True)))
    width = _GROUP_WIDTH / len(volumes)
    for number, volume in enumerate(volumes):
        colour, named = style.colour(number), False
        for place, (phase, axis) in enumerate(groups):
            one = rows[
                (rows["volume"] == volume) & (rows["phase"] == phase) & (rows["axis"] == axis)
            ].set_index("region")
            x = place - _GROUP_WIDTH / 2 + (number + 0.5) * width
            if _WHOLE not in one.index:
                continue
            value = float(one.loc[_WHOLE, "value"])
            label = None if named else as_text(volume)
            if np.isfinite(value):
                axes.bar(x, value, 0.9 * width, color=colour, alpha=0.55, label=label)
                named = True
            else:
                sign = "∞" if np.isinf(value) else "–"
                axes.text(x, 0, sign, ha="center", va="bottom", color=colour)
            _whiskers(axes, one, x, width, style)
    words = [" ".join(filter(None, (phase, axis))) for phase, axis in groups]
    turned = len(groups) > 3 or max(map(len, words)) > 9
    axes.set_xticks(
        range(len(groups)),
        [as_text(word) for word in words],
        rotation=35 if turned else 0,
        ha="right" if turned else "center",
    )
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.margins(y=0.1)


def _whiskers(axes: Axes, one: pd.DataFrame, x: float, width: float, style: Style) -> None:
    numbers = one[["value", "sd", "ci_low", "ci_high"]].astype(np.float64)
    if _PARTS in numbers.index and np.isfinite(numbers["value"][_PARTS]):
        mean, sd = numbers["value"][_PARTS], numbers["sd"][_PARTS]
        axes.errorbar(
            x, mean, sd if np.isfinite(sd) else 0, fmt="o", color=style.foreground, markersize=2.5,
            linewidth=0.8, capsize=2,
        )  # fmt: skip
    if _THRESHOLDS in numbers.index:
        ends = numbers.loc[_THRESHOLDS, ["ci_low", "ci_high"]].to_numpy()
        if np.isfinite(ends).all():
            at = x + 0.28 * width
            axes.plot([at, at], ends, color=style.muted, linewidth=2, solid_capstyle="butt")
