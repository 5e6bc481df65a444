"""Studies of the synthetic cycled electrode, good ones and spoilt ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_battery.labelling import PropagateSettings
from napari_battery.states.manifest import State
from napari_battery.states.settings import StudyRules, StudySettings
from napari_battery.states.study import Study, run_study
from napari_battery.synthetic import ElectrodeSettings, SyntheticElectrode, synthetic_electrode

SETTINGS = StudySettings(exclude_layers=3)
QUICK = PropagateSettings(cross_check=False)


def electrode(size=(64, 72, 80), diameter_um=5.2, seed=1, **changes) -> SyntheticElectrode:
    """Particles of 16 voxels, whose core of all but 3 layers is what the truth speaks of."""
    return synthetic_electrode(
        ElectrodeSettings(
            size_z=size[0],
            size_y=size[1],
            size_x=size[2],
            median_diameter_um=diameter_um,
            core_layers=3,
            seed=seed,
            **changes,
        )
    )


def states_of(made: SyntheticElectrode) -> list[State]:
    return [State(state.name, direction=state.direction) for state in made.states]


def study_of(
    made: SyntheticElectrode,
    settings: StudySettings = SETTINGS,
    rules: StudyRules = StudyRules(),  # noqa: B008
    *,
    carried=False,
    order=(0, 1, 2, 3),
    spoil=None,
    one_label=False,
    **more,
) -> Study:
    """Study with the true labels, or carried ones; `order` says which scan stands for which state.

    `spoil` changes the image of the third state; `one_label` takes the first state's labels for
    all.
    """
    states = states_of(made)
    source = {state.name: made.states[k] for state, k in zip(states, order, strict=True)}

    def opened(state):
        scan = source[state.name]
        image = scan.image
        if spoil is not None and state.name == states[2].name:
            image = replace(image, data=spoil(image.data))
        if one_label or state is states[0]:
            return image, source[states[0].name].labels
        return image, None if carried else scan.labels

    return run_study(states, settings, rules, open_state=opened, propagate_settings=QUICK, **more)


def with_gain(factor):
    return lambda grey: np.clip(np.rint(grey * factor), 0, 255).astype(np.uint8)
