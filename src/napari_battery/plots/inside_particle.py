"""One particle in all its states: slices of grey level and of change, and the change by depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.plots.profile import draw_excluded
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
from napari_battery.tables import column_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_battery.states.inside import InsideParticle

__all__ = ["change_profile", "inside_slices", "middle_slice"]

_COLOURS = "RdBu"
"""Red darker, blue brighter, as in the maps and in the paper's figure 11."""
_CORE = "#E69F00"
_ERRORS = 2
"""Standard errors that the band of a profile is wide on each side."""


def middle_slice(particle: InsideParticle, axis: Literal["z", "y", "x"]) -> int:
    """The slice of a crop along an axis that holds most of the core, or of the particle."""
    if particle.layers.data.ndim == 2:
        return 0
    core = particle.core if particle.core.any() else particle.layers.data > 0
    others = tuple(k for k in range(3) if k != "zyx".index(axis))
    full = core.sum(axis=others)
    middle = np.flatnonzero(full == full.max())
    return int(middle[len(middle) // 2])


def inside_slices(
    particle: InsideParticle,
    axis: Literal["z", "y", "x"] = "z",
    index: int | None = None,
    *,
    limit: float | None = None,
    whole: bool = False,
    figure: Figure | None = None,
    style: Style = PAPER,
    note: str = "",
) -> Plot:
    """Draw one slice of a particle in every state, over its change since the pristine one.

    Parameters
    ----------
    particle : InsideParticle
    axis : {"z", "y", "x"}
        What the slice is across; without meaning in 2-D.
    index : int, optional
        Which slice of the crop; None is the middle one.
    limit : float, optional
        End of the changes' scale, which is symmetric and the same for all; None suits them.
    whole : bool
        Whether changes outside the core are drawn, too.
    figure, style, note
        Figure to draw into (it is emptied), colours and fonts, small text above the axes.

    Returns
    -------
    Plot
        Data: ``state``, the voxels' place in the world, ``grey, change, layer``; voxels of the
        particle only.
    """
    index = middle_slice(particle, axis) if index is None else index
    limit = particle.limit if limit is None else limit
    n = len(particle.names)
    is_new = figure is None
    figure = start(figure, style, width_mm=24 + 36 * n, height_mm=78)
    axes = figure.subplots(2, n, squeeze=False)
    view = _View(particle, axis, index)
    low, high = _grey_range(particle)
    layers = view.of(particle.layers.data)
    core = layers > particle.exclude_layers
    shown = np.ones_like(core) if whole else core
    picture: Any = None
    for k, name in enumerate(particle.names):
        axes[0, k].imshow(
            view.of(particle.greys[k].data), "gray", vmin=low, vmax=high, extent=view.extent
        )
        axes[0, k].set_title(
            as_text(_short(name)), fontsize=style.font_size, color=style.foreground, pad=3
        )
        _outline(axes[0, k], core, view, _CORE)
        if k == 0:
            continue
        change = np.where(shown, view.of(particle.differences[k - 1].data), np.nan)
        picture = axes[1, k].imshow(change, _COLOURS, vmin=-limit, vmax=limit, extent=view.extent)
        if np.isnan(change).all():
            _say(axes[1, k], _why_empty(particle, k), style)
        _outline(axes[1, k], layers > 0, view, style.muted)
    for panel in axes.flat:
        _undress(panel, style)
        if panel is not axes[1, 0]:
            panel.set(xlim=view.extent[:2], ylim=view.extent[2:])
    _scale_bar(axes[0, 0], view, style)
    _colour_bar(figure, axes[1, 0], picture, style)
    if note or not is_new:
        figure.suptitle(
            as_text(note), x=0.99, ha="right", fontsize=style.font_size - 1,
            color=style.muted, fontstyle="italic",
        )  # fmt: skip
    return Plot(figure, _slice_data(particle, view, layers))


def change_profile(
    particle: InsideParticle,
    x: Literal["depth", "relative_radius"] = "depth",
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
    assumed: bool = False,
    note: str = "",
) -> Plot:
    """Draw the mean change of each layer, ± 2 standard errors by the noise.

    Parameters
    ----------
    particle : InsideParticle
    x : str
        Depth below the surface, or r/R; the surface is on the left.
    figure, style, assumed, note
        As of `radial_profile`.

    Returns
    -------
    Plot
        Data: the particle's profile, all layers (``tables.INSIDE_PROFILE``).
    """
    profile = particle.profile
    depth = "depth_um" if "depth_um" in profile else "depth_voxels"
    x_name = depth if x == "depth" else x
    is_new = figure is None
    figure = start(figure, style)
    axes = figure.add_subplot()
    axes.axhline(0, color=style.muted, linewidth=0.6)
    core = profile[profile["is_core"]]
    outer = profile.loc[~profile["is_core"], x_name]
    if len(outer):
        half = abs(np.diff(profile[x_name].to_numpy()[:2])).min(initial=np.inf) / 2
        half = half if np.isfinite(half) else 0.0
        draw_excluded(axes, float(outer.min()) - half, float(outer.max()) + half, style)
    for k, name in enumerate(particle.names[1:]):
        rows = profile[profile["state"] == name]
        own = rows[rows["is_core"]]
        colour = style.colour(k)
        at, mean, se = (own[c].to_numpy() for c in (x_name, "change_mean", "change_se"))
        axes.fill_between(
            at, mean - _ERRORS * se, mean + _ERRORS * se, color=colour, alpha=0.18, linewidth=0
        )
        axes.plot(at, mean, "o-", color=colour, markersize=2.5, linewidth=1.2, label=as_text(name))
    _fit_heights(axes, core)
    legend_below(figure, axes, style, grow=is_new)
    axes.set_xlabel(axis_title(x_name, assumed=assumed))
    axes.set_ylabel(f"{column_title('change_mean')}\n± {_ERRORS} SE")
    if x == "relative_radius":
        axes.invert_xaxis()
    without = "" if len(core) else "no core left without the outer layers"
    dress(axes, style, "; ".join(filter(None, (note, without))))
    return Plot(figure, profile.reset_index(drop=True))


class _View:
    """One slice of a crop: how it is cut, and where it lies, in µm or voxels."""

    def __init__(self, particle: InsideParticle, axis: str, index: int) -> None:
        layers = particle.layers
        self.flat = layers.ndim == 2
        self.axis, self.index = "zyx".index(axis), index
        self.shown = [0, 1] if self.flat else [k for k in range(3) if k != self.axis]
        size = layers.voxel_size_um or (1.0,) * layers.ndim
        self.unit = "voxels" if layers.voxel_size_um is None else "µm"
        self.sizes = [size[k] for k in self.shown]
        self.starts = [layers.origin_um[k] for k in self.shown]
        self.names = [layers.axes[k] for k in self.shown]
        height, width = (layers.shape[k] for k in self.shown)
        self.width = width * self.sizes[1]
        self.extent = (0.0, self.width, height * self.sizes[0], 0.0)

    def of(self, data: NDArray[Any]) -> NDArray[Any]:
        return data if self.flat else data.take(self.index, axis=self.axis)


def _short(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:7]}…{name[-7:]}"


def _why_empty(particle: InsideParticle, k: int) -> str:
    found = np.isfinite(particle.differences[k - 1].data).any()
    return "no core\nin this slice" if found else "not found\nin this state"


def _grey_range(particle: InsideParticle) -> tuple[float, float]:
    every = np.concatenate([grey.data[np.isfinite(grey.data)] for grey in particle.greys])
    if not len(every):
        return 0.0, 1.0
    low, high = np.percentile(every, [0.5, 99.5])
    return float(low), float(max(high, low + 1e-6))


def _outline(axes: Axes, mask: NDArray[np.bool_], view: _View, colour: str) -> None:
    if mask.all() or not mask.any():
        return
    height, width = view.sizes
    y, x = (np.arange(n) + 0.5 for n in mask.shape)
    axes.contour(x * width, y * height, mask.astype(float), [0.5], colors=[colour], linewidths=0.8)


def _say(axes: Axes, text: str, style: Style) -> None:
    axes.text(
        0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes,
        color=style.muted, fontsize=style.font_size - 1,
    )  # fmt: skip


def _undress(axes: Axes, style: Style) -> None:
    axes.set_facecolor(style.background)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _scale_bar(axes: Axes, view: _View, style: Style) -> None:
    """A line of a round length, about a third of the slice's width, under the first slice."""
    third = view.width / 3
    power = 10.0 ** np.floor(np.log10(third))
    length = max(m for m in (1, 2, 5) if m * power <= third) * power
    axes.set_xlabel(
        f"{length:g} {view.unit}",
        fontsize=style.font_size - 1, color=style.foreground, labelpad=5,
    )  # fmt: skip
    start = (view.width - length) / 2
    axes.plot(
        [start, start + length], [-0.04, -0.04], color=style.foreground, linewidth=1.5,
        transform=axes.get_xaxis_transform(), clip_on=False, solid_capstyle="butt",
    )  # fmt: skip


def _colour_bar(figure: Figure, place: Axes, picture: Any, style: Style) -> None:
    """In the place under the pristine slice, which has no change."""
    place.set_facecolor("none")
    inner = place.inset_axes((0.55, 0.04, 0.13, 0.92))
    bar: Any = figure.colorbar(picture, cax=inner, extend="both", extendfrac=0.04)
    bar.outline.set_edgecolor(style.foreground)
    bar.outline.set_linewidth(0.6)
    inner.yaxis.set_ticks_position("left")
    inner.yaxis.set_label_position("left")
    bar.set_label("Change (grey level)", color=style.foreground, size=style.font_size - 1)
    inner.tick_params(colors=style.foreground, labelsize=style.font_size - 1, width=0.6, length=3)


def _fit_heights(axes: Axes, core: pd.DataFrame) -> None:
    """Let the curves fill the height; a band of a few voxels may reach beyond."""
    mean, se = core["change_mean"].to_numpy(), core["change_se"].to_numpy()
    se = np.nan_to_num(_ERRORS * se)
    se = np.minimum(se, 2 * np.median(se)) if len(se) else se
    ends = np.concatenate([mean - se, mean + se, [0.0]])
    ends = ends[np.isfinite(ends)]
    low, high = ends.min(), ends.max()
    edge = 0.06 * (high - low) or 1.0
    axes.set_ylim(low - edge, high + edge)


def _slice_data(particle: InsideParticle, view: _View, layers: NDArray[np.uint16]) -> pd.DataFrame:
    rows, columns = np.nonzero(layers)
    unit = "voxels" if view.unit == "voxels" else "um"
    places = {
        f"{name}_{unit}": first + size * at
        for name, first, size, at in zip(
            view.names, view.starts, view.sizes, (rows, columns), strict=True
        )
    }
    parts = []
    for k, name in enumerate(particle.names):
        change = view.of(particle.differences[k - 1].data)[rows, columns] if k else np.nan
        grey = view.of(particle.greys[k].data)[rows, columns]
        part = {"label": particle.label, "state": name, **places, "grey": grey}
        parts.append(pd.DataFrame({**part, "change": change, "layer": layers[rows, columns]}))
    return pd.concat(parts, ignore_index=True)
