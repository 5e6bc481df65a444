"""How phases look in the window: their colours, and layers of them whose codes have names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from napari.viewer import ViewerModel

from napari_battery.labelling.phases_settings import PHASE_CODES
from napari_battery.volume import Volume
from napari_battery.widgets.label_preview import PreviewLayer
from napari_battery.widgets.layers import KEY, add_volume

__all__ = ["PhaseOverlay", "add_phases", "code_colours", "colour_of"]

_COLOURS = {"pore": "#dc267f", "active": "#ffb000", "binder": "#648fff"}
"""Colours that the colour-blind tell apart (IBM's palette)."""

_OPACITY = 0.45


def colour_of(phase: str) -> str:
    """Colour of a phase wherever it is drawn; pore is drawn only where it is scribbled."""
    return _COLOURS[phase]


def code_colours(codes: Mapping[str, int], shown: Iterable[str]) -> list[str]:
    """Colour of each code from 0 on; those of phases that are not `shown` are transparent."""
    colours = ["transparent"] * (max(codes.values()) + 1)
    for name in shown:
        colours[codes[name]] = colour_of(name)
    return colours


def add_phases(viewer: ViewerModel, volume: Volume) -> Any:
    """Add a Labels layer of phases: pore transparent, each code named where it is pointed at."""
    from napari.utils.colormaps import CyclicLabelColormap

    phases: dict[str, int] = volume.metadata["phases"]
    names = dict(sorted((code, name) for name, code in phases.items()))
    return add_volume(
        viewer,
        volume,
        labels=True,
        # a direct colour map would have napari compile a function first, for over a second
        colormap=CyclicLabelColormap(colors=code_colours(phases, _but_pore(phases))),
        features=pd.DataFrame({"index": list(names), "phase": list(names.values())}),
        opacity=_OPACITY,
    )


class PhaseOverlay(PreviewLayer):
    """The layer that shows the phases of a slice while they are set up, under scribbles."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer, code_colours(PHASE_CODES, _but_pore(PHASE_CODES)), _OPACITY)

    def show(self, volume: Volume) -> None:
        """Show these phases; the layer is made where it is missing."""
        before = self.layer
        super().show(volume)
        layers = self._viewer.layers
        above = [
            i
            for i, layer in enumerate(layers)
            if layer.metadata.get(KEY, {}).get("kind") == "scribbles"
        ]
        if self.layer is not before and above and above[0] < layers.index(self.layer):
            layers.move(layers.index(self.layer), above[0])


def _but_pore(phases: Iterable[str]) -> list[str]:
    return [name for name in phases if name != "pore"]
