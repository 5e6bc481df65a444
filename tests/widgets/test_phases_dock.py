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
from scipy import ndimage

from napari_battery.io import read_volume
from napari_battery.labelling.phases import segment_phases
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.widgets import phases_dock, phases_look
from napari_battery.widgets.layers import KEY, battery_metadata, volume_from_layer
from napari_battery.widgets.phases_dock import PhasesDock
from napari_battery.widgets.phases_preview import NAME
from napari_battery.widgets.slices import camera_of


def electrode() -> np.ndarray:
    """Balls of active material (180) and a slab of binder (120) in pore (60), with noise."""
    shape = (24, 40, 44)
    grid = np.indices(shape)
    data = np.full(shape, 60.0)
    data[:, 30:36, 4:40] = 120
    for centre in ((8, 10, 10), (16, 12, 30), (12, 22, 20)):
        data[sum((a - c) ** 2 for a, c in zip(grid, centre, strict=True)) <= 49] = 180
    data = ndimage.gaussian_filter(data, 0.7) + np.random.default_rng(0).normal(0, 6, shape)
    return data.clip(0, 255).astype(np.uint8)


DATA = electrode()


@pytest.fixture
def stack(viewer: ViewerModel) -> Any:
    return viewer.add_image(DATA, name="stack", scale=(0.5,) * 3, units="um", translate=(1, 2, 3))


@pytest.fixture
def dock(viewer: ViewerModel, qtbot: QtBot) -> PhasesDock:
    widget = PhasesDock(viewer)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def set_form(dock: PhasesDock, **settings: Any) -> None:
    dock.form.set_value(dock.form.value().model_copy(update=settings))


def segment(dock: PhasesDock, qtbot: QtBot) -> None:
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)


def wait_for_preview(dock: PhasesDock, qtbot: QtBot, expected: np.ndarray) -> None:
    def shown() -> bool:
        layer = dock.look.overlay.layer
        return layer is not None and np.array_equal(layer.data, expected)

    qtbot.waitUntil(shown, timeout=20_000)


def test_phases_get_a_layer_in_the_image_s_place(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    set_form(dock, n_phases=3)
    segment(dock, qtbot)
    made = viewer.layers["Phases of stack"]
    image = volume_from_layer(stack)
    assert np.array_equal(made.data, segment_phases(image, PhaseSettings(n_phases=3)).data)
    assert volume_from_layer(made).same_grid(image)
    assert made.units == stack.units
    extra = made.metadata[KEY]
    assert extra["kind"] == "phases"
    assert extra["phases"] == {"pore": 0, "active": 1, "binder": 2}
    assert extra["made"]["step"] == "phases"
    assert made.features["phase"].tolist() == ["pore", "active", "binder"]
    assert made.get_color(0) is None  # not drawn
    assert not np.allclose(made.get_color(1), made.get_color(2))
    share = 100 * (made.data == 2).mean()
    assert f"binder {share:.1f}\N{NO-BREAK SPACE}%" in dock.runner.message.text()
    assert not dock.look.box.isChecked()  # it would lie over the phases
    segment(dock, qtbot)  # again: the first stays
    assert len([layer for layer in viewer.layers if "Phases of" in layer.name]) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_phases": 3, "binder_shell": 1.0},
        {"method": "local", "local_radius": 6.0},
        {"denoise": "median", "smoothing_weight": 0.0, "active": "darkest"},
    ],
)
def test_the_preview_is_what_the_run_makes_of_the_slice(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot, settings: dict[str, Any]
) -> None:
    set_form(dock, **settings)
    whole = segment_phases(volume_from_layer(stack), dock.form.value()).data
    for order, steps in (((0, 1, 2), (11, 0, 0)), ((1, 0, 2), (0, 32, 0))):
        viewer.dims.order = order
        viewer.dims.current_step = steps
        wait_for_preview(dock, qtbot, whole.take([steps[order[0]]], axis=order[0]))
    qtbot.waitUntil(lambda: "This slice" in dock.look.notice.text())
    assert "indicative" not in dock.look.notice.text()


