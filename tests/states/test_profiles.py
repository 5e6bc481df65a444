"""Profiles of subsets are those of each state's population."""

from __future__ import annotations

import electrode_tables as tables
import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.radial import population_profile
from napari_battery.states.frames import Frames
from napari_battery.states.profiles import state_profiles


@pytest.mark.parametrize("value", ["mean", "normalised_max"])
@pytest.mark.parametrize("axis", ["depth_um", "relative_radius"])
def test_they_are_those_of_the_population(value, axis):
    whole = tables.electrode(120)
    layers = whole.layers.copy()
    layers.loc[layers.index % 7 == 0, "normalised_max"] = np.nan
    shuffled = layers.sample(frac=1, random_state=3)
    frames = Frames(whole.particles, whole.states, whole.directions, shuffled)
    mask = frames.kept & (frames.labels % 4 == 0)[:, None]
    found = state_profiles(frames, mask, value, axis, bins=7)
    for place, state in enumerate(frames.states):
        of_state = layers[layers["state"] == state]
        expected = population_profile(of_state, frames.labels[mask[:, place]], value, axis, bins=7)
        got = found[found["state"] == state]
        for name in (axis, "mean", "se", "n"):
            np.testing.assert_allclose(got[name], expected[name], rtol=1e-9)


def test_without_layers_there_is_no_profile():
    whole = tables.electrode(20)
    frames = Frames(whole.particles)
    with pytest.raises(InputError, match="no radial layers"):
        state_profiles(frames, frames.kept)
