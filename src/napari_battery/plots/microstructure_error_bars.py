"""What error bars rest on: spread by size of sub-region, and answers by threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, legend_below, start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["representative_plot", "threshold_plot"]

_MARKS = "os^Dvp"


def representative_plot(
    representative: pd.DataFrame,
    titles: Mapping[str, str] | None = None,
    *,
    wanted: float = 0.05,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Relative spread between sub-regions against their size, both logarithmic.

    Parameters
    ----------
    representative : DataFrame
        ``microstructure.representative.COLUMNS``.
    titles : mapping of str to str, optional
        Title of each metric.
    wanted : float
        Relative spread that is wanted; drawn as a line.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        Dots are sub-regions of one size, lines the power laws fitted. Data: `representative`.

    Raises
    ------
    InputError
        If nothing was measured in sub-regions of two sizes.
    """
    data = representative[representative["relative_sd"] > 0]
    if data.empty:
        raise InputError("No spread over two sizes of sub-region was measured: nothing to draw.")
    is_new = figure is None
    figure = start(figure, style, width_mm=120.0, height_mm=75.0)
    axes = figure.add_subplot()
    keys = ["volume", "metric", "phase", "axis"]
    several = data["volume"].nunique() > 1
    for number, (key, one) in enumerate(data.groupby(keys, sort=False)):
        colour, mark = style.colour(number), _MARKS[(number // 6) % len(_MARKS)]
        title = (titles or {}).get(str(key[1]), str(key[1])).split(" (")[0]
        text = " ".join(filter(None, (str(key[0]) if several else "", title, *map(str, key[2:]))))
        axes.plot(one["region_volume_um3"], one["relative_sd"], mark, color=colour, markersize=4,
                  label=as_text(text))  # fmt: skip
        axes.plot(one["region_volume_um3"], one["trend_relative_sd"], color=colour, linewidth=0.8)
    axes.axhline(wanted, color=style.muted, linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("Size of the sub-regions (µm³)")
    axes.set_ylabel("SD / mean between sub-regions")
    legend_below(figure, axes, style, grow=is_new)
    dress(axes, style, note)
    return Plot(figure, representative.reset_index(drop=True))


def threshold_plot(
    thresholds: pd.DataFrame,
    table: pd.DataFrame,
    titles: Mapping[str, str] | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Each answer relative to that at the threshold chosen, against the threshold's shift.

    Parameters
    ----------
    thresholds : DataFrame
        ``volume, shift_grey, metric, axis, phase, value``.
    table : DataFrame
        ``tables.MICROSTRUCTURE`` of the same run: its whole volumes are at shift 0.
    titles : mapping of str to str, optional
        Title of each metric.
    figure, style, note
        As in the other figures.

    Returns
    -------
    Plot
        Data: ``volume, metric, axis, phase, shift_grey, value, relative_change``.

    Raises
    ------
    InputError
        If no threshold was moved.
    """
    if thresholds.empty:
        raise InputError("No threshold was moved (they are of grey images): nothing to draw.")
    keys = ["volume", "metric", "axis", "phase"]
    whole = table[table["region"] == "whole"]
    at_zero = whole[[*keys, "value"]].assign(shift_grey=0.0)
    data = pd.concat([thresholds[[*keys, "value", "shift_grey"]], at_zero], ignore_index=True)
    data = data[data["volume"].isin(thresholds["volume"])]
    data = data.merge(at_zero[[*keys, "value"]], on=keys, suffixes=("", "_chosen"))
    with np.errstate(divide="ignore", invalid="ignore"):
        data["relative_change"] = data["value"] / data["value_chosen"] - 1
    data = data.sort_values([*keys, "shift_grey"], ignore_index=True).drop(columns="value_chosen")
    is_new = figure is None
    figure = start(figure, style, width_mm=120.0, height_mm=75.0)
    axes = figure.add_subplot()
    _lines(axes, data, keys, titles or {}, style)
    axes.axvline(0, color=style.muted, linewidth=0.8, linestyle=":")
    axes.set_xlabel("Shift of the threshold (grey level)")
    axes.set_ylabel("Relative change of the answer")
    legend_below(figure, axes, style, grow=is_new)
    dress(axes, style, note)
    return Plot(figure, data)


def _lines(
    axes: Axes, data: pd.DataFrame, keys: list[str], titles: Mapping[str, Any], style: Style
) -> None:
    several = data["volume"].nunique() > 1
    for number, (key, one) in enumerate(data.groupby(keys, sort=False)):
        title = str(titles.get(str(key[1]), str(key[1]))).split(" (")[0]
        text = " ".join(filter(None, (str(key[0]) if several else "", title, *map(str, key[2:]))))
        mark = _MARKS[(number // 6) % len(_MARKS)]
        axes.plot(one["shift_grey"], one["relative_change"], f"{mark}-", color=style.colour(number),
                  markersize=3, linewidth=0.8, label=as_text(text))  # fmt: skip
