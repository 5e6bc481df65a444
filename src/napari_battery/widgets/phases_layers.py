"""How phases look in the window: their colours, and layers of them whose codes have names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from napari.viewer import ViewerModel

from napari_battery.labelling.phases_settings import PHASE_CODES
from napari_battery.volume import Volume
from napari_battery.widgets.label_preview import PreviewLayer
from napari_battery.widgets.layers import KEY, add_volume

__all__ = ["PhaseOverlay", "add_phases", "code_colours", "colour_of"]

Codes = Mapping[str, int]

_COLOURS = {"pore": "#dc267f", "active": "#ffb000", "binder": "#648fff"}
"""Colours that the colour-blind tell apart (IBM's palette)."""

_OTHERS = ("#785ef0", "#fe6100", "#2ca25f")
"""For phases that a classifier calls otherwise."""

_OPACITY = 0.45


def colour_of(phase: str, code: int = 0) -> str:
    """Colour of a phase wherever it is drawn; pore is drawn only where it is scribbled."""
    return _COLOURS.get(phase, _OTHERS[code % len(_OTHERS)])


def code_colours(codes: Codes, *, with_pore: bool = False) -> list[str]:
    """Colour of each number from 0 on; of those that name no phase, or pore, transparent."""
    colours = ["transparent"] * (max(codes.values()) + 1)
    for name, code in codes.items():
        if with_pore or name != "pore":
            colours[code] = colour_of(name, code)
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
        colormap=CyclicLabelColormap(colors=code_colours(phases)),
        features=pd.DataFrame({"index": list(names), "phase": list(names.values())}),
        opacity=_OPACITY,
    )


class PhaseOverlay(PreviewLayer):
    """The layer that shows the phases of a slice while they are set up, under scribbles."""

    def __init__(self, viewer: ViewerModel) -> None:
        last = max(PHASE_CODES.values())
        others = {f"phase {n}": n for n in range(last + 1, last + 1 + len(_OTHERS))}
        super().__init__(viewer, code_colours({**PHASE_CODES, **others}), _OPACITY)

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
