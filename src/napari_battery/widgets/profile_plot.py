"""The live plot of the Radial profile dock: population drawn once, picked particles often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from napari_battery.plots import profile
from napari_battery.plots.style import Style
from napari_battery.widgets.figure_canvas import FigureCanvas
from napari_battery.widgets.highlight import PICK_COLOURS
from napari_battery.widgets.session import Analysis

__all__ = ["ProfilePlot", "View", "is_synthetic", "state_names"]

_DASHES = "━╍┅┉"
_GLYPHS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚"}
_SHARE = 0.01
"""The x axis goes as deep as this share of the particles; picked ones may reach further."""
_MOST = (2, 98)
"""Percentiles of all layers' values that the y axis holds, beside the population's band."""
_LOOSE = 1.4
"""Axes that a picked particle has widened stay so for the next one, up to this factor:
other limits mean drawing everything anew."""


@dataclass(frozen=True)
class View:
    """What the plot shows, besides the picked particles."""

    analyses: tuple[Analysis, ...]
    current: Analysis
    """One of them: whose excluded layers are shaded."""
    x: str = "depth_um"
    y: str = "mean"
    population: bool = True

    @property
    def assumed(self) -> bool:
        """Whether a voxel size was only assumed."""
        return any(a.result.assumed_voxel_size for a in self.analyses)

    @property
    def note(self) -> str:
        """What must be known about the numbers."""
        notes = ["synthetic data"] if any(map(is_synthetic, self.analyses)) else []
        notes += sorted({f"out of date: {a.stale}" for a in self.analyses if a.stale})
        return "; ".join(notes)


def is_synthetic(analysis: Analysis) -> bool:
    """Whether an input of the analysis was made up."""
    inputs = analysis.result.provenance.get("inputs", [])
    return any(entry.get("synthetic") for entry in inputs)


def state_names(analyses: Sequence[Analysis]) -> list[str]:
    """A name for each analysis: its state where known; no two alike."""
    names: list[str] = []
    for analysis in analyses:
        name = analysis.state or analysis.name
        if name in names:
            name = f"{name}, {analysis.name}"
        while name in names:
            name += "′"
        names.append(name)
    return names


class ProfilePlot(FigureCanvas):
    """Radial profiles of a `View`; `show_view` draws all of it, `show_picked` is fast."""

    _view: View | None = None
    _axes: Any = None
    _frames: list[pd.DataFrame]
    _base = (0.0, 1.0, 0.0, 1.0)
    _limits_now = (0.0, 1.0, 0.0, 1.0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._frames = []
        self._cache: WeakKeyDictionary[Analysis, dict[tuple[str, str], Any]] = WeakKeyDictionary()

    @property
    def look(self) -> Style:
        """Colours of the window; one state's particles have those they have in the canvas."""
        style = super().look
        if self._view is None or len(self._view.analyses) > 1:
            return style
        darker = 1.0 if style.background < "#808080" else 0.6
        rgb = np.round(PICK_COLOURS[:, :3] * darker * 255).astype(int)
        return replace(style, palette=tuple("#{:02x}{:02x}{:02x}".format(*c) for c in rgb))

    def show_view(self, view: View, picked: Sequence[int]) -> None:
        """Draw everything anew."""
        self._view = view
        style = self.look
        figure = self.figure
        figure.clear()
        self._axes = axes = figure.add_subplot()
        known = [self._known(analysis, view.x, view.y) for analysis in view.analyses]
        names = state_names(view.analyses)
        self._frames = [
            frame.assign(state=name) for (frame, _), name in zip(known, names, strict=True)
        ]
        boxes = np.array([box for _, box in known])
        low, high = boxes[:, [0, 2]].min(axis=0), boxes[:, [1, 3]].max(axis=0)
        self._base = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
        if view.x == "depth_um" and (span := self._excluded(None)) is not None:
            profile.draw_excluded(axes, *span, style)
        if view.population:
            data = pd.concat(self._frames, ignore_index=True)
            profile.draw_populations(axes, data, view.x, view.y, style)
        profile.finish_axes(axes, view.x, view.y, style, assumed=view.assumed, note=view.note)
        self._draw_picked(picked, everything=True)

    def show_picked(self, picked: Sequence[int]) -> None:
        """Draw other particles into the plot as it is."""
        if self._view is not None:
            self._draw_picked(picked, everything=False)

    def _draw_picked(self, picked: Sequence[int], *, everything: bool) -> None:
        view, style, axes = self._view, self.look, self._axes
        if view is None:
            return
        for artist in self._moving:
            if artist.axes is axes:
                artist.remove()
        labels = list(picked)[: profile.MAX_PICKED]
        names = state_names(view.analyses)
        data = pd.concat(
            [
                profile.particle_data(name, a.result.layers, labels, view.x, view.y)
                for a, name in zip(view.analyses, names, strict=True)
            ],
            ignore_index=True,
        )
        moving = profile.draw_particles(axes, data, view.x, view.y, style, names)
        if view.x == "relative_radius" and labels:
            span = self._excluded(labels[0])
            if span is not None:
                moving.insert(0, profile.draw_excluded(axes, *span, style))
        limits = self._limits(data[view.x].to_numpy(float), data[view.y].to_numpy(float))
        if everything or not _serves(self._limits_now, limits):
            self._limits_now, everything = limits, True
            left, right, bottom, top = limits
            axes.set_xlim((right, left) if view.x == "relative_radius" else (left, right))
            axes.set_ylim(bottom, top)
        self.show_moving(moving, everything=everything)

    def _excluded(self, label: int | None) -> tuple[float, float] | None:
        if self._view is None:
            return None
        current = self._view.current
        return profile.excluded_span(
            current.result.layers, label, current.exclude_layers, self._view.x
        )

    def _limits(self, x: Any, y: Any) -> tuple[float, float, float, float]:
        """Limits that hold the population and these points; the same for most particles."""
        left, right, bottom, top = self._base
        inside = np.isfinite(x) & np.isfinite(y)
        if inside.any():
            right = max(right, float(x[inside].max()))
            bottom, top = min(bottom, float(y[inside].min())), max(top, float(y[inside].max()))
        margin = 0.04 * (top - bottom)
        return left, 1.02 * right, bottom - margin, top + margin

    def _known(self, analysis: Analysis, x: str, y: str) -> Any:
        """Population of an analysis, and the box of x and y that shows most of its particles."""
        of_analysis = self._cache.setdefault(analysis, {})
        if (x, y) not in of_analysis:
            layers = analysis.result.layers
            frame = profile.population_data("", layers, x, y)
            many = frame[frame["n"] >= max(2, _SHARE * frame["n"].max())] if len(frame) else frame
            values = layers[y].to_numpy(float)
            values = values[np.isfinite(values)]
            ends = np.percentile(values, _MOST).tolist() if values.size else [0.0, 1.0]
            for sign in (-2, 2):
                ends += (many[y] + sign * many["se"]).dropna().tolist()
            bottom, top = min(ends), max(ends)
            if bottom == top:
                bottom, top = bottom - 0.5, top + 0.5
            end = 1.0 if x == "relative_radius" else float(many[x].max() if len(many) else 1.0)
            of_analysis[x, y] = frame, (0.0, end, bottom, top)
        return of_analysis[x, y]

    def legend(self, picked: Sequence[int]) -> str:
        """What the lines are, and the core mean of each picked particle, as HTML."""
        view, style = self._view, self.look
        if view is None:
            return ""
        names, lines = state_names(view.analyses), []
        if view.population:
            for number, (frame, name) in enumerate(zip(self._frames, names, strict=True)):
                several = len(names) > 1
                colour = style.colour(number) if several else style.muted
                who = name if several else "all particles"
                n = f" (n ≤ {frame['n'].max():,})" if len(frame) else " (no values)"
                dashes = _DASHES[number % len(_DASHES)]
                lines.append(_line(colour, dashes, f"{who}, mean ± 2 SE{n}"))
        labels = np.asarray(list(picked), dtype=np.int64)
        has = [np.isin(labels, a.particles["label"].to_numpy()) for a in view.analyses]
        known = labels[np.any(has, axis=0)].tolist()
        if len(known) > profile.NAMED:
            said = f"{len(known)} picked particles"
            if len(known) > profile.MAX_PICKED:
                said += f", the first {profile.MAX_PICKED} are drawn"
            lines.append(_line(style.colour(0), "━", said))
            return "<br>".join(lines)
        for label in known:
            several = len(names) > 1
            if several:
                lines.append(f"label {label}")
            for analysis, name in zip(view.analyses, names, strict=True):
                colour, marker = profile.particle_look(style, names, known, name, label)
                said = f"{name if several else f'label {label}'}: {_core(analysis, label)}"
                lines.append(_line(colour, _GLYPHS[marker], said))
        return "<br>".join(lines)


