from __future__ import annotations

import gc
import re
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points
from pytestqt.qtbot import QtBot
from scipy import ndimage

from napari_battery.labelling import (
    LabelSettings,
    Stages,
    foreground_mask,
    label_particles,
    threshold_value,
)
from napari_battery.widgets import label_dock
from napari_battery.widgets.label_dock import LabelDock
from napari_battery.widgets.layers import KEY, battery_metadata, volume_from_layer
from napari_battery.widgets.notice import Notice


def balls() -> np.ndarray:
    """Four balls inside and one cut by the face, noise."""
    data = np.full((30, 40, 50), 60.0)
    z, y, x = np.indices(data.shape)
    for centre in ((8, 10, 10), (20, 10, 30), (10, 28, 12), (18, 28, 36), (15, 20, 48)):
        data[sum((a - c) ** 2 for a, c in zip((z, y, x), centre, strict=True)) <= 36] = 180
    data = ndimage.gaussian_filter(data, 0.7) + np.random.default_rng(0).normal(0, 5, data.shape)
    return data.clip(0, 255).astype(np.uint8)


DATA = balls()


@pytest.fixture
def stack(viewer: ViewerModel) -> Any:
    return viewer.add_image(DATA, name="stack", scale=(0.5,) * 3, units="um", translate=(1, 2, 3))


@pytest.fixture
def dock(viewer: ViewerModel, qtbot: QtBot) -> LabelDock:
    widget = LabelDock(viewer)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def label(dock: LabelDock, qtbot: QtBot) -> None:
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)


def test_particles_get_a_layer_in_the_image_s_place(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    label(dock, qtbot)
    made = viewer.layers["Particles of stack"]
    assert made.data.dtype == np.int32
    assert set(np.unique(made.data)) == set(range(6))
    text = dock.runner.message.text()
    first, second = text.splitlines()
    # balls of radius 6 voxels of 0.5 µm
    assert first.startswith("5 particles; 1 touches the border. Median diameter of the others 6")
    assert second.startswith("Computed from the start, ")
    assert volume_from_layer(made).same_grid(volume_from_layer(stack))
    assert made.units == stack.units
    assert made.axis_labels == ("z", "y", "x")
    assert made.metadata[KEY]["made"]["step"] == "label"
    label(dock, qtbot)  # again: the first stays, but does not shine through
    assert [layer.visible for layer in viewer.layers if "Particles" in layer.name] == [False, True]


def test_the_preview_is_the_threshold_s_mask_on_the_shown_slice(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    volume, settings = volume_from_layer(stack), LabelSettings()
    mask = foreground_mask(volume, threshold_value(volume, settings), settings)
    for order, steps in (((0, 1, 2), (8, 0, 0)), ((2, 0, 1), (0, 0, 30))):
        viewer.dims.order = order
        viewer.dims.current_step = steps
        axis = order[0]
        expected = mask.take([steps[axis]], axis=axis)

        def shown(expected: np.ndarray = expected) -> bool:
            layer = dock.threshold.preview.layer
            return layer is not None and np.array_equal(layer.data, expected)

        qtbot.waitUntil(shown)
    assert f"{threshold_value(volume):.5g}" in dock.threshold.notice.text()


def test_a_dragged_threshold_is_a_manual_one(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: bool(dock.threshold.histogram.markers))
    otsu = dock.threshold.histogram.markers[0]
    dock.threshold.histogram.marker_moved.emit(0, 149.7)
    settings = dock.form.value()
    assert (settings.threshold, settings.manual_threshold) == ("manual", 150)
    mask = foreground_mask(volume_from_layer(stack), 150, settings)
    step = viewer.dims.current_step[0]
    qtbot.waitUntil(
        lambda: (
            dock.threshold.preview.layer is not None
            and np.array_equal(dock.threshold.preview.layer.data, mask[step : step + 1])
        )
    )
    assert dock.threshold.histogram.markers == [150]
    dock.reset_button.click()
    qtbot.waitUntil(lambda: dock.threshold.histogram.markers == [otsu])


def test_choosing_manual_starts_at_otsu(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: bool(dock.threshold.histogram.markers))
    dock.form.rows["threshold"].set_value("manual")
    assert dock.form.value().manual_threshold == dock.threshold.histogram.markers[0]


def test_it_starts_with_the_image_that_is_looked_at(viewer: ViewerModel, qtbot: QtBot) -> None:
    shown = viewer.add_image(DATA, name="shown")
    viewer.add_image(DATA, name="hidden", visible=False)
    viewer.layers.selection.clear()
    first = LabelDock(viewer)
    qtbot.addWidget(first)
    assert first.input.layer is shown
    viewer.layers.selection.active = viewer.layers["hidden"]
    second = LabelDock(viewer)
    qtbot.addWidget(second)
    assert second.input.layer.name == "hidden"
    second.show()
    qtbot.waitUntil(lambda: "itself is hidden" in second.threshold.notice.text())


def test_the_region_is_honoured(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    region = np.zeros(DATA.shape, bool)
    region[:, :20, :20] = True
    battery_metadata(stack)["region"] = region
    label(dock, qtbot)
    made = viewer.layers["Particles of stack"].data
    assert made.any()
    assert not made[~region].any()


def test_cancel_leaves_no_layer(
    viewer: ViewerModel,
    stack: Any,
    dock: LabelDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = threading.Event()

    def endless(stages: Any, settings: Any, progress: Any) -> None:
        progress.begin(10, "Labelling")
        started.set()
        while True:
            progress.advance(0)

    monkeypatch.setattr(Stages, "run", endless)
    dock.threshold.untick()
    dock.box.untick()
    dock.run()
    started.wait(10)
    dock.runner.cancel()
    qtbot.waitUntil(lambda: not dock.runner.busy)
    assert "Cancelled" in dock.runner.message.text()
    assert list(viewer.layers) == [stack]


def test_an_image_deleted_meanwhile_takes_its_labels_along(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    dock.run()
    viewer.layers.remove(stack)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert list(viewer.layers) == []
    assert "“stack” was deleted meanwhile; its 5 particles" in dock.runner.message.text()
    assert dock.threshold.histogram.markers == []
    label(dock, qtbot)
    assert "Open an image" in dock.runner.message.text()


def test_no_particle_is_said_and_adds_nothing(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    dock.threshold.histogram.marker_moved.emit(0, 250)
    dock.threshold.untick()
    dock.box.untick()
    label(dock, qtbot)
    assert "No particle" in dock.runner.message.text()
    assert list(viewer.layers) == [stack]


def test_a_constant_image_is_refused_in_words(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    viewer.add_image(np.full((5, 6, 7), 9, np.uint8), name="flat")
    label(dock, qtbot)
    assert "flat" in dock.runner.message.text()
    assert [layer.name for layer in viewer.layers] == ["flat"]


def test_an_unknown_voxel_size_is_mentioned(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    viewer.add_image(DATA, name="bare")
    label(dock, qtbot)
    assert "voxel size" in dock.runner.message.text()


def test_the_preview_goes_with_its_box_its_view_and_its_dock(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    dock.box.untick()

    def shown() -> bool:
        return any(layer.name == "Threshold preview" for layer in viewer.layers)

    qtbot.waitUntil(shown)
    dock.threshold.preview_box.setChecked(False)
    assert not shown()
    dock.threshold.preview_box.setChecked(True)
    qtbot.waitUntil(shown)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: not shown())
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(shown)
    viewer.layers.remove("Threshold preview")  # by hand: that unticks it
    assert not dock.threshold.preview_box.isChecked()
    dock.threshold.preview_box.setChecked(True)
    qtbot.waitUntil(shown)
    dock.hide()
    assert not shown()
    dock.show()
    qtbot.waitUntil(shown)


def test_a_dock_that_is_closed_mid_preview_leaves_nothing(
    viewer: ViewerModel, stack: Any, qtbot: QtBot
) -> None:
    dock = LabelDock(viewer)
    dock.show()
    dock.threshold._look()
    dock.box._look()  # a preview is being computed now
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    dock.close()
    dock.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    qtbot.wait(100)
    assert list(viewer.layers) == [stack]
    viewer.dims.current_step = (3, 0, 0)
    stack.name = "other"
    viewer.layers.clear()


def open_and_close(viewer: ViewerModel, qtbot: QtBot) -> list[Any]:
    """Use a dock on an image, close it and delete the image; return what is to be freed."""
    dock = LabelDock(viewer)
    layer = viewer.add_image(DATA.copy(), name="stack")
    dock.show()
    qtbot.waitUntil(lambda: bool(dock.threshold.histogram.markers))
    label(dock, qtbot)
    stages = weakref.ref(dock._kept.of(dock.input.source()))
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    dock.close()
    dock.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    viewer.add_points()  # napari itself holds on to the layer selected last
    viewer.layers.remove(layer)
    return [weakref.ref(layer), weakref.ref(dock), stages]


def test_a_closed_dock_lets_its_image_and_stages_go(viewer: ViewerModel, qtbot: QtBot) -> None:
    kept = open_and_close(viewer, qtbot)

    def freed() -> bool:
        gc.collect()
        return all(reference() is None for reference in kept)

    qtbot.waitUntil(freed)


def changed(dock: LabelDock) -> str:
    """The second line of what a run said."""
    return str(dock.runner.message.text()).splitlines()[1]


def test_a_second_run_starts_where_settings_changed(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    label(dock, qtbot)
    first = viewer.layers["Particles of stack"]
    first.data[first.data == 2] = 0  # painted on: what is kept must not be the same array
    label(dock, qtbot)
    assert changed(dock).startswith("Nothing to recompute")
    assert len(np.unique(viewer.layers["Particles of stack [1]"].data)) == 6
    for field, value, stage in (
        ("drop_border", True, "particles"),
        ("marker_depth", 1.0, "markers"),
        ("distance_smoothing", 2.0, "depths"),
        ("fill_holes", False, "Cleaned mask"),
        ("denoise_size", 2.0, "Mask"),
    ):
        dock.form.rows[field].set_value(value)
        label(dock, qtbot)
        assert re.match(f"Recomputed from “.*{stage}” on, ", changed(dock), re.IGNORECASE)
        made = viewer.layers[-1].data
        fresh = label_particles(volume_from_layer(stack), dock.form.value()).data
        np.testing.assert_array_equal(made, fresh)


def test_stages_go_with_their_image_with_the_switch_and_with_edits(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    def offered() -> list[str]:
        return dock.stage_button.offered()

    every = ["Mask", "Cleaned mask", "Distance map", "Markers"]
    assert offered() == []
    label(dock, qtbot)
    assert offered()[:4] == every
    dock.keep_box.setChecked(False)
    assert offered() == []
    label(dock, qtbot)
    assert changed(dock).startswith("Stages are not kept")
    assert offered() == []
    dock.keep_box.setChecked(True)
    label(dock, qtbot)
    assert changed(dock).startswith("Computed from the start")
    stack.data = DATA.copy()
    assert offered() == []
    label(dock, qtbot)
    stages = weakref.ref(dock._kept.of(dock.input.source()))
    viewer.layers.remove(stack)

    def freed() -> bool:
        gc.collect()
        return stages() is None

    qtbot.waitUntil(freed)


def test_a_volume_too_large_for_memory_is_labelled_without_keeping_stages(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_dock, "fits_memory", lambda volume: False)
    label(dock, qtbot)
    assert changed(dock).startswith("Stages are not kept")
    assert dock.stage_button.offered() == []


def test_a_shown_stage_lies_in_its_place_and_is_replaced(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    label(dock, qtbot)
    for name in ("mask", "distance", "markers"):
        dock.show_stage(name)
        layer = viewer.layers[-1]
        assert layer.units == stack.units
        np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), stack.data_to_world((1, 2, 3)))
    points = viewer.layers["stack markers"]
    assert isinstance(points, Points)
    made = viewer.layers["Particles of stack"].data
    at = made[tuple(points.data.astype(int).T)]
    assert sorted(at) == [1, 2, 3, 4, 5]  # one in each particle
    mask = viewer.layers["stack mask"]
    mask.data[:] = 1  # painted on
    dock.show_stage("mask")
    assert mask not in viewer.layers
    assert viewer.layers["stack mask"].data.mean() < 0.5


def test_a_mask_or_a_phase_is_parted_without_a_threshold(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    dock.threshold.untick()
    grey = ndimage.gaussian_filter(DATA.astype(float), 1)
    phases = viewer.add_labels(
        np.where(grey > 120, 2, 0).astype(np.uint8),
        name="phases",
        metadata={KEY: {"kind": "phases", "phases": {"pore": 0, "active": 2}}},
        scale=(0.5,) * 3,
        units="um",
    )
    dock.input.take_mask(phases)
    assert not dock.threshold.isVisible()
    assert not dock.settings.sections["Threshold"].isVisible()
    label(dock, qtbot)
    assert dock.runner.message.text().startswith("5 particles")
    made = viewer.layers["Particles of phases"]
    np.testing.assert_array_equal(made.data > 0, phases.data == 2)
    phases.data = np.zeros_like(phases.data)
    label(dock, qtbot)
    assert "phases" in dock.runner.message.text()
    assert viewer.layers[-1] is made


def test_what_is_painted_on_a_mask_counts_in_the_next_run(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    mask = viewer.add_labels((DATA > 120).astype(np.uint8), name="mask")
    dock.input.take_mask(mask)
    label(dock, qtbot)
    assert dock.runner.message.text().startswith("5 particles")
    mask.data_setitem(np.nonzero(np.indices(DATA.shape)[0] < 15), 0)  # as a brush does
    label(dock, qtbot)
    assert viewer.layers["Particles of mask [1]"].data[:15].max() == 0


def test_lengths_in_micrometres_follow_the_image(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot
) -> None:
    voxels = dock.form.value()
    dock.form.rows["length_unit"].set_value("um")
    assert dock.form.value().marker_depth == pytest.approx(voxels.marker_depth * 0.5)
    assert dock.form.value().minimum_volume == pytest.approx(voxels.minimum_volume * 0.125)
    label(dock, qtbot)
    assert dock.runner.message.text().startswith("5 particles")
    bare = viewer.add_image(DATA, name="bare")
    dock.input.image.choose(bare)
    label(dock, qtbot)
    assert "lengths are in µm" in dock.runner.message.text()


def test_what_cannot_be_labelled_is_said_once(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    viewer.add_image(np.zeros((20, 30, 3), np.uint8), name="photo", rgb=True)
    qtbot.wait(500)
    said = [part.text() for part in dock.findChildren(Notice) if "photo" in part.text()]
    assert len(said) == 1
    label(dock, qtbot)
    assert "photo" in dock.runner.message.text()


def test_an_open_dock_lets_a_labelled_image_go(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    viewer.add_image(DATA.copy(), name="stack")
    qtbot.waitUntil(lambda: dock.box.preview.layer is not None, timeout=60_000)
    label(dock, qtbot)
    dock.show_stage("distance")
    viewer.add_points()  # napari itself holds on to the layer selected last
    kept = [weakref.ref(viewer.layers[name]) for name in ("stack", "stack distance map")]
    for reference in kept:
        viewer.layers.remove(reference())

    def freed() -> bool:
        gc.collect()
        return all(reference() is None for reference in kept)

    qtbot.waitUntil(freed)
    assert dock.stage_button.offered() == []


def test_a_cancelled_run_leaves_the_preview(
    viewer: ViewerModel, stack: Any, dock: LabelDock, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    qtbot.waitUntil(lambda: dock.box.preview.layer is not None, timeout=60_000)
    started = threading.Event()

    def endless(source: Any, stages: Any, settings: Any, progress: Any) -> None:
        started.set()
        while True:
            progress.advance(0)

    monkeypatch.setattr(label_dock, "_label", endless)
    dock.run()
    assert dock.box.preview.layer is None
    started.wait(10)
    dock.runner.cancel()
    qtbot.waitUntil(lambda: dock.box.preview.layer is not None, timeout=60_000)


def test_a_mask_that_is_everywhere_is_told(
    viewer: ViewerModel, dock: LabelDock, qtbot: QtBot
) -> None:
    mask = viewer.add_labels(np.ones((10, 12, 14), np.uint8), name="full")
    dock.input.take_mask(mask)
    label(dock, qtbot)
    assert "Every voxel is inside" in dock.runner.message.text()
