"""Thousands of points in a figure, drawn fast, no subset hiding the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from napari_battery.plots.states_common import subset_colour
from napari_battery.plots.style import Style, as_text

__all__ = ["dots", "draw_subsets", "key"]

_TURNS = 3
_FEW = 3000

Points = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""x, y, and which of them stand out."""


def draw_subsets(axes: Any, points: Sequence[Points], names: Sequence[str], style: Style) -> None:
    """Points of several subsets, each in its colour; those that do not stand out are faint.

    `names` are the entries of a legend: none where the panel beside has them.
    """
    for turn in range(_TURNS):  # so that no subset hides the others
        for number, (x, y, strong) in enumerate(points):
            colour, part = subset_colour(number, len(points), style), slice(turn, None, _TURNS)
            yes = strong[part]
            for chosen, alpha in ((~yes, 0.2), (yes, 0.7)):
                if chosen.any():
                    dots(axes, x[part][chosen], y[part][chosen], colour, alpha, len(x))
    for number, name in enumerate(names):
        key(axes, subset_colour(number, len(points), style), name)


def dots(axes: Any, x: Any, y: Any, colour: Any, alpha: float, n: int) -> None:
    """Points as markers of a line, which draw many times faster than a scatter's.

    `n` is how many there are in all: many are drawn smaller.
    """
    axes.plot(
        x, y, linestyle="none", marker="o", markersize=2.6 if n < _FEW else 1.6, alpha=alpha,
        markeredgewidth=0, color=colour, rasterized=True,
    )  # fmt: skip


def key(axes: Any, colour: Any, name: str) -> None:
    """An entry of the legend, well to be seen."""
    axes.plot([], [], "o", color=colour, markersize=3.5, label=as_text(name))