def _serves(drawn: Sequence[float], needed: Sequence[float]) -> bool:
    """Whether what is drawn holds what is needed, and not much more."""
    left, right, bottom, top = drawn
    holds = left <= needed[0] and right >= needed[1] and bottom <= needed[2] and top >= needed[3]
    wide = _LOOSE * (needed[1] - needed[0]), _LOOSE * (needed[3] - needed[2])
    return holds and right - left <= wide[0] and top - bottom <= wide[1]


def _line(colour: str, glyph: str, text: str) -> str:
    return f'<span style="color: {colour}">{glyph}</span> {escape(text)}'


def _row(analysis: Analysis, label: int) -> int | None:
    labels = analysis.particles["label"].to_numpy()
    place = int(np.searchsorted(labels, label))
    return place if place < len(labels) and labels[place] == label else None


def _core(analysis: Analysis, label: int) -> str:
    row = _row(analysis, label)
    if row is None:
        return "not in this analysis"
    table = analysis.particles
    mean, std, n = (
        float(table[name].iloc[row]) for name in ("core_mean", "core_std", "core_voxels")
    )
    if not n:
        layers = int(table["n_layers"].iloc[row])
        return f"no core (all of its {layers} layers are excluded)"
    return f"core {mean:.2f}, std {std:.2f}, {n:,.0f} voxels"
