"""Maps of all states: one scale, grey where nothing is sure."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.maps import paint
from napari_battery.plots.states_maps import state_map_strip
from napari_battery.states.manifest import State
from napari_battery.states.maps import StateMapSettings, state_maps

NAMES = ("pristine", "4.0 V", "4.4 V")


def study_of(changes, kept=None, significant=None):
    """A study of particles 1 … n with these changes, (states, n)."""
    changes = np.atleast_2d(np.asarray(changes, float))
    n_states, n = changes.shape
    table = pd.DataFrame(
        {
            "label": np.tile(np.arange(1, n + 1), n_states),
            "state": np.repeat(NAMES[:n_states], n),
            "delta_core_mean": changes.ravel(),
            "core_mean": 174 + changes.ravel(),
            "kept": np.tile(np.ones(n, bool) if kept is None else kept, n_states),
            "significant": (
                np.ones(n_states * n, bool) if significant is None else np.ravel(significant)
            ),
        }
    )
    return SimpleNamespace(particles=table, states=[State(name) for name in NAMES[:n_states]])


finite = st.floats(-50, 50)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=20), st.floats(50, 100))
def test_equal_changes_have_equal_colours_in_all_states(pairs, percentile) -> None:
    changes = np.array([[0.0] * len(pairs), *np.array(pairs).T])
    maps = state_maps(study_of(changes), StateMapSettings(percentile=percentile))
    assert list(maps) == ["4.0 V", "4.4 V"]
    one, two = maps.values()
    assert (one.low, one.high) == (two.low, two.high)
    assert one.low == -one.high
    labels = np.arange(1, len(pairs) + 1)
    colours = np.concatenate([paint(labels, one), paint(labels, two)])
    values = changes[1:].ravel()
    order = np.argsort(values, kind="stable")
    same = np.diff(values[order]) == 0
    steps = colours[order]
    np.testing.assert_array_equal(steps[:-1][same], steps[1:][same])


def test_the_range_is_of_all_states_together() -> None:
    changes = np.zeros((3, 100))
    changes[1], changes[2] = np.linspace(-1, 1, 100), np.linspace(-8, 4, 100)
    maps = state_maps(study_of(changes), StateMapSettings(percentile=100))
    assert {(m.low, m.high) for m in maps.values()} == {(-8.0, 8.0)}
    fixed = state_maps(study_of(changes), StateMapSettings(limit=3))
    assert {(m.low, m.high) for m in fixed.values()} == {(-3.0, 3.0)}


def test_insignificant_particles_are_grey_and_the_scale_stays() -> None:
    changes = [[0, 0, 0], [-1, 2, 5]]
    study = study_of(changes, significant=[[False] * 3, [True, False, True]])
    before = state_maps(study, StateMapSettings(percentile=100))["4.0 V"]
    after = state_maps(study, StateMapSettings(percentile=100, grey_insignificant=True))["4.0 V"]
    assert (before.low, before.high) == (after.low, after.high)
    colours = paint(np.array([1, 2, 3]), after)
    np.testing.assert_allclose(colours[1], [0.5, 0.5, 0.5, 1])
    np.testing.assert_array_equal(colours[[0, 2]], paint(np.array([1, 3]), before))


def test_particles_that_the_rules_leave_out_are_not_shown_unless_asked_for() -> None:
    study = study_of([[0, 0], [-1, 40]], kept=np.array([True, False]))
    shown = state_maps(study, StateMapSettings(percentile=100))["4.0 V"]
    assert shown.labels.tolist() == [1]
    assert shown.high == 1.0
    assert paint(np.array([2]), shown)[0, 3] == 0
    every = state_maps(study, StateMapSettings(percentile=100, left_out=True))["4.0 V"]
    assert every.labels.tolist() == [1, 2]


def test_core_means_are_mapped_in_the_reference_too() -> None:
    maps = state_maps(study_of([[0, 2], [-1, 4]]), StateMapSettings(column="core_mean"))
    assert list(maps) == ["pristine", "4.0 V"]
    assert all(not m.diverging for m in maps.values())


def test_no_value_anywhere_is_told() -> None:
    with pytest.raises(InputError, match="No particle that counts"):
        state_maps(study_of([[0.0], [np.nan]]), StateMapSettings())


def test_the_strip_shows_every_state_in_its_colours_beside_one_bar() -> None:
    labels = np.zeros((20, 30), int)
    labels[2:8, 2:12], labels[10:18, 15:28] = 1, 2
    maps = state_maps(study_of([[0, 0], [-3, 3], [1, -2]]), StateMapSettings(percentile=100))
    slices = dict.fromkeys(NAMES, labels)
    images = {name: np.full(labels.shape, 100.0) for name in NAMES}
    plot = state_map_strip(slices, maps, images, pixel_size_um=(0.5, 0.5), note="synthetic data")
    *panels, bar = plot.figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == list(NAMES)
    assert len(panels[0].images) == 1  # the reference has its grey image alone
    for axes, name in zip(panels[1:], NAMES[1:], strict=True):
        np.testing.assert_allclose(axes.images[1].get_array(), paint(labels, maps[name]))
    assert bar.get_ylim() == (-3, 3)
    rows = plot.data.set_index(["state", "label"])["delta_core_mean"]
    assert rows.to_dict() == {
        ("4.0 V", 1): -3, ("4.0 V", 2): 3, ("4.4 V", 1): 1, ("4.4 V", 2): -2,
    }  # fmt: skip
