"""Identity through made-up motions: a small version of benchmarks/bench_propagate.py."""

from __future__ import annotations

import re

import numpy as np
import pytest

from napari_battery.labelling import (
    as_published,
    check_consistency,
    label_particles,
    match_labels,
    propagate_labels,
    recommended,
)
from napari_battery.synthetic import ElectrodeSettings
from napari_battery.synthetic.moved import Motion, moved_electrode

CASES = {
    "drift": Motion(drift=1.0),
    "drift and swelling": Motion(drift=0.5, growth=0.02),
    "jumps": Motion(jump_share=0.05, jump=3),
    "misregistration": Motion(shift=4),
    "growth": Motion(growth=0.1),
    "too far": Motion(drift=3.0),
}


@pytest.fixture(scope="module")
def followed():
    """Some 100 whole particles of a median diameter of 21 voxels, each case's outcome."""
    settings = ElectrodeSettings(size_z=96, size_y=176, size_x=176, voxel_size_um=0.5, seed=5)
    states = moved_electrode(settings, list(CASES.values()))
    reference = label_particles(states[0][0])
    before = stands_for(reference.data, states[0][1].data)
    result = propagate_labels(reference, [image for image, _ in states[1:]])
    now = {
        name: stands_for(labels.data, truth.data)
        for name, labels, (_, truth) in zip(CASES, result.labels, states[1:], strict=True)
    }
    return result, before, now


def stands_for(labels: np.ndarray, truth: np.ndarray) -> dict[int, int]:
    table = match_labels(labels, truth)
    table = table[table.iou > 0.5]
    return dict(zip(table.label, table.found, strict=True))


def outcome(followed, case: str, rules) -> tuple[int, int, int, int]:
    """Whole particles, of them right, of them kept; and kept though wrong."""
    result, before, now = followed
    states = (result.states[0], result.states[1 + list(CASES).index(case)])
    table = result.table[result.table["state"].isin(states)]
    contacts = result.contacts[result.contacts["state"].isin(states)]
    checked = check_consistency(table, rules, contacts)
    whole = set(before) - set(table.loc[table["touches_border"], "label"])
    right = {label for label in whole if now[case].get(label) == before[label]}
    kept = set(checked.loc[checked["kept"], "label"]) & set(before)
    return len(whole), len(right), len(kept & right), len(kept - right)


@pytest.mark.parametrize("case", [name for name in CASES if name != "too far"])
def test_identity_is_kept_and_what_is_kept_is_right(followed, case):
    whole, right, kept, wrong = outcome(followed, case, recommended())
    assert whole > 70
    # one of some hundred may be lost; the benchmark, on three times as many, asks for 99.5 %
    assert right >= whole - 1
    assert kept >= 0.97 * whole
    assert wrong == 0


def test_where_particles_move_too_far_the_rules_find_the_wrong_ones(followed):
    whole, right, kept, wrong = outcome(followed, "too far", recommended())
    assert right < whole
    assert kept > 0.5 * whole
    # the published rules know nothing of jumps; of ours one slips through whose label holds
    # three quarters of its particle, and half as much of others
    assert wrong <= 1 < outcome(followed, "too far", as_published())[3]


def test_growth_is_measured(followed):
    result, before, _ = followed
    rows = result.table[result.table["state"] == result.states[5]]
    whole = rows[rows["label"].isin(before) & ~rows["touches_border"]]
    # radii grow by 10 %, less what neighbours that run into each other cut off
    assert 0.2 < whole["volume_change"].median() < 1.1**3 - 1


def test_a_shift_that_all_share_is_told(followed):
    result, _, _ = followed
    notes = [note for note in result.notes if "register the images" in note]
    assert len(notes) == 1
    length = re.match(r"state 4: the particles lie (\S+) µm", notes[0])
    assert length is not None
    # 4 voxels of 0.5 µm; half a tenth of a voxel for the noise of the median
    assert float(length[1]) == pytest.approx(2, abs=0.05)
