"""The Super-resolve dock without a window: sizes, warnings, preview, run, and what may go wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.superres.model_files import read_model
from napari_battery.superres.settings import SuperResolveSettings
from napari_battery.superres.super_resolve import super_resolve
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.superres_dock import SuperresDock

Write = Callable[..., Path]

SHAPE = (4, 24, 30)
LONG = 60_000
"""ms: importing torch takes its time on a loaded machine."""


def scan(dtype: Any = np.uint8, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    rng = np.random.default_rng(0)
    grey = np.kron(rng.random([-(-n // 6) for n in shape]), np.ones([6] * len(shape)))
    grey = grey[tuple(slice(n) for n in shape)] * 180 + rng.normal(30, 4, shape)
    return np.clip(grey, 0, 255).astype(dtype)


@pytest.fixture
def dock(viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write) -> SuperresDock:
    write_tiny_model(models / "battery.safetensors", slices=3, scale=0.3)
    return open_on(viewer, qtbot, Volume(scan(), (6.0,) * 3, (3, 3, 3), name="scan"))


def faces(layer: Any) -> np.ndarray:
    """World positions of the first and the last outer corner; napari's extent ends at centres."""
    shape = np.array(layer.data.shape)
    return np.array([layer.data_to_world(e) for e in (shape * 0 - 0.5, shape - 0.5)])


def open_on(viewer: ViewerModel, qtbot: QtBot, *volumes: Volume) -> SuperresDock:
    for volume in volumes:
        add_volume(viewer, volume, contrast_limits=(10, 200))
    dock = SuperresDock(viewer)
    qtbot.addWidget(dock)
    dock.look.box.setChecked(False)
    dock.show()
    return dock


def ready(dock: SuperresDock, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: dock._ready is not None, timeout=LONG)


def run(dock: SuperresDock, qtbot: QtBot) -> Any:
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=LONG)
    assert "Made" in dock.runner.message.text(), dock.runner.message.text()
    return next(iter(dock._viewer.layers.selection))


def test_what_comes_is_told_before(dock: SuperresDock, qtbot: QtBot) -> None:
    ready(dock, qtbot)
    assert "12 × 72 × 90 voxels of 2 µm, 78 kB; " in dock.size.text()
    assert "does not tell what its training images" in dock.warnings.text()
    assert dock.form.rows["target_voxel_size"].editor.value() == 2
    dock.form.rows["target_voxel_size"].set_value(1.5)
    qtbot.waitUntil(lambda: "16 × 96 × 120 voxels of 1.5 µm" in dock.size.text(), timeout=LONG)
    qtbot.waitUntil(lambda: "4 times smaller" in dock.warnings.text(), timeout=LONG)


def test_one_click_makes_a_layer_that_lies_on_the_image(
    dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot, models: Path
) -> None:
    layer = viewer.layers["scan"]
    layer.colormap = "magma"
    viewer.add_labels(np.ones(SHAPE, int), name="labels")
    made = run(dock, qtbot)
    assert [one.name for one in viewer.layers] == ["scan", "scan battery", "labels"]
    np.testing.assert_allclose(faces(made), faces(layer), atol=1e-6)
    assert made.units == layer.units
    assert made.axis_labels == layer.axis_labels
    assert made.data.dtype == np.uint8
    assert made.colormap.name == "magma"
    assert tuple(made.contrast_limits) == tuple(layer.contrast_limits)
    expected = super_resolve(
        volume_from_layer(layer), read_model(models / "battery.safetensors"), SuperResolveSettings()
    )
    np.testing.assert_array_equal(made.data, expected.data)
    about = made.metadata[KEY]["made"]
    assert about["step"] == "super-resolve"
    assert about["settings"]["model"] == "battery"
    assert "does not tell" in about["warnings"][0]
    assert dock.image.layer is layer


