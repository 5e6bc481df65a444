"""How the masks of later states are made: as the reference was labelled, or as the dock says."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from napari_battery.labelling import LabelSettings
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.layers import KEY

__all__ = ["dock_settings", "recorded_settings", "was_mask_given"]


def recorded_settings(layer: Any) -> LabelSettings | None:
    """Settings that a layer's labels were made with, as far as its history tells."""
    made = _labelling(layer)
    try:
        return None if made is None else LabelSettings.model_validate(made.get("settings") or {})
    except ValidationError:  # written by another version
        return None


def was_mask_given(layer: Any) -> bool:
    """Whether labels were parted in a mask or phases, so that no threshold made them."""
    inputs = (_labelling(layer) or {}).get("inputs") or []
    steps = [str((entry.get("made") or {}).get("step", "")) for entry in inputs]
    unknown = 0.0  # labels of another version do not tell
    given = layer.metadata.get(KEY, {}).get("threshold", unknown) is None
    return bool(inputs) and (given or len(inputs) > 1 or "phases" in steps)


def _labelling(layer: Any) -> dict[str, Any] | None:
    """How labels were made; what was corrected or carried since is passed over."""
    made = layer.metadata.get(KEY, {}).get("made")
    while isinstance(made, dict):
        if made.get("step") == "label":
            return made
        inputs = made.get("inputs") or [{}]
        made = made.get("before") or inputs[0].get("made")
    return None


def dock_settings() -> LabelSettings:
    """Settings that the Label particles dock holds now."""
    text = remembered().value(f"settings/{LabelSettings.__name__}")
    try:
        return LabelSettings.model_validate_json(str(text)) if text else LabelSettings()
    except ValidationError:
        return LabelSettings()
