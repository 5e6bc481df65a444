"""Two columns of the particle table against each other, in one state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.states_common import (
    joined_note,
    shared_legend,
    small_print,
    subsets_or_all,
)
from napari_battery.plots.states_panels import outer_titles, panels
from napari_battery.plots.states_points import draw_subsets
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import PAPER, Plot, Style, axis_title
from napari_battery.states.frames import Frames, size_column
from napari_battery.states.subsets import Subset, unique_names
from napari_battery.tables import COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["scatter", "scatter_columns"]


def scatter_columns(frames: Frames, settings: StatesFigureSettings) -> tuple[str, str, str]:
    """What is drawn over x and y, and in which state; sensible where the settings are empty."""
    changed = "delta_core_mean" if frames.is_matched else "core_mean"
    state = settings.scatter_state.strip() or frames.states[-1]
    frames.place(state)
    return settings.scatter_x.strip() or size_column(frames), settings.scatter_y or changed, state


def scatter(
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """Two columns of the particles against each other, in one state.

    Parameters
    ----------
    frames, subsets, figure, style
        As in the other figures.
    settings : StatesFigureSettings, optional
        ``scatter_x``, ``scatter_y`` and ``scatter_state``.

    Returns
    -------
    Plot
        Data: ``subset, label, state, <x>, <y>``.

    Raises
    ------
    InputError
        If there is no such column or state, or no particle has both values.
    """
    settings = settings or StatesFigureSettings()
    shown = subsets_or_all(frames, subsets)
    names = unique_names(shown)
    x, y, state = scatter_columns(frames, settings)
    place = frames.place(state)
    across, up = frames.values(x)[:, place], frames.values(y)[:, place]
    found = np.isfinite(across) & np.isfinite(up)
    is_new = figure is None
    figure, (axes,) = panels(figure, style, 1, "scatter")
    points, rows = [], []
    for subset, name in zip(shown, names, strict=True):
        here = subset.mask(frames)[:, place] & found
        points.append((across[here], up[here], np.ones(int(here.sum()), np.bool_)))
        frame = {"subset": name, "label": frames.labels[here], "state": state, x: across[here]}
        rows.append(pd.DataFrame({**frame, y: up[here]}))
    if not any(len(one[0]) for one in points):
        raise InputError(f"No particle of these subsets has both “{x}” and “{y}” at {state}.")
    draw_subsets(axes, points, names, style)
    titles = [
        axis_title(c, assumed=frames.assumed) if c in COLUMNS else c.replace("$", r"\$")
        for c in (x, y)
    ]
    outer_titles([axes], style, *titles)
    small_print(figure, style, joined_note(f"at {state}", frames.note))
    shared_legend(figure, axes, style, grow=is_new)
    return Plot(figure, pd.concat(rows, ignore_index=True))
