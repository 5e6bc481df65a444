"""What error bars rest on: spread by size of sub-region, and answers by threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, start

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["representative_plot", "threshold_plot"]

_MARKS = "os^Dvp"
_PER_ROW = 3


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
        If no spread between sub-regions is known.
    """
    drawn = (representative["relative_sd"] > 0) & representative["trend_relative_sd"].notna()
    data = representative[drawn]
    if data.empty:
        raise InputError("No spread between sub-regions was measured: nothing to draw.")
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure, panels = _panels(figure, data, titles or {}, style, note)
    for axes, one, colour, mark, label in _series(panels, data, style):
        x, y = np.cbrt(one["region_volume_um3"]), one["relative_sd"]
        axes.plot(x, y, mark, color=colour, markersize=4, label=label)
        axes.plot(x, one["trend_relative_sd"], color=colour, linewidth=0.8)
        axes.axhline(wanted, color=style.muted, linewidth=0.8, linestyle=":")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sorted(x.unique()), [f"{size:.3g}" for size in sorted(x.unique())])
        axes.set_xticks([], minor=True)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    _finish(figure, panels, data, ("∛ sub-region (µm)", "SD / mean"), style)
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
    figure, panels = _panels(figure, data, titles or {}, style, note)
    for axes, one, colour, mark, label in _series(panels, data, style):
        axes.plot(
            one["shift_grey"], one["relative_change"], f"{mark}-", color=colour, markersize=3,
            linewidth=0.8, label=label,
        )  # fmt: skip
        axes.axvline(0, color=style.muted, linewidth=0.8, linestyle=":")
    across = "Shift of the threshold (grey)"
    _finish(figure, panels, data, (across, "Relative change"), style)
    return Plot(figure, data)


def _panels(
    figure: Figure | None,
    data: pd.DataFrame,
    titles: Mapping[str, str],
    style: Style,
    note: str,
) -> tuple[Figure, dict[str, Axes]]:
    """One set of axes per metric."""
    names = list(dict.fromkeys(data["metric"]))
    columns = min(len(names), _PER_ROW)
    rows = -(-len(names) // columns)
    figure = start(figure, style, width_mm=30.0 + 50.0 * columns, height_mm=10.0 + 48.0 * rows)
    plots = figure.subplots(rows, columns, squeeze=False).ravel()
    for number, axes in enumerate(plots):
        axes.set_visible(number < len(names))
        dress(axes, style)
    if note:
        figure.suptitle(
            as_text(note), x=0.99, ha="right", fontsize=style.font_size - 1, color=style.muted,
            fontstyle="italic",
        )  # fmt: skip
    panels = dict(zip(names, plots, strict=False))
    for name, axes in panels.items():
        title = as_text(titles.get(name, name).split(" (")[0])
        axes.set_title(title, loc="left", fontsize=style.font_size, color=style.foreground)
    return figure, panels


def _series(
    panels: Mapping[str, Axes], data: pd.DataFrame, style: Style
) -> Iterator[tuple[Axes, pd.DataFrame, str, str, str]]:
    """Axes, rows, colour (of the volume), mark (of phase and axis) and label of each series."""
    volumes = list(dict.fromkeys(data["volume"]))
    for name, axes in panels.items():
        of_metric = data[data["metric"] == name]
        kinds = list(dict.fromkeys(zip(of_metric["phase"], of_metric["axis"], strict=True)))
        groups = of_metric.groupby(["volume", "phase", "axis"], sort=False)
        for (volume, phase, axis), one in groups:
            place = kinds.index((phase, axis))
            number = volumes.index(str(volume)) if len(volumes) > 1 else place
            first = len(volumes) == 1 or volume == volumes[0]
            label = " ".join(filter(None, (str(phase), str(axis)))) if first else "_"
            yield axes, one, style.colour(number), _MARKS[place % len(_MARKS)], as_text(label)


def _finish(
    figure: Figure,
    panels: Mapping[str, Axes],
    data: pd.DataFrame,
    titles: tuple[str, str],
    style: Style,
) -> None:
    """Axis titles, marks' legend in each set of axes, and volumes' colours below all."""
    from matplotlib.lines import Line2D

    small = style.font_size - 1
    for axes in panels.values():
        axes.set_xlabel(titles[0])
        axes.set_ylabel(titles[1])
        if len(axes.get_legend_handles_labels()[1]) > 1:
            legend = axes.legend(frameon=False, fontsize=small - 1)
            for text in legend.get_texts():
                text.set_color(style.foreground)
    volumes = list(dict.fromkeys(data["volume"]))
    if len(volumes) > 1:
        lines = [Line2D([], [], color=style.colour(i)) for i in range(len(volumes))]
        figure.legend(
            lines, [as_text(str(v)) for v in volumes], loc="outside lower center", frameon=False,
            fontsize=small, labelcolor=style.foreground,
        )  # fmt: skip
