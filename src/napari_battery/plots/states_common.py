"""What the figures of states share: means with errors, panels, names of states and subsets."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.plots.states_panels import grid_of
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import Style, as_text
from napari_battery.states.frames import Frames
from napari_battery.states.subsets import Subset, all_particles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DARKER_BRIGHTER",
    "LINES",
    "MARKERS",
    "direction_words",
    "draw_means",
    "error_words",
    "joined_note",
    "ordered_colour",
    "se_multiple",
    "shared_legend",
    "small_print",
    "state_means",
    "state_ticks",
    "subset_colour",
    "subsets_or_all",
]

LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
DARKER_BRIGHTER = "RdBu"
"""Colours of changes: red darker, blue brighter, as the maps of particles have it."""

_LETTER_EM = 0.55
"""Width of a letter, about."""

_LETTERS = {"charge": "C", "discharge": "D"}


def subsets_or_all(frames: Frames, subsets: Sequence[Subset]) -> list[Subset]:
    """The subsets to draw; all particles where none is given."""
    return list(subsets) or [all_particles(frames)]


def subset_colour(number: int, n: int, style: Style) -> Any:
    """Colour of a subset: from the palette, or where that runs out along a colour map."""
    return style.colour(number) if n <= len(style.palette) else ordered_colour(number, n, style)


def ordered_colour(number: int, n: int, style: Style) -> Any:
    """Colour of a part of an ordered whole, along a colour map."""
    from matplotlib import colormaps

    low, high = (0.3, 1.0) if style.background < "#808080" else (0.0, 0.85)
    return colormaps["viridis"](low + (high - low) * number / max(n - 1, 1))


def se_multiple(settings: StatesFigureSettings, published: float) -> float:
    """How many standard errors to draw: the person's number, or the paper's for this figure."""
    return published if settings.se_multiple is None else settings.se_multiple


def error_words(settings: StatesFigureSettings, multiple: float) -> str:
    """What bars and bands show, as it stands on the figure."""
    if settings.error == "SES":  # the sampling error
        return f"± {multiple:g} SE (sampling)"
    return f"± {multiple:g} SE_tot (overstates the error of the mean)"


def joined_note(*parts: str) -> str:
    """Small print above the axes."""
    return "; ".join(filter(None, parts))


def state_means(
    frames: Frames,
    mask: NDArray[np.bool_],
    column: str,
    settings: StatesFigureSettings,
    group: NDArray[np.intp] | None = None,
    n_groups: int = 1,
) -> pd.DataFrame:
    """Mean of a column over particles in each state, with its errors.

    Parameters
    ----------
    frames : Frames
        The study.
    mask : (n, states) array of bool
        Which particles count.
    column : str
        ``core_mean``, or ``delta_core_mean``, which is 0 in the reference by definition and
        has no error there.
    settings : StatesFigureSettings
        Which standard error the column ``se`` is.
    group : (n,) array of int, optional
        A group of each particle, from 0, of which every one gets its own means; −1 is none.
    n_groups : int
        How many groups there are.

    Returns
    -------
    DataFrame
        ``state, direction, n, mean, ses, sem, se``, one row per group and state, in this order.
        By the GREAT2 paper, section 3.1: SES is σ/√n (ddof 1), SEM the root mean square of the
        particles' own errors.
    """
    values = frames.values(column)
    n_states = len(frames.states)
    found = mask & np.isfinite(values)
    if group is not None:
        found &= (group >= 0)[:, np.newaxis]
    rows, state = np.nonzero(found)
    place = state if group is None else group[rows] * n_states + state
    size = n_groups * n_states
    here = values[rows, state]
    n = np.bincount(place, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place, here, size) / n
        squares = np.bincount(place, (here - mean[place]) ** 2, size)
        ses = np.sqrt(squares / (n - 1) / n)
    ses[n < 2] = np.nan
    error = "sem" if column == "core_mean" else "sem_delta"
    sem = np.full(size, np.nan)
    if error in frames.particles:
        own = frames.values(error)[rows, state]
        has = np.isfinite(own)
        with np.errstate(invalid="ignore", divide="ignore"):
            total = np.bincount(place[has], own[has] ** 2, size)
            sem = np.sqrt(total / np.bincount(place[has], minlength=size))
    if column == "delta_core_mean":
        ses[::n_states] = sem[::n_states] = np.nan
    return pd.DataFrame(
        {
            "state": frames.states * n_groups,
            "direction": [frames.directions.get(state, "") for state in frames.states] * n_groups,
            "n": n,
            "mean": mean,
            "ses": ses,
            "sem": sem,
            "se": ses if settings.error == "SES" else np.hypot(ses, sem),
        }
    )


def small_print(figure: Figure, style: Style, text: str) -> None:
    """A line above all panels: what bars are, what must be known about the numbers."""
    if not text:
        return
    # of its letters, about 0.5 em each
    most = int(figure.get_figwidth() * 72 / (0.5 * (style.font_size - 1)))
    wrapped = "\n".join(textwrap.wrap(text, most))
    title = figure.suptitle(
        as_text(wrapped), x=0.995, ha="right", fontsize=style.font_size - 1, color=style.muted
    )
    title.set_fontstyle("italic")


def direction_words(frames: Frames) -> str:
    """What the markers of `draw_means` say, where directions are known."""
    return "filled: charge, open: discharge" if any(frames.directions.values()) else ""


def state_ticks(axes: Axes, frames: Frames, states: Sequence[str] | None = None) -> None:
    """Names of states along x; C and D mark charge and discharge, as in the paper."""
    shown = list(frames.states if states is None else states)
    names = []
    for state in shown:
        letter = _LETTERS.get(frames.directions.get(state, ""), "")
        names.append(as_text(f"{state} ({letter})" if letter else state))
    figure = axes.get_figure()
    assert figure is not None
    width = 0.8 * figure.get_size_inches()[0] / grid_of(axes).ncols  # type: ignore[union-attr]
    is_long = sum(len(name) + 2 for name in names) * _LETTER_EM * 7 / 72 > width
    axes.set_xticks(
        range(len(shown)), names, rotation=35 if is_long else 0, ha="right" if is_long else "center"
    )
    axes.set_xlim(-0.5, len(shown) - 0.5)


def draw_means(
    axes: Axes,
    tables: Sequence[pd.DataFrame],
    names: Sequence[str],
    colours: Sequence[Any],
    style: Style,
    multiple: float,
    *,
    counted: bool = True,
) -> None:
    """Means against state, one line per table; filled markers on charge, open on discharge."""
    n = len(tables)
    spread = min(0.12, 0.5 / max(n, 1))
    for number, (table, name, colour) in enumerate(zip(tables, names, colours, strict=True)):
        x = np.arange(len(table)) + (number - (n - 1) / 2) * spread
        mean, reach = table["mean"].to_numpy(float), multiple * table["se"].to_numpy(float)
        marker = MARKERS[number % len(MARKERS)]
        ends = np.stack([mean - reach, mean + reach, np.full(len(x), np.nan)], axis=1)
        axes.plot(
            np.repeat(x, 3), ends.ravel(), color=colour, linewidth=0.9, marker="_", markersize=4,
            solid_capstyle="butt",
        )  # fmt: skip
        text = f"{name} (n = {table['n'].max():,})" if counted else name
        axes.plot(
            x, mean, color=colour, linewidth=1.0, linestyle=LINES[number % len(LINES)],
            marker=marker, markersize=4, label=as_text(text),
        )  # fmt: skip
        back = (table["direction"] == "discharge").to_numpy()
        axes.plot(
            x[back], mean[back], linestyle="none", marker=marker, markersize=4,
            markerfacecolor=style.background, markeredgecolor=colour,
        )  # fmt: skip


def shared_legend(
    figure: Figure, axes: Axes, style: Style, *, grow: bool, columns: int | None = None
) -> None:
    """One legend under all panels, for what is alike in them; the figure may grow by it."""
    handles, names = axes.get_legend_handles_labels()
    if not handles:
        return
    small = style.font_size - 1
    if columns is None:
        needed = (max(map(len, names)) * _LETTER_EM + 4) * small / 72
        columns = max(1, min(len(names), int(figure.get_figwidth() / needed)))
    if grow:
        lines = -(-len(names) // columns)
        figure.set_figheight(figure.get_figheight() + 1.35 * small / 72 * lines)
    figure.legend(
        handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=small,
        labelcolor=style.foreground, borderaxespad=0.1, labelspacing=0.2, columnspacing=1.2,
    )  # fmt: skip