def test_best_quality_is_the_mean_of_eight_copies(
    dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    write_tiny_model(models / "battery.safetensors", scale=0.3)
    once = run(dock, qtbot)
    dock.form.rows["quality"].set_value("best")
    ready(dock, qtbot)
    best = run(dock, qtbot)
    about = best.metadata[KEY]["made"]
    assert about["copies"] == 8
    assert about["settings"]["quality"] == "best"
    assert "the mean of 8 mirrored and turned copies" in dock.runner.message.text()
    np.testing.assert_allclose(faces(best), faces(once), atol=1e-6)
    assert (best.data != once.data).any()


PLACES = {
    "turned": {"rotate": (0, 0, 30)},
    "sheared": {"shear": (0.1, 0.2, 0.3)},
    "aligned": {"affine": np.diag([1.0, 1.1, 0.9, 1.0])},
    "mm": {"units": ("mm",) * 3, "scale": (0.006,) * 3, "translate": (1, 2, 3)},
    "anisotropic": {"scale": (9.0, 6.0, 6.0)},
}


@pytest.mark.parametrize("name", PLACES)
def test_it_lies_on_the_image_whatever_its_place(
    name: str, viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    write_tiny_model(models / "battery.safetensors", scale=0.3)
    place = {"scale": (6.0,) * 3, "units": ("um",) * 3, "translate": (5, -3, 2), **PLACES[name]}
    layer = viewer.add_image(scan(), **place)
    dock = open_on(viewer, qtbot)
    dock.region.kind.setCurrentIndex(1)
    dock.region.editor.set_box(((0, 4), (4, 20), (10, 30)))
    made = run(dock, qtbot)
    corners = np.array([[-0.5, 3.5, 9.5], [3.5, 3.5, 29.5], [3.5, 19.5, 9.5]])
    back = [layer.data_to_world(c) for c in corners]
    n = made.data.shape
    ends = np.array([[0, 0, 0], [n[0], 0, n[2]], [n[0], n[1], 0]]) - 0.5
    found = [made.data_to_world(e) for e in ends]
    voxel = np.abs(np.asarray(layer.scale)).min()
    np.testing.assert_allclose(found, back, atol=0.1 * voxel)
    assert made.units == layer.units
    # grey levels, not only corners: the tiny network is close to cubic interpolation
    centre = np.array([2, 12, 20])
    there = np.rint(made.world_to_data(layer.data_to_world(centre))).astype(int)
    assert abs(float(made.data[tuple(there)]) - float(layer.data[tuple(centre)])) < 40


def test_the_part_that_the_view_shows(
    dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    ready(dock, qtbot)
    dock.region.kind.setCurrentIndex(1)
    layer = viewer.layers["scan"]
    layer.corner_pixels = np.array([[0, 5, 6], [0, 14, 20]])
    dock.region.take_view()
    assert dock.region.box() == (slice(0, 4), slice(5, 15), slice(6, 21))
    assert "12 × 30 × 45 voxels" in dock.size.text()
    dock.region.kind.setCurrentIndex(0)
    assert dock.region.box() is None
    assert "12 × 72 × 90 voxels" in dock.size.text()


def test_the_preview_is_the_result(dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot) -> None:
    viewer.dims.set_point(0, 15.0)  # the third slice
    ready(dock, qtbot)
    dock.look.box.setChecked(True)
    qtbot.waitUntil(lambda: dock.look.swipe.layer is not None, timeout=LONG)
    dock.look.divider.setValue(0)  # all of it
    qtbot.waitUntil(lambda: dock.look.swipe.layer.data.shape == (1, 72, 90), timeout=LONG)
    preview = np.array(dock.look.swipe.layer.data)
    layer = viewer.layers["scan"]
    in_plane = faces(dock.look.swipe.layer)[:, 1:]
    np.testing.assert_allclose(in_plane, faces(layer)[:, 1:], atol=1e-6)
    made = run(dock, qtbot)
    assert dock.look.swipe.layer is None  # the result is to be seen
    np.testing.assert_array_equal(made.data[7:8], preview)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1)])
def test_a_preview_across_the_slices(
    order: tuple[int, ...], dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    viewer.dims.order = order
    viewer.dims.set_point(order[0], 3 + 6 * 10)
    ready(dock, qtbot)
    dock.look.divider.setValue(0)
    dock.look.box.setChecked(True)
    n = [12, 72, 90]
    n[order[0]] = 1
    qtbot.waitUntil(
        lambda: dock.look.swipe.layer is not None and dock.look.swipe.layer.data.shape == tuple(n),
        timeout=LONG,
    )
    preview = np.array(dock.look.swipe.layer.data)
    made = run(dock, qtbot)
    middle = 3 * 10 + 1
    np.testing.assert_array_equal(made.data.take([middle], axis=order[0]), preview)


def test_a_preview_goes_with_its_dock_and_with_a_3d_view(
    dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock.look.box.setChecked(True)
    qtbot.waitUntil(lambda: dock.look.swipe.layer is not None, timeout=LONG)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
    assert "2-D view" in dock.look.notice.text()
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=LONG)
    dock.hide()
    assert len(viewer.layers) == 1
    dock.show()
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=LONG)
    viewer.layers.remove(dock.look.swipe.layer)  # as the person may
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
    assert not dock.look.box.isChecked()


