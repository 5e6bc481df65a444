"""The radial profile: picked particles over the population mean, one or several states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_battery.plots.style import (
    PAPER,
    Plot,
    Style,
    as_text,
    axis_title,
    dress,
    legend_below,
    start,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "MAX_PICKED",
    "NAMED",
    "X_AXES",
    "Y_VALUES",
    "draw_excluded",
    "draw_particles",
    "draw_populations",
    "excluded_span",
    "finish_axes",
    "particle_data",
    "particle_look",
    "population_data",
    "radial_profile",
]

X_AXES = ("depth_um", "relative_radius")
Y_VALUES = ("mean", "normalised_max", "normalised_surface")

MAX_PICKED = 100
"""Picked particles drawn at most; more are a tangle, the population mean says it better."""

_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P")
NAMED = 6
"""Up to so many picked particles get their own colour and line in the legend."""


def population_data(state: str, layers: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Mean over particles of each layer, and its standard error.

    Returns
    -------
    DataFrame
        ``state, series, label, <x>, <y>, se, n``; `series` is "population", `label` is
        missing, `n` counts particles.
    """
    from napari_battery.radial import population_profile

    profile = population_profile(layers, value=y, axis=x)  # type: ignore[arg-type]
    return pd.DataFrame(
        {
            "state": state,
            "series": "population",
            "label": pd.array([pd.NA] * len(profile), dtype="Int64"),
            x: profile[x].to_numpy(),
            y: profile["mean"].to_numpy(),
            "se": profile["se"].to_numpy(),
            "n": profile["n"].to_numpy(),
        }
    )


def particle_data(
    state: str, layers: pd.DataFrame, labels: Sequence[int], x: str, y: str
) -> pd.DataFrame:
    """Layers of some particles; columns as in `population_data`, `n` counts voxels.

    `layers` is sorted by label and layer, as every layer table is, so that this costs the
    same for ten particles as for a million.
    """
    known = layers["label"].to_numpy()
    first, last = np.searchsorted(known, labels, "left"), np.searchsorted(known, labels, "right")
    spans = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
    rows = layers.iloc[np.concatenate(spans) if spans else []]
    return pd.DataFrame(
        {
            "state": state,
            "series": "particle",
            "label": rows["label"].astype("Int64").to_numpy(),
            x: rows[x].to_numpy(),
            y: rows[y].to_numpy(),
            "se": np.nan,
            "n": rows["n_voxels"].to_numpy(),
        }
    )


def draw_populations(axes: Axes, data: pd.DataFrame, x: str, y: str, style: Style) -> None:
    """Population mean of each state as a line in a band of ± 2 standard errors."""
    population = data[data["series"] == "population"]
    states = population["state"].unique()
    for number, (state, of_state) in enumerate(population.groupby("state", sort=False)):
        colour = style.muted if len(states) == 1 else style.colour(number)
        mean, twice = of_state[y].to_numpy(float), 2 * of_state["se"].to_numpy(float)
        who = "all particles" if len(states) == 1 else str(state)
        axes.plot(
            of_state[x],
            mean,
            color=colour,
            linestyle=_LINES[number % len(_LINES)],
            linewidth=1.3,
            label=as_text(f"{who}, mean ± 2 SE (n ≤ {of_state['n'].max():,})"),
        )
        axes.fill_between(
            of_state[x], mean - twice, mean + twice, color=colour, alpha=0.3, linewidth=0
        )


def draw_particles(
    axes: Axes, data: pd.DataFrame, x: str, y: str, style: Style, states: Sequence[str]
) -> list[Any]:
    """Picked particles as lines with markers; returns what was drawn.

    With one state the colour tells particles apart, with several it tells the state and
    the marker the particle.
    """
    particles = data[data["series"] == "particle"]
    labels = particles["label"].unique().tolist()
    if len(labels) > NAMED:
        return [
            _tangle(axes, rows, x, y, style.colour(states.index(str(state))))
            for state, rows in particles.groupby("state", sort=False)
        ]
    drawn: list[Any] = []
    for (state, label), rows in particles.groupby(["state", "label"], sort=False):
        colour, marker = particle_look(style, states, labels, str(state), int(str(label)))
        name = f"label {label}" + (f", {state}" if len(states) > 1 else "")
        drawn += axes.plot(
            rows[x],
            rows[y],
            color=colour,
            marker=marker,
            markersize=3.5,
            linewidth=1.6,
            label=as_text(name),
        )
    return drawn


