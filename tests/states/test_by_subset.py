"""The numbers of subsets are those of the same particles on their own."""

from __future__ import annotations

import electrode_tables as tables
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from napari_battery.errors import InputError
from napari_battery.states.by_subset import compare_by_subset, states_by_subset
from napari_battery.states.frames import Frames
from napari_battery.states.statistics import particles_needed
from napari_battery.states.study import compare_states
from napari_battery.states.subsets import Subset, all_particles, n_tiles, where
from napari_battery.tables import STATES


@pytest.mark.parametrize("matched", [True, False])
def test_all_particles_have_the_very_numbers_of_the_study(matched):
    study = tables.study(matched=matched)
    frames = Frames.of(study)
    mine = states_by_subset(study, frames, [all_particles(frames)])
    pd.testing.assert_frame_equal(mine[list(STATES)], study.summary, check_exact=True)
    pairs = [("4.0 V", "2.5 V"), ("4.4 V", "pristine")]
    rows = compare_by_subset(study, frames, [], pairs, "less").to_dict("records")
    theirs = [t for pair in pairs for t in compare_states(study, *pair, "less").values()]
    assert len(rows) == len(theirs) == (4 if matched else 2)
    for row, test in zip(rows, theirs, strict=True):
        assert (row["z"], row["p_value"], row["critical"]) == (test.z, test.p_value, test.critical)
        assert (row["n_first"], row["n_second"]) == (test.n_first, test.n_second)
        assert row["mean_difference"] == test.difference


def test_a_subset_is_tested_as_scipy_would():
    study = tables.study()
    frames = Frames.of(study)
    parts = n_tiles(frames, "volume_um3", 4)
    rows = compare_by_subset(study, frames, parts, [("4.0 V", "4.4 V")])
    numbers = states_by_subset(study, frames, parts, change=0.5, n_sigma=3)
    assert numbers["subset"].tolist() == [part.name for part in parts for _ in frames.states]
    for part in parts:
        kept = study.particles["kept"] & study.particles["label"].isin(part.labels(frames))
        wide = study.particles[kept].pivot(index="label", columns="state", values="core_mean")
        paired = stats.ttest_rel(wide["4.4 V"], wide["4.0 V"])
        welch = stats.ttest_ind(wide["4.4 V"], wide["4.0 V"], equal_var=False)
        mine = rows[rows["subset"] == part.name].set_index("of")
        assert mine["z"]["changes"] == pytest.approx(paired.statistic)
        assert mine["z"]["means"] == pytest.approx(welch.statistic)
        assert mine["n_first"].tolist() == [len(wide)] * 2
        here = numbers[numbers["subset"] == part.name].set_index("state")
        change = wide["4.4 V"] - wide["pristine"]
        assert here["delta"]["4.4 V"] == pytest.approx(change.mean())
        assert here["ses_delta"]["4.4 V"] == pytest.approx(stats.sem(change))
        needed = particles_needed(0.5, change.std(), 3)
        assert here["particles_needed"]["4.4 V"] == needed
        assert np.isnan(here["particles_needed"]["pristine"])


def test_what_is_too_small_has_no_numbers_and_what_is_unknown_is_refused():
    study = tables.study()
    frames = Frames.of(study)
    none = Subset("none", np.zeros(len(frames.labels), np.bool_))
    one = where(frames, f"label == {all_particles(frames).labels(frames)[0]}")
    rows = compare_by_subset(study, frames, [none, one], [("pristine", "4.4 V")])
    assert rows["of"].tolist() == ["means", "means"]
    assert rows[["z", "p_value", "n_first"]].isna().all(axis=None)
    numbers = states_by_subset(study, frames, [none, one, none], change=1)
    assert list(dict.fromkeys(numbers["subset"])) == ["none", one.name, "none′"]
    assert numbers["n"].tolist() == [0] * 4 + [1] * 4 + [0] * 4
    assert numbers["particles_needed"].isna().all()
    with pytest.raises(InputError, match="5 V"):
        compare_by_subset(study, frames, [], [("pristine", "5 V")])
