"""File ▸ Open Sample: the samples as napari layers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from napari_battery.samples import cycled_electrode, nmc_phases, nmc_slice, sand, sandstone
from napari_battery.volume import Volume
from napari_battery.widgets.layers import layer_kwargs

__all__ = [
    "open_cycled_electrode",
    "open_nmc_phases",
    "open_nmc_slice",
    "open_sand",
    "open_sandstone",
]

LayerData = tuple[Any, dict[str, Any], str]


def open_sand() -> list[LayerData]:
    """One image layer: real sand grains, with an assumed voxel size of 1 µm."""
    return [_layer(sand(), "image")]


def open_sandstone() -> list[LayerData]:
    """Two image layers: one real sandstone scanned at 6 and at 2 µm, the finer one below."""
    low, high = sandstone()
    return [_layer(high, "image"), _layer(low, "image", opacity=0.5)]


def open_nmc_slice() -> list[LayerData]:
    """Two layers: a real NMC nano-CT slice and its phases, voxel size unknown."""
    image, phases = nmc_slice()
    return [_layer(image, "image"), _layer(phases, "labels", opacity=0.4)]


def open_nmc_phases() -> list[LayerData]:
    """One layer: the phases of a real NMC cathode, with an assumed voxel size of 1 µm."""
    return [_layer(nmc_phases(), "labels")]


def open_cycled_electrode() -> list[LayerData]:
    """Eight layers: four synthetic scans and their true labels; only the first scan is shown.

    The features of the true labels are the truth table of their state.
    """
    electrode = cycled_electrode()
    truth = [
        _layer(
            state.labels, "labels", visible=False, features=_truth_of(electrode.truth, state.name)
        )
        for state in electrode.states
    ]
    # One grey window for all states: the eye can then compare them.
    scans = [
        _layer(state.image, "image", visible=index == 0, contrast_limits=(0, 255))
        for index, state in enumerate(electrode.states)
    ]
    return [*scans, *truth]


def _truth_of(truth: pd.DataFrame, state: str) -> pd.DataFrame:
    """The truth of one state keyed by `index`, with the row for the background napari expects."""
    rows = truth[truth["state"] == state].rename(columns={"label": "index"})
    return rows.set_index("index").reindex(range(len(rows) + 1)).reset_index()


def _layer(volume: Volume, kind: str, **more: Any) -> LayerData:
    return (volume.data, {**layer_kwargs(volume), **more}, kind)
