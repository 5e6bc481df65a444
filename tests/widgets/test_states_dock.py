"""The dock "States of charge": its list of states, and the list as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import electrode_tables as tables
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.states.manifest import read_manifest
from napari_battery.states.settings import StudyRules
from napari_battery.states.study import apply_rules, write_study
from napari_battery.tables import STUDY_NOISE
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume
from napari_battery.widgets.states_dock import StatesDock
from napari_battery.widgets.study_holder import StudyHolder

SHAPE = (6, 20, 20)
STATES = (("pristine", "empty"), ("4.0 V", "charge"), ("4.4 V", "charge"), ("2.5 V", "discharge"))


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    rng = np.random.default_rng(0)
    for name, direction in STATES:
        grey = rng.normal(100, 10, SHAPE).astype(np.float32)
        metadata = {"state": name, "direction": direction, "kind": "image", "synthetic": True}
        volume = Volume(grey, (0.5,) * 3, name=f"{name} scan", metadata=metadata)
        add_volume(viewer, volume, contrast_limits=(0, 200))
    labels = np.zeros(SHAPE, np.int32)
    labels[2:4, 5:10, 5:10] = 3
    made = Volume(labels, (0.5,) * 3, name="particles", metadata={"kind": "labels"})
    add_volume(viewer, made, labels=True)
    return viewer


def opened(viewer: ViewerModel, qtbot: QtBot) -> StatesDock:
    dock = StatesDock(viewer)
    qtbot.addWidget(dock)
    return dock


def names(dock: StatesDock) -> list[str]:
    return [name for name, _ in dock.states.states]


def test_images_are_listed_with_what_is_known_of_them(viewer: ViewerModel, qtbot: QtBot) -> None:
    dock = opened(viewer, qtbot)
    assert [(s.name, s.direction) for s in dock.states.described()] == [
        ("pristine", ""), ("4.0 V", "charge"), ("4.4 V", "charge"), ("2.5 V", "discharge"),
    ]  # fmt: skip
    assert dock.labels.layer is viewer.layers["particles"]
    assert dock.editor.said.text() == ""
    assert dock.runner.run_button.isEnabled()


def test_states_in_the_wrong_order_are_seen_until_put_right(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock = opened(viewer, qtbot)
    dock.states.setCurrentItem(dock.states.topLevelItem(2))
    dock.editor.up_button.click()
    assert names(dock) == ["pristine", "4.4 V", "4.0 V", "2.5 V"]
    assert "4.0 V: the voltage falls on charge" in dock.editor.said.text()
    dock.editor.down_button.click()
    assert names(dock) == ["pristine", "4.0 V", "4.4 V", "2.5 V"]
    assert dock.editor.said.text() == ""


def test_a_name_given_twice_stops_the_study(viewer: ViewerModel, qtbot: QtBot) -> None:
    dock = opened(viewer, qtbot)
    dock.states.topLevelItem(2).setText(0, "4.0 V")
    assert "twice" in dock.editor.said.text()
    dock.run()
    assert "same name" in dock.runner.message.text()


def test_what_is_told_of_a_state_stays_with_its_image(viewer: ViewerModel, qtbot: QtBot) -> None:
    dock = opened(viewer, qtbot)
    dock.states.setCurrentItem(dock.states.topLevelItem(3))
    assert dock.editor.voltage.placeholderText() == "2.5"  # the name tells it
    dock.editor.voltage.setText("2,6")
    dock.editor.time.setText("40")
    dock.editor.capacity.setText("-1.5")
    dock.editor.time.editingFinished.emit()
    assert "name says 2.5 V, the voltage is 2.6 V" in dock.editor.said.text()
    again = opened(viewer, qtbot)
    last = again.states.described()[-1]
    assert (last.voltage_v, last.time_h, last.capacity_mah) == (2.6, 40.0, -1.5)


def test_a_list_that_is_saved_opens_in_another_window(
    viewer: ViewerModel, qtbot: QtBot, tmp_path: Path
) -> None:
    dock = opened(viewer, qtbot)
    path = tmp_path / "study" / "states.csv"
    path.parent.mkdir()
    dock.save_list(path)
    qtbot.waitUntil(lambda: not dock.files.busy, timeout=20_000)
    assert "Saved" in dock.files.message.text()
    written = sorted(path.parent.iterdir())
    dock.save_list(path)  # everything stands in files now: nothing is written again
    qtbot.waitUntil(lambda: not dock.files.busy, timeout=20_000)
    assert sorted(path.parent.iterdir()) == written
    states = read_manifest(path)
    assert [state.name for state in states] == [name for name, _ in STATES]
    assert all(s.image is not None and s.image.parent == path.parent for s in states)
    assert states[0].labels is not None
    assert states[1].labels is None
    moved = path.parent.rename(tmp_path / "elsewhere")

    second = ViewerModel()
    other = opened(second, qtbot)
    other.open_list(moved / "states.csv")
    qtbot.waitUntil(lambda: not other.files.busy, timeout=20_000)
    assert names(other) == [name for name, _ in STATES]
    assert [layer.visible for _, layer in other.states.states] == [True, False, False, False]
    for (_, before), (_, after) in zip(dock.states.states, other.states.states, strict=True):
        np.testing.assert_array_equal(before.data, after.data)
        assert isinstance(after.data, np.memmap)  # opened lazily
        assert after.metadata[KEY]["synthetic"]
        np.testing.assert_allclose(after.scale, 0.5)
    np.testing.assert_array_equal(other.labels.layer.data, viewer.layers["particles"].data)


def test_a_missing_stack_is_told_of_and_the_others_open(
    viewer: ViewerModel, qtbot: QtBot, tmp_path: Path
) -> None:
    dock = opened(viewer, qtbot)
    dock.save_list(tmp_path / "states.csv")
    qtbot.waitUntil(lambda: not dock.files.busy, timeout=20_000)
    gone = read_manifest(tmp_path / "states.csv")[2].image
    assert gone is not None
    gone.unlink()
    other = opened(ViewerModel(), qtbot)
    other.open_list(tmp_path / "states.csv")
    qtbot.waitUntil(lambda: not other.files.busy, timeout=20_000)
    assert names(other) == ["pristine", "4.0 V", "2.5 V"]
    assert "3 of 4 states opened" in other.files.message.text()
    assert gone.name in other.files.message.text()


def test_aligned_or_not_all_scans_are_taken_and_no_filtered_ones(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    source = viewer.layers["4.0 V scan"]
    made = {"step": "filter gaussian", "inputs": [{"name": source.name}]}
    metadata = {"state": "4.0 V", "made": made}
    smooth = Volume(np.asarray(source.data), (0.5,) * 3, name="smoothed", metadata=metadata)
    add_volume(viewer, smooth, contrast_limits=(0, 200))
    dock = opened(viewer, qtbot)
    assert [layer.name for _, layer in dock.states.states] == [f"{n} scan" for n, _ in STATES]
    dock.states.tick([])
    dock.use_aligned()
    assert names(dock) == [name for name, _ in STATES]


def test_a_saved_study_is_opened_again(tmp_path: Path, qtbot: QtBot) -> None:
    study = tables.study(60)
    followed: dict[str, Any] = dict.fromkeys(("iou", "cross_iou", "largest_piece"), 1.0)
    followed |= {"volume_change": 0.0, "shift_radii": 0.0, "pieces": 1, "touches_border": False}
    followed |= {"core_voxels": 100, "volume_voxels": 10 * study.particles["volume_um3"]}
    followed |= {"p_value": study.particles["q_value"] / 2, "note": ""}
    table = study.particles.assign(**followed, cross_label=study.particles["label"])
    noise = pd.DataFrame({"state": [state.name for state in study.states], "sigma": 5.0})
    for name in STUDY_NOISE[2:]:
        noise[name] = "given" if name == "source" else 1.0
    in_solid = study.greys["grey"] > 120
    counts = {"empty": ~in_solid * study.greys["count"], "solid": in_solid * study.greys["count"]}
    greys = study.greys.assign(**counts)
    study = replace(study, particles=table, noise=noise, greys=greys)
    study = apply_rules(study, StudyRules())
    write_study(tmp_path / "study", study)
    viewer = ViewerModel()
    dock = opened(viewer, qtbot)
    with qtbot.waitSignal(StudyHolder.of(viewer).changed, timeout=60_000):
        dock.open_study(tmp_path / "study")
    qtbot.waitUntil(lambda: not dock.files.busy)
    shown = [dock.results.table.topLevelItem(k) for k in range(4)]
    assert [item.text(1) for item in shown if item] == [f"{n:,}" for n in study.summary["n"]]
    assert dock.results.about.text().startswith("Synthetic data.")
    assert "run the study" in dock.results.maps.said.text()
    kept = StudyHolder.of(viewer).study.particles["kept"].sum()
    row = dock.results.rules.form.rows["smallest"]
    row.set_value(not row.value())  # rules are switched as ever
    assert StudyHolder.of(viewer).study.particles["kept"].sum() != kept
    dock.form.rows["exclude_layers"].set_value(study.settings.exclude_layers + 1)
    assert "opened from its folder" in dock.runner.message.text()
    again = opened(viewer, qtbot)  # the study outlives the dock
    assert again.results.table.topLevelItemCount() == 4
