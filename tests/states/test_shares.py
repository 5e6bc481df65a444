"""Shares: the published conditions, and intervals as scipy has them."""

from __future__ import annotations

import electrode_tables as tables
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from napari_battery.errors import InputError
from napari_battery.states import shares


@pytest.fixture(scope="module")
def frames():
    return tables.electrode()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 5000), share=st.floats(0, 1), confidence=st.floats(0.6, 0.999))
@pytest.mark.parametrize(("method", "scipys"), [("Wilson", "wilson"), ("Clopper-Pearson", "exact")])
def test_intervals_are_those_of_scipy(n, share, confidence, method, scipys):
    k = round(share * n)
    found = shares.binomial_interval(k, n, confidence, method)
    expected = binomtest(k, n).proportion_ci(confidence, scipys)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_nothing_asked_has_no_interval():
    assert np.isnan(shares.binomial_interval(0, 0, 0.95)).all()


def test_published_conditions_follow_the_directions(frames):
    first, second = shares.published_conditions(frames)
    assert (first.state, first.relation, first.other) == ("4.4 V", "<", "pristine")
    assert (second.state, second.relation, second.other) == ("2.5 V", ">", "4.4 V")
    assert first.text == "darker at 4.4 V than at pristine"


def test_written_conditions_ask_what_they_say(frames):
    texts = "4.4 V < pristine; sem: 2.5 V > 4.0 V ;4.4 V: q_value < 0.05 and delta_core_mean < -2"
    dark, noisy, strong = shares.parse_conditions(texts, frames.states)
    wide = frames.particles.query("kept").pivot(index="label", columns="state")
    for condition, expected in (
        (dark, wide["core_mean"]["4.4 V"] < wide["core_mean"]["pristine"]),
        (noisy, wide["sem"]["2.5 V"] > wide["sem"]["4.0 V"]),
        (strong, (wide["q_value"]["4.4 V"] < 0.05) & (wide["delta_core_mean"]["4.4 V"] < -2)),
    ):
        obeys, asked = shares.fulfilled(frames, condition)
        assert set(frames.labels[obeys & asked]) == set(expected.index[expected])
        assert asked.sum() == len(wide)


@pytest.mark.parametrize("text", ["4.6 V < pristine", "4.4 V = pristine", "4.4 V < 4.4 V", "dark"])
def test_what_cannot_be_read_is_said(frames, text):
    with pytest.raises(InputError, match=r"The states are pristine, 4\.0 V, 4\.4 V, 2\.5 V"):
        shares.parse_conditions(text, frames.states)


def test_unmatched_particles_cannot_be_compared():
    frames = tables.electrode(matched=False)
    (dark,) = shares.parse_conditions("4.4 V < pristine", frames.states)
    with pytest.raises(InputError, match="not matched"):
        shares.fulfilled(frames, dark)
    (one,) = shares.parse_conditions("4.4 V: core_mean < 174", frames.states)
    assert 0.3 < shares.fulfilled(frames, one)[0].mean() < 0.8
