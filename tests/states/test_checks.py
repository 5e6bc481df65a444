"""What is off is said; where nothing is off, nothing is."""

from __future__ import annotations

from dataclasses import replace

import cycled
import numpy as np
import pytest

from napari_battery.states.manifest import State
from napari_battery.states.settings import StudySettings
from napari_battery.states.study import run_study


def said(warnings, *words):
    return any(all(word in text for word in words) for text in warnings)


def test_a_good_study_has_no_warnings(cycled_study):
    assert cycled_study.warnings == []


def test_a_good_study_with_carried_labels_has_none(cycled_electrode):
    assert cycled.study_of(cycled_electrode, carried=True).warnings == []


def test_gain_left_uncorrected(cycled_electrode):
    study = cycled.study_of(cycled_electrode, spoil=cycled.with_gain(1.02))
    assert said(study.warnings, "4.4 V", "gain or offset")
    assert not said(study.warnings, "4.0 V: the grey level of empty space")


def test_gain_once_corrected(cycled_electrode, cycled_study):
    settings = StudySettings(exclude_layers=3, normalise="gain")
    study = cycled.study_of(cycled_electrode, settings, spoil=cycled.with_gain(0.97))
    assert not said(study.warnings, "gain or offset")
    found, wanted = (s.summary["delta"].to_numpy() for s in (study, cycled_study))
    # peaks are found to some tenths of a grey level; uncorrected, 3 % are five
    assert found == pytest.approx(wanted, abs=0.6)
    assert abs(study.made["grey_scales"]["4.4 V"]["factor"] - 1 / 0.97) < 0.003


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 1, 3, 2)])
def test_two_states_swapped(cycled_electrode, order):
    study = cycled.study_of(cycled_electrode, order=order)
    wrong = [s.name for s, k in zip(study.states, order, strict=True) if k != study_place(study, s)]
    assert said(study.warnings, *wrong, "swapped")


def study_place(study, state):
    return [s.name for s in study.states].index(state.name)


def test_labels_beside_their_particles(cycled_electrode):
    """The third scan is three voxels off, and the first state's labels are used for all."""
    study = cycled.study_of(
        cycled_electrode, one_label=True, spoil=lambda grey: np.roll(grey, 3, axis=1)
    )
    assert said(study.warnings, "4.4 V", "beside their particles")


def test_a_scan_of_another_place(cycled_electrode):
    study = cycled.study_of(
        cycled_electrode, one_label=True, spoil=lambda grey: np.roll(grey, (9, 14, 11), (0, 1, 2))
    )
    assert said(study.warnings, "4.4 V", "core means hardly go")


def test_carried_labels_of_a_scan_that_is_not_registered(cycled_electrode):
    study = cycled.study_of(
        cycled_electrode, carried=True, spoil=lambda grey: np.roll(grey, (0, 4, 2), (0, 1, 2))
    )
    assert said(study.warnings, "4.4 V", "the registration is off")


def test_a_change_that_turns_round_within_one_direction():
    """Cores of one grey level, which falls on the first half of a charge and rises on the next."""
    rng = np.random.default_rng(1)
    z, y, x = np.indices((48, 96, 96), np.float32)
    labels = np.zeros(z.shape, np.uint8)
    for k in range(32):
        c = (12 + 24 * (k // 16), 12 + 24 * (k // 4 % 4), 12 + 24 * (k % 4))
        labels[(z - c[0]) ** 2 + (y - c[1]) ** 2 + (x - c[2]) ** 2 <= 64] = k + 1
    from napari_battery.volume import Volume

    greys = {"a": 170, "b": 165, "c": 168}

    def opened(state):
        grey = np.where(labels > 0, greys[state.name], 60) + rng.normal(0, 3, labels.shape)
        image = Volume(np.rint(grey).astype(np.uint8), (1.0, 1.0, 1.0), name=state.name)
        return image, Volume(labels, (1.0, 1.0, 1.0), name="labels")

    states = [State("a"), State("b", direction="charge"), State("c", direction="charge")]
    settings = StudySettings(exclude_layers=2)
    study = run_study(states, settings, open_state=opened)
    assert [text for text in study.warnings if "turns round" in text] == study.warnings != []
    with_return = [*states[:2], replace(states[2], direction="discharge")]
    assert run_study(with_return, settings, open_state=opened).warnings == []