def test_round_trip_number_and_map(dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot) -> None:
    dock.form.rows["round_trip"].set_value(True)
    made = run(dock, qtbot)
    assert "× the noise" in dock.runner.message.text()
    assert dock.round_trip.isVisible()
    dock.round_trip.button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=LONG)
    mapped = viewer.layers["scan battery round trip"]
    assert mapped.data.shape == SHAPE
    np.testing.assert_allclose(mapped.extent.world, viewer.layers["scan"].extent.world)
    low, high = mapped.contrast_limits
    assert low == -high
    assert made.metadata[KEY]["made"]["round_trip"]["rms_grey"] > 0
    viewer.layers.remove(made)
    assert not dock.round_trip.isVisible()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_other_types_pictures_and_files(
    dtype: Any,
    viewer: ViewerModel,
    qtbot: QtBot,
    models: Path,
    tmp_path: Path,
    write_tiny_model: Write,
) -> None:
    write_tiny_model(models / "battery.safetensors", slices=3, scale=0.3)
    picture = Volume(scan(dtype, (30, 40)) * dtype(7), (6.0, 6.0), name="picture")
    dock = open_on(viewer, qtbot, picture)
    dock.out.line.setText(str(tmp_path / "out.tif"))
    made = run(dock, qtbot)
    assert (tmp_path / "out.tif").is_file()
    assert made.data.dtype == dtype
    assert made.data.shape == (90, 120)
    assert "single slice" in dock.runner.message.text()
    np.testing.assert_allclose(faces(made), faces(viewer.layers["picture"]), atol=1e-6)


def test_what_cannot_be_done_is_said(
    viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    dock = open_on(viewer, qtbot)
    qtbot.waitUntil(lambda: "Open an image first" in dock.notice.text())
    viewer.add_image(np.zeros((4, 5, 3), np.uint8), rgb=True)  # not offered
    layer = viewer.add_image(np.full(SHAPE, 5, np.uint8), name="flat")
    qtbot.waitUntil(lambda: "Choose a model first" in dock.notice.text())
    path = write_tiny_model(models / "battery.safetensors")
    dock.model.refresh()
    qtbot.waitUntil(lambda: "voxel size of “flat” is unknown" in dock.notice.text())
    dock.runner.run_button.click()
    assert "voxel size of “flat” is unknown" in dock.runner.message.text()
    layer.units = ("um",) * 3
    qtbot.waitUntil(lambda: "an image with contrast is needed" in dock.notice.text(), timeout=LONG)
    layer.data = scan()
    dock.form.rows["target_voxel_size"].set_value(3.0)
    qtbot.waitUntil(lambda: "only makes voxels smaller" in dock.notice.text(), timeout=LONG)
    dock.form.rows["target_voxel_size"].set_value(None)
    ready(dock, qtbot)
    assert dock.notice.text() == ""
    path.write_bytes(b"broken")
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=LONG)
    assert "SHA-256" in dock.runner.message.text()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: "Open an image first" in dock.notice.text())


def test_cancelling_leaves_nothing(dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot) -> None:
    ready(dock, qtbot)
    dock.runner.run_button.click()
    dock.runner.cancel()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=LONG)
    assert [layer.name for layer in viewer.layers] == ["scan"]


def test_closing_leaves_nothing(
    viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    write_tiny_model(models / "battery.safetensors", slices=3, scale=0.3)
    layer = add_volume(viewer, Volume(scan(), (6.0,) * 3, name="scan"))
    dock = SuperresDock(viewer)
    dock.show()
    qtbot.waitUntil(lambda: dock.look.swipe.layer is not None, timeout=LONG)
    dock.runner.run_button.click()
    dock.deleteLater()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
    layer.scale = (1, 2, 3)  # nobody listens any more
    viewer.dims.set_point(0, 9)
    qtbot.wait(50)
    assert [one.name for one in viewer.layers] == ["scan"]


def test_the_image_may_go_while_it_is_being_resolved(
    dock: SuperresDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    ready(dock, qtbot)
    dock.runner.run_button.click()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=LONG)
    assert [layer.name for layer in viewer.layers] == ["scan battery"]
    assert not dock.round_trip.isVisible()
