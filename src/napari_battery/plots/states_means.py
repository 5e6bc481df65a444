"""Ī and ΔĪ_prist against state (GREAT2 paper, figure 8), and by distance from the collector (9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.states_common import (
    direction_words,
    draw_means,
    error_words,
    joined_note,
    ordered_colour,
    se_multiple,
    shared_legend,
    small_print,
    state_means,
    state_ticks,
    subset_colour,
    subsets_or_all,
)
from napari_battery.plots.states_panels import outer_titles, panel_title, panels, share_limits
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import PAPER, Plot, Style, axis_title, dress
from napari_battery.states.frames import Frames
from napari_battery.states.subsets import (
    Plane,
    Subset,
    face_plane,
    plane_distance,
    tiles_of,
    unique_names,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["collector_plane", "means_by_position", "means_by_state"]

_PUBLISHED_MEANS, _PUBLISHED_POSITIONS = 3.0, 1.0


def means_by_state(
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """Mean core grey level Ī and mean change ΔĪ_prist against state, one line per subset.

    Parameters
    ----------
    frames : Frames
        The study. Where its populations are not matched, only Ī is drawn.
    subsets : sequence of Subset
        Drawn side by side; none is all particles.
    settings : StatesFigureSettings, optional
        ``se_multiple`` (3 as published) and ``error``.
    figure, style
        As in the other figures.

    Returns
    -------
    Plot
        Data: ``subset, quantity, state, direction, n, mean, ses, sem, se, se_multiple``.
    """
    settings = settings or StatesFigureSettings()
    shown = subsets_or_all(frames, subsets)
    names, multiple = unique_names(shown), se_multiple(settings, _PUBLISHED_MEANS)
    columns = ["core_mean", *(["delta_core_mean"] if frames.is_matched else [])]
    is_new = figure is None
    figure, axes = panels(figure, style, len(columns), "means", width_mm=80, share=False)
    colours = [subset_colour(k, len(shown), style) for k in range(len(shown))]
    rows = []
    for here, column in zip(axes, columns, strict=True):
        tables = [state_means(frames, s.mask(frames), column, settings) for s in shown]
        if column == "delta_core_mean":  # before the rest: it would ask for the limits
            here.axhline(0, color=style.muted, linewidth=0.6, zorder=0)
        draw_means(here, tables, names, colours, style, multiple)
        state_ticks(here, frames)
        if column == "delta_core_mean":
            here.set_ylabel(axis_title(column))
        else:
            here.set_ylabel(r"$\bar{I}$, mean of core means (grey level)")
        dress(here, style)
        quantity = "delta" if column == "delta_core_mean" else "mean"
        rows += [
            table.assign(subset=name, quantity=quantity, se_multiple=multiple)
            for table, name in zip(tables, names, strict=True)
        ]
    said = error_words(settings, multiple), direction_words(frames), frames.note
    small_print(figure, style, joined_note(*said))
    shared_legend(figure, axes[0], style, grow=is_new)
    return Plot(figure, _ordered(pd.concat(rows, ignore_index=True), "subset", "quantity"))


def means_by_position(
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    plane: Plane | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """Mean ΔĪ_prist against state in quartiles by distance from the current collector.

    Q1 is nearest to the collector (the paper counts from the far side). One panel per subset;
    its particles are those of the quartile of all kept ones that are in the subset too.

    Parameters
    ----------
    frames, subsets, settings, figure, style
        As in `means_by_state`; 1 SE as published.
    plane : Plane, optional
        The collector; None is the face that the settings tell.

    Returns
    -------
    Plot
        Data: ``subset, position, distance_from, distance_to, state, direction, n, mean, ses,
        sem, se, se_multiple``.

    Raises
    ------
    InputError
        If the populations are not matched, or there are no positions.
    """
    settings = settings or StatesFigureSettings()
    if not frames.is_matched:
        raise InputError(
            "The particles of these states are not matched: there is no ΔĪ_prist by position."
        )
    shown = subsets_or_all(frames, subsets)
    names, multiple = unique_names(shown), se_multiple(settings, _PUBLISHED_POSITIONS)
    plane = plane or collector_plane(frames, settings)
    distance = plane_distance(frames, plane)
    tiles = frames.kept_result(
        ("position tiles", plane, settings.position_tiles),
        lambda f, key: tiles_of(f, plane_distance(f, key[1]), key[2], "distance"),
    )
    is_new = figure is None
    figure, axes = panels(figure, style, len(shown), "positions", height_mm=62)
    group = np.full(len(frames.labels), -1, np.intp)
    spans, labels = [], []
    for k, tile in enumerate(tiles):
        group[tile.members] = k
        inside = distance[tile.members]
        low, high = float(inside.min()), float(inside.max())
        spans.append((low, high))
        first = f"Q{k + 1}" if len(tiles) == 4 else f"{k + 1}"
        labels.append(f"{first}: {low:.3g} to {high:.3g} {frames.length_unit}")
    rows = []
    n_tiles, n_states = len(tiles), len(frames.states)
    colours = [ordered_colour(k, n_tiles, style) for k in range(n_tiles)]
    for here, subset, name in zip(axes, shown, names, strict=True):
        member = subset.mask(frames)
        table = state_means(frames, member, "delta_core_mean", settings, group, n_tiles)
        rows.append(
            table.assign(
                subset=name,
                position=np.repeat(np.arange(n_tiles) + 1, n_states),
                distance_from=np.repeat([low for low, _ in spans], n_states),
                distance_to=np.repeat([high for _, high in spans], n_states),
                se_multiple=multiple,
            )
        )
        tables = [table[k * n_states : (k + 1) * n_states] for k in range(n_tiles)]
        here.axhline(0, color=style.muted, linewidth=0.6, zorder=0)
        draw_means(here, tables, labels, colours, style, multiple, counted=len(shown) == 1)
        state_ticks(here, frames)
        if len(shown) > 1:
            panel_title(here, style, name)
    share_limits(axes, x=False)
    outer_titles(axes, style, y=axis_title("delta_core_mean"))
    where = f"by distance from {plane.name}" + (" (assumed voxel size)" if frames.assumed else "")
    small_print(figure, style, joined_note(where, error_words(settings, multiple), frames.note))
    shared_legend(figure, axes[0], style, grow=is_new)
    order = ("subset", "position", "distance_from", "distance_to")
    return Plot(figure, _ordered(pd.concat(rows, ignore_index=True), *order))


def collector_plane(frames: Frames, settings: StatesFigureSettings) -> Plane:
    """The current collector as the settings tell it: a face across an axis."""
    return face_plane(frames, settings.depth_axis, settings.collector_side, settings.collector_at)


def _ordered(table: pd.DataFrame, *first: str) -> pd.DataFrame:
    return table[[*first, *(name for name in table if name not in first)]]
