from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.widgets import prepare_grey, result_file
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.prepare_grey import GreyForm

DATA = np.random.default_rng(0).integers(1000, 3001, (12, 30, 40)).astype(np.uint16)


@pytest.fixture
def form(viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot) -> GreyForm:
    widget = GreyForm(viewer, layers)
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def stack(viewer: ViewerModel, layers: LayerChecklist, form: GreyForm, qtbot: QtBot) -> Any:
    layer = viewer.add_image(DATA, name="stack", scale=(0.5,) * 3, units="um", translate=(1, 2, 3))
    layers.tick([layer])
    qtbot.waitUntil(lambda: form.low.value() > 0)
    return layer


def convert(form: GreyForm, qtbot: QtBot) -> None:
    form.run()
    qtbot.waitUntil(lambda: not form.runner.busy, timeout=20_000)


def test_the_preview_is_what_is_clipped(form: GreyForm, stack: Any) -> None:
    form.low.setValue(1200)
    form.high.setValue(2500)
    dark, bright = 100 * (DATA < 1200).mean(), 100 * (DATA > 2500).mean()
    assert f"{dark:.2f} % of the voxels are clipped below, {bright:.2f} %" in form.clipped.text()
    form.full_button.click()
    assert (form.low.value(), form.high.value()) == (DATA.min(), DATA.max())
    assert form.histogram.markers == [DATA.min(), DATA.max()]


def test_a_dragged_line_sets_the_limit(form: GreyForm, stack: Any) -> None:
    form.histogram.marker_moved.emit(1, 2345.4)
    assert form.high.value() == 2345  # whole grey levels


def test_conversion_makes_a_layer_in_its_place(
    form: GreyForm, stack: Any, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    form.low.setValue(1000)
    form.high.setValue(3000)
    form.dtype.setCurrentText("uint8")
    convert(form, qtbot)
    made = viewer.layers["stack uint8"]
    assert made.data.dtype == np.uint8
    exact = (DATA - 1000.0) * 255 / 2000
    np.testing.assert_allclose(made.data, exact, atol=0.5 + 1e-3)  # rounded, in float32
    assert volume_from_layer(made).same_grid(volume_from_layer(stack))
    assert made.metadata["napari-battery"]["made"]["settings"]["low"] == 1000
    assert not stack.visible
    assert layers.layers == [made]


def test_a_series_gets_the_same_limits(
    form: GreyForm, stack: Any, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    darker = viewer.add_image(DATA - 500, name="4.4 V", scale=(0.5,) * 3, units="um")
    layers.tick([stack, darker])
    form.low.setValue(500)
    form.high.setValue(3050)
    convert(form, qtbot)
    one, other = viewer.layers["stack uint8"], viewer.layers["4.4 V uint8"]
    # 500 grey levels of 2550 are 50 of 255 steps, exactly
    np.testing.assert_array_equal(one.data.astype(int) - 50, other.data)


def test_limits_the_wrong_way_round(
    form: GreyForm, stack: Any, viewer: ViewerModel, qtbot: QtBot
) -> None:
    form.low.setValue(2000)
    form.high.setValue(1500)
    assert "below" in form.clipped.text()
    convert(form, qtbot)
    assert "2000" in form.runner.message.text()
    assert list(viewer.layers) == [stack]


def test_a_result_too_large_for_memory_goes_to_a_file(
    form: GreyForm,
    stack: Any,
    viewer: ViewerModel,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(result_file, "_MEMORY_SHARE", 1e-12)
    monkeypatch.setattr(result_file.tempfile, "gettempdir", lambda: str(tmp_path))
    form.low.setValue(1001)
    assert "too large for memory" in form.clipped.text()
    convert(form, qtbot)
    made = viewer.layers[-1]
    assert isinstance(made.data, np.memmap)
    assert volume_from_layer(made).path is not None
    assert volume_from_layer(made).path.parent == tmp_path
    assert volume_from_layer(made).same_grid(volume_from_layer(stack))


def test_a_chosen_file_is_written(
    form: GreyForm, stack: Any, viewer: ViewerModel, qtbot: QtBot, tmp_path: Path
) -> None:
    form.out.line.setText(str(tmp_path / "out.tif"))
    convert(form, qtbot)
    assert (tmp_path / "out.tif").exists()
    assert str(tmp_path / "out.tif") in form.runner.message.text()
    form.out.line.setText(str(tmp_path / "missing" / "out.tif"))
    n = len(viewer.layers)
    convert(form, qtbot)
    assert "missing" in form.runner.message.text()
    assert len(viewer.layers) == n


def test_cancel_leaves_no_layer(
    form: GreyForm,
    stack: Any,
    viewer: ViewerModel,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = threading.Event()

    def endless(volume: Any, settings: Any, progress: Any, out: Any) -> None:
        progress.begin(10, "Converting")
        started.set()
        while True:
            progress.advance(0)

    monkeypatch.setattr(prepare_grey, "convert_dtype", endless)
    form.run()
    started.wait(10)
    form.runner.cancel()
    qtbot.waitUntil(lambda: not form.runner.busy)
    assert "Cancelled" in form.runner.message.text()
    assert list(viewer.layers) == [stack]
    assert stack.visible


def test_small_floats_get_decimals(
    form: GreyForm, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    layers.tick([viewer.add_image(DATA.astype(np.float32) * 1e-7, name="attenuation")])
    qtbot.waitUntil(lambda: form.low.value() > 0)
    assert form.low.value() == pytest.approx(1e-4, rel=0.01)
    assert form.high.value() == pytest.approx(3e-4, rel=0.01)


def test_no_image(form: GreyForm, viewer: ViewerModel, layers: LayerChecklist) -> None:
    layers.tick([viewer.add_labels(np.zeros((3, 4, 5), int))])
    form.run()
    assert "Tick at least one image" in form.runner.message.text()
