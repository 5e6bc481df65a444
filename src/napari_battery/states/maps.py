"""Maps of all states on one scale: a change has the same colour in every state."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from napari_battery.errors import InputError
from napari_battery.maps import MapSettings, ValueMap, value_map
from napari_battery.settings import Settings, setting

__all__ = ["StateMapSettings", "state_maps"]


class StateMapSettings(Settings):
    """How the maps of all states are coloured; one scale serves them all."""

    column: Literal["delta_core_mean", "z", "volume_change", "core_mean"] = setting(
        "delta_core_mean",
        "ΔĪ_prist, ΔĪ over its error, change of volume, or the core mean itself.",
        title="Value",
    )
    colour_map: Literal["automatic", "viridis", "magma", "cividis", "RdBu", "PuOr"] = setting(
        "automatic",
        "Automatic is RdBu for changes (red darker, blue brighter, white unchanged) and "
        "viridis otherwise.",
        title="Colours",
    )
    percentile: float = setting(
        98.0,
        "The common range holds this share of the particles of all states together.",
        title="Range holds",
        unit="%",
        gt=0,
        le=100,
        step=1,
    )
    limit: float | None = setting(
        None,
        "The range ends at this value, up and (of changes) down; automatic follows the percentile.",
        title="Range to",
        gt=0,
    )
    grey_insignificant: bool = setting(
        False,
        "Show particles grey whose change is not significant at the study's false-discovery rate.",
        title="Grey if insignificant",
    )
    left_out: bool = setting(
        False,
        "Show the particles that the rules leave out, too.",
        title="Particles left out",
    )


def state_maps(study: Any, settings: StateMapSettings) -> dict[str, ValueMap]:
    """Values and colours of every state, on one common range.

    Parameters
    ----------
    study : Study
        Finished; its particles are matched where changes are asked for.
    settings : StateMapSettings
        What is shown, and how.

    Returns
    -------
    dict of str to ValueMap
        By state, in order. Changes have no map of the reference. The range is the same in all:
        of what stands in any of them. Insignificant particles have no value (grey) on request.

    Raises
    ------
    InputError
        If no particle has such a value in any state.
    """
    table = study.particles
    first = study.states[0].name
    is_change = settings.column != "core_mean"
    names = [state.name for state in study.states if not (is_change and state.name == first)]
    wanted = table["state"].isin(names).to_numpy()
    if not settings.left_out:
        wanted = wanted & table["kept"].to_numpy(bool)
    rows = table.loc[wanted, ["state", "label", settings.column, "significant"]]
    values = rows[settings.column].to_numpy(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise InputError(
            f"No particle that counts has a value of {settings.column} in any state: map another "
            "value, or look at the warnings."
        )
    ends = _range(finite, settings, is_change)
    if settings.grey_insignificant and is_change:
        sure = rows["significant"].to_numpy(bool)
        rows = rows.assign(**{settings.column: np.where(sure, values, np.nan)})
    how = MapSettings(colour_map=settings.colour_map, low=ends[0], high=ends[1])
    return {
        name: value_map(rows[(rows["state"] == name).to_numpy()], settings.column, how, name=name)
        for name in names
    }


def _range(finite: np.ndarray, settings: StateMapSettings, is_change: bool) -> tuple[float, float]:
    """Common ends; of changes as far down as up."""
    if is_change:
        half = settings.limit or float(np.percentile(np.abs(finite), settings.percentile)) or 0.5
        return -half, half
    beyond = (100 - settings.percentile) / 2
    low, high = (float(v) for v in np.percentile(finite, [beyond, 100 - beyond]))
    if settings.limit is not None and settings.limit > low:
        high = settings.limit
    return (low, high) if low < high else (low - 0.5, high + 0.5)
