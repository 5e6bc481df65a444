"""Share of particles that obey a condition, with a binomial interval (GREAT2 paper, figure 10)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.states_common import (
    joined_note,
    shared_legend,
    small_print,
    subset_colour,
    subsets_or_all,
)
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import PAPER, Plot, Style, as_text, dress, start
from napari_battery.states.frames import Frames
from napari_battery.states.shares import (
    binomial_interval,
    fulfilled,
    parse_conditions,
    published_conditions,
)
from napari_battery.states.subsets import Subset, unique_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["shares", "shares_table"]

_WRAP = 24


def shares_table(
    frames: Frames, subsets: Sequence[Subset] = (), settings: StatesFigureSettings | None = None
) -> pd.DataFrame:
    """How many particles of each subset obey each condition.

    Returns
    -------
    DataFrame
        ``subset, condition, n, obeying, share, ci_low, ci_high, interval, confidence``; `n`
        counts the particles that have the values asked for.

    Raises
    ------
    InputError
        If a condition cannot be understood, or there is none to ask.
    """
    settings = settings or StatesFigureSettings()
    shown = subsets_or_all(frames, subsets)
    if settings.conditions.strip():
        conditions = parse_conditions(settings.conditions, frames.states)
    else:
        conditions = published_conditions(frames) if frames.is_matched else []
    if not conditions:
        raise InputError(
            "The particles of these states are not matched: write a condition in one state, "
            f"such as “{frames.states[-1]}: core_mean < 170”."
        )
    rows = []
    for condition in conditions:
        obeys, asked = fulfilled(frames, condition)
        place = frames.place(condition.state)
        for subset, name in zip(shown, unique_names(shown), strict=True):
            member = subset.mask(frames)[:, place] & asked
            n, k = int(member.sum()), int((member & obeys).sum())
            low, high = binomial_interval(k, n, settings.confidence, settings.interval)
            share = k / n if n else np.nan
            rows.append((name, condition.text, n, k, share, low, high))
    table = pd.DataFrame(
        rows, columns=["subset", "condition", "n", "obeying", "share", "ci_low", "ci_high"]
    )
    return table.assign(interval=settings.interval, confidence=settings.confidence)


def shares(
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """Share of particles that obey each condition, as bars with a binomial interval.

    Parameters
    ----------
    frames, subsets, figure, style
        As in the other figures; a bar per subset and condition.
    settings : StatesFigureSettings, optional
        Conditions, kind of interval and confidence.

    Returns
    -------
    Plot
        Data: that of `shares_table`.
    """
    settings = settings or StatesFigureSettings()
    table = shares_table(frames, subsets, settings)
    names = list(dict.fromkeys(table["subset"]))
    conditions = list(dict.fromkeys(table["condition"]))
    is_new = figure is None
    width = float(np.clip(30 + 14 * len(table), 85, 180))
    figure = start(figure, style, width_mm=width, height_mm=68)
    axes = figure.add_subplot()
    step = 0.8 / len(names)
    small = style.font_size - 1
    for number, (name, rows) in enumerate(table.groupby("subset", sort=False)):
        x = np.arange(len(rows)) + (number - (len(names) - 1) / 2) * step
        share = rows["share"].to_numpy(float)
        ends = np.abs(rows[["ci_low", "ci_high"]].to_numpy(float).T - share)
        colour = subset_colour(number, len(names), style)
        axes.bar(x, share, 0.9 * step, color=colour, alpha=0.55, label=as_text(str(name)))
        axes.errorbar(x, share, ends, fmt="none", ecolor=style.foreground, elinewidth=1, capsize=2)
        many = len(table) > 8
        for at, value, top, n in zip(x, share, rows["ci_high"], rows["n"], strict=True):
            text = f"{100 * value:.0f} %" if many else f"{100 * value:.1f} %\nn = {n:,}"
            axes.annotate(
                text if n else "none", (at, top if n else 0), xytext=(0, 2),
                textcoords="offset points", ha="center", va="bottom",
                fontsize=small - many, color=style.foreground,
            )  # fmt: skip
    axes.axhline(0.5, color=style.muted, linewidth=0.6, linestyle="--", zorder=0)
    axes.set_ylim(0, 1.16)
    axes.set_yticks(np.linspace(0, 1, 6))
    wrapped = ["\n".join(textwrap.wrap(as_text(text), _WRAP)) for text in conditions]
    axes.set_xticks(range(len(conditions)), wrapped)
    axes.set_xlim(-0.5, len(conditions) - 0.5)
    axes.set_ylabel("Share of particles")
    dress(axes, style)
    words = f"bars: {settings.interval} interval, {100 * settings.confidence:g} %"
    small_print(figure, style, joined_note(words, frames.note))
    if len(names) > 1:
        shared_legend(figure, axes, style, grow=is_new)
    return Plot(figure, table)
