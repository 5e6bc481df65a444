from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.errors import InputError
from napari_battery.filters import FILTERS, GaussianSettings, MedianSettings, filter_image
from napari_battery.settings import field_specs
from napari_battery.widgets import filter_dock, filter_preview, result_file
from napari_battery.widgets.filter_choice import in_words
from napari_battery.widgets.filter_dock import FilterDock
from napari_battery.widgets.layers import KEY, battery_metadata, volume_from_layer

RNG = np.random.default_rng(0)
DATA = (100 + RNG.normal(0, 8, (12, 40, 50))).clip(0, 255).astype(np.uint8)
AFFINE = np.diag([1.0, 1, -1, 1])


@pytest.fixture
def stack(viewer: ViewerModel) -> Any:
    return viewer.add_image(
        DATA,
        name="stack",
        scale=(1, 0.5, 0.5),
        units="um",
        translate=(1, 2, 3),
        affine=AFFINE,
        axis_labels=("z", "y", "x"),
        colormap="viridis",
        contrast_limits=(70, 140),
        metadata={KEY: {"state": "4.4 V", "voxel_size_source": "typed in"}},
    )


@pytest.fixture
def dock(viewer: ViewerModel, qtbot: QtBot) -> FilterDock:
    widget = FilterDock(viewer)
    qtbot.addWidget(widget)
    widget.show()
    choose(widget, "median")
    widget.swipe.set_fraction(0)
    return widget


def choose(dock: FilterDock, name: str) -> None:
    dock.choice.choose(name)


def apply(dock: FilterDock, qtbot: QtBot) -> None:
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)


def previewed(dock: FilterDock, expected: np.ndarray) -> bool:
    layer = dock.swipe.layer
    return layer is not None and np.array_equal(layer.data, expected)


def test_every_filter_has_a_form_and_a_line_about_it(dock: FilterDock) -> None:
    for name, one in FILTERS.items():
        choose(dock, name)
        assert dock.choice.filter is one
        assert dock.choice.description.text() == one.description
        assert dock.choice.form.value() == one.settings()
        assert [form.isVisible() for form in dock.choice.forms.values()].count(True) == 1


