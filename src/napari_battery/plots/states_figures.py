"""All figures of an operando study, by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_battery.errors import InputError
from napari_battery.plots.saving import save_plot
from napari_battery.plots.states_depth import depth_map
from napari_battery.plots.states_distributions import core_distributions
from napari_battery.plots.states_greys import grey_histograms_by_state
from napari_battery.plots.states_means import means_by_position, means_by_state
from napari_battery.plots.states_profiles import profiles_by_state
from napari_battery.plots.states_scatter import scatter
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.plots.states_shares import shares
from napari_battery.plots.states_volcano import volcano
from napari_battery.plots.style import PAPER, Plot, Style
from napari_battery.progress import SILENT, Progress
from napari_battery.states.frames import Frames
from napari_battery.states.subsets import Plane, Subset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "FigureKind", "draw_states_figure", "save_states_figures", "states_figures"]


@dataclass(frozen=True)
class FigureKind:
    """A figure that can be drawn of a study."""

    title: str
    tooltip: str
    draw: Callable[..., Plot]
    has_plane: bool = False
    """Whether it counts from the current collector."""
    has_subsets: bool = True
    settings: tuple[str, ...] = ()
    """The fields of the settings that it heeds."""


_ERRORS = ("se_multiple", "error")
_COLLECTOR = ("depth_axis", "collector_side", "collector_at")

FIGURES: dict[str, FigureKind] = {
    "means": FigureKind(
        "Ī and ΔĪ_prist by state",
        "Mean core grey level and its mean change since the reference, with error bars",
        means_by_state,
        settings=_ERRORS,
    ),
    "positions": FigureKind(
        "ΔĪ_prist by distance from the collector",
        "Mean change against state, in quartiles by distance from the current collector",
        means_by_position,
        has_plane=True,
        settings=(*_ERRORS, *_COLLECTOR, "position_tiles"),
    ),
    "profiles": FigureKind(
        "Radial profiles of a size class",
        "Mean radial profile of every state in a band of standard errors",
        profiles_by_state,
        settings=("se_multiple", "profile_value", "profile_axis", "size_tiles", "size_tile"),
    ),
    "shares": FigureKind(
        "Share that obeys a condition",
        "Share of particles such as those darker at 4.4 V than pristine, with an interval",
        shares,
        settings=("conditions", "interval", "confidence"),
    ),
    "distributions": FigureKind(
        "Distributions of core means",
        "Histogram of the particles' core means in every state, with normal fits",
        core_distributions,
        settings=("components",),
    ),
    "volcano": FigureKind(
        "Volcano: ΔĪ_prist and significance",
        "Every particle's change against its significance; click a point to pick the particle",
        volcano,
        settings=("significance",),
    ),
    "depth": FigureKind(
        "Heat map by depth and state",
        "Mean change by depth in the electrode and state",
        depth_map,
        has_plane=True,
        settings=(*_ERRORS, *_COLLECTOR, "depth_bins"),
    ),
    "scatter": FigureKind(
        "Scatter of two columns",
        "Each particle in one state; click a point to pick the particle, or draw around some",
        scatter,
        settings=("scatter_x", "scatter_y", "scatter_state"),
    ),
    "greys": FigureKind(
        "Grey-level histograms",
        "Histogram of every state's image, with the peaks of empty space and of solid",
        grey_histograms_by_state,
        has_subsets=False,
    ),
}
"""In the order in which docks and folders list them."""


def draw_states_figure(
    name: str,
    frames: Frames,
    subsets: Sequence[Subset] = (),
    settings: StatesFigureSettings | None = None,
    plane: Plane | None = None,
    *,
    figure: Figure | None = None,
    style: Style = PAPER,
) -> Plot:
    """Draw one figure of a study.

    Parameters
    ----------
    name : str
        One of `FIGURES`.
    frames : Frames
        The study.
    subsets : sequence of Subset
        Drawn side by side; none is all particles.
    settings : StatesFigureSettings, optional
        What the figure shows.
    plane : Plane, optional
        The current collector; None is the face that the settings tell.
    figure, style
        Where and how to draw; a new figure for a paper otherwise.

    Raises
    ------
    InputError
        If the study does not hold what the figure needs.
    """
    kind = FIGURES[name]
    more: dict[str, Any] = {"figure": figure, "style": style}
    if kind.has_plane:
        more["plane"] = plane
    if not kind.has_subsets:
        return kind.draw(frames, **more)
    return kind.draw(frames, subsets, settings, **more)


def states_figures(
    study: Any,
    settings: StatesFigureSettings | None = None,
    subsets: Sequence[Subset] = (),
    plane: Plane | None = None,
    *,
    on_problem: Callable[[str, str], None] | None = None,
    progress: Progress = SILENT,
) -> dict[str, Plot]:
    """Every figure that a study can show, each with the numbers drawn.

    Parameters
    ----------
    study : Study or Frames
        The study.
    settings, subsets, plane
        As in `draw_states_figure`.
    on_problem : callable, optional
        Told the name of a figure that cannot be drawn, and why; the others are drawn then.
    progress : Progress
        Advanced per figure.

    Returns
    -------
    dict of str to (Figure, DataFrame)
        By name, as in `FIGURES`; figures for which the study lacks something are left out
        (ΔĪ_prist of populations that are not matched, histograms of images never read).

    Raises
    ------
    InputError
        If the settings do not fit the study (a condition that names an unknown state), and
        there is no `on_problem`.
    """
    frames = study if isinstance(study, Frames) else Frames.of(study)
    settings = settings or StatesFigureSettings()
    lacking = _lacking(frames, settings)
    names = [name for name in FIGURES if name not in lacking]
    progress.begin(len(names), "Drawing figures")
    drawn = {}
    for name in names:
        try:
            drawn[name] = draw_states_figure(name, frames, subsets, settings, plane)
        except InputError as problem:
            if on_problem is None:
                raise
            on_problem(name, str(problem))
        progress.advance()
    return drawn


def _lacking(frames: Frames, settings: StatesFigureSettings) -> set[str]:
    """Figures that this study cannot show, whatever the settings."""
    lacking = set()
    if frames.layers is None or not len(frames.layers):
        lacking.add("profiles")
    if frames.greys is None or not len(frames.greys):
        lacking.add("greys")
    places = ("centroid_z_um", "centroid_y_um", "centroid_z_voxels", "centroid_y_voxels")
    if not frames.is_matched or not any(name in frames.particles for name in places):
        lacking |= {"positions", "depth"}
    has_q = "q_value" in frames.particles and bool(np.isfinite(frames.values("q_value")).any())
    if not frames.is_matched or not has_q:
        lacking.add("volcano")
    if not frames.is_matched and not settings.conditions.strip():
        lacking.add("shares")
    return lacking


def save_states_figures(
    folder: str | os.PathLike[str],
    figures: dict[str, Plot],
    made: dict[str, Any],
    kind: str = "png",
    *,
    dpi: int = 300,
    progress: Progress = SILENT,
) -> list[Path]:
    """Write figures as ``NAME.png`` (or svg, pdf), each with ``NAME.csv`` and its provenance.

    Parameters
    ----------
    folder : path
        Where; made if it is not there.
    figures : dict of str to Plot
        From `states_figures`.
    made : dict
        How they were made, fit for JSON.
    kind : {"png", "svg", "pdf"}
        File format.
    dpi : int
        Dots per inch of a PNG.
    progress : Progress
        Advanced per figure.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If they cannot be written there.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder “{target}” cannot be made: {error.strerror}.") from error
    progress.begin(len(figures), "Saving figures")
    files: list[Path] = []
    for name, plot in figures.items():
        files += save_plot(plot, target / f"{name}.{kind}", {**made, "figure": name}, dpi=dpi)
        progress.advance()
    return files