def particle_look(
    style: Style, states: Sequence[str], labels: Sequence[int], state: str, label: int
) -> tuple[str, str]:
    """Colour and marker of a picked particle in a state."""
    of_label = list(labels).index(label)
    number = states.index(state) if len(states) > 1 else of_label
    return style.colour(number), _MARKERS[of_label % len(_MARKERS)]


def _tangle(axes: Axes, rows: pd.DataFrame, x: str, y: str, colour: str) -> Any:
    """Many particles as one thin line with gaps, which draws as fast as a single one."""
    new = np.flatnonzero(np.diff(rows["label"].to_numpy(np.int64))) + 1
    xs, ys = (np.insert(rows[name].to_numpy(float), new, np.nan) for name in (x, y))
    name = as_text(f"{len(new) + 1} picked, {rows['state'].iloc[0]}")
    return axes.plot(xs, ys, color=colour, linewidth=0.7, alpha=0.6, label=name)[0]


def draw_excluded(axes: Axes, start: float, end: float, style: Style) -> Any:
    """Shade the part of the x axis that is not core."""
    return axes.axvspan(
        start, end, color=style.foreground, alpha=0.09, linewidth=0, label="excluded from the core"
    )


def finish_axes(
    axes: Axes, x: str, y: str, style: Style, *, assumed: bool = False, note: str = ""
) -> None:
    """Titles and direction: the surface is on the left, whichever the axis."""
    axes.set_xlabel(axis_title(x, assumed=assumed))
    axes.set_ylabel(axis_title(y, assumed=assumed))
    if x == "relative_radius" and not axes.xaxis_inverted():
        axes.invert_xaxis()
    dress(axes, style, note)


def excluded_span(
    layers: pd.DataFrame, label: int | None, exclude_layers: int, x: str
) -> tuple[float, float] | None:
    """Where on the x axis the excluded layers lie; None where there are none.

    Depth is the same for all particles. The relative radius is each particle's own, so
    without a picked one there is nothing to shade.
    """
    if not len(layers) or exclude_layers < 1:
        return None
    if x == "depth_um":
        first = layers.iloc[0]
        thickness = float(first["depth_um"]) / (float(first["layer"]) - 0.5)
        return 0.0, exclude_layers * thickness
    if label is None:
        return None
    known = layers["label"].to_numpy()
    n_layers = int(np.searchsorted(known, label, "right") - np.searchsorted(known, label, "left"))
    return (max(0.0, 1 - exclude_layers / n_layers), 1.0) if n_layers else None


def radial_profile(
    layers: Mapping[str, pd.DataFrame],
    picked: Sequence[int] = (),
    x: str = "depth_um",
    y: str = "mean",
    *,
    population: bool = True,
    exclude_layers: int = 0,
    figure: Figure | None = None,
    style: Style = PAPER,
    assumed: bool = False,
    note: str = "",
) -> Plot:
    """Radial profiles of picked particles over the population mean ± 2 standard errors.

    Parameters
    ----------
    layers : mapping of str to DataFrame
        Layer table of each state (``tables.LAYERS``), the first one the reference.
    picked : sequence of int
        Labels; the first `MAX_PICKED` are drawn, in each state.
    x : str
        One of `X_AXES`. The surface is on the left.
    y : str
        One of `Y_VALUES`.
    population : bool
        Whether the population means are drawn.
    exclude_layers : int
        Outer layers left out of the core; they are shaded.
    figure, style, assumed, note
        Figure to draw into (it is emptied), colours and fonts, whether the voxel size is
        assumed (the axis says so), small text above the axes.

    Returns
    -------
    Plot
        Data: ``state, series, label, <x>, <y>, se, n``.
    """
    states = list(layers)
    labels = list(picked)[:MAX_PICKED]
    parts = [particle_data(state, table, labels, x, y) for state, table in layers.items()]
    if population:
        parts += [population_data(state, table, x, y) for state, table in layers.items()]
    data = pd.concat(parts, ignore_index=True)
    is_new = figure is None
    figure = start(figure, style)
    axes = figure.add_subplot()
    first = layers[states[0]]
    span = excluded_span(first, labels[0] if labels else None, exclude_layers, x)
    if span is not None:
        draw_excluded(axes, *span, style)
    draw_populations(axes, data, x, y, style)
    draw_particles(axes, data, x, y, style, states)
    legend_below(figure, axes, style, grow=is_new)
    left_out = f"first {MAX_PICKED} of {len(picked)} picked" if len(picked) > MAX_PICKED else ""
    notes = "; ".join(filter(None, (note, left_out)))
    finish_axes(axes, x, y, style, assumed=assumed, note=notes)
    return Plot(figure, data)
