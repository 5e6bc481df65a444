"""Phases in words and colours, for the histogram and the lines below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from napari_battery.labelling.phases_model import PhaseModel
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.widgets.phases_grey import GreyLevels
from napari_battery.widgets.phases_layers import colour_of
from napari_battery.widgets.phases_preview import SlicePhases

__all__ = ["bands", "in_colour", "say_fractions", "say_volume"]

_ORDER = {"pore": 0, "binder": 1, "active": 2}
_BETWEEN = "#8a6a20"
"""Hysteresis: what is active only where it hangs on surely active voxels."""


def bands(settings: PhaseSettings) -> list[str | None]:
    """Colours of the grey levels from dark to bright, as these settings part them."""
    active, binder = colour_of("active"), colour_of("binder")
    rising: list[str | None] = [None, active]
    if settings.method == "hysteresis":
        rising = [None, _BETWEEN, active]
    elif settings.n_phases == 3 and settings.method != "local":
        rising = [None, binder, active]
    return rising if settings.active == "brightest" else rising[::-1]


def say_fractions(fractions: Mapping[str, float]) -> str:
    """Name the phases with their shares in per cent, pore first and active last."""
    return ", ".join(
        f"{name} {100 * fractions[name]:.1f}\N{NO-BREAK SPACE}%" for name in _in_order(fractions)
    )


def in_colour(phases: SlicePhases) -> str:
    """Say the fractions with a square in the colour of each phase that is drawn."""
    said = []
    for name in _in_order(phases.fractions):
        text = f"{escape(name)} {100 * phases.fractions[name]:.1f}\N{NO-BREAK SPACE}%"
        if name != "pore":
            colour = colour_of(name, phases.volume.metadata["phases"][name])
            text = f'<span style="color: {colour}">■</span>\N{NO-BREAK SPACE}{text}'
        said.append(text)
    return ", ".join(said)


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: _ORDER.get(name, 1))


def say_volume(settings: PhaseSettings, model: PhaseModel) -> str:
    """The levels, and what share of the image lies in each band by grey level alone."""
    what = {"local": "above the local mean", "hysteresis": "hysteresis"}
    levels = " and ".join(f"{level:.5g}" for level in model.levels)
    text = f"Level {levels}" if len(model.levels) == 1 else f"Levels {levels}"
    text += f" ({what.get(settings.method, settings.method)})"
    shares = GreyLevels(*model.histogram[:2]).fractions(model.levels)
    if settings.active == "darkest":
        shares = shares[::-1]
    if settings.method == "hysteresis":
        low, high = 100 * shares[2], 100 * (shares[1] + shares[2])
        return f"{text}. Whole image: active between {low:.1f} and {high:.1f}\N{NO-BREAK SPACE}%."
    names = ("pore", "active") if len(shares) == 2 else tuple(_ORDER)
    by_name = dict(zip(names, shares, strict=True))
    return f"{text}. Whole image, by grey level alone: {say_fractions(by_name)}."
