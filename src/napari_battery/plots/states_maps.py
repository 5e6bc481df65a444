"""Figure of a study's maps: one slice of every state in a row, with one colour bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.maps import ValueMap, paint
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, start
from napari_battery.plots.value_map import colour_bar, scale_bar

__all__ = ["state_map_strip"]

_PANEL_MM = 52.0


def state_map_strip(
    slices: Mapping[str, NDArray[np.integer[Any]]],
    maps: Mapping[str, ValueMap],
    images: Mapping[str, NDArray[Any]],
    *,
    pixel_size_um: tuple[float, float] | None = None,
    style: Style = PAPER,
    assumed: bool = False,
    note: str = "",
    grey_means: str = "no value",
) -> Plot:
    """One slice of every state's map over its grey image, on one scale.

    Parameters
    ----------
    slices : mapping of str to (ny, nx) integer array
        A slice of the labels of each state, in order. A state without a map (the reference of a
        change) shows its grey image alone.
    maps : mapping of str to ValueMap
        All on one range, from `napari_battery.states.maps.state_maps`.
    images : mapping of str to (ny, nx) array
        The same slice of the grey images; all are shown between the 0.5th and 99.5th percentile
        of the first.
    pixel_size_um : tuple of float, optional
        Height and width of a pixel in µm; without it the scale bar counts pixels.
    style : Style
        Colours and fonts.
    assumed : bool
        Whether the voxel size is only assumed.
    note : str
        Small text above the last slice ("synthetic data, z = 51").
    grey_means : str
        What particles shown grey stand for.

    Returns
    -------
    Plot
        Data: ``state, label`` and the value of the particles in each slice.
    """
    names = list(slices)
    ny, nx = slices[names[0]].shape
    height, width = pixel_size_um or (1.0, 1.0)
    tall = _PANEL_MM * ny * height / (nx * width)
    figure = start(None, style, width_mm=_PANEL_MM * len(names) + 14, height_mm=tall + 12)
    grid = figure.add_gridspec(1, len(names) + 1, width_ratios=[24] * len(names) + [1], wspace=0.02)
    low, high = _window(images)
    rows = []
    for place, name in enumerate(names):
        axes = figure.add_subplot(grid[place])
        if name in images:
            axes.imshow(images[name], cmap="gray", vmin=low, vmax=high, aspect=height / width)
        if name in maps:
            shown = maps[name]
            painted = paint(slices[name].astype(np.int64), shown)
            axes.imshow(painted, interpolation="nearest", aspect=height / width)
            there = np.isin(shown.labels, np.unique(slices[name]))
            values = {"label": shown.labels[there], shown.column: shown.values[there]}
            rows.append(pd.DataFrame({"state": name, **values}))
        axes.set_xticks([])
        axes.set_yticks([])
        dress(axes, style, note if place == len(names) - 1 else "")
        axes.set_title(as_text(name), loc="left", fontsize=style.font_size, color=style.foreground)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.autoscale(False)
        if place == 0:
            scale_bar(axes, (ny, nx), pixel_size_um, assumed, style)
    _bar(figure, figure.add_subplot(grid[-1]), maps, style, assumed)
    if text := _remarks(maps, grey_means):
        figure.supxlabel(as_text(text), size=style.font_size - 1, color=style.muted)
    return Plot(figure, pd.concat(rows, ignore_index=True) if rows else pd.DataFrame())


def _window(images: Mapping[str, NDArray[Any]]) -> tuple[float, float]:
    for image in images.values():
        finite = image[np.isfinite(image)]
        if finite.size:
            low, high = np.percentile(finite, (0.5, 99.5))
            return float(low), float(max(high, low + 1e-9))
    return 0.0, 1.0


def _bar(figure: Any, cax: Any, maps: Mapping[str, ValueMap], style: Style, assumed: bool) -> None:
    """The colour bar of all: pointed where values of any state lie beyond it."""
    from dataclasses import replace

    shown = list(maps.values())
    labels = np.arange(sum(len(one.labels) for one in shown))
    values = np.concatenate([one.values for one in shown])
    colour_bar(
        figure, cax, replace(shown[0], labels=labels, values=values), style, "vertical", assumed
    )


def _remarks(maps: Mapping[str, ValueMap], grey_means: str) -> str:
    shown = list(maps.values())
    parts = []
    if shown[0].diverging and shown[0].column.startswith("delta"):
        parts.append("< 0 darker, > 0 brighter")
    if sum(one.n_without for one in shown):
        parts.append(f"grey: {grey_means}")
    return "; ".join(parts)