def test_cleaning_and_hysteresis_are_said_to_be_only_indicative(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    for settings in ({"fill_holes": True}, {"fill_holes": False, "method": "hysteresis"}):
        set_form(dock, **settings)
        qtbot.waitUntil(lambda: "indicative" in dock.look.notice.text(), timeout=20_000)
        set_form(dock, fill_holes=False, method="otsu")
        qtbot.waitUntil(lambda: "indicative" not in dock.look.notice.text(), timeout=20_000)


def test_a_dragged_level_is_a_manual_one(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    histogram = dock.look.histogram
    set_form(dock, n_phases=3)
    qtbot.waitUntil(lambda: len(histogram.markers) == 2)
    low, high = histogram.markers
    histogram._move(1, high + 10.04)
    settings = dock.form.value()
    assert settings.method == "manual"
    assert settings.level_1 == pytest.approx(low, abs=0.051)
    assert settings.level_2 == pytest.approx(high + 10, abs=0.1)
    expected = segment_phases(volume_from_layer(stack), settings).data
    step = viewer.dims.current_step[0]
    wait_for_preview(dock, qtbot, expected[step : step + 1])
    dock.reset_button.click()
    qtbot.waitUntil(lambda: len(histogram.markers) == 1)
    assert dock.form.value() == PhaseSettings()


def test_dragging_keeps_local_and_hysteresis(stack: Any, dock: PhasesDock, qtbot: QtBot) -> None:
    histogram = dock.look.histogram
    set_form(dock, method="local")
    qtbot.waitUntil(lambda: histogram.markers == [0])
    histogram._move(0, 5)
    assert (dock.form.value().method, dock.form.value().local_offset) == ("local", -5)
    set_form(dock, method="hysteresis")
    qtbot.waitUntil(lambda: len(histogram.markers) == 2)
    histogram._move(0, 80)
    assert (dock.form.value().method, dock.form.value().level_1) == ("hysteresis", 80)


def test_from_local_to_manual_levels_are_found_anew(
    stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    set_form(dock, method="local")
    qtbot.waitUntil(lambda: dock.look.histogram.markers == [0])
    dock.form.rows["method"].set_value("manual")
    qtbot.waitUntil(lambda: dock.form.value().level_1 is not None)
    assert dock.form.value().level_1 > 60  # grey levels, not excesses over a mean


def test_a_slow_preview_comes_bare_first(
    viewer: ViewerModel,
    stack: Any,
    dock: PhasesDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    qtbot.waitUntil(lambda: "This slice" in dock.look.notice.text())
    monkeypatch.setattr(phases_look, "_SLOW_S", 0.0)
    said: list[str] = []
    monkeypatch.setattr(dock.look.notice, "say", lambda text, *_: said.append(text))
    set_form(dock, smoothing_weight=2.0)
    qtbot.waitUntil(lambda: len(said) >= 1)
    set_form(dock, smoothing_weight=3.0)
    whole = segment_phases(volume_from_layer(stack), dock.form.value()).data
    step = viewer.dims.current_step[0]
    wait_for_preview(dock, qtbot, whole[step : step + 1])
    qtbot.waitUntil(lambda: "This slice" in said[-1] and "follow" not in said[-1])
    assert any("follow" in text for text in said)


def test_of_a_large_slice_the_part_in_view_is_previewed(
    viewer: ViewerModel, dock: PhasesDock, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases_look, "_EDGES", {3: (20, 20)})
    layer = viewer.add_image(DATA, name="large")
    whole = segment_phases(volume_from_layer(layer)).data
    step = viewer.dims.current_step[0]
    for centre, window in (
        ((0.0, 12.0, 12.0), (slice(step, step + 1), slice(2, 22), slice(2, 22))),
        ((0.0, 30.0, 30.0), (slice(step, step + 1), slice(20, 40), slice(20, 40))),
    ):
        camera_of(viewer).center = centre
        wait_for_preview(dock, qtbot, whole[window])
        assert dock.look.overlay.layer.translate[1] == window[1].start
    assert "Previewed part" in dock.look.notice.text()


def test_choosing_manual_starts_where_the_levels_are(
    stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    histogram = dock.look.histogram
    qtbot.waitUntil(lambda: len(histogram.markers) == 1)
    otsu = histogram.markers[0]
    dock.form.rows["method"].set_value("manual")
    qtbot.waitUntil(lambda: dock.form.value().level_1 is not None)
    assert dock.form.value().level_1 == pytest.approx(otsu, abs=0.1)
    dock.form.rows["n_phases"].set_value(3)
    qtbot.waitUntil(lambda: dock.form.value().level_2 is not None)
    qtbot.waitUntil(lambda: len(histogram.markers) == 2)


def test_a_method_that_cannot_keeps_the_histogram_and_says_why(
    stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    set_form(dock, method="li", n_phases=3)
    qtbot.waitUntil(lambda: "choose multi-otsu" in dock.look.notice.text())
    assert dock.look.histogram.markers == []
    assert dock.look.histogram._counts.size
    assert dock.look.overlay.layer is None
    set_form(dock, n_phases=2)
    qtbot.waitUntil(lambda: len(dock.look.histogram.markers) == 1)


def test_only_fields_with_a_meaning_are_shown(dock: PhasesDock) -> None:
    rows = dock.form.rows
    assert not rows["level_1"].isVisible()
    assert not dock.settings.sections["Binder at particle edges"].isVisible()
    set_form(dock, method="manual", n_phases=3)
    assert rows["level_1"].isVisible()
    assert rows["level_2"].isVisible()
    assert dock.settings.sections["Binder at particle edges"].isVisible()
    set_form(dock, method="local")
    assert rows["local_radius"].isVisible()
    assert not rows["level_1"].isVisible()


def test_lengths_in_um_need_a_voxel_size(
    viewer: ViewerModel, dock: PhasesDock, qtbot: QtBot
) -> None:
    viewer.add_image(DATA, name="bare")
    set_form(dock, length_unit="um")
    segment(dock, qtbot)
    assert "voxel size of “bare” is unknown" in dock.runner.message.text()
    qtbot.waitUntil(lambda: "voxel size" in dock.look.notice.text() + dock.look.histogram._text)
    assert [layer.name for layer in viewer.layers] == ["bare"]


def test_lengths_are_converted_by_the_image_s_voxel_size(stack: Any, dock: PhasesDock) -> None:
    dock.form.rows["length_unit"].set_value("um")
    assert dock.form.value().denoise_size == 0.5


def test_the_region_counts(viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot) -> None:
    region = np.zeros(DATA.shape, bool)
    region[:, 5:20, 5:20] = True
    battery_metadata(stack)["region"] = region
    segment(dock, qtbot)
    made = viewer.layers["Phases of stack"].data
    assert not made[~region].any()
    share = 100 * (made[region] == 1).mean()
    assert f"active {share:.1f}\N{NO-BREAK SPACE}%" in dock.runner.message.text()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (DATA[10], "two axes"),
        (np.where(np.indices(DATA.shape)[2] < 5, np.nan, DATA).astype(np.float32), "NaN"),
        (DATA[:1], "one slice"),
        (DATA.astype(np.float64) / 3e4, "small numbers"),
    ],
)
def test_images_of_other_kinds(
    viewer: ViewerModel, dock: PhasesDock, qtbot: QtBot, data: np.ndarray, name: str
) -> None:
    layer = viewer.add_image(data, name=name)
    expected = segment_phases(volume_from_layer(layer)).data
    shown = expected
    if data.ndim == 3 and len(data) > 1:
        step = viewer.dims.current_step[0]
        shown = expected[step : step + 1]
    wait_for_preview(dock, qtbot, shown)
    segment(dock, qtbot)
    assert np.array_equal(viewer.layers[f"Phases of {name}"].data, expected)


def test_a_constant_image_is_refused_in_words(
    viewer: ViewerModel, dock: PhasesDock, qtbot: QtBot
) -> None:
    viewer.add_image(np.full((5, 6, 7), 9, np.uint8), name="flat")
    segment(dock, qtbot)
    assert "flat" in dock.runner.message.text()
    assert [layer.name for layer in viewer.layers] == ["flat"]
    assert dock.look.overlay.layer is None


def test_phases_can_be_written_to_a_file(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "phases.tif"
    dock.out.line.setText(str(path))
    segment(dock, qtbot)
    assert str(path) in dock.runner.message.text()
    made = viewer.layers["Phases of stack"]
    expected = segment_phases(volume_from_layer(stack)).data
    assert np.array_equal(np.asarray(made.data), expected)
    assert np.array_equal(read_volume(path).data[:], expected)
    dock.out.line.setText(str(tmp_path / "nowhere" / "phases.tif"))
    segment(dock, qtbot)
    assert "nowhere" in dock.runner.message.text()


def test_cancel_leaves_no_layer(
    viewer: ViewerModel,
    stack: Any,
    dock: PhasesDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = threading.Event()

    def endless(image: Any, settings: Any, progress: Any, *_: Any, **__: Any) -> None:
        progress.begin(10, "Parting phases")
        started.set()
        while True:
            progress.advance(0)

    monkeypatch.setattr(phases_dock, "segment_phases", endless)
    dock.look.box.setChecked(False)
    dock.run()
    started.wait(10)
    dock.runner.cancel()
    qtbot.waitUntil(lambda: not dock.runner.busy)
    assert "Cancelled" in dock.runner.message.text()
    assert list(viewer.layers) == [stack]


def test_deleting_the_image_meanwhile_drops_its_phases(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    dock.run()
    viewer.layers.remove(stack)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert list(viewer.layers) == []
    assert "deleted" in dock.runner.message.text()
    assert dock.look.histogram.markers == []
    dock.run()
    assert "Open an image" in dock.runner.message.text()


def test_the_preview_goes_with_its_box_its_view_and_its_dock(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    def shown() -> bool:
        return any(layer.name == NAME for layer in viewer.layers)

    qtbot.waitUntil(shown)
    dock.look.box.setChecked(False)
    assert not shown()
    dock.look.box.setChecked(True)
    qtbot.waitUntil(shown)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: not shown())
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(shown)
    viewer.layers.remove(NAME)  # by hand: that unticks it
    assert not dock.look.box.isChecked()
    dock.look.box.setChecked(True)
    qtbot.waitUntil(shown)
    dock.hide()
    assert not shown()


def open_and_close(viewer: ViewerModel, qtbot: QtBot) -> list[Any]:
    """Use a dock on an image, close it and delete the image; return what is to be freed."""
    dock = PhasesDock(viewer)
    layer = viewer.add_image(DATA.copy(), name="stack")
    dock.show()
    qtbot.waitUntil(lambda: bool(dock.look.histogram.markers))
    dock.look._look()  # a preview is being computed now
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    dock.close()
    dock.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    qtbot.wait(50)
    assert list(viewer.layers) == [layer]
    viewer.dims.current_step = (3, 0, 0)
    layer.name = "other"
    viewer.add_points()  # napari itself holds on to the layer selected last
    viewer.layers.remove(layer)
    return [weakref.ref(layer), weakref.ref(dock)]


def test_a_closed_dock_leaves_nothing_and_lets_its_image_go(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    kept = open_and_close(viewer, qtbot)

    def freed() -> bool:
        gc.collect()
        return all(reference() is None for reference in kept)

    qtbot.waitUntil(freed)


def test_what_a_run_said_goes_with_its_image(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    segment(dock, qtbot)
    assert "active" in dock.runner.message.text()
    dock.image.choose(viewer.add_image(DATA[:, :20], name="another"))
    assert dock.runner.message.text() == ""
