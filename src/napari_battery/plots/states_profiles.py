"""Radial profiles of a size class in every state (GREAT2 paper, figure 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.states_common import (
    LINES,
    joined_note,
    se_multiple,
    shared_legend,
    small_print,
    subsets_or_all,
)
from napari_battery.plots.states_panels import outer_titles, panel_title, panels
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import PAPER, Plot, Style, as_text, axis_title
from napari_battery.states.frames import Frames, size_column
from napari_battery.states.profiles import state_profiles
from napari_battery.states.subsets import Subset, all_particles, n_tiles, unique_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["profiles_by_state", "size_class"]

_PUBLISHED = 2.0
_SHARE = 0.05
"""Profiles end where fewer than this share of the particles reach."""


def size_class(frames: Frames, settings: StatesFigureSettings) -> Subset:
    """The size class that profiles are of.

    Raises
    ------
    InputError
        If there is no class of that number.
    """
    if settings.size_tiles == 1:
        return all_particles(frames)
    number = settings.size_tiles if settings.size_tile is None else settings.size_tile
    if number > settings.size_tiles:
        raise InputError(
            f"Size class {number} is asked for, but there are {settings.size_tiles}: choose a "
            "smaller number, or more classes."
        )
    column = size_column(frames)
    tiles = frames.kept_result(
        ("size classes", column, settings.size_tiles), lambda f, key: n_tiles(f, *key[1:])
    )
    return tiles[number - 1]


def profiles_by_state(
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """Mean radial profile of each state in a band of ± 2 SE; one panel per subset.

    Particles whose shell is flat have no profile normalised to their brightest layer (see
    `radial`); the legend counts those that have. Profiles end where less than a twentieth of
    them reach.

    Parameters
    ----------
    frames, subsets, figure, style
        As in the other figures.
    settings : StatesFigureSettings, optional
        The profile's value and axis, the size class, and the multiple of SE (2 as published).

    Returns
    -------
    Plot
        Data: ``subset, size_class, state, <axis>, mean, se, n, se_multiple``.

    Raises
    ------
    InputError
        If there are no layers, or no particle of the class has a profile.
    """
    settings = settings or StatesFigureSettings()
    shown = subsets_or_all(frames, subsets)
    names, multiple = unique_names(shown), se_multiple(settings, _PUBLISHED)
    chosen, x, y = size_class(frames, settings), settings.profile_axis, settings.profile_value
    of_size = chosen.mask(frames)
    is_new = figure is None
    figure, axes = panels(figure, style, len(shown), "profiles")
    size = f"{chosen.name} of {settings.size_tiles}" if settings.size_tiles > 1 else "all sizes"
    rows, reach, labelled = [], 0.0, axes[0]
    for here, subset, name in zip(axes, shown, names, strict=True):
        here.autoscale(False)  # limits are set below; every band would ask for them anew
        table = state_profiles(frames, of_size & subset.mask(frames), y, x)
        rows.append(table.assign(subset=name, size_class=size, se_multiple=multiple))
        for number, state in enumerate(frames.states):
            of_state = table[table["state"] == state]
            if not len(of_state):
                continue
            n = of_state["n"].to_numpy()
            of_state = of_state[n >= max(2, _SHARE * n.max())]
            at, mean = of_state[x].to_numpy(float), of_state["mean"].to_numpy(float)
            twice = multiple * of_state["se"].to_numpy(float)
            count = f" (n ≤ {n.max():,})" if len(shown) == 1 else ""
            here.plot(
                at, mean, color=style.colour(number), linestyle=LINES[number % len(LINES)],
                linewidth=1.2, label=as_text(f"{state}{count}"),
            )  # fmt: skip
            here.fill_between(
                at, mean - twice, mean + twice, color=style.colour(number), alpha=0.25, linewidth=0
            )
            reach = max(reach, float(at.max(initial=0)))
        if not len(table):
            here.text(
                0.5, 0.5, "no particle\nof this size class", transform=here.transAxes,
                ha="center", va="center", color=style.muted, fontsize=style.font_size - 1,
            )  # fmt: skip
        if len(here.lines) > len(labelled.lines):
            labelled = here
        if len(shown) > 1:
            most = table["n"].max() if len(table) else 0
            panel_title(here, style, f"{name} (n ≤ {most:,})")
    outer_titles(axes, style, axis_title(x, assumed=frames.assumed), axis_title(y))
    data = pd.concat(rows, ignore_index=True)
    if not len(data):
        raise InputError(
            f"No particle of the size class “{size}” has a profile “{y}”: choose another class "
            "or value."
        )
    height = _height(data, multiple)
    for here in axes:
        here.set_xlim((1, 0) if x == "relative_radius" else (0, 1.02 * reach))
        here.set_ylim(*height)
    words = f"{size}; band ± {multiple:g} SE (sampling)"
    small_print(figure, style, joined_note(words, frames.note))
    shared_legend(figure, labelled, style, grow=is_new)
    first = ["subset", "size_class", "state", x]
    return Plot(figure, data[[*first, *(c for c in data if c not in first)]])


def _height(data: pd.DataFrame, multiple: float) -> tuple[float, float]:
    """Limits of the y axis that hold every point of many particles with its band."""
    most = data.groupby(["subset", "state"])["n"].transform("max")
    many = data[data["n"] >= np.maximum(2, _SHARE * most)]
    se = multiple * many["se"].fillna(0)
    low, high = float((many["mean"] - se).min()), float((many["mean"] + se).max())
    if not np.isfinite([low, high]).all():
        return 0.0, 1.0
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin
