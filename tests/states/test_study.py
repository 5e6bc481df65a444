"""A whole study against the truth of the synthetic electrode."""

from __future__ import annotations

from dataclasses import replace

import cycled
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from napari_battery.errors import InputError
from napari_battery.labelling.quality import match_labels
from napari_battery.progress import Cancelled, Progress
from napari_battery.states.manifest import State
from napari_battery.states.run import gather
from napari_battery.states.settings import StudyRules, StudySettings
from napari_battery.states.study import (
    apply_rules,
    compare_states,
    read_study,
    run_study,
    tabulate,
    write_study,
)
from napari_battery.tables import STATES, STUDY_PARTICLES
from napari_battery.volume import Volume


def kept_with_truth(study, made):
    """Kept rows beside what is true of them."""
    truth = made.truth[["label", "state", "core_change", "core_grey"]]
    table = study.particles[study.particles["kept"]]
    return table.merge(truth, on=["label", "state"])


def test_tables_have_their_columns(cycled_study):
    assert list(cycled_study.particles) == list(STUDY_PARTICLES)
    assert list(cycled_study.summary) == list(STATES)
    n_labels = cycled_study.particles["label"].nunique()
    assert len(cycled_study.particles) == 4 * n_labels


def test_each_change_is_the_true_one_within_its_error(cycled_study, cycled_electrode):
    table = kept_with_truth(cycled_study, cycled_electrode)
    later = table[table["state"] != "pristine"]
    noise = later["delta_core_mean"] - later["core_change"]
    z = noise / later["sem_delta"]
    assert len(later) > 150
    # chi-squared limits of so many independent z, wide by a fifth for σ_bg and V
    assert 0.8 < z.std() < 1.2
    assert abs(z.mean()) < 0.3


def test_means_are_those_of_numpy_and_scipy(cycled_study):
    table, summary = cycled_study.particles, cycled_study.summary.set_index("state")
    here = table[table["kept"] & (table["state"] == "4.4 V")]
    row = summary.loc["4.4 V"]
    assert row["n"] == len(here)
    assert row["mean"] == pytest.approx(here["core_mean"].mean())
    assert row["delta"] == pytest.approx(here["delta_core_mean"].mean())
    assert row["ses_delta"] == pytest.approx(stats.sem(here["delta_core_mean"]))
    assert row["sem_delta"] == pytest.approx(np.sqrt((here["sem_delta"] ** 2).mean()))
    assert row["se_tot_delta"] == pytest.approx(np.hypot(row["ses_delta"], row["sem_delta"]))
    assert row["z"] == pytest.approx(stats.ttest_1samp(here["delta_core_mean"], 0).statistic)
    q = stats.false_discovery_control(here["p_value"])
    assert here["q_value"].to_numpy() == pytest.approx(q)
    assert summary.loc["pristine", ["delta", "ses_delta", "sem_delta"]].tolist() == [0, 0, 0]


def test_intervals_of_ses_cover_the_truth():
    """Some volumes, 3 states each: the mean change drawn from is −1.41, −3, −2."""
    truth = {"4.0 V": -1.41, "4.4 V": -3.0, "2.5 V": -2.0}
    hits, z = 0, []
    for seed in range(8):
        study = cycled.study_of(cycled.electrode(seed=100 + seed))
        for row in study.summary.iloc[1:].itertuples():
            off = (row.delta - truth[row.state]) / row.ses_delta
            hits += abs(off) < stats.t.ppf(0.975, row.n - 1)
            z.append(off)
    low, high = stats.binom.ppf([0.001, 0.9999], len(z), 0.95)
    assert low <= hits <= high
    assert abs(np.mean(z)) < 3 * np.sqrt(1 / 8)  # states of one volume go together


def test_carried_labels_keep_the_particles_identity(cycled_electrode):
    states = cycled.states_of(cycled_electrode)
    by_name = {state.name: state for state in cycled_electrode.states}
    carried = {}

    def opened(state):
        scan = by_name[state.name]
        return scan.image, scan.labels if state is states[0] else None

    gather(
        states, cycled.SETTINGS, open_state=opened, propagate_settings=cycled.QUICK,
        keep_labels=lambda state, labels: carried.update({state.name: labels}),
    )  # fmt: skip
    whole = cycled_electrode.truth.loc[~cycled_electrode.truth["touches_border"], "label"].unique()
    for state in states[1:]:
        match = match_labels(by_name[state.name].labels.data, carried[state.name].data)
        match = match[match["label"].isin(whole)]
        assert (match["label"] == match["found"]).mean() >= 0.99


