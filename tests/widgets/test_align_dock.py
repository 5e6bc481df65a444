from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from napari_battery.progress import Progress
from napari_battery.registration import register as core
from napari_battery.registration.transform import Transform
from napari_battery.registration.transform_files import read_transform, write_transform
from napari_battery.volume import Volume
from napari_battery.widgets.align_dock import AlignDock
from napari_battery.widgets.align_place import move_layers, moved_so_far
from napari_battery.widgets.layers import add_volume, battery_metadata, volume_from_layer

LOW_UM, HIGH_UM = 1.0, 0.7
TRUTH = np.eye(4)
TRUTH[:3, :3] = Rotation.from_rotvec(np.deg2rad([2, -1, 3])).as_matrix()
TRUTH[:3, 3] = (9.0, 11.5, 7.25)


def synthetic_pair() -> tuple[np.ndarray, np.ndarray]:
    """Two scans of the same spheres: a coarse one, and a fine one of a part of it, turned."""
    rng = np.random.default_rng(4)
    grid = np.indices((48, 48, 48))
    scan = np.zeros(grid.shape[1:])
    for _ in range(45):
        inside = ((grid - rng.uniform(0, 48, 3)[:, None, None, None]) ** 2).sum(0)
        scan[inside < rng.uniform(3, 6) ** 2] = rng.uniform(100, 200)
    scan = gaussian_filter(scan, 0.8)
    world = np.indices((40, 40, 40)).reshape(3, -1) * HIGH_UM
    where = TRUTH[:3, :3] @ world + TRUTH[:3, 3:]
    fine = map_coordinates(scan, where / LOW_UM, order=1).reshape(40, 40, 40)
    low = scan + rng.normal(0, 3, scan.shape)
    high = fine + rng.normal(0, 3, fine.shape)
    return low.clip(0, 255).astype(np.uint8), high.clip(0, 255).astype(np.uint8)


LOW, HIGH = synthetic_pair()


def error_voxels(layer: Any) -> float:
    """Largest distance of the corners from where they belong, in fine voxels."""
    corners = np.array(np.meshgrid(*[(0, 39 * HIGH_UM)] * 3)).reshape(3, -1)
    corners = np.vstack([corners, np.ones(8)])
    away = ((moved_so_far(layer) - TRUTH) @ corners)[:3]
    return float(np.linalg.norm(away, axis=0).max() / HIGH_UM)


@pytest.fixture
def layers(viewer: ViewerModel) -> tuple[Any, Any]:
    fixed = add_volume(viewer, Volume(LOW, (LOW_UM,) * 3, name="low"))
    return fixed, add_volume(viewer, Volume(HIGH, (HIGH_UM,) * 3, name="high"))


@pytest.fixture
def dock(viewer: ViewerModel, layers: Any, qtbot: QtBot) -> AlignDock:
    widget = AlignDock(viewer)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def align(dock: AlignDock, qtbot: QtBot) -> str:
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    return str(dock.runner.message.text())


def at_start(layer: Any) -> bool:
    return np.array_equal(layer.affine.affine_matrix, np.eye(4)) and not battery_metadata(
        layer
    ).get("moved")