def test_the_preview_is_the_shown_slice_of_the_result(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    expected = np.asarray(filter_image(volume_from_layer(stack), MedianSettings()).data)
    for order, steps in (((2, 0, 1), (0, 0, 30)), ((1, 0, 2), (0, 3, 0)), ((0, 1, 2), (8, 0, 0))):
        viewer.dims.order = order
        viewer.dims.current_step = steps
        axis = order[0]
        index = filter_preview.current_slice(viewer, stack, axis)
        qtbot.waitUntil(lambda i=index, a=axis: previewed(dock, expected.take([i], axis=a)))
        np.testing.assert_allclose(
            dock.swipe.layer.data_to_world((0, 0, 0)),
            stack.data_to_world([index if a == axis else 0 for a in range(3)]),
        )
    assert "Noise in flat areas" in dock.notice.text()
    assert tuple(dock.swipe.layer.contrast_limits) == (70, 140)


def test_settings_and_sliders_change_the_preview(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    viewer.dims.set_current_step(0, 6)
    choose(dock, "gaussian")
    image = volume_from_layer(stack)
    for sigma in (2.0, 3.5):
        dock.choice.form.rows["sigma"].set_value(sigma)
        expected = filter_image(image, GaussianSettings(sigma=sigma)).data[6:7]
        qtbot.waitUntil(lambda e=expected: previewed(dock, e))
    dock.choice.form.rows["length_unit"].set_value("um")
    assert dock.choice.form.value().sigma == pytest.approx(1.75)  # voxels of 0.5 µm
    dock.choice.reset_button.click()
    expected = filter_image(image, GaussianSettings()).data[6:7]
    qtbot.waitUntil(lambda: previewed(dock, expected))


def test_the_box_lies_where_the_view_looks(
    viewer: ViewerModel, dock: FilterDock, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filter_dock, "_EDGE", 16)
    layer = viewer.add_image(DATA, name="plain", scale=(1, 2, 2))
    dock.mode.setCurrentIndex(dock.mode.findData("box"))
    viewer.dims.set_current_step(0, 4)
    whole = np.asarray(filter_image(volume_from_layer(layer), MedianSettings()).data)
    viewer.scene.camera.center = (0, 2 * 18, 2 * 30)
    qtbot.waitUntil(lambda: previewed(dock, whole[4:5, 10:26, 22:38]))
    viewer.scene.camera.center = (0, -500, 900)  # far outside: the nearest corner
    qtbot.waitUntil(lambda: previewed(dock, whole[4:5, :16, -16:]))
    assert "16 × 16" in dock.notice.text()


def test_a_slow_filter_is_previewed_in_a_box_a_quick_one_on_the_slice(
    viewer: ViewerModel,
    stack: Any,
    dock: FilterDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filter_dock, "_EDGE", 16)
    qtbot.waitUntil(lambda: dock.swipe.layer is not None and dock.swipe.layer.data.size == 2000)
    monkeypatch.setattr(filter_dock, "_SLOW_S", 0.0)
    choose(dock, "mean")
    qtbot.waitUntil(lambda: dock.swipe.layer.data.size == 256)
    qtbot.waitUntil(lambda: not dock._latest.busy and not dock._timer.isActive())
    assert dock.swipe.layer.data.size == 256
    assert "16 × 16" in dock.notice.text()


def test_a_slice_that_takes_too_long_gives_way_to_a_box(
    viewer: ViewerModel,
    stack: Any,
    dock: FilterDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow_slices(*given: Any, whole: bool) -> Any:
        while whole:
            given[-1].advance(0)  # raises once it is told to stop
        return filter_preview.make_preview(*given, whole=whole)

    qtbot.waitUntil(lambda: dock.swipe.layer is not None and not dock._latest.busy)
    monkeypatch.setattr(filter_dock, "_EDGE", 16)
    monkeypatch.setattr(filter_dock, "_SLOW_S", 0.2)
    monkeypatch.setattr(filter_dock, "make_preview", slow_slices)
    dock._speed["median"] = 1e-9
    dock.choice.form.rows["radius"].set_value(2)
    qtbot.wait(400)
    dock._speed["median"] = 1e-9
    dock.choice.form.rows["radius"].set_value(3)
    qtbot.waitUntil(lambda: dock.swipe.layer is not None and dock.swipe.layer.data.size == 256)
    dock.mode.setCurrentIndex(dock.mode.findData("off"))


def test_measured_noise_is_shown_and_where_the_person_starts(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    choose(dock, "anisotropic-diffusion")
    row = dock.choice.form.rows["noise"]
    # the test image's noise is 8; the estimate is good to some percent
    qtbot.waitUntil(lambda: row.editor.value() == pytest.approx(8, rel=0.15), timeout=30_000)
    assert dock.choice.form.value().noise is None
    row.switch.setChecked(True)
    assert dock.choice.form.value().noise == pytest.approx(8, rel=0.15)


def test_the_result_has_the_image_s_place_and_look(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    region = np.zeros(DATA.shape, bool)
    region[2:] = True
    battery_metadata(stack)["region"] = region
    dock.choice.form.rows["radius"].set_value(2)
    apply(dock, qtbot)
    made = viewer.layers["stack (median, radius 2)"]
    image = volume_from_layer(stack)
    expected = filter_image(image, MedianSettings(radius=2))
    np.testing.assert_array_equal(made.data, expected.data)
    assert made.data.dtype == np.uint8
    result = volume_from_layer(made)
    assert result.same_grid(image)
    assert result.region is region
    assert result.voxel_size_source == "typed in"
    assert result.metadata["state"] == "4.4 V"
    assert result.metadata["made"]["settings"]["radius"] == 2
    np.testing.assert_array_equal(made.affine.affine_matrix, AFFINE)
    assert (made.units, made.axis_labels) == (stack.units, stack.axis_labels)
    assert made.colormap.name == "viridis"
    assert tuple(made.contrast_limits) == (70, 140)
    # the original stays, the preview goes, the result is chosen and shown as it is
    assert list(viewer.layers) == [stack, made]
    np.testing.assert_array_equal(stack.data, DATA)
    assert dock.image.layer is made
    qtbot.wait(200)
    assert list(viewer.layers) == [stack, made]
    assert "next step" in dock.notice.text()
    # and the next filter starts from it
    choose(dock, "gaussian")
    after = filter_image(result, GaussianSettings()).data
    step = filter_preview.current_slice(viewer, made, 0)
    qtbot.waitUntil(lambda: previewed(dock, after[step : step + 1]))
    apply(dock, qtbot)
    twice = viewer.layers["stack (median, radius 2) (gaussian, sigma 1)"]
    np.testing.assert_array_equal(twice.data, after)


def test_a_scaled_layer_without_a_unit_keeps_its_scale(
    viewer: ViewerModel, dock: FilterDock, qtbot: QtBot
) -> None:
    layer = viewer.add_image(DATA, name="bare", scale=(3, 2, 2), translate=(5, 5, 5))
    apply(dock, qtbot)
    made = viewer.layers["bare (median, radius 1)"]
    np.testing.assert_array_equal(made.scale, layer.scale)
    np.testing.assert_array_equal(made.translate, layer.translate)
    assert volume_from_layer(made).voxel_size_um is None


def test_the_preview_follows_the_image_s_place_and_grey_levels(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: dock.swipe.layer is not None)
    stack.scale = (2, 3, 4)
    stack.translate = (0, 10, 0)
    qtbot.waitUntil(lambda: tuple(dock.swipe.layer.scale) == (2, 3, 4))
    assert tuple(dock.swipe.layer.translate[1:]) == (10, 0)
    assert tuple(dock.swipe.line.scale) == (2, 3, 4)
    stack.data = 255 - DATA
    expected = filter_image(volume_from_layer(stack), MedianSettings()).data
    step = filter_preview.current_slice(viewer, stack, 0)
    qtbot.waitUntil(lambda: previewed(dock, expected[step : step + 1]))


def test_a_multiscale_image_is_filtered_at_its_finest(
    viewer: ViewerModel, dock: FilterDock, qtbot: QtBot
) -> None:
    layer = viewer.add_image([DATA, DATA[:, ::2, ::2]], multiscale=True, name="pyramid")
    expected = filter_image(volume_from_layer(layer), MedianSettings()).data
    step = filter_preview.current_slice(viewer, layer, 0)
    qtbot.waitUntil(lambda: previewed(dock, expected[step : step + 1]))
    apply(dock, qtbot)
    np.testing.assert_array_equal(viewer.layers["pyramid (median, radius 1)"].data, expected)


def test_a_2d_image(viewer: ViewerModel, dock: FilterDock, qtbot: QtBot) -> None:
    layer = viewer.add_image(DATA[0], name="flat")
    expected = filter_image(volume_from_layer(layer), MedianSettings()).data
    qtbot.waitUntil(lambda: previewed(dock, expected))
    apply(dock, qtbot)
    np.testing.assert_array_equal(viewer.layers["flat (median, radius 1)"].data, expected)


def test_a_large_result_goes_to_a_file(
    viewer: ViewerModel,
    stack: Any,
    dock: FilterDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(result_file, "_MEMORY_SHARE", 1e-12)
    monkeypatch.setattr(result_file.tempfile, "gettempdir", lambda: str(tmp_path))
    dock._look_later()
    qtbot.waitUntil(lambda: "choose a file" in dock.notice.text())
    apply(dock, qtbot)
    made = viewer.layers["stack (median, radius 1)"]
    volume = volume_from_layer(made)
    assert volume.path is not None
    assert volume.path.parent == tmp_path
    assert str(volume.path) in dock.runner.message.text()
    assert volume.same_grid(volume_from_layer(stack))
    assert volume.voxel_size_source == "typed in"
    np.testing.assert_array_equal(
        np.asarray(made.data), filter_image(volume_from_layer(stack), MedianSettings()).data
    )
    dock.image.choose(stack)
    dock.out.line.setText(str(tmp_path / "missing" / "out.tif"))
    apply(dock, qtbot)
    assert "missing" in dock.runner.message.text()
    assert len([layer for layer in viewer.layers if "median" in layer.name]) == 1


def test_what_cannot_be_filtered_is_said(
    viewer: ViewerModel, dock: FilterDock, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: "Open an image" in dock.notice.text())
    dock.run()
    assert "Open an image" in dock.runner.message.text()
    for data, rgb, word in (
        (np.zeros((20, 30, 3), np.uint8), True, "colour"),
        (np.zeros((2, 3, 20, 30)), False, "4 axes"),
        (np.full((5, 20, 30), np.nan), False, "finite"),
    ):
        layer = viewer.add_image(data, rgb=rgb, name="bad")
        dock.image.choose(layer)
        qtbot.waitUntil(lambda w=word: w in dock.notice.text())
        apply(dock, qtbot)
        assert word in dock.runner.message.text()
        assert [one.name for one in viewer.layers] == ["bad"]
        viewer.layers.clear()


def test_um_without_a_voxel_size_is_said(
    viewer: ViewerModel, dock: FilterDock, qtbot: QtBot
) -> None:
    viewer.add_image(DATA, name="bare")
    dock.choice.form.rows["length_unit"].set_value("um")
    qtbot.waitUntil(lambda: "voxel size" in dock.notice.text())
    apply(dock, qtbot)
    assert "voxel size" in dock.runner.message.text()


def test_a_3d_view_has_no_preview(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: dock.swipe.layer is not None)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: "2-D view" in dock.notice.text())
    assert list(viewer.layers) == [stack]
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: dock.swipe.layer is not None)


def test_preview_off_and_on_and_deleted(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: dock.swipe.layer is not None)
    dock.mode.setCurrentIndex(dock.mode.findData("off"))
    assert list(viewer.layers) == [stack]
    dock.mode.setCurrentIndex(dock.mode.findData("slice"))
    qtbot.waitUntil(lambda: dock.swipe.layer is not None)
    viewer.layers.remove(dock.swipe.layer)  # by hand
    assert dock.mode.currentData() == "off"
    dock.choice.form.rows["radius"].set_value(3)
    qtbot.wait(150)
    assert list(viewer.layers) == [stack]


def test_slider_and_line_go_together(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: dock.swipe.layer is not None)
    dock.divider.setValue(250)
    assert dock.swipe.fraction == 0.25
    dock.swipe.set_fraction(0.75)
    assert dock.divider.value() == 750
    # mirrored: what is on the right of the screen are the first voxels
    qtbot.waitUntil(lambda: dock.swipe.layer.data.shape[2] == 12)
    np.testing.assert_allclose(dock.swipe.layer.translate[1:], stack.translate[1:])


def test_choices_are_remembered(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    choose(dock, "gaussian")
    dock.choice.form.rows["sigma"].set_value(4)
    dock.mode.setCurrentIndex(dock.mode.findData("box"))
    second = FilterDock(viewer)
    qtbot.addWidget(second)
    assert second.choice.filter.name == "gaussian"
    assert second.choice.form.value().sigma == 4
    assert second.mode.currentData() == "box"


def endless(started: threading.Event) -> Any:
    def run(image: Any, settings: Any, progress: Any, **_: Any) -> None:
        progress.begin(10, "Filtering")
        started.set()
        while True:
            progress.advance(0)

    return run


def test_cancel_leaves_no_layer(
    viewer: ViewerModel,
    stack: Any,
    dock: FilterDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = threading.Event()
    monkeypatch.setattr(filter_dock, "filter_image", endless(started))
    dock.mode.setCurrentIndex(dock.mode.findData("off"))
    dock.run()
    started.wait(10)
    dock.runner.cancel()
    qtbot.waitUntil(lambda: not dock.runner.busy)
    assert "Cancelled" in dock.runner.message.text()
    assert list(viewer.layers) == [stack]
    assert dock.image.layer is stack


def test_deleting_the_image_while_it_is_filtered(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    dock.run()
    viewer.layers.remove(stack)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert [layer.name for layer in viewer.layers] == ["stack (median, radius 1)"]
    assert dock.image.layer is viewer.layers[0]


def test_deleting_the_image_while_it_is_previewed(
    viewer: ViewerModel, stack: Any, dock: FilterDock, qtbot: QtBot
) -> None:
    dock._look()
    viewer.layers.remove(stack)
    qtbot.wait(200)
    assert list(viewer.layers) == []
    assert "Open an image" in dock.notice.text()


def test_a_preview_that_fails_is_said(
    viewer: ViewerModel,
    stack: Any,
    dock: FilterDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise InputError("“stack” is not to be filtered.")

    monkeypatch.setattr(filter_dock, "make_preview", fail)
    choose(dock, "mean")
    qtbot.waitUntil(lambda: "not to be filtered" in dock.notice.text())
    assert list(viewer.layers) == [stack]


def test_a_dock_closed_at_work_leaves_nothing(viewer: ViewerModel, qtbot: QtBot) -> None:
    stack = viewer.add_image(DATA, name="stack")
    dock = FilterDock(viewer)
    dock.show()
    qtbot.waitUntil(lambda: dock.swipe.layer is not None, timeout=20_000)
    dock._look()  # another preview is being computed now
    dock.run()
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    dock.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    qtbot.wait(150)
    assert list(viewer.layers) == [stack]
    viewer.dims.current_step = (3, 0, 0)
    stack.contrast_limits = (0, 3)
    stack.scale = (2, 1, 1)
    viewer.layers.clear()


def open_and_close(viewer: ViewerModel, qtbot: QtBot) -> list[Any]:
    dock = FilterDock(viewer)
    layer = viewer.add_image(DATA.copy(), name="stack")
    dock.show()
    qtbot.waitUntil(lambda: dock.swipe.layer is not None, timeout=20_000)
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    dock.close()
    dock.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    viewer.add_points()  # napari itself holds on to the layer selected last
    viewer.layers.remove(layer)
    return [weakref.ref(layer), weakref.ref(dock)]


def test_a_closed_dock_lets_its_image_go(viewer: ViewerModel, qtbot: QtBot) -> None:
    kept = open_and_close(viewer, qtbot)

    def freed() -> bool:
        gc.collect()
        return all(reference() is None for reference in kept)

    qtbot.waitUntil(freed)


def test_each_first_setting_names_the_result() -> None:
    for one in FILTERS.values():
        words = in_words(one, one.settings())
        assert words.startswith(one.title.lower())
        assert len(words) < 60, field_specs(one.settings)[0]


def test_what_a_run_said_goes_with_its_image(
    viewer: ViewerModel, dock: FilterDock, qtbot: QtBot
) -> None:
    dock.image.choose(viewer.add_image(np.full((4, 20, 20), np.nan, np.float32), name="empty"))
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert "empty" in dock.runner.message.text()
    dock.image.choose(viewer.add_image(np.ones((4, 20, 20), np.uint8), name="another"))
    assert dock.runner.message.text() == ""
