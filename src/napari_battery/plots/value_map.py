"""Figures of a map: its colour bar with the values' histogram, and one slice of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.maps import MapSettings, ValueMap, colour_table, paint, value_map
from napari_battery.plots.style import PAPER, Plot, Style, as_text, axis_title, dress, start
from napari_battery.volume import Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

__all__ = ["colour_bar", "map_figure", "map_legend", "map_slice", "remarks", "scale_bar"]

_BINS = 60
_END = 0.04
"""Length of a pointed end of the colour bar, of the bar's length."""
_NEVER_DRAWN = (0.0, 1.0)


def _mappable(shown: ValueMap) -> ScalarMappable:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    low, high = (shown.low, shown.high) if np.isfinite(shown.low) else _NEVER_DRAWN
    colours = ListedColormap(colour_table(shown.colour_map)[:-1])
    return ScalarMappable(Normalize(low, high), colours)


def colour_bar(
    figure: Figure, cax: Axes, shown: ValueMap, style: Style, orientation: str, assumed: bool
) -> None:
    """A bar with title and unit; its ends are pointed where values lie beyond the range."""
    below, above = shown.n_below > 0, shown.n_above > 0
    extend = "both" if below and above else "min" if below else "max" if above else "neither"
    bar: Any = figure.colorbar(
        _mappable(shown), cax=cax, orientation=orientation, extend=extend, extendfrac=_END
    )
    bar.outline.set_edgecolor(style.foreground)
    bar.outline.set_linewidth(0.6)
    bar.set_label(
        axis_title(shown.column, assumed=assumed), color=style.foreground, size=style.font_size
    )
    bar.ax.tick_params(colors=style.foreground, labelsize=style.font_size - 1, width=0.6, length=3)
    if not np.isfinite(shown.low):
        bar.set_ticks([])


def remarks(shown: ValueMap) -> str:
    """What the colours do not say: particles without a value, or beyond the range."""
    parts = []
    if shown.diverging and shown.column.startswith("delta"):
        parts.append("< 0 darker, > 0 brighter")
    if shown.n_without:
        parts.append(f"grey: no value ({shown.n_without})")
    if beyond := shown.n_below + shown.n_above:
        parts.append(f"beyond the range: {beyond}")
    return "; ".join(parts)


def map_legend(
    shown: ValueMap,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    assumed: bool = False,
    note: str = "",
) -> Plot:
    """Histogram of the values in their colours, over a colour bar with unit.

    Returns
    -------
    Plot
        Data: ``value_from, value_to, particles``; the outermost rows hold what lies
        beyond the range, the last one, with empty ends, the particles without a value.
    """
    figure = start(figure, style, width_mm=85, height_mm=38)
    grid = figure.add_gridspec(2, 1, height_ratios=(5, 1), hspace=0.02)
    top, cax = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    colour_bar(figure, cax, shown, style, "horizontal", assumed)
    if np.isfinite(shown.low):
        edges = np.linspace(shown.low, shown.high, _BINS + 1)
        values = shown.values[~np.isnan(shown.values)]
        counts, _ = np.histogram(values[(values >= shown.low) & (values <= shown.high)], edges)
        middles = (edges[1:] + edges[:-1]) / 2
        colours = _mappable(shown).to_rgba(middles)
        top.bar(middles, counts, width=np.diff(edges), color=colours)
        end = _END * (shown.high - shown.low)  # over a pointed end stands what lies beyond
        left, right = shown.low - end * bool(shown.n_below), shown.high + end * bool(shown.n_above)
        beyond: dict[str, Any] = {"width": end, "edgecolor": style.background, "linewidth": 0.5}
        if shown.n_below:
            top.bar(left, shown.n_below, align="edge", color=[colours[0]], **beyond)
        if shown.n_above:
            top.bar(shown.high, shown.n_above, align="edge", color=[colours[-1]], **beyond)
        top.set_xlim(left, right)
    else:
        edges, counts = np.zeros(0), np.zeros(0, int)
        top.text(
            0.5,
            0.5,
            "no particle has a value",
            ha="center",
            va="center",
            color=style.foreground,
            size=style.font_size,
            transform=top.transAxes,
        )
    top.set_xticks([])
    top.set_yticks([])
    dress(top, style, note)
    top.spines["left"].set_visible(False)
    data = pd.DataFrame(
        {
            "value_from": [-np.inf, *edges, np.nan] if len(edges) else [np.nan],
            "value_to": [*edges, np.inf, np.nan] if len(edges) else [np.nan],
            "particles": (
                [shown.n_below, *counts.tolist(), shown.n_above, shown.n_without]
                if len(edges)
                else [shown.n_without]
            ),
        }
    )
    return Plot(figure, data)


