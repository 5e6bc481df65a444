"""What a study measured becomes layers and analyses of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from napari_battery.errors import InputError
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.session import Analysis, Session
from napari_battery.widgets.states_list import StudyStates
from napari_battery.widgets.states_run import Measured, StateInput

__all__ = ["add_measured"]


def add_measured(
    session: Session, measured: Measured, inputs: Sequence[StateInput], states: StudyStates
) -> list[Analysis]:
    """Add carried labels as layers and new results as analyses.

    Returns
    -------
    list of Analysis
        Of each state, in order; those that were taken over are the window's own.

    Raises
    ------
    InputError
        If a layer was deleted meanwhile; then nothing is added.
    """
    viewer = session.viewer
    for one in inputs:
        for layer in (one.image_layer, one.labels_layer):
            if layer is not None and layer not in viewer.layers:
                raise InputError(f"“{layer.name}” was deleted meanwhile; nothing was added.")
    found = []
    first = inputs[0].labels_layer
    for one, result in zip(inputs, measured.gathered.results, strict=True):
        labels: Any = one.labels_layer
        if labels is None:
            volume = measured.labels[one.state.name]
            volume = replace(volume, name=f"{first.name if first else ''}, {one.state.name}")
            labels = add_volume(viewer, volume, labels=True, visible=False)
            viewer.layers.move(
                viewer.layers.index(labels), viewer.layers.index(one.image_layer) + 1
            )
            states.set_labels(one.image_layer, labels)
        analysis = _known(session, result)
        if analysis is None:
            name = str(one.image_layer.name)
            if one.state.name.casefold() not in name.casefold():
                name = f"{name} ({one.state.name})"
            analysis = Analysis(name, result, labels, one.image_layer, one.state.name)
            session.add(analysis)
        found.append(analysis)
    return found


def _known(session: Session, result: Any) -> Analysis | None:
    return next((one for one in session.analyses if one.result is result), None)
