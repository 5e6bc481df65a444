from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from scipy import ndimage

from napari_battery.registration.transform_files import read_transform
from napari_battery.tables import read_table
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.series_dock import SeriesDock
from napari_battery.widgets.series_states import RESAMPLED

SHAPE = (40, 64, 64)
VOXEL_UM = 0.5
SHIFTS = {"4.0 V": (1.5, -3.0, 2.25), "4.4 V": (2.5, -4.5, 4.0)}  # voxels
TURN_DEG = {"4.0 V": 0.0, "4.4 V": 1.5}


def move_of(state: str) -> NDArray[np.float64]:
    """From the first state's voxels to where the same matter lies in a later one."""
    angle = np.deg2rad(TURN_DEG[state])
    turn = np.eye(3)
    turn[1:, 1:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    middle = (np.array(SHAPE) - 1) / 2
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = middle - turn @ middle + SHIFTS[state]
    return matrix


def structure() -> NDArray[np.float32]:
    """Blobs of some voxels, wider than any state so that nothing flows in at the faces."""
    rng = np.random.default_rng(0)
    wide = ndimage.gaussian_filter(rng.normal(size=[n + 24 for n in SHAPE]), 2.5)
    return (100 + 40 * wide / wide.std()).astype(np.float32)


def scan(state: str, seed: int) -> Volume:
    matrix = np.eye(4) if state == "pristine" else np.linalg.inv(move_of(state))
    offset = matrix[:3, 3] + 12 - matrix[:3, :3] @ np.zeros(3)
    grey = ndimage.affine_transform(structure(), matrix[:3, :3], offset, SHAPE, order=3)
    grey = grey + np.random.default_rng(seed).normal(0, 4, SHAPE)
    return Volume(
        grey.astype(np.float32),
        (VOXEL_UM,) * 3,
        (1.0, 2.0, 3.0),
        name=f"scan {state}",
        metadata={"state": state},
    )


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    for seed, state in enumerate(("pristine", "4.0 V", "4.4 V")):
        add_volume(viewer, scan(state, seed))
    return viewer


def opened(viewer: ViewerModel, qtbot: QtBot) -> SeriesDock:
    dock = SeriesDock(viewer)
    qtbot.addWidget(dock)
    return dock


def align(viewer: ViewerModel, qtbot: QtBot) -> SeriesDock:
    dock = opened(viewer, qtbot)
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    assert "Done" in dock.runner.message.text()
    return dock


def error_voxels(layer, state: str) -> float:
    """Mean distance from where the layer now lies to where it belongs."""
    index = np.argwhere(np.ones((3, 3, 3))) / 2 * (np.array(SHAPE) - 1)
    true = index @ move_of(state)[:3, :3].T + move_of(state)[:3, 3]
    lies = np.array([layer.data_to_world(point) for point in true])
    belongs = index * VOXEL_UM + (1.0, 2.0, 3.0)
    return float(np.linalg.norm(lies - belongs, axis=1).mean() / VOXEL_UM)


def places(viewer: ViewerModel) -> list[NDArray[np.float64]]:
    return [np.array(layer.affine.affine_matrix) for layer in viewer.layers]


def test_later_states_come_onto_the_first_and_back_in_one_step(viewer, qtbot):
    before = places(viewer)
    data = [layer.data for layer in viewer.layers]
    dock = align(viewer, qtbot)
    for state in SHIFTS:
        # noise of a tenth of the contrast: errors are hundredths of a voxel
        assert error_voxels(viewer.layers[f"scan {state}"], state) < 0.1
    assert all(layer.data is one for layer, one in zip(viewer.layers, data, strict=True))
    np.testing.assert_array_equal(places(viewer)[0], before[0])
    dock.undo_button.undo()
    for now, then in zip(places(viewer), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert not dock.undo_button.isEnabled()


@pytest.mark.parametrize("to", ["previous", "mean"])
def test_other_ways_end_at_the_first_state_too(viewer, qtbot, to):
    dock = opened(viewer, qtbot)
    dock.to.setCurrentIndex(dock.to.findData(to))
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    apart = [
        np.linalg.inv(volume_from_layer(viewer.layers["scan pristine"]).world_affine())
        @ volume_from_layer(viewer.layers[f"scan {state}"]).world_affine()
        @ move_of(state)
        for state in SHIFTS
    ]
    for matrix in apart:
        assert np.abs(matrix[:3, 3]).max() < 0.25
        np.testing.assert_allclose(matrix[:3, :3], np.eye(3), atol=0.005)


def test_a_row_per_state_says_how_well_it_agrees(viewer, qtbot):
    dock = align(viewer, qtbot)
    rows = [dock.table.topLevelItem(i) for i in range(dock.table.topLevelItemCount())]
    assert [row.text(0) for row in rows] == ["pristine", "4.0 V", "4.4 V"]
    assert rows[0].text(2) == "fixed"
    for row, state in zip(rows[1:], SHIFTS, strict=True):
        before, after = (float(number) for number in row.text(1).split(" → "))
        # a later state starts as the one before it ended
        assert before < 0.8 < 0.9 < after
        length = np.linalg.norm(SHIFTS[state]) * VOXEL_UM
        assert float(row.text(2).split()[0]) == pytest.approx(length, abs=0.03)
        assert float(row.text(3)[:-1]) == pytest.approx(TURN_DEG[state], abs=0.1)
    assert "2 of 2 states aligned" in dock.summary.text()


def test_a_state_without_structure_fails_and_the_rest_stands(viewer, qtbot):
    viewer.layers["scan 4.0 V"].data = np.full(SHAPE, 7, np.float32)
    dock = align(viewer, qtbot)
    assert error_voxels(viewer.layers["scan 4.4 V"], "4.4 V") < 0.1
    np.testing.assert_array_equal(viewer.layers["scan 4.0 V"].affine.affine_matrix, np.eye(4))
    assert "1 of 2 states aligned" in dock.summary.text()
    assert dock.table.topLevelItem(1).text(2) == "failed"
    assert "4.0 V" in dock.warnings.text()


def test_labels_of_a_state_go_along(viewer, qtbot):
    image = viewer.layers["scan 4.0 V"]
    volume = volume_from_layer(image)
    made = {"step": "label", "inputs": [{"name": image.name}]}
    own = volume.like(np.ones(SHAPE, np.int32), "own labels", metadata={"made": made})
    other = volume.like(np.ones(SHAPE, np.int32), "other labels", metadata={})
    for labels in (own, other):
        add_volume(viewer, labels, labels=True)
    align(viewer, qtbot)
    moved = viewer.layers["own labels"].affine.affine_matrix
    np.testing.assert_array_equal(moved, image.affine.affine_matrix)
    np.testing.assert_array_equal(viewer.layers["other labels"].affine.affine_matrix, np.eye(4))


def test_cancel_leaves_everything_where_it_was(viewer, qtbot):
    dock = opened(viewer, qtbot)
    before = places(viewer)
    dock.run()
    dock.runner.cancel()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert "Cancelled" in dock.runner.message.text()
    for now, then in zip(places(viewer), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_layer_deleted_or_moved_meanwhile_is_let_be(viewer, qtbot):
    dock = opened(viewer, qtbot)
    dock.run()
    viewer.layers.remove("scan 4.0 V")
    moved = viewer.layers["scan 4.4 V"]
    moved.translate = (9, 9, 9)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    assert "deleted meanwhile" in dock.warnings.text()
    assert "moved meanwhile" in dock.warnings.text()
    np.testing.assert_array_equal(moved.affine.affine_matrix, np.eye(4))
    dock.undo_button.undo()


def test_results_are_saved_and_outlive_the_dock(viewer, qtbot, tmp_path: Path):
    align(viewer, qtbot).deleteLater()
    again = opened(viewer, qtbot)
    assert again.table.topLevelItemCount() == 3
    again.save(tmp_path / "series.csv")
    table = read_table(tmp_path / "series.csv")
    assert list(table["state"]) == ["pristine", "4.0 V", "4.4 V"]
    transform = read_transform(tmp_path / "series_4.0_V.json")
    # nothing but a shift: what takes the later state back
    found = transform.apply_points([(0.0, 0.0, 0.0)])[0] / VOXEL_UM
    np.testing.assert_allclose(found, -np.array(SHIFTS["4.0 V"]), atol=0.2)
    assert (tmp_path / "series.csv.provenance.json").exists()
    again.undo_button.undo()
    np.testing.assert_array_equal(viewer.layers["scan 4.4 V"].affine.affine_matrix, np.eye(4))


def test_states_are_resampled_onto_the_first_ones_grid(viewer, qtbot):
    dock = align(viewer, qtbot)
    dock.resample.run()
    qtbot.waitUntil(lambda: not dock.resample.runner.busy, timeout=60_000)
    first = viewer.layers["scan pristine"]
    for state in SHIFTS:
        layer = viewer.layers[f"scan {state} on scan pristine"]
        assert volume_from_layer(layer).same_grid(volume_from_layer(first))
        inside = np.asarray(layer.data)[8:-8, 8:-8, 8:-8]
        here = first.data[8:-8, 8:-8, 8:-8]
        # both carry noise of a tenth of the contrast
        assert np.corrcoef(inside.ravel(), here.ravel())[0, 1] > 0.97
        assert layer.metadata[KEY][RESAMPLED] == first.name
    ticked = [layer.name for _, layer in dock.states.states]
    assert ticked == ["scan pristine", "scan 4.0 V", "scan 4.4 V"]


def test_resampling_stopped_half_way_leaves_no_file(viewer, qtbot, tmp_path: Path, monkeypatch):
    from napari_battery.progress import Cancelled
    from napari_battery.registration import apply

    dock = opened(viewer, qtbot)
    dock.resample.target.line.setText(str(tmp_path / "out.tif"))
    real, calls = apply.apply_transform, []

    def stops_at_the_second(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise Cancelled
        return real(*args, **kwargs)

    monkeypatch.setattr(apply, "apply_transform", stops_at_the_second)
    n = len(viewer.layers)
    dock.resample.run()
    qtbot.waitUntil(lambda: not dock.resample.runner.busy, timeout=60_000)
    assert len(calls) == 2
    assert [path.name for path in tmp_path.iterdir()] == []
    assert len(viewer.layers) == n


def test_labels_are_resampled_with_their_numbers(viewer, qtbot):
    image = viewer.layers["scan 4.0 V"]
    numbers = np.zeros(SHAPE, np.int32)
    numbers[10:30, 20:40, 20:40] = 70_001
    made = {"step": "label", "inputs": [{"name": image.name}]}
    labels = volume_from_layer(image).like(numbers, "own labels", metadata={"made": made})
    add_volume(viewer, labels, labels=True)
    dock = align(viewer, qtbot)
    dock.resample.with_labels.setChecked(True)
    dock.resample.run()
    qtbot.waitUntil(lambda: not dock.resample.runner.busy, timeout=60_000)
    layer = viewer.layers["own labels on scan pristine"]
    assert isinstance(layer, Labels)
    assert set(np.unique(layer.data)) == {0, 70_001}
    middle = ndimage.center_of_mass(np.asarray(layer.data) > 0)
    there = np.array([19.5, 29.5, 29.5]) - SHIFTS["4.0 V"]
    np.testing.assert_allclose(middle, there, atol=0.5)  # edges are cut to whole voxels


def test_one_state_cannot_be_aligned(viewer, qtbot):
    dock = opened(viewer, qtbot)
    assert dock.runner.run_button.isEnabled()
    for i in (1, 2):
        dock.states.topLevelItem(i).setCheckState(0, Qt.CheckState.Unchecked)
    assert not dock.runner.run_button.isEnabled()


def test_two_and_three_axes_are_not_mixed(viewer, qtbot):
    viewer.add_image(np.zeros((32, 32), np.float32), name="flat")
    dock = opened(viewer, qtbot)
    row = dock.states.topLevelItem(3)
    assert row.text(1) == "flat"
    assert row.checkState(0) == Qt.CheckState.Unchecked


def test_alignments_are_taken_back_one_after_the_other(viewer, qtbot):
    dock = align(viewer, qtbot)
    once = places(viewer)
    assert dock.form.value().kind == "rigid"
    dock.form.rows["kind"].set_value("similarity")
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    dock.undo_button.undo()
    for now, then in zip(places(viewer), once, strict=True):
        np.testing.assert_array_equal(now, then)
    assert dock.table.topLevelItemCount() == 3
    assert dock.save_button.isEnabled()
    dock.undo_button.undo()
    assert all(np.array_equal(place, np.eye(4)) for place in places(viewer))
    assert not dock.save_button.isEnabled()
    dock.form.reset()


def test_slices_without_a_voxel_size_are_aligned_in_pixels(qtbot):
    viewer = ViewerModel()
    plane = structure()[30]
    rng = np.random.default_rng(4)
    for name, (y, x) in (("before", (12, 12)), ("after", (9, 14))):
        grey = plane[y : y + 64, x : x + 64] + rng.normal(0, 4, (64, 64))
        add_volume(viewer, Volume(grey.astype(np.float32), name=name))
    dock = align(viewer, qtbot)
    moved = viewer.layers["after"].affine.affine_matrix @ [31.5, 31.5, 1]
    # detail at index i of the first lies at i + 3, i - 2 in the second
    np.testing.assert_allclose(moved[:2], [31.5 - 3, 31.5 + 2], atol=0.1)
    length, unit = dock.table.topLevelItem(1).text(2).split()
    assert (float(length), unit) == (pytest.approx(13**0.5, abs=0.05), "vox")