def map_slice(
    labels: NDArray[np.integer[Any]],
    shown: ValueMap,
    image: NDArray[Any] | None = None,
    *,
    pixel_size_um: tuple[float, float] | None = None,
    figure: Figure | None = None,
    style: Style = PAPER,
    assumed: bool = False,
    note: str = "",
) -> Plot:
    """One slice of a map over the grey image, with colour bar and scale bar.

    Parameters
    ----------
    labels : (ny, nx) integer array
        A slice of the labels.
    shown : ValueMap
        Values and colours.
    image : (ny, nx) array, optional
        The same slice of the grey image; shown between its 0.5th and 99.5th percentile.
    pixel_size_um : tuple of float, optional
        Height and width of a pixel in µm; without it the scale bar counts pixels.
    figure : Figure, optional
        Figure to draw into; it is emptied.
    style : Style
        Colours and fonts.
    assumed : bool
        Whether the voxel size is only assumed; the scale bar then says so.
    note : str
        Small text above the slice ("synthetic", "z = 51 µm").

    Returns
    -------
    Plot
        Data: ``label, value`` of the particles in the slice.
    """
    figure = start(figure, style, width_mm=110, height_mm=95)
    grid = figure.add_gridspec(1, 2, width_ratios=(24, 1), wspace=0.02)
    axes, cax = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    height, width = pixel_size_um or (1.0, 1.0)
    aspect = height / width
    if image is not None:
        finite = image[np.isfinite(image)]
        low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else _NEVER_DRAWN
        axes.imshow(image, cmap="gray", vmin=low, vmax=high, aspect=aspect)
    axes.imshow(paint(labels, shown), interpolation="nearest", aspect=aspect)
    axes.set_xticks([])
    axes.set_yticks([])
    dress(axes, style, note)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.autoscale(False)
    scale_bar(axes, labels.shape, pixel_size_um, assumed, style)
    colour_bar(figure, cax, shown, style, "vertical", assumed)
    if text := remarks(shown):
        axes.set_xlabel(as_text(text), size=style.font_size - 1, color=style.muted)
    there = np.isin(shown.labels, np.unique(labels))
    data = pd.DataFrame({"label": shown.labels[there], shown.column: shown.values[there]})
    return Plot(figure, data)


def map_figure(
    labels: Volume,
    table: pd.DataFrame,
    column: str,
    settings: MapSettings | None = None,
    *,
    image: Volume | None = None,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """The middle slice of labels, coloured by a column of their table, as in `map_slice`.

    Parameters
    ----------
    labels : Volume
        Labels, 2-D or 3-D.
    table : DataFrame
        One row per label; all of them make the range. A NaN is shown grey.
    column : str
        Column to show.
    settings : MapSettings, optional
        Range and colour map.
    image : Volume, optional
        Grey image on the same grid, shown beneath.
    figure, style, note
        As in `map_slice`.
    """
    z = labels.shape[0] // 2
    size = labels.voxel_size_um
    return map_slice(
        _slice_of(labels, z).astype(np.int64),  # as `value_map` keeps them
        value_map(table, column, settings or MapSettings()),
        None if image is None else _slice_of(image, z),
        pixel_size_um=None if size is None else (size[-2], size[-1]),
        figure=figure,
        style=style,
        assumed=labels.is_assumed,
        note=note or ("synthetic data" if labels.metadata.get("synthetic") else ""),
    )


def _slice_of(volume: Volume, z: int) -> NDArray[Any]:
    return np.asarray(volume.data[z] if volume.ndim == 3 else volume.data[:])


def scale_bar(
    axes: Axes,
    shape: tuple[int, ...],
    pixel_size_um: tuple[float, float] | None,
    assumed: bool,
    style: Style,
) -> None:
    """A bar of a round length, about a quarter of the slice, white in a black outline."""
    from matplotlib.patheffects import withStroke

    ny, nx = shape
    pixel = pixel_size_um[1] if pixel_size_um else 1.0
    wanted = nx * pixel / 4
    power = 10.0 ** np.floor(np.log10(wanted))
    length = power * max(step for step in (1, 2, 5) if step * power <= wanted)
    unit = "µm" if pixel_size_um else "pixels"
    text = f"{length:g} {unit}" + (" (assumed)" if assumed and pixel_size_um else "")
    right, y = 0.96 * nx - 0.5, 0.95 * ny - 0.5
    axes.plot(
        [right - length / pixel, right],
        [y, y],
        color="white",
        linewidth=2.5,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=4, foreground="black")],
    )
    axes.annotate(
        text,
        (right, y),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color="white",
        size=style.font_size,
        path_effects=[withStroke(linewidth=2, foreground="black")],
    )
