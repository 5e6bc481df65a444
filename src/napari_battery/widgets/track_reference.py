"""Which labels are the first state's: those whose numbers all later states take."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels
from napari.viewer import ViewerModel

from napari_battery.widgets.edit_target import is_of_particles
from napari_battery.widgets.layers import KEY, is_map, is_overlay, is_stage, made_from

__all__ = ["may_be_reference", "reference_meant"]


def may_be_reference(layer: Any) -> bool:
    """Whether a labels layer may hold the particles of a state."""
    return is_of_particles(layer) and not is_stage(layer)


def reference_meant(viewer: ViewerModel) -> Labels | None:
    """The labels that the person most likely means by the first state's.

    Those of the lowest image in the list, which was opened first, come before the selected
    layer, and that before the newest. What was carried into a later state is not meant.
    """
    layers = [layer for layer in viewer.layers if not (is_overlay(layer) or is_map(layer))]
    first = next((layer for layer in layers if isinstance(layer, Image)), None)
    state = None if first is None else first.metadata.get(KEY, {}).get("state")
    offered = [
        layer
        for layer in layers
        if isinstance(layer, Labels) and may_be_reference(layer) and not _is_carried(layer)
    ]

    def rank(layer: Labels) -> tuple[bool, bool]:
        of_first = first is not None and (
            first.name in made_from(layer)
            or bool(state and layer.metadata.get(KEY, {}).get("state") == state)
        )
        return of_first, layer is viewer.layers.selection.active

    return max(reversed(offered), key=rank, default=None)


def _is_carried(layer: Labels) -> bool:
    made = layer.metadata.get(KEY, {}).get("made") or {}
    return bool(made.get("step") == "propagate")
