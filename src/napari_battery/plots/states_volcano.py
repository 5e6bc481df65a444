"""Volcano plot: each particle's ΔĪ_prist against how significant it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.plots.states_common import (
    DARKER_BRIGHTER,
    joined_note,
    shared_legend,
    small_print,
    subset_colour,
    subsets_or_all,
)
from napari_battery.plots.states_panels import outer_titles, panel_title, panels
from napari_battery.plots.states_points import dots, draw_subsets, key
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import PAPER, Plot, Style, axis_title
from napari_battery.states.frames import Frames
from napari_battery.states.subsets import Subset, unique_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["volcano", "volcano_points"]

_LEAST_Q = 1e-300
_REACH = 0.995
"""Share of particles within the axes; those beyond stand at their edge."""
_LINE, _MOST_LINES = 0.07, 4
"""Height of a line of counts as a share of the axes, and how many are written."""


def volcano_points(frames: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ΔĪ_prist and −log10 q of every particle and state, (n, states) each; NaN where unknown."""
    q = frames.values("q_value")
    with np.errstate(invalid="ignore", divide="ignore"):
        height = -np.log10(np.maximum(q, _LEAST_Q))
    return frames.values("delta_core_mean"), height


def volcano(
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """ΔĪ_prist of each particle against −log10 of its q value; one panel per state.

    With one subset colour tells darker from brighter, with several it tells the subset.
    Points beyond the axes stand at their edge; numbers count them where they are.

    Parameters
    ----------
    frames, subsets, figure, style
        As in the other figures.
    settings : StatesFigureSettings, optional
        ``significance``: the false discovery rate below which a change counts.

    Returns
    -------
    Plot
        Data: ``subset, label, state, delta_core_mean, q_value, significant``.

    Raises
    ------
    InputError
        If the populations are not matched, or no significance is known.
    """
    settings = settings or StatesFigureSettings()
    if not frames.is_matched or "q_value" not in frames.particles:
        raise InputError(
            "A volcano plot needs matched particles and the noise of their grey levels: "
            "neither ΔĪ_prist nor its significance is known here."
        )
    shown = subsets_or_all(frames, subsets)
    names = unique_names(shown)
    delta, height = volcano_points(frames)
    q = frames.values("q_value")
    later = frames.states[1:]
    masks = [s.mask(frames) & np.isfinite(delta) & np.isfinite(height) for s in shown]
    drawn = np.logical_or.reduce(masks)
    drawn[:, 0] = False
    if not drawn.any():
        raise InputError("No particle of these subsets has a ΔĪ_prist with its significance.")
    right, top = _limits(delta[drawn], height[drawn], settings.significance)
    is_new = figure is None
    figure, axes = panels(figure, style, len(later), "volcano")
    rows = []
    for here, state in zip(axes, later, strict=True):
        place = frames.place(state)
        counts, points = [], []
        for number, (mask, name) in enumerate(zip(masks, names, strict=True)):
            chosen = mask[:, place]
            x, y = delta[chosen, place], height[chosen, place]
            is_significant = q[chosen, place] <= settings.significance
            points.append((np.clip(x, -right, right), np.minimum(y, 1.02 * top), is_significant))
            down, up = (int((is_significant & (sign * x > 0)).sum()) for sign in (-1, 1))
            counts.append((number, down, up, int(chosen.sum())))
            frame = {"label": frames.labels[chosen], "state": state, "delta_core_mean": x}
            frame |= {"q_value": q[chosen, place], "significant": is_significant}
            rows.append(pd.DataFrame({"subset": name, **frame}))
        _scatter(here, points, names if here is axes[0] else [], style)
        _count(here, counts, style)
        line = -np.log10(settings.significance)
        here.axhline(line, color=style.muted, linewidth=0.6, linestyle="--", zorder=0)
        here.axvline(0, color=style.muted, linewidth=0.6, zorder=0)
        panel_title(here, style, state)
    outer_titles(axes, style, axis_title("delta_core_mean"), r"$-\log_{10}\,q$")
    for here in axes:
        here.set_xlim(-right, right)
        here.set_ylim(-0.02 * top, top / (0.89 - _LINE * min(len(shown), _MOST_LINES)))
    words = f"dashed: q = {settings.significance:g} (Benjamini–Hochberg)"
    small_print(figure, style, joined_note(words, frames.note))
    shared_legend(figure, axes[0], style, grow=is_new)
    return Plot(figure, pd.concat(rows, ignore_index=True))


def _limits(x: Any, y: Any, significance: float) -> tuple[float, float]:
    right = float(np.quantile(np.abs(x), _REACH)) * 1.15 or 1.0
    top = float(np.quantile(y, _REACH)) * 1.1
    return right, max(top, -2 * np.log10(significance))


def _scatter(axes: Any, points: list[tuple[Any, Any, Any]], names: list[str], style: Style) -> None:
    """One subset in the colours of darker and brighter, several in their own."""
    if len(points) > 1:
        draw_subsets(axes, points, names, style)
        return
    from matplotlib import colormaps

    x, y, yes = points[0]
    ends = (0.22, 0.78) if style.background < "#808080" else (0.1, 0.9)
    darker, brighter = (colormaps[DARKER_BRIGHTER](end) for end in ends)
    for chosen, colour, alpha, name in (
        (~yes, style.muted, 0.25, "not significant"),
        (yes & (x < 0), darker, 0.6, "darker"),
        (yes & (x >= 0), brighter, 0.6, "brighter"),
    ):
        dots(axes, x[chosen], y[chosen], colour, alpha, len(x))
        key(axes, colour, name)


def _count(axes: Any, counts: list[tuple[int, int, int, int]], style: Style) -> None:
    """Significantly darker and brighter particles of each subset, in the upper corners."""
    n = len(counts)
    for line, (number, down, up, of) in enumerate(counts[:_MOST_LINES]):
        colour = style.foreground if n == 1 else subset_colour(number, n, style)
        place = 0.985 - _LINE * line
        share = f" of {of:,}" if n == 1 else ""
        for x, side, text in ((0.02, "left", f"↓ {down:,}"), (0.98, "right", f"↑ {up:,}{share}")):
            axes.text(
                x, place, text, transform=axes.transAxes, ha=side, va="top", color=colour,
                fontsize=style.font_size - 1,
            )  # fmt: skip
