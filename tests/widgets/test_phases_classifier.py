from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog

from napari_battery.labelling import classifier as classifier_module
from napari_battery.labelling.phases import segment_phases
from napari_battery.widgets.layers import KEY, volume_from_layer
from napari_battery.widgets.phases_dock import PhasesDock

RNG = np.random.default_rng(1)
TRUTH = np.zeros((6, 48, 48), np.uint8)
"""Three bands across x: pore, binder (code 2) and active (code 1)."""
TRUTH[:, :, 16:32] = 2
TRUTH[:, :, 32:] = 1
DATA = (np.array([60, 160, 110])[TRUTH] + RNG.normal(0, 8, TRUTH.shape)).astype(np.uint8)


@pytest.fixture
def stack(viewer: ViewerModel) -> Any:
    return viewer.add_image(DATA, name="stack", scale=(0.5,) * 3, units="um")


def open_dock(viewer: ViewerModel) -> PhasesDock:
    widget = PhasesDock(viewer)
    widget.show()
    small = {"n_scales": 2, "n_trees": 10}
    page = widget.classifier
    page.form.set_value(page.form.value().model_copy(update=small))
    widget.form.rows["method"].set_value("classifier")
    return widget


@pytest.fixture
def dock(viewer: ViewerModel, stack: Any, qtbot: QtBot) -> PhasesDock:
    widget = open_dock(viewer)
    qtbot.addWidget(widget)
    return widget


def scribble(dock: PhasesDock, phases: tuple[str, ...] = ("pore", "binder", "active")) -> Any:
    """Paint a stroke of each phase, in a layer made by the button."""
    page = dock.classifier
    page.new_button.click()
    layer = page.scribbles.layer
    for name, number, x in (("pore", 1, 8), ("binder", 3, 24), ("active", 2, 40)):
        if name in phases:
            page.brushes.buttons[number].click()
            assert layer.selected_label == number
            for y in range(8, 40, 4):
                layer.paint((3, y, x), number)
    return layer


def train(dock: PhasesDock, qtbot: QtBot) -> None:
    dock.classifier.train()
    qtbot.waitUntil(lambda: not dock.classifier.runner.busy, timeout=60_000)


def test_the_page_is_there_for_the_classifier_only(dock: PhasesDock) -> None:
    assert dock.classifier.isVisible()
    assert not dock.look.histogram.isVisible() or dock.look.histogram.markers == []
    dock.form.rows["method"].set_value("otsu")
    assert not dock.classifier.isVisible()


def test_scribbles_train_a_classifier_whose_phases_are_previewed_and_made(
    viewer: ViewerModel, stack: Any, dock: PhasesDock, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: "train" in dock.look.notice.text())
    drawn = scribble(dock)
    train(dock, qtbot)
    page = dock.classifier
    assert "accuracy" in page.learned.text()
    assert "pore" in page.learned.text()
    image = volume_from_layer(stack)
    expected = segment_phases(image, dock.form.value(), classifier=page.classifier).data
    # a stroke in each of three bands apart by six sigmas
    assert (expected == TRUTH).mean() > 0.97
    step = viewer.dims.current_step[0]
    qtbot.waitUntil(lambda: dock.look.overlay.layer is not None, timeout=20_000)
    overlay = dock.look.overlay.layer
    assert np.array_equal(overlay.data, expected[step : step + 1])
    assert viewer.layers.index(overlay) < viewer.layers.index(drawn)
    assert viewer.layers.selection.active is drawn  # the brush stays in hand
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    made = viewer.layers["Phases of stack"]
    assert np.array_equal(made.data, expected)
    assert made.metadata[KEY]["phases"] == {"pore": 0, "active": 1, "binder": 2}


def test_more_scribbles_ask_for_training_again(dock: PhasesDock, qtbot: QtBot) -> None:
    layer = scribble(dock, ("pore", "active"))
    train(dock, qtbot)
    first = dock.classifier.classifier
    assert first is not None
    assert set(first.phases) == {"pore", "active"}
    layer.paint((3, 20, 24), 3)
    assert "train again" in dock.classifier.runner.message.text()
    train(dock, qtbot)
    assert dock.classifier.classifier is not first
    assert set(dock.classifier.classifier.phases) == {"pore", "active", "binder"}


def test_what_is_missing_is_said(viewer: ViewerModel, dock: PhasesDock, qtbot: QtBot) -> None:
    page = dock.classifier
    page.train()
    assert "New scribbles" in page.runner.message.text()
    scribble(dock, ("pore",))
    train(dock, qtbot)
    assert "one more phase" in page.runner.message.text()
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy)
    assert "train or load" in dock.runner.message.text()
    viewer.layers.clear()
    page.train()
    page.start_scribbles()
    assert "Open an image" in page.runner.message.text()


def test_a_model_is_saved_and_loaded(
    viewer: ViewerModel,
    stack: Any,
    dock: PhasesDock,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = dock.classifier
    assert not page.save_button.isEnabled()
    scribble(dock)
    train(dock, qtbot)
    trained = segment_phases(
        volume_from_layer(stack), dock.form.value(), classifier=page.classifier
    ).data
    path = tmp_path / "model"  # the ending is added
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    page.save_button.click()
    saved = path.with_suffix(".safetensors")
    assert saved.is_file()

    page.classifier = None
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(saved), ""))
    page.load_button.click()
    assert "Loaded" in page.runner.message.text()
    again = segment_phases(
        volume_from_layer(stack), dock.form.value(), classifier=page.classifier
    ).data
    assert np.array_equal(again, trained)
    page.load(tmp_path / "none.safetensors")
    assert "none.safetensors" in page.runner.message.text()
    assert page.classifier is not None


def test_training_is_cancelled_and_layers_deleted(
    viewer: ViewerModel,
    stack: Any,
    dock: PhasesDock,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, started = dock.classifier, threading.Event()

    def endless(image: Any, scribbles: Any, settings: Any, progress: Any) -> None:
        progress.begin(10, "Growing trees")
        started.set()
        while True:
            progress.advance(0)

    layer = scribble(dock)
    monkeypatch.setattr(classifier_module, "train_classifier", endless)
    page.train()
    started.wait(10)
    viewer.layers.remove(layer)
    viewer.layers.remove(stack)
    page.runner.cancel()
    qtbot.waitUntil(lambda: not page.runner.busy)
    assert "Cancelled" in page.runner.message.text()
    assert page.classifier is None
    assert not page.brushes.isEnabled()


def test_only_layers_of_the_image_s_shape_are_offered(
    viewer: ViewerModel, stack: Any, dock: PhasesDock
) -> None:
    page = dock.classifier
    plain = viewer.add_labels(np.zeros(DATA.shape, np.uint8), name="painted elsewhere")
    viewer.add_labels(np.zeros((5, 5, 5), np.uint8), name="other shape")
    phases = viewer.add_labels(np.zeros(DATA.shape, np.uint8), name="phases")
    phases.metadata[KEY] = {"kind": "phases"}
    page.scribbles.refresh()
    offered = [page.scribbles.itemText(i) for i in range(page.scribbles.count())]
    assert offered == [plain.name]


def test_a_dock_closed_while_it_trains_leaves_nothing(
    viewer: ViewerModel, stack: Any, qtbot: QtBot
) -> None:
    dock = open_dock(viewer)
    layer = scribble(dock)
    dock.classifier.train()
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    dock.close()
    dock.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    layer.paint((1, 10, 10), 2)
    assert not any(layer.name == "Phases preview" for layer in viewer.layers)
