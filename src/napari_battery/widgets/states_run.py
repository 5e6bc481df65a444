"""What the States of charge dock computes: labels, radial tables, greys and noise by state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from napari.layers import Image, Labels
from pydantic import ValidationError

from napari_battery.labelling import LabelSettings
from napari_battery.progress import Progress
from napari_battery.radial import RadialResult, RadialSettings
from napari_battery.states.manifest import State
from napari_battery.states.noise import Background
from napari_battery.states.run import Gathered, gather
from napari_battery.states.settings import StudySettings
from napari_battery.volume import Volume
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.session import Session

__all__ = ["Measured", "StateInput", "measure", "radial_settings", "take_over"]


@dataclass(eq=False)
class StateInput:
    """One state: its layers, their volumes, and its radial analysis where there is one."""

    state: State
    image_layer: Image
    image: Volume
    labels_layer: Labels | None = None
    """None where labels are to be carried over from the reference."""
    labels: Volume | None = None
    result: RadialResult | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """All that voxels are needed for; settings and rules are applied to it at once."""

    states: list[State]
    gathered: Gathered
    labels: dict[str, Volume] = field(default_factory=dict)
    """Labels that were carried over, by state."""


def radial_settings(exclude_layers: int) -> RadialSettings:
    """Settings that the Radial analysis dock holds now, with the study's core."""
    text = remembered().value(f"settings/{RadialSettings.__name__}")
    try:
        found = RadialSettings.model_validate_json(str(text)) if text else RadialSettings()
    except ValidationError:  # written by another version
        found = RadialSettings()
    return found.model_copy(update={"exclude_layers": exclude_layers})


def take_over(session: Session, inputs: Sequence[StateInput], wanted: RadialSettings) -> int:
    """Take over the window's finished analyses that are of the same layers and settings.

    Returns
    -------
    int
        How many were taken over.
    """
    taken = 0
    for one in inputs:
        for analysis in session.analyses:
            settings = analysis.result.settings
            same = settings.model_copy(update={"exclude_layers": wanted.exclude_layers}) == wanted
            layers = (analysis.labels, analysis.image) == (one.labels_layer, one.image_layer)
            if same and layers and not analysis.stale:
                one.result = analysis.result
                taken += 1
                break
    return taken


def measure(
    inputs: Sequence[StateInput],
    settings: StudySettings,
    radial: RadialSettings,
    label_settings: LabelSettings,
    background: Background | None,
    progress: Progress,
) -> Measured:
    """Measure particles, greys and noise of each state, one state after the other.

    Parameters
    ----------
    inputs : sequence of StateInput
        In order; the first is the reference and has labels.
    settings : StudySettings
        Whether labels match.
    radial : RadialSettings
        Of the radial analyses that are missing.
    label_settings : LabelSettings
        How masks of later states are made where labels are carried over.
    background : Background, optional
        Where the noise is measured; proposed where it is not given.
    progress : Progress
        Advanced per block of each step.
    """
    by_name = {one.state.name: one for one in inputs}
    given: Mapping[str, RadialResult] = {
        one.state.name: one.result for one in inputs if one.result is not None
    }
    carried: dict[str, Volume] = {}

    def opened(state: State) -> tuple[Volume, Volume | None]:
        one = by_name[state.name]
        return one.image, one.labels

    def keep(state: State, labels: Volume) -> None:
        if by_name[state.name].labels is None:
            carried[state.name] = labels

    states = [one.state for one in inputs]
    gathered = gather(
        states,
        settings,
        open_state=opened,
        label_settings=label_settings,
        radial_settings=radial,
        background=background,
        results=given,
        keep_labels=keep,
        progress=progress,
    )
    return Measured(states, gathered, carried)
