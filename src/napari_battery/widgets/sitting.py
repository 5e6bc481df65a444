"""The sitting of a window as `results.Sitting`, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import ViewerModel

from napari_battery.errors import InputError
from napari_battery.maps import MapSettings
from napari_battery.results import SavedAnalysis, SavedLayer, Sitting
from napari_battery.widgets.align_marks_kept import landmarks_in, restore_landmarks
from napari_battery.widgets.align_view import is_hidden_by_view
from napari_battery.widgets.layers import (
    add_volume,
    battery_metadata,
    is_overlay,
    volume_from_layer,
)
from napari_battery.widgets.map_layers import LiveMap, MapLayers
from napari_battery.widgets.session import Analysis, Session

__all__ = ["gather", "restore"]

_DISPLAY = ("visible", "opacity", "blending")


def _is_saved(layer: Layer) -> bool:
    """Maps, overlays and drawing aids are made again; images and labels are kept."""
    if not isinstance(layer, Image | Labels):
        return False
    return not is_overlay(layer) and battery_metadata(layer).get("kind") != "map"


def gather(viewer: ViewerModel) -> Sitting:
    """What the window holds now; copies no voxel.

    Raises
    ------
    InputError
        If a layer cannot be kept (RGB, more than three axes); names it.
    """
    kept = [layer for layer in viewer.layers if _is_saved(layer)]
    number = {id(layer): index for index, layer in enumerate(kept)}
    session = Session.of(viewer)
    return Sitting(
        layers=[_saved_layer(layer) for layer in kept],
        analyses=[
            SavedAnalysis(
                name=analysis.name,
                result=analysis.result,
                labels=number.get(id(analysis.labels)),
                image=number.get(id(analysis.image)),
                state=analysis.state,
                stale=analysis.stale,
                exclude_layers=analysis.exclude_layers,
            )
            for analysis in session.analyses
        ],
        maps=[
            _describe_map(live, session)
            for live in MapLayers.of(session).maps
            if {live.analysis, live.reference or live.analysis} <= set(session.analyses)
        ],
        landmarks=landmarks_in(viewer, kept),
    )


def _describe_map(live: LiveMap, session: Session) -> dict[str, Any]:
    reference = live.reference
    return {
        "analysis": session.analyses.index(live.analysis),
        "reference": None if reference is None else session.analyses.index(reference),
        "column": live.column,
        "settings": live.settings.model_dump(mode="json"),
        "visible": live.layer.visible,
    }


def _saved_layer(layer: Any) -> SavedLayer:
    volume = volume_from_layer(layer)
    data = volume.data
    # only data that cannot have been changed in memory still equal their file
    untouched = (
        data.mode == "r" if isinstance(data, np.memmap) else not isinstance(data, np.ndarray)
    )
    display: dict[str, Any] = {name: getattr(layer, name) for name in _DISPLAY}
    display["blending"] = str(display["blending"])
    display["visible"] |= is_hidden_by_view(layer)
    if isinstance(layer, Image):
        display["contrast_limits"] = [float(v) for v in layer.contrast_limits]
        display["gamma"] = float(layer.gamma)
        display["colormap"] = layer.colormap.name
    return SavedLayer(
        volume,
        "labels" if isinstance(layer, Labels) else "image",
        in_file=untouched and volume.path is not None and Path(volume.path).exists(),
        display=display,
    )


def restore(viewer: ViewerModel, sitting: Sitting) -> list[str]:
    """Add a sitting's layers and analyses to the window; returns what to tell the person."""
    layers: list[Any] = []
    for saved in sitting.layers:
        if saved is None:
            layers.append(None)
            continue
        is_labels = saved.kind == "labels"
        volume = saved.volume
        if is_labels:  # labels are edited; a file must not change under a brush
            volume = replace(volume, data=np.array(volume.data))
        layers.append(add_volume(viewer, volume, labels=is_labels, **saved.display))
    session = Session.of(viewer)
    analyses: list[Analysis] = []
    for saved_analysis in sitting.analyses:
        labels, image = saved_analysis.labels, saved_analysis.image
        analysis = Analysis(
            name=saved_analysis.name,
            result=saved_analysis.result,
            labels=None if labels is None else layers[labels],
            image=None if image is None else layers[image],
            state=saved_analysis.state,
            stale=saved_analysis.stale,
        )
        if saved_analysis.exclude_layers != analysis.exclude_layers:
            analysis.recompute_core(saved_analysis.exclude_layers)
        session.add(analysis)
        analyses.append(analysis)
    notes = [*sitting.notes, *restore_landmarks(viewer, layers, sitting.landmarks)]
    maps = MapLayers.of(session)
    for entry in sitting.maps:
        reference = entry["reference"]
        try:
            live = maps.add(
                analyses[entry["analysis"]],
                entry["column"],
                MapSettings(**entry["settings"]),
                None if reference is None else analyses[reference],
            )
            live.layer.visible = entry["visible"]
        except InputError as error:
            notes.append(f"A map of {entry['column']} could not be made again: {error}")
    return notes
