"""Heat map of mean ΔĪ_prist by depth in the electrode and state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.states_common import (
    DARKER_BRIGHTER,
    joined_note,
    se_multiple,
    small_print,
    state_means,
    state_ticks,
    subsets_or_all,
)
from napari_battery.plots.states_means import collector_plane
from napari_battery.plots.states_panels import outer_titles, panel_title, panels
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import PAPER, Plot, Style, axis_title
from napari_battery.states.frames import Frames
from napari_battery.states.subsets import Plane, Subset, plane_distance, unique_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["depth_map"]

_LEAST = 3
"""Particles that a field needs to be coloured."""
_PUBLISHED = 3.0


def depth_map(
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    plane: Plane | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """Mean ΔĪ_prist by distance from the current collector and state; one panel per subset.

    Red is darker, blue brighter, on one scale for all panels. Fields whose mean lies within
    its error bars of zero carry a dot; those of fewer than 3 particles are left empty.

    Parameters
    ----------
    frames, subsets, settings, plane, figure, style
        As in `means_by_position`; ``depth_bins`` rows of equal height.

    Returns
    -------
    Plot
        Data: ``subset, depth_from, depth_to, state, direction, n, mean, ses, sem, se,
        se_multiple``.

    Raises
    ------
    InputError
        If the populations are not matched, or there are no positions.
    """
    settings = settings or StatesFigureSettings()
    if not frames.is_matched:
        raise InputError(
            "The particles of these states are not matched: there is no ΔĪ_prist by depth."
        )
    shown = subsets_or_all(frames, subsets)
    names, multiple = unique_names(shown), se_multiple(settings, _PUBLISHED)
    plane = plane or collector_plane(frames, settings)
    depth = plane_distance(frames, plane)
    there = depth[frames.kept.any(axis=1) & np.isfinite(depth)]
    low, high = float(there.min()), float(there.max())
    edges = np.linspace(low, high if high > low else low + 1, settings.depth_bins + 1)
    number = np.clip(np.searchsorted(edges, depth, "right") - 1, 0, settings.depth_bins - 1)
    number[~np.isfinite(depth)] = -1
    rows, pictures = [], []
    for subset, name in zip(shown, names, strict=True):
        table = state_means(
            frames, subset.mask(frames), "delta_core_mean", settings, number, settings.depth_bins
        )
        shape = settings.depth_bins, len(frames.states)
        pictures.append({c: table[c].to_numpy().reshape(shape)[:, 1:] for c in ("mean", "se", "n")})
        low_end, high_end = np.repeat(edges[:-1], shape[1]), np.repeat(edges[1:], shape[1])
        rows.append(table.assign(subset=name, depth_from=low_end, depth_to=high_end))
    data = pd.concat(rows, ignore_index=True).assign(se_multiple=multiple)
    figure = _draw(frames, pictures, names, edges, multiple, figure, style)
    words = f"depth from {plane.name}; dots: within {multiple:g} SE of 0"
    small_print(figure, style, joined_note(words, frames.note))
    first = ["subset", "depth_from", "depth_to"]
    return Plot(figure, data[[*first, *(c for c in data if c not in first)]])


def _draw(
    frames: Frames, pictures: list[dict[str, Any]], names: list[str], edges: Any,
    multiple: float, figure: Figure | None, style: Style,
) -> Figure:  # fmt: skip
    figure, axes = panels(figure, style, len(pictures), "depth", width_mm=52, height_mm=62)
    means = [np.where(p["n"] >= _LEAST, p["mean"], np.nan) for p in pictures]
    together = np.abs(np.concatenate([m[np.isfinite(m)] for m in means]))
    end = float(together.max(initial=0)) or 1.0
    later = frames.states[1:]
    unit = frames.length_unit
    drawn: Any = None
    for here, mean, picture, name in zip(axes, means, pictures, names, strict=True):
        drawn = here.pcolormesh(
            np.arange(len(later) + 1) - 0.5, edges, np.ma.masked_invalid(mean),
            cmap=DARKER_BRIGHTER, vmin=-end, vmax=end, edgecolors=style.background, linewidth=0.4,
        )  # fmt: skip
        with np.errstate(invalid="ignore"):
            unsure = np.isfinite(mean) & ~(np.abs(mean) > multiple * picture["se"])
        rows, columns = np.nonzero(unsure)
        middles = (edges[:-1] + edges[1:]) / 2
        here.plot(columns, middles[rows], ".", color="#444444", markersize=3)
        here.set_ylim(edges[-1], edges[0])
        state_ticks(here, frames, later)
        if len(names) > 1:
            panel_title(here, style, name)
    assumed = ", assumed" if frames.assumed and unit == "µm" else ""
    outer_titles(axes, style, y=f"Depth in the electrode ({unit}{assumed})")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.9, aspect=25, pad=0.02)
    bar.set_label(axis_title("delta_core_mean"), size=style.font_size, color=style.foreground)
    bar.ax.tick_params(colors=style.foreground, labelsize=style.font_size - 1)
    bar.outline.set_visible(False)
    return figure