def test_trend_to_the_collector_and_brightening_again_are_found(cycled_study, cycled_electrode):
    table = cycled_study.particles
    wide = table[table["kept"]].pivot(index="label", columns="state", values="delta_core_mean")
    x = table[(table["state"] == "pristine") & table["kept"]].set_index("label")["centroid_x_um"]
    trend = stats.linregress(x.loc[wide.index], wide["4.4 V"])
    edge = cycled_electrode.settings.size_x * cycled_electrode.settings.voxel_size_um
    true_slope = -2 * 0.5 * cycled_electrode.settings.darkening_4_4 / edge
    assert abs(trend.slope - true_slope) < 3 * trend.stderr
    true = cycled_electrode.truth.pivot(index="label", columns="state", values="core_change")
    true = true.loc[wide.index]
    found = (wide["2.5 V"] > wide["4.4 V"]).mean()
    drawn = (true["2.5 V"] > true["4.4 V"]).mean()
    assert abs(found - drawn) < 3 * np.sqrt(drawn * (1 - drawn) / len(wide))


def test_rules_are_switched_and_undone(cycled_study):
    off = StudyRules(smallest=False, border=False)
    more = apply_rules(cycled_study, off)
    assert more.summary["n"].iloc[0] > cycled_study.summary["n"].iloc[0]
    back = apply_rules(more, cycled_study.rules)
    pd.testing.assert_frame_equal(back.particles, cycled_study.particles)
    pd.testing.assert_frame_equal(back.summary, cycled_study.summary)
    pd.testing.assert_frame_equal(back.ledger, cycled_study.ledger)


def test_rule_of_neighbours_takes_those_that_touch(cycled_study):
    rules = StudyRules(smallest=False, core=False, border=False, volume_limit=0.05)
    alone = apply_rules(cycled_study, rules)
    more = apply_rules(cycled_study, rules.model_copy(update={"neighbours": True}))
    went = set(alone.particles.loc[alone.particles["kept"], "label"]) - set(
        more.particles.loc[more.particles["kept"], "label"]
    )
    bad = alone.particles.loc[~alone.particles["kept"], "label"]
    touching = cycled_study.contacts
    beside = set(touching.loc[touching["neighbour"].isin(bad), "label"])
    assert went
    assert went <= beside


def test_files_give_the_study_back(cycled_study, tmp_path):
    write_study(tmp_path / "study", cycled_study)
    back = read_study(tmp_path / "study")
    for name in ("particles", "summary", "layers", "ledger", "greys", "noise", "contacts"):
        one, two = getattr(back, name), getattr(cycled_study, name)
        pd.testing.assert_frame_equal(one, two, check_dtype=False, rtol=1e-12)
    assert back.states == cycled_study.states
    assert back.settings == cycled_study.settings
    again = apply_rules(back, StudyRules(smallest=False))
    assert again.summary["n"].iloc[0] > back.summary["n"].iloc[0]
    (tmp_path / "study" / "mine.txt").touch()
    with pytest.raises(InputError, match="other files"):
        write_study(tmp_path / "study", cycled_study)


def test_a_folder_without_a_study_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no study"):
        read_study(tmp_path)


def test_any_two_states_are_compared(cycled_study):
    tests = compare_states(cycled_study, "4.4 V", "2.5 V", "greater")
    table = cycled_study.particles[cycled_study.particles["kept"]]
    a, b = (
        table.loc[table["state"] == name, "core_mean"].to_numpy() for name in ("4.4 V", "2.5 V")
    )
    assert tests["changes"].z == pytest.approx(stats.ttest_rel(b, a).statistic)
    assert tests["means"].z == pytest.approx(stats.ttest_ind(b, a, equal_var=False).statistic)
    assert tests["changes"].z > tests["means"].z > 0
    with pytest.raises(InputError, match="no state “4.5 V”"):
        compare_states(cycled_study, "pristine", "4.5 V")


