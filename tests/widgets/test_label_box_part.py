from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.labelling import match_labels
from napari_battery.samples import sand
from napari_battery.widgets import label_box_part
from napari_battery.widgets.label_dock import LabelDock
from napari_battery.widgets.layers import add_volume, is_overlay
from napari_battery.widgets.slices import camera_of


def balls(n: int = 5, radius: int = 6) -> np.ndarray:
    """A row of balls on a grid, 16 voxels apart, with noise."""
    at = np.arange(16 * n) % 16 - 8
    z, y, x = np.meshgrid(at, at, at, indexing="ij")
    data = np.where(z**2 + y**2 + x**2 <= radius**2, 180.0, 60.0)
    return (data + np.random.default_rng(0).normal(0, 5, data.shape)).astype(np.uint8)


DATA = balls()


@pytest.fixture
def dock(viewer: ViewerModel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> LabelDock:
    monkeypatch.setattr(label_box_part, "_VOXELS", 32**3)
    monkeypatch.setattr(label_box_part, "_REST_MS", 10)
    layer = viewer.add_image(DATA, name="stack", scale=(0.5,) * 3, units="um", translate=(1, 2, 3))
    viewer.dims.set_point(0, layer.data_to_world((40, 0, 0))[0])
    camera_of(viewer).center = (0, *layer.data_to_world((40, 40, 40))[1:])
    widget = LabelDock(viewer)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def shown(dock: LabelDock, qtbot: QtBot) -> Any:
    """The preview's layer, once all that was asked is answered."""
    qtbot.waitUntil(
        lambda: (
            dock.box.preview.layer is not None
            and not dock.box._latest.busy
            and not dock.box._timer.isActive()
        ),
        timeout=60_000,
    )
    return dock.box.preview.layer


def test_it_shows_the_particles_around_the_view_s_centre(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    layer = shown(dock, qtbot)
    stack = viewer.layers["stack"]
    assert is_overlay(layer)
    assert layer.data.shape == (32, 32, 32)
    np.testing.assert_allclose(
        layer.data_to_world((16,) * 3), stack.data_to_world((40,) * 3), atol=0.5
    )
    start = np.round(stack.world_to_data(layer.data_to_world((0, 0, 0)))).astype(int)
    inside = tuple(slice(a, a + 32) for a in start)
    assert (DATA[inside][layer.data > 0] > 120).mean() > 0.99
    # 2 × 2 × 2 balls of which the box cuts none, or 3 along an axis with cut ones
    assert "particles" in dock.box.notice.text()
    whole = [int((layer.data == n).sum()) for n in np.unique(layer.data)[1:]]
    diameter = (6 / np.pi * max(whole)) ** (1 / 3) * 0.5
    assert diameter == pytest.approx(6, abs=0.4)  # balls of radius 6 voxels of 0.5 µm


def test_it_follows_settings_and_the_view_and_stays_while_neither_changes(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    first = shown(dock, qtbot).data
    stack = viewer.layers["stack"]
    stages = dock.box._part
    viewer.dims.set_point(0, stack.data_to_world((43, 0, 0))[0])  # still in the box
    assert shown(dock, qtbot).data is first
    dock.form.rows["minimum_volume"].set_value(5000)
    qtbot.waitUntil(lambda: "no particle" in dock.box.notice.text(), timeout=60_000)
    assert dock.box._part is stages  # so that only what follows is computed anew
    dock.form.reset()
    qtbot.waitUntil(lambda: dock.box.preview.layer.data.max() > 0, timeout=60_000)
    camera_of(viewer).center = (0, *stack.data_to_world((16, 16, 16))[1:])
    qtbot.waitUntil(
        lambda: stack.world_to_data(dock.box.preview.layer.data_to_world((16, 16, 16)))[1] < 20,
        timeout=60_000,
    )
    assert dock.box._part is not stages


def test_a_mask_is_previewed_as_well_and_painting_is_seen(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    mask = viewer.add_labels((DATA > 120).astype(np.uint8), name="mask")
    dock.input.take_mask(mask)
    viewer.dims.set_point(0, 40)
    camera_of(viewer).center = (0, 40, 40)
    qtbot.waitUntil(lambda: "particles" in dock.box.notice.text(), timeout=60_000)
    assert shown(dock, qtbot).data.any()
    mask.data_setitem(np.nonzero(np.ones_like(DATA)), 0)
    qtbot.waitUntil(lambda: "no particle" in dock.box.notice.text(), timeout=60_000)


def test_it_goes_with_its_box_the_run_and_its_layers(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    layer = shown(dock, qtbot)
    dock.box.preview_box.setChecked(False)
    assert layer not in viewer.layers
    assert not dock.box.notice.isVisible()
    dock.box.preview_box.setChecked(True)
    layer = shown(dock, qtbot)
    dock.run()
    assert layer not in viewer.layers
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert not dock.box.preview_box.isChecked()
    dock.box.preview_box.setChecked(True)
    layer = shown(dock, qtbot)
    viewer.layers.remove("stack")
    assert layer not in viewer.layers
    assert not dock.box._latest.busy or dock.box.preview.layer is None


def test_a_wrong_setting_is_said_where_the_preview_would_be(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    shown(dock, qtbot)
    bare = viewer.add_image(DATA, name="bare")
    dock.form.rows["length_unit"].set_value("um")
    dock.input.image.choose(bare)
    qtbot.waitUntil(lambda: "voxel size" in dock.box.notice.text(), timeout=60_000)


def test_particles_of_the_box_are_those_of_the_whole(viewer: ViewerModel, qtbot: QtBot) -> None:
    volume = sand()
    layer = add_volume(viewer, volume)
    viewer.reset_view()
    dock = LabelDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    box = shown(dock, qtbot).data.copy()
    start = np.round(layer.world_to_data(dock.box.preview.layer.data_to_world((0, 0, 0))))
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    whole = viewer.layers[-1].data
    inside = tuple(slice(int(a), int(a) + n) for a, n in zip(start, box.shape, strict=True))
    matched = match_labels(whole[inside], box)
    # grains wider than the margin around the box may be parted otherwise
    assert (matched["iou"] > 0.9).mean() > 0.97
