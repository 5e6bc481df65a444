"""How every figure looks: colours, fonts, axis titles, and the small note above the axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from napari_battery.tables import column_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "PAPER",
    "Plot",
    "Style",
    "as_text",
    "axis_title",
    "dress",
    "legend_below",
    "new_figure",
    "start",
    "theme_style",
]

# Okabe & Ito (2008), told apart with every kind of colour blindness; without the
# yellow, which is lost on white, and each with a lighter twin for dark windows
_ON_LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6D00", "#56B4E9")
_ON_DARK = ("#56B4E9", "#F0803C", "#2CC79B", "#E09CC4", "#E6C229", "#9AD3F5")

_MM_PER_INCH = 25.4
_POINTS_PER_INCH = 72


@dataclass(frozen=True)
class Style:
    """Colours and sizes of a figure."""

    background: str = "#ffffff"
    foreground: str = "#111111"
    muted: str = "#777777"
    """Population lines, notes."""
    palette: tuple[str, ...] = _ON_LIGHT
    """One colour per state or picked particle, in order; then from the start."""
    font_size: float = 8.0
    """Points, of axis titles; ticks and legends are a little smaller."""

    def colour(self, number: int) -> str:
        """Colour of the state or particle of this number."""
        return self.palette[number % len(self.palette)]


PAPER = Style()
"""Black on white, for one column of a journal."""


class Plot(NamedTuple):
    """A figure and the numbers it shows."""

    figure: Figure
    data: pd.DataFrame


def theme_style(background: str, foreground: str, font_size: float = 8.0) -> Style:
    """Style of a window with these colours ("#rrggbb")."""
    dark = _luminance(background) < _luminance(foreground)
    return Style(
        background=background,
        foreground=foreground,
        muted="#a8adb5" if dark else "#6b6b6b",
        palette=_ON_DARK if dark else _ON_LIGHT,
        font_size=font_size,
    )


def _luminance(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def as_text(text: str) -> str:
    """Text as it stands: matplotlib would take what is between two ``$`` for a formula."""
    return text.replace("$", r"\$")


def axis_title(name: str, *, assumed: bool = False) -> str:
    """Title of an axis for a table column, with unit, set as in the papers."""
    title = as_text(column_title(name, assumed=assumed))
    return title.replace("ΔĪ_prist", r"$\Delta\bar{I}_\mathrm{prist}$")


def new_figure(style: Style = PAPER, width_mm: float = 85.0, height_mm: float = 65.0) -> Figure:
    """An empty figure that fits its labels; 85 mm is one column of a journal."""
    from matplotlib.figure import Figure

    return Figure(
        figsize=(width_mm / _MM_PER_INCH, height_mm / _MM_PER_INCH),
        dpi=100,
        layout="constrained",
        facecolor=style.background,
    )


def start(figure: Figure | None, style: Style, **size: float) -> Figure:
    """The figure to draw into: a new one, or the given one emptied."""
    if figure is None:
        return new_figure(style, **size)
    for axes in list(figure.axes):  # else each would be cleared, as slow as making it
        if axes.get_subplotspec() is None:
            axes.remove()  # a colour bar, which the panels beside it must forget
        else:
            figure.delaxes(axes)
    figure.clear()
    figure.set_facecolor(style.background)
    return figure


def dress(axes: Axes, style: Style, note: str = "") -> None:
    """Give axes the style's colours and fonts, and put `note` small above them."""
    axes.set_facecolor(style.background)
    small = style.font_size - 1
    axes.tick_params(colors=style.foreground, labelsize=small, width=0.6, length=3)
    for side, spine in axes.spines.items():
        spine.set_color(style.foreground)
        spine.set_linewidth(0.6)
        if side in ("top", "right"):
            spine.set_visible(False)
    for title in (axes.xaxis.label, axes.yaxis.label):
        title.set_color(style.foreground)
        title.set_fontsize(style.font_size)
    for axis in (axes.xaxis, axes.yaxis):
        offset: Any = axis.get_offset_text()
        offset.set_color(style.foreground)
        offset.set_fontsize(small)
    if note:
        axes.set_title(
            as_text(note), loc="right", fontsize=small, color=style.muted, fontstyle="italic"
        )


def legend_below(figure: Figure, axes: Axes, style: Style, *, grow: bool) -> None:
    """A legend under the axes, where it hides no data; the figure may grow by its height."""
    handles, names = axes.get_legend_handles_labels()
    if not handles:
        return
    if grow:
        line = 1.3 * (style.font_size - 1) / _POINTS_PER_INCH
        figure.set_figheight(figure.get_figheight() + line * len(handles))
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        frameon=False,
        fontsize=style.font_size - 1,
        labelcolor=style.foreground,
        borderaxespad=0.1,
        labelspacing=0.2,
    )