def test_populations_are_compared_without_a_change(cycled_electrode):
    study = cycled.study_of(
        cycled_electrode, StudySettings(matching="populations", exclude_layers=3)
    )
    assert study.particles["delta_core_mean"].isna().all()
    assert not study.particles["significant"].any()
    table = study.particles[study.particles["kept"]]
    first, last = (table.loc[table["state"] == name, "core_mean"] for name in ("pristine", "2.5 V"))
    row = study.summary.iloc[3]
    welch = stats.ttest_ind(last, first, equal_var=False)
    assert row["z"] == row["z_means"] == pytest.approx(welch.statistic)
    assert np.isnan(row["delta"])
    assert set(compare_states(study, "pristine", "2.5 V")) == {"means"}


def test_an_image_on_another_grid_is_resampled(cycled_electrode, cycled_study):
    """Seven voxels more in front, and put back by the affine: the greys are the same."""

    def opened(state):
        scan = next(s for s in cycled_electrode.states if s.name == state.name)
        image = scan.image
        if state.name == "4.0 V":
            moved = np.eye(4)
            moved[2, 3] = -7 * image.voxel_size_um[2]
            data = np.pad(image.data, ((0, 0), (0, 0), (7, 0)), mode="edge")
            image = replace(image, data=data, affine=moved)
        return image, scan.labels

    states = cycled.states_of(cycled_electrode)[:2]
    study = run_study(states, cycled.SETTINGS, open_state=opened)
    assert any("another grid" in note for note in study.notes)
    same = cycled_study.particles[cycled_study.particles["state"].isin(["pristine", "4.0 V"])]
    for name in ("core_mean", "delta_core_mean", "sem"):
        assert study.particles[name].to_numpy() == pytest.approx(
            same[name].to_numpy(), rel=1e-5, abs=1e-4, nan_ok=True
        )


def disc_state(shift, grey, name):
    y, x = np.indices((60, 80))
    labels = np.zeros((60, 80), np.uint8)
    for k, centre in enumerate(((20, 20), (35, 55)), 1):
        labels[(y - centre[0]) ** 2 + (x - centre[1] - shift) ** 2 <= 121] = k
    noise = np.random.default_rng(shift).normal(0, 2, labels.shape)
    image = np.where(labels > 0, grey, 50) + noise
    pair = [Volume(data, (0.5, 0.5), name=name) for data in (image.astype(np.float32), labels)]
    return pair[0], pair[1]


def test_2d_images_are_studied():
    scans = {"a": disc_state(0, 150, "a"), "b": disc_state(1, 140, "b")}
    rules = StudyRules(smallest=False)
    study = run_study(
        [State("a"), State("b")], StudySettings(exclude_layers=2), rules,
        open_state=lambda state: scans[state.name],
    )  # fmt: skip
    later = study.particles[study.particles["state"] == "b"]
    assert later["delta_core_mean"].to_numpy() == pytest.approx([-10, -10], abs=0.8)
    assert later["shift_x_um"].to_numpy() == pytest.approx([0.5, 0.5])
    assert study.noise["sigma"].to_numpy() == pytest.approx([2, 2], rel=0.15)
    assert later["significant"].all()


class Stopped(Progress):
    def advance(self, n: int = 1) -> None:
        raise Cancelled


def test_cancel_stops_it(cycled_electrode):
    with pytest.raises(Cancelled):
        cycled.study_of(cycled_electrode, progress=Stopped())


def test_what_cannot_be_compared_is_refused(cycled_electrode, cycled_study):
    image, labels = cycled_electrode.states[0].image, cycled_electrode.states[0].labels
    two = [State("a"), State("b")]
    with pytest.raises(InputError, match="two states at least"):
        run_study([State("a")], open_state=lambda state: (image, labels))
    with pytest.raises(InputError, match="name of its own"):
        run_study([State("a"), State("a")], open_state=lambda state: (image, labels))
    with pytest.raises(InputError, match="“a” has no labels"):
        run_study(two, open_state=lambda state: (image, None))
    with pytest.raises(InputError, match="has no image"):
        run_study(two)
    with pytest.raises(InputError, match="no state “c”"):
        run_study(two, open_state=lambda state: (image, labels), repeats=[("a", "c")])
    other = replace(labels, data=np.where(labels.data > 0, labels.data + 5000, 0))
    with pytest.raises(InputError, match="same numbers in every state"):
        run_study(
            two, cycled.SETTINGS, open_state=lambda s: (image, labels if s.name == "a" else other)
        )
    with pytest.raises(InputError, match="table of contacts"):
        apply_rules(replace(cycled_study, contacts=None), StudyRules(neighbours=True))
    with pytest.raises(InputError, match="1 radial tables"):
        tabulate(two, [None])
