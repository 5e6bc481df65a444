"""How phases look in the window: their colours, and layers of them whose codes have names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from napari.viewer import ViewerModel

from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume, layer_kwargs

__all__ = ["PhaseOverlay", "add_phases", "colour_of", "in_grey_order"]

_COLOURS = {"pore": "#dc267f", "active": "#ffb000", "binder": "#648fff"}
"""Colours that the colour-blind tell apart (IBM's palette)."""

_DARK_TO_BRIGHT = ("pore", "binder", "active")


def colour_of(phase: str) -> str:
    """Colour of a phase wherever it is drawn; pore is drawn only where it is scribbled."""
    return _COLOURS[phase]


def in_grey_order(phases: Iterable[str]) -> list[str]:
    """The phases from the darkest to the brightest."""
    return sorted(phases, key=_DARK_TO_BRIGHT.index)


def add_phases(viewer: ViewerModel, volume: Volume, phases: Mapping[str, int]) -> Any:
    """Add a Labels layer of phases: pore transparent, each code named where it is pointed at."""
    names = {code: name for name, code in phases.items()}
    features = pd.DataFrame({"index": sorted(names), "phase": [names[c] for c in sorted(names)]})
    colours = colormap(phases, shown=[name for name in phases if name != "pore"])
    return add_volume(viewer, volume, labels=True, colormap=colours, features=features, opacity=0.6)


def colormap(codes: Mapping[str, int], shown: Iterable[str]) -> Any:
    """Colours of the codes, those of phases that are not `shown` transparent.

    A cyclic colour map: for a direct one napari compiles a function first, for over a second.
    """
    from napari.utils.colormaps import CyclicLabelColormap

    colours = ["transparent"] * (max(codes.values()) + 1)
    for name in shown:
        colours[codes[name]] = colour_of(name)
    return CyclicLabelColormap(colors=colours)


class PhaseOverlay:
    """The one layer of the viewer that shows the phases of a slice while they are set up."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._codes: dict[str, int] = {}
        self.layer: Any = None

    def show(self, volume: Volume, phases: Mapping[str, int]) -> None:
        """Show these phases; the layer is made where it is missing."""
        kwargs = layer_kwargs(volume)
        layer = self.layer if self.layer in self._viewer.layers else None
        if layer is not None and layer.ndim == volume.ndim:
            layer.data = volume.data
            layer.scale, layer.translate = kwargs["scale"], kwargs["translate"]
            layer.units = kwargs["units"]
            layer.affine = kwargs.get("affine", np.eye(volume.ndim + 1))
            if self._codes != dict(phases):
                layer.colormap = _tints(phases)
            self._codes = dict(phases)
            return
        self.hide()
        chosen = set(self._viewer.layers.selection)
        active = self._viewer.layers.selection.active
        kwargs["metadata"] = {KEY: {"overlay": True}}
        self._codes = dict(phases)
        self.layer = self._viewer.add_labels(
            volume.data, **kwargs, opacity=0.45, colormap=_tints(phases)
        )
        self.layer.editable = False
        # a preview must not take the person's layer controls, or their brush, away
        self._viewer.layers.selection = chosen
        self._viewer.layers.selection.active = active
        self._under_scribbles()

    def hide(self) -> None:
        """Take the layer out of the viewer."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _under_scribbles(self) -> None:
        layers = self._viewer.layers
        above = [
            i
            for i, layer in enumerate(layers)
            if layer.metadata.get(KEY, {}).get("kind") == "scribbles"
        ]
        if above:
            layers.move(layers.index(self.layer), above[0])


def _tints(phases: Mapping[str, int]) -> Any:
    return colormap(phases, shown=[name for name in phases if name != "pore"])
