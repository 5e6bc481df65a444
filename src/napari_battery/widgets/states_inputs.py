"""What a study is made of: the layers of each state, as the window has them."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings
from napari_battery.radial import RadialSettings
from napari_battery.states.settings import StudySettings
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.session import Session
from napari_battery.widgets.states_list import StudyStates
from napari_battery.widgets.states_run import StateInput, radial_settings, take_over

__all__ = ["aligned_states", "labels_wanted", "state_inputs", "tracked_labels"]


def aligned_states(session: Session, states: StudyStates) -> list[Any]:
    """Images of the series last aligned, in its order; all that are ticked by default else."""
    from napari_battery.widgets.series_dock import last_aligned

    images = last_aligned(session)
    return images or states.fitting()


def tracked_labels(session: Session) -> tuple[Labels | None, dict[str, Labels]]:
    """Labels of the series last tracked: the reference's, and by name those of later states."""
    from napari_battery.widgets.track_series import LAST

    series = LAST.get(session)
    if series is None or series.stale:
        return None, {}
    layers = {state: layer() for state, layer in series.layers.items()}
    viewer = session.viewer
    return series.reference, {s: layer for s, layer in layers.items() if layer in viewer.layers}


def labels_wanted(reference: Labels | None) -> LabelSettings:
    """How masks of later states are made: as the reference was labelled, where that is known."""
    from napari_battery.widgets.track_masks import dock_settings, recorded_settings

    recorded = None if reference is None else recorded_settings(reference)
    return recorded or dock_settings()


def state_inputs(
    session: Session,
    states: StudyStates,
    reference: Labels | None,
    settings: StudySettings,
    same_labels: bool,
) -> tuple[list[StateInput], RadialSettings]:
    """Layers and volumes of each ticked state, with the finished analyses that fit.

    Raises
    ------
    InputError
        If a state is missing something, a name repeats, or a voxel size is unknown.
    """
    described, layers = states.described(), states.states
    twice = [problems for problems in states.problems() if any("twice" in p for p in problems)]
    if len(layers) < 2:
        raise InputError("Tick the images of two states or more.")
    if twice:
        raise InputError("Two states have the same name: double-click one to give it its own.")
    inputs = []
    for place, (state, (_, image)) in enumerate(zip(described, layers, strict=True)):
        labels = states.labels_of(image)
        if labels is None and (place == 0 or same_labels or settings.matching == "populations"):
            labels = reference
        if labels is None and place == 0:
            raise InputError(f"Choose the labels of “{state.name}”, or label its particles first.")
        if place and labels is reference and settings.matching == "populations":
            raise InputError(
                f"“{state.name}” has no labels of its own: other pieces of electrode need theirs."
            )
        grey = volume_from_layer(image)
        marks = None if labels is None else volume_from_layer(labels)
        for volume in (grey, marks):
            if volume is not None and volume.voxel_size_um is None and marks is not None:
                _need_size(grey, marks)
        inputs.append(StateInput(state, image, grey, labels, marks))
    radial = radial_settings(settings.exclude_layers)
    take_over(session, inputs, radial)
    return inputs, radial


def _need_size(image: Any, labels: Any) -> None:
    if image.voxel_size_um is None and labels.voxel_size_um is None:
        raise InputError(
            f"The voxel size of “{image.name}” is unknown. Set it, or say that it is assumed, in "
            "Prepare stack."
        )
