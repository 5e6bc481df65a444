"""Distributions of core means in every state, with normal fits (GREAT2 paper, figure 12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.plots.states_common import (
    LINES,
    joined_note,
    shared_legend,
    small_print,
    subsets_or_all,
)
from napari_battery.plots.states_panels import outer_titles, panel_title, panels, share_limits
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.style import PAPER, Plot, Style, as_text, axis_title
from napari_battery.states.frames import Frames
from napari_battery.states.mixture import NormalFit, fit_normals, normal_density
from napari_battery.states.subsets import Subset, unique_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["core_distributions"]

_BINS = 60
_REACH = 0.001
"""Share of the particles at either end that the axis leaves out, if they lie far out."""


def core_distributions(
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """Histogram of core means per state and its normal fit; one panel per subset.

    Dotted lines are standard deviations from the mean of the reference.

    Parameters
    ----------
    frames, subsets, figure, style
        As in the other figures.
    settings : StatesFigureSettings, optional
        ``components``: one normal distribution per state, or a mixture of two.

    Returns
    -------
    Plot
        Data: ``subset, state, n, value_from, value_to, particles, fitted`` (particles per bin
        by the fit), and of each component ``weight_1, mean_1, sd_1`` …, and ``bic``.

    Raises
    ------
    InputError
        If no particle has a core mean.
    """
    settings = settings or StatesFigureSettings()
    shown = subsets_or_all(frames, subsets)
    names, values = unique_names(shown), frames.values("core_mean")
    masks = [subset.mask(frames) & np.isfinite(values) for subset in shown]
    together = values[np.logical_or.reduce(masks)]
    if not together.size:
        raise InputError(
            "No particle has a core mean: with fewer outer layers excluded, more keep a core."
        )
    edges = _edges(together)
    is_new = figure is None
    figure, axes = panels(figure, style, len(shown), "distributions")
    rows = []
    for here, mask, name in zip(axes, masks, names, strict=True):
        for number, state in enumerate(frames.states):
            of_state = values[mask[:, number], number]
            fit = fit_normals(of_state, 1 if settings.components == "one" else 2)
            label = (
                str(state) if len(shown) > 1 else f"{state}: {_words(fit)} (n = {len(of_state):,})"
            )
            rows.append(_draw(here, of_state, edges, fit, number, label, style).assign(
                subset=name, state=state, n=len(of_state)
            ))  # fmt: skip
        _mark_deviations(here, values[mask[:, 0], 0], style)
        if len(shown) > 1:
            panel_title(here, style, f"{name} (n = {int(mask.sum(axis=0).max()):,})")
    outer_titles(axes, style, axis_title("core_mean"), "Particles")
    share_limits(axes)
    for here in axes:
        here.set_xlim(edges[0], edges[-1])
        here.set_ylim(bottom=0)
    fits = "normal fits" if settings.components == "one" else "fits of two normal distributions"
    words = f"{fits}; dotted: SDs from the mean at {frames.reference}"
    small_print(figure, style, joined_note(words, frames.note))
    shared_legend(figure, axes[0], style, grow=is_new)
    data = pd.concat(rows, ignore_index=True)
    first = ["subset", "state", "n"]
    return Plot(figure, data[[*first, *(c for c in data if c not in first)]])


def _edges(values: Any) -> Any:
    low, high = np.quantile(values, [_REACH, 1 - _REACH])
    margin = 0.1 * (high - low) or 0.5
    low, high = max(values.min(), low - margin), min(values.max(), high + margin)
    if low == high:
        low, high = low - 0.5, high + 0.5
    n = int(np.clip(2 * np.sqrt(values.size / 4), 8, _BINS))
    return np.linspace(low, high, n + 1)


def _draw(
    axes: Any, values: Any, edges: Any, fit: NormalFit, number: int, label: str, style: Style
) -> pd.DataFrame:
    """One state's histogram as an outline and its fit as a line; returns what is drawn."""
    counts, _ = np.histogram(values, edges)
    colour, width = style.colour(number), edges[1] - edges[0]
    steps, heights = np.repeat(edges, 2), np.concatenate([[0], np.repeat(counts, 2), [0]])
    if number == 0:
        axes.fill(steps, heights, color=colour, alpha=0.12, linewidth=0)
    axes.plot(steps, heights, color=colour, alpha=0.35, linewidth=0.6)
    x = np.linspace(edges[0], edges[-1], 200)
    dashes = LINES[number % len(LINES)]
    parts = normal_density(fit, x) * len(values) * width
    line: Any = {"color": colour, "linestyle": dashes}
    if np.isfinite(parts).all():
        axes.plot(x, parts.sum(axis=0), linewidth=1.2, label=as_text(label), **line)
        if len(parts) > 1:
            for part in parts:
                axes.plot(x, part, linewidth=0.6, **line)
    middles = (edges[:-1] + edges[1:]) / 2
    fitted = normal_density(fit, middles).sum(axis=0) * len(values) * width
    frame: dict[str, Any] = {"value_from": edges[:-1], "value_to": edges[1:]}
    frame |= {"particles": counts, "fitted": fitted}
    for k, (weight, mean, sd) in enumerate(zip(fit.weights, fit.means, fit.sds, strict=True)):
        frame |= {f"weight_{k + 1}": weight, f"mean_{k + 1}": mean, f"sd_{k + 1}": sd}
    return pd.DataFrame({**frame, "bic": fit.bic})


def _mark_deviations(axes: Any, values: Any, style: Style) -> None:
    """Lines at the reference's mean and at its standard deviations from there."""
    if len(values) < 2:
        return
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    axes.axvline(mean, color=style.muted, linewidth=0.9, zorder=0)
    places = mean + sd * np.array([-3, -2, -1, 1, 2, 3])
    axes.vlines(
        places, 0, 1, transform=axes.get_xaxis_transform(), colors=style.muted, linewidth=0.6,
        linestyles=":", zorder=0,
    )  # fmt: skip


def _words(fit: NormalFit) -> str:
    texts = [f"{mean:.4g} ± {sd:.3g}" for mean, sd in zip(fit.means, fit.sds, strict=True)]
    if len(texts) == 1:
        return texts[0]
    return ", ".join(f"{100 * w:.0f} % {text}" for w, text in zip(fit.weights, texts, strict=True))