def test_a_fine_scan_is_found_in_a_coarse_one_by_its_transform_only(
    dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    fixed, moving = layers
    assert (dock.fixed.layer, dock.moving.layer) == (fixed, moving)
    assert "Moved “high”: rigid" in align(dock, qtbot)
    assert error_voxels(moving) < 0.2  # a fifth of a voxel is the aim
    assert moving.data is HIGH
    assert tuple(moving.scale) == (HIGH_UM,) * 3
    assert at_start(fixed)
    assert dock.quality.table.isVisibleTo(dock)
    assert "Correlation" in dock.quality.table.text()
    assert "random shifts" not in dock.quality.warnings.text()  # few grains, yet no false alarm
    assert dock.curve.isVisibleTo(dock)
    dock.undo.undo()
    assert at_start(moving)
    assert not dock.undo.isEnabled()
    assert not dock.quality.table.isVisibleTo(dock)
    assert dock.transform.transform is None


def test_labels_of_the_moving_stack_go_along_and_come_back(
    viewer: ViewerModel, dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    moving = layers[1]
    volume = volume_from_layer(moving)
    own = volume.like((HIGH > 90).astype(np.int32), "particles")
    own.metadata["made"] = {"step": "label", "inputs": [{"name": "high"}]}
    mine = add_volume(viewer, own, labels=True)
    foreign = viewer.add_labels(np.zeros((4, 4, 4), int), name="others", units="um")
    align(dock, qtbot)
    assert np.allclose(mine.affine.affine_matrix, moving.affine.affine_matrix, rtol=0, atol=1e-12)
    assert at_start(foreign)
    dock.undo.undo()
    assert at_start(mine)


def test_each_run_is_one_step_and_starts_where_it_lies(
    dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    moving = layers[1]
    near = TRUTH.copy()
    near[:3, 3] += (0.8, -0.6, 0.5)
    dock.move(near, "by hand")
    dock.start.setCurrentIndex(dock.start.findData("current"))
    align(dock, qtbot)
    assert error_voxels(moving) < 0.2
    dock.undo.undo()
    assert np.allclose(moved_so_far(moving), near, rtol=0, atol=1e-12)
    dock.undo.undo()
    assert at_start(moving)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An alignment that makes one step and then waits to be stopped or let go."""
    gate, stepped = threading.Event(), threading.Event()

    def register(fixed: Any, moving: Any, settings: Any, progress: Progress, **more: Any) -> Any:
        matrix = np.eye(4)
        matrix[0, 3] = 5
        step = core.Step(1, 1, 1.0, 0, 0.5, matrix)
        more["watch"](step)
        stepped.set()
        progress.begin(0, "waiting")
        while not gate.wait(0.01):
            progress.advance(0)
        return core.Registration(Transform(matrix, "rigid"), [step], {}, [])

    monkeypatch.setattr(core, "register", register)
    yield gate, stepped
    gate.set()


def test_it_is_seen_to_move_and_cancel_returns_to_where_it_stood(
    dock: AlignDock, layers: Any, qtbot: QtBot, held: Any
) -> None:
    moving = layers[1]
    dock.run()
    qtbot.waitUntil(lambda: dock.view.matrix[0, 3] == 5, timeout=10_000)
    assert at_start(moving)  # only what is shown has moved
    dock.runner.cancel()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=10_000)
    assert np.array_equal(dock.view.matrix, np.eye(4))
    assert at_start(moving)
    assert "Cancelled" in dock.runner.message.text()
    assert not dock.undo.isEnabled()


def test_a_layer_deleted_or_moved_meanwhile_is_said(
    viewer: ViewerModel, dock: AlignDock, layers: Any, qtbot: QtBot, held: Any
) -> None:
    gate, stepped = held
    fixed, moving = layers
    dock.run()
    assert stepped.wait(10)
    fixed.affine = TRUTH
    gate.set()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=10_000)
    assert "“low” was moved or rescaled while it was aligned" in dock.runner.message.text()
    assert at_start(moving)
    stepped.clear()
    gate.clear()
    dock.run()
    assert stepped.wait(10)
    moving.scale = (0.8,) * 3
    gate.set()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=10_000)
    assert "“high” was moved or rescaled" in dock.runner.message.text()
    moving.scale = (HIGH_UM,) * 3
    stepped.clear()
    gate.clear()
    dock.run()
    assert stepped.wait(10)
    viewer.layers.remove(moving)
    gate.set()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=10_000)
    assert "“high” was deleted" in dock.runner.message.text()
    assert not dock.undo.isEnabled()


def test_a_dock_closed_while_it_runs_stops_and_shows_the_layers_again(
    viewer: ViewerModel, layers: Any, qtbot: QtBot, held: Any
) -> None:
    closed = AlignDock(viewer)
    closed.show()
    assert closed.view.layer is not None
    assert not layers[1].visible
    closed.run()
    assert held[1].wait(10)
    with qtbot.waitSignal(closed.destroyed, timeout=10_000):
        closed.deleteLater()
    assert list(viewer.layers) == list(layers)
    assert layers[1].visible
    viewer.layers.clear()


def test_what_cannot_be_aligned_is_said(
    viewer: ViewerModel, dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    dock.moving.choose(layers[0])
    assert "“low” is chosen as fixed and as moving" in dock.notice.text()
    dock.run()
    assert "choose two different layers" in dock.runner.message.text()
    flat = viewer.add_image(LOW[0], name="flat", units="um")
    dock.moving.choose(flat)
    assert "both must be 2-D or both 3-D" in dock.notice.text()
    assert dock.view.layer is None
    unknown = viewer.add_image(HIGH, name="unknown")
    dock.moving.choose(unknown)
    assert "voxel size of “unknown” is unknown" in dock.notice.text()
    constant = add_volume(viewer, Volume(np.full((9, 9, 9), 3), (1.0,) * 3, name="constant"))
    dock.moving.choose(constant)
    assert dock.notice.text() == ""
    assert "“constant”" in align(dock, qtbot)
    assert all(at_start(layer) for layer in (*layers, constant))


def test_masks_say_where_stacks_count(
    viewer: ViewerModel, dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    empty = viewer.add_labels(np.zeros(LOW.shape, int), name="empty", scale=(1,) * 3, units="um")
    dock.fixed_mask.choose(empty)
    assert "The mask “empty” leaves no voxel of “low”" in align(dock, qtbot)
    half = np.zeros((24, 24, 24), int)  # on a coarser grid
    half[2:, 2:, 2:] = 1
    mask = viewer.add_labels(half, name="half", scale=(2,) * 3, translate=(0.5,) * 3, units="um")
    dock.fixed_mask.choose(mask)
    align(dock, qtbot)
    assert error_voxels(layers[1]) < 0.2


def test_a_transform_is_saved_loaded_inverted_and_applied(
    viewer: ViewerModel, dock: AlignDock, layers: Any, tmp_path: Path
) -> None:
    moving, panel = layers[1], dock.transform
    assert not panel.save_button.isEnabled()
    dock.move(TRUTH, "by hand")
    assert "rotation 3.74°" in panel.words.text()
    for name in ("found.json", "found.tfm"):
        panel.save(tmp_path / name)
        assert np.allclose(read_transform(tmp_path / name).matrix, TRUTH, rtol=0, atol=1e-9)
    points = viewer.add_points([[1.0, 2, 3]], units="um")
    panel.layer.choose(points)
    panel.apply()
    panel.apply()  # twice is once
    assert np.allclose(points.data_to_world((1, 2, 3)), (TRUTH @ (1, 2, 3, 1))[:3])
    panel.invert()
    panel.layer.choose(moving)
    panel.apply()
    assert np.allclose(moved_so_far(moving), np.linalg.inv(TRUTH), rtol=0, atol=1e-9)
    dock.undo.undo()
    assert np.allclose(moved_so_far(moving), TRUTH, rtol=0, atol=1e-12)
    panel.load(tmp_path / "found.json")
    panel.then(tmp_path / "found.tfm")
    assert panel.transform is not None
    assert np.allclose(panel.transform.matrix, TRUTH @ TRUTH, rtol=0, atol=1e-8)
    panel.load(tmp_path / "missing.json")
    assert "missing.json" in panel.message.text()
    write_transform(tmp_path / "flat.json", Transform(np.eye(3), "rigid", (1, 1), (1, 1)))
    panel.load(tmp_path / "flat.json")
    panel.apply()
    assert "both must be 2-D or both 3-D" in panel.message.text()


def test_a_layer_is_written_anew_on_the_fixed_grid(
    viewer: ViewerModel, dock: AlignDock, layers: Any, qtbot: QtBot, tmp_path: Path
) -> None:
    dock.move(TRUTH, "by hand")
    panel = dock.resample
    assert panel.layer.layer is layers[1]
    panel.run()
    qtbot.waitUntil(lambda: not panel.runner.busy, timeout=30_000)
    made = next(layer for layer in viewer.layers if layer.name == "high on low")
    assert made.data.shape == LOW.shape
    assert made.data.dtype == HIGH.dtype
    volume = volume_from_layer(made)
    assert volume.same_grid(volume_from_layer(layers[0]))
    assert volume.region is not None
    inside = np.asarray(volume.region)
    # both have noise of σ 3; interpolation takes some of one's off
    assert np.std(LOW[inside].astype(float) - made.data[inside]) < 6
    labels = viewer.add_labels(
        (HIGH > 90).astype(np.int16) * 7, name="sevens", scale=(HIGH_UM,) * 3, units="um"
    )
    labels.affine = TRUTH
    panel.layer.choose(labels)
    assert panel.interpolation.currentData() == "nearest"
    assert not panel.interpolation.isEnabled()
    panel.target.line.setText(str(tmp_path / "sevens.tif"))
    panel.run()
    qtbot.waitUntil(lambda: not panel.runner.busy, timeout=30_000)
    anew = next(layer for layer in viewer.layers if layer.name == "sevens on low")
    assert isinstance(anew, Labels)
    assert set(np.unique(anew.data)) == {0, 7}
    assert (tmp_path / "sevens.tif").exists()
    panel.layer.choose(layers[0])
    panel.run()
    assert "other than the fixed stack" in panel.runner.message.text()


def test_a_pair_fits_once_its_voxel_size_is_known(
    viewer: ViewerModel, dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    unknown = viewer.add_image(HIGH, name="unknown")
    dock.moving.choose(unknown)
    assert "is unknown" in dock.notice.text()
    assert not dock.view.is_shown
    unknown.scale, unknown.units = (HIGH_UM,) * 3, ("um",) * 3
    qtbot.waitUntil(lambda: dock.notice.text() == "", timeout=5000)
    assert dock.view.is_shown


def test_what_a_run_came_to_goes_once_something_else_is_moved(
    dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    align(dock, qtbot)
    dock.move(TRUTH, "by hand")
    assert not dock.curve.isVisibleTo(dock)
    assert not dock.quality.table.isVisibleTo(dock)
    assert dock.runner.message.text() == ""


def test_a_picture_that_is_deleted_stays_away_for_this_sitting_only(
    viewer: ViewerModel, dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    viewer.layers.remove(dock.view.layer)
    qtbot.waitUntil(lambda: dock.mode.currentData() == "off", timeout=5000)
    assert layers[1].visible
    other = AlignDock(viewer)
    qtbot.addWidget(other)
    assert other.mode.currentData() == "blend"


def test_behind_another_dock_the_layers_are_as_they_are(
    viewer: ViewerModel, dock: AlignDock, layers: Any
) -> None:
    dock.tools.hand_panel.button.click()
    dock.hide()
    assert list(viewer.layers) == list(layers)
    assert layers[1].visible
    assert not dock.tools.hand.is_on
    dock.show()
    assert dock.view.layer in viewer.layers
    assert not layers[1].visible


def test_flat_images_without_voxel_size_are_aligned_in_voxels(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    viewer.add_image(LOW[24], name="flat")
    moving = viewer.add_image(LOW[24, 5:45, 3:43].copy(), name="part")
    dock = AlignDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    assert "shift y" in align(dock, qtbot)
    # exact data shifted by whole voxels; the rest is the search's tolerance
    assert np.allclose(moving.affine.affine_matrix[:2, 2], (5, 3), rtol=0, atol=0.05)
    assert "voxels" in dock.transform.words.text()
    assert "taken as equal" in dock.quality.notes.text()


def labels_of(viewer: ViewerModel, image: Any, name: str) -> Any:
    own = volume_from_layer(image).like((HIGH > 90).astype(np.int32), name)
    own.metadata["made"] = {"step": "label", "inputs": [{"name": image.name}]}
    return add_volume(viewer, own, labels=True)


def test_what_was_made_after_an_alignment_goes_back_with_it(
    viewer: ViewerModel, dock: AlignDock, layers: Any
) -> None:
    moving = layers[1]
    dock.move(TRUTH, "by hand")
    made = labels_of(viewer, moving, "made since")
    assert np.allclose(made.affine.affine_matrix, TRUTH)
    dock.transform.layer.choose(made)
    dock.transform.apply()  # it is there already
    assert np.allclose(made.affine.affine_matrix, TRUTH)
    dock.undo.undo()
    dock.move(TRUTH, "further by hand")
    assert np.allclose(moved_so_far(made), TRUTH @ TRUTH)
    dock.undo.undo()
    dock.undo.undo()
    assert at_start(moving)
    # an inverse and a product of matrices of some tens
    assert np.allclose(made.affine.affine_matrix, np.eye(4), rtol=0, atol=1e-12)


def test_a_transform_takes_along_what_was_made_from_the_image(
    viewer: ViewerModel, dock: AlignDock, layers: Any
) -> None:
    moving = layers[1]
    mine = labels_of(viewer, moving, "particles")
    points = viewer.add_points([[1.0, 2, 3]], scale=(HIGH_UM,) * 3, units="um", name="centres")
    battery_metadata(points)["made"] = {"step": "label", "inputs": [{"name": "high"}]}
    dock.transform.take(Transform(TRUTH, "rigid", (1,) * 3, (1,) * 3))
    dock.transform.layer.choose(moving)
    dock.transform.apply()
    for layer in (moving, mine, points):
        assert np.allclose(layer.affine.affine_matrix, TRUTH, rtol=0, atol=1e-12)
    dock.undo.undo()
    assert all(at_start(layer) for layer in (moving, mine, points))


def test_undo_outlives_the_dock_and_keeps_the_order_of_all_docks(
    viewer: ViewerModel, layers: Any, qtbot: QtBot
) -> None:
    moving = layers[1]
    first = AlignDock(viewer)
    first.move(TRUTH, "by hand")
    with qtbot.waitSignal(first.destroyed, timeout=10_000):
        first.deleteLater()
    dock = AlignDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    elsewhere = move_layers([moving], TRUTH)  # as the dock for states does
    dock.undo.undo()
    assert "“high” was moved further by another dock" in dock.runner.message.text()
    assert np.allclose(moved_so_far(moving), TRUTH @ TRUTH)
    elsewhere()
    dock.undo.undo()
    assert at_start(moving)
    assert not dock.undo.isEnabled()


def test_two_images_are_chosen_whenever_they_come_and_all_may_go_at_once(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock = AlignDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    dock.tools.section.open()
    for _ in range(2):
        low = add_volume(viewer, Volume(LOW, (LOW_UM,) * 3, name="low"))
        high = add_volume(viewer, Volume(HIGH, (HIGH_UM,) * 3, name="high"))
        qtbot.waitUntil(lambda: dock.view.layer is not None, timeout=5000)
        assert (dock.fixed.layer, dock.moving.layer) == (low, high)
        assert dock.notice.text() == ""
        assert not high.visible
        viewer.layers.selection = set(viewer.layers)
        viewer.layers.remove_selected()
        qtbot.waitUntil(lambda: not dock.view.is_shown, timeout=5000)
        assert not list(viewer.layers)


def test_landmarks_start_an_alignment_without_voxel_sizes(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    viewer.add_image(LOW, name="whole")
    moving = viewer.add_image(LOW[5:45, 6:44, 3:43].copy(), name="part")
    dock = AlignDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    dock.tools.section.open()
    marks = dock.tools.landmarks
    for place in ([10, 12, 14], [30, 16, 18], [14, 36, 20], [22, 20, 38]):
        marks.add_pair()
        assert marks.take_click(place)
        assert marks.take_click(np.array(place) - (5, 6, 3))
    dock.start.setCurrentIndex(dock.start.findData("landmarks"))
    assert "Moved “part”" in align(dock, qtbot)
    # exact data shifted by whole voxels
    assert np.allclose(moving.affine.affine_matrix[:3, 3], (5, 6, 3), rtol=0, atol=0.05)
