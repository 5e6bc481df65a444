"""A particle's crops as napari layers, side by side and moved together."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_battery.states.inside import InsideParticle
from napari_battery.widgets.layers import add_volume

__all__ = ["add_crops", "open_crops"]

_CHANGE = ("#67001f", "#d6604d", "#f7f7f7", "#4393c3", "#053061")
"""Red darker, blue brighter: the ends and the middle of the maps' RdBu."""


def add_crops(viewer: Any, particle: InsideParticle, limit: float | None = None) -> list[Any]:
    """Add every state's crop and its change since the pristine one, where they lie.

    Parameters
    ----------
    viewer : ViewerModel
        Where to.
    particle : InsideParticle
        Its greys share one range of contrast, its changes one scale about zero; changes
        outside the core are left out.
    limit : float, optional
        End of that scale.

    Returns
    -------
    list of Layer
        The greys, the particle (1) with its core (2) as Labels, then the changes.
    """
    from napari.utils.colormaps import Colormap

    every = np.concatenate([g.data[np.isfinite(g.data)] for g in particle.greys])
    low, high = np.percentile(every, [0.5, 99.5]) if len(every) else (0.0, 1.0)
    limits = (float(low), float(max(high, low + 1e-6)))
    limit = particle.limit if limit is None else limit
    change = Colormap(
        [*_CHANGE], name="red to blue", display_name="red (darker) to blue (brighter)",
        nan_color=(0, 0, 0, 0),
    )  # fmt: skip
    added = [
        add_volume(viewer, grey, colormap="gray", contrast_limits=limits) for grey in particle.greys
    ]
    parts = (particle.layers.data > 0).astype(np.uint8) + particle.core
    shape = particle.layers.like(parts, f"core of {particle.label}")
    added.append(add_volume(viewer, shape, labels=True, opacity=0.5))
    for volume in particle.differences:
        core = volume.like(
            np.where(particle.core, volume.data, np.nan).astype(np.float32),
            volume.name,
            metadata=volume.metadata,
        )
        added.append(add_volume(viewer, core, colormap=change, contrast_limits=(-limit, limit)))
    return added


def open_crops(particle: InsideParticle, limit: float | None = None, *, show: bool = True) -> Any:
    """Show the crops in a window of their own, as a grid whose views move together.

    Returns
    -------
    Viewer
        Grey levels in the upper row, changes below, a state in each column.
    """
    from napari import Viewer

    viewer = Viewer(title=f"Particle {particle.label}", show=show)
    lay_out(viewer, particle, limit)
    return viewer


def lay_out(viewer: Any, particle: InsideParticle, limit: float | None = None) -> None:
    """Fill an empty viewer with the grid."""
    add_crops(viewer, particle, limit)
    canvas = getattr(viewer, "canvas", None)  # napari 0.9 moved it
    grid = viewer.grid if canvas is None else canvas.grid
    grid.enabled = True
    grid.stride = 1
    grid.shape = (2, len(particle.names))
    if particle.layers.ndim == 3:
        middle = [n // 2 for n in particle.layers.shape]
        viewer.dims.set_current_step(0, middle[0])
    viewer.reset_view()
