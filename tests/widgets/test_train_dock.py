"""Models are trained, kept when cancelled, gone on with, and saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from scipy.ndimage import gaussian_filter

from napari_battery.superres.degradation import DegradationSettings, degraded_scan
from napari_battery.superres.model_files import read_model
from napari_battery.superres.train_settings import PRESETS, TrainSettings
from napari_battery.tables import TRAINING, read_table
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.superres_models import ModelChooser
from napari_battery.widgets.train_dock import TrainDock
from napari_battery.widgets.train_unfinished import unfinished

Write = Callable[..., Path]

_LONG_MS = 120_000
"""The machine may be busy; a step takes a second or two on an idle one."""

TINY: dict[str, Any] = {
    "patch": 24, "batch": 2, "epochs": 3, "steps_per_epoch": 2, "border": 2,
    "validation_patches": 2, "device": "cpu", "precision": "float32", "learning_rate": 1e-4,
}  # fmt: skip


def scans() -> tuple[Volume, Volume]:
    """A made-up low- and a high-resolution scan, 3 to 1."""
    rng = np.random.default_rng(0)
    rocks = gaussian_filter(rng.normal(size=(24, 60, 120)), 3) > 0
    grey = (200 * rocks + 5 * rng.normal(size=rocks.shape)).astype(np.float32)
    high = Volume(grey, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), name="fine")
    settings = DegradationSettings(ratio=3, ratio_jitter=0, grey_jitter=0)
    low = degraded_scan(high, settings, 0).low
    return Volume(low.data, low.voxel_size_um, low.origin_um, name="coarse"), high


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def scanned(viewer: ViewerModel) -> ViewerModel:
    for volume in scans():
        add_volume(viewer, volume)
    return viewer


def idle(qtbot: QtBot, runner: Any) -> None:
    qtbot.waitUntil(lambda: not runner.busy, timeout=_LONG_MS)


def dock_of(viewer: ViewerModel, qtbot: QtBot, models: Path, write: Write, **more: Any) -> Any:
    """A dock that trains a tiny model further."""
    path = models / "tiny.safetensors"
    if not path.exists():
        write(path)
    dock = TrainDock(viewer)
    qtbot.addWidget(dock)
    dock.form.start.choose(path)
    dock.form.settings.set_value(TrainSettings(**{**TINY, **more}))
    return dock


def with_pair(dock: Any, qtbot: QtBot) -> Any:
    dock.sources.add_chosen()
    idle(qtbot, dock.sources.runner)
    assert [source.name for source in dock.sources.sources] == ["coarse / fine"]
    return dock


def test_a_shifted_pair_is_said_to_be_and_mended(
    scanned: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    scanned.layers["coarse"].translate += (0, 0, 2.5)
    dock = with_pair(dock_of(scanned, qtbot, models, write_tiny_model), qtbot)
    source = dock.sources.picked
    assert source.pair.residual_voxels == pytest.approx(2.5, abs=0.3)  # of blurred, noisy scans
    assert "shifted by" in dock.sources.notes.text()
    assert not dock.sources.mend_button.isHidden()
    dock.sources.mend()
    idle(qtbot, dock.sources.runner)
    assert dock.sources.picked.pair.residual_voxels < 0.3
    assert dock.sources.picked.recipe["mend"]
    assert dock.sources.mend_button.isHidden()
    assert tuple(scanned.layers["coarse"].translate) != (0, 0, 0)  # the layer stays
    dock.sources.remove()
    assert dock.sources.sources == []
    assert not dock.runner.run_button.isEnabled()


def test_it_trains_on_both_kinds_and_the_model_is_listed(
    scanned: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write, tmp_path: Path
) -> None:
    dock = with_pair(dock_of(scanned, qtbot, models, write_tiny_model), qtbot)
    dock.sources.licence.setText("CC0-1.0")
    dock.sources.licence.editingFinished.emit()
    dock.sources.fit()
    idle(qtbot, dock.sources.runner)
    assert dock.sources.add.degradation.value().ratio == pytest.approx(3)
    dock.sources.add.kind.setCurrentIndex(2)
    assert dock.sources.add.alone.layer.name == "fine"
    dock.sources.add_chosen()
    idle(qtbot, dock.sources.runner)
    assert len(dock.sources.sources) == 2
    dock.sources.sample.setText("another part")  # a pair and a scan of one size only else
    dock.sources.sample.editingFinished.emit()
    dock.run()
    idle(qtbot, dock.runner)
    assert dock.runner.message.text().startswith("Trained")
    assert len(dock.live.snapshot.history) == TINY["epochs"]
    assert not dock.saving.isHidden()
    assert not unfinished()

    other = ModelChooser(scanned)
    qtbot.addWidget(other)
    dock.saving.name.setText("mine")
    dock.saving.title.setText("Of made-up rocks")
    dock.saving.own_button.click()
    assert "mine.safetensors" in dock.saving.notice.text()
    card = read_model(models / "mine.safetensors").card
    assert (card.title, card.licence) == ("Of made-up rocks", "CC0-1.0")
    assert {entry.name for entry in card.training} >= {"coarse", "fine"}
    other.choose("mine")
    assert other.card == card
    dock.saving.own_button.click()
    assert "already" in dock.saving.notice.text()
    dock.saving.name.setText("a/b")
    dock.saving.own_button.click()
    assert "cannot be the name" in dock.saving.notice.text()

    dock.saving.save_to(tmp_path / "elsewhere")
    other.choose(tmp_path / "elsewhere.safetensors")
    assert other.card is not None
    assert other.card.name == "elsewhere"
    dock.saving.save_history(tmp_path / "history.csv")
    assert tuple(read_table(tmp_path / "history.csv").columns) == TRAINING
    assert dock.live.save(tmp_path / "curves.png", dock.saving.trained.history, {})[0].exists()


def test_cancelled_it_keeps_the_best_and_goes_on_in_another_dock(
    scanned: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    dock = with_pair(dock_of(scanned, qtbot, models, write_tiny_model, epochs=300), qtbot)
    dock.run()
    qtbot.waitUntil(lambda: dock.live.snapshot is not None, timeout=_LONG_MS)
    dock.runner.cancel()
    idle(qtbot, dock.runner)
    assert "Cancelled" in dock.runner.message.text()
    trained = dock.saving.trained
    assert trained.stopped == "cancelled"
    assert 0 < trained.best_epoch <= len(trained.history) < 300
    assert dock.unfinished.folder == unfinished()[0]
    assert "rounds done" in dock.unfinished.words.text()

    again = dock_of(scanned, qtbot, models, write_tiny_model)
    assert again.saving.trained is trained  # not lost with the dock
    again.sources.put([])
    again.unfinished.go_on_button.click()
    n = len(trained.history)
    qtbot.waitUntil(
        lambda: again.live.snapshot is not None and len(again.live.snapshot.history) > n,
        timeout=_LONG_MS,
    )
    again.runner.cancel()
    idle(qtbot, again.runner)
    history = again.saving.trained.history
    assert list(history["epoch"]) == list(range(1, len(history) + 1))
    assert history.iloc[:n].equals(trained.history)  # the rounds before are not run again
    assert len(again.sources.sources) == 1
    assert again.form.settings.value().epochs == 300

    del scanned.layers["coarse"]
    again.sources.put([])
    again.unfinished.go_on_button.click()
    assert "“coarse” is not open" in again.runner.message.text()
    again.unfinished.forget_button.click()
    assert not unfinished()


def test_what_cannot_be_trained_is_said(
    scanned: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write, tmp_path: Path
) -> None:
    dock = dock_of(scanned, qtbot, models, write_tiny_model, patch=96)
    dock.run()
    assert "list" in dock.runner.message.text()
    with_pair(dock, qtbot)
    dock.run()
    idle(qtbot, dock.runner)
    assert "too small" in dock.runner.message.text()
    assert dock.saving.isHidden()
    assert not unfinished()
    dock.go_on(tmp_path)
    assert "holds no training" in dock.runner.message.text()
    dock.sources.add.low.choose(scanned.layers["fine"])
    dock.sources.add_chosen()
    assert "twice" in dock.sources.runner.message.text()
    scanned.layers.clear()
    dock.sources.add_chosen()
    assert "Open a low-" in dock.sources.runner.message.text()


def test_what_the_preset_decides_is_shown(
    viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    dock = dock_of(viewer, qtbot, models, write_tiny_model)
    form = dock.form.settings
    form.set_value(TrainSettings(preset="paper", epochs=5))
    batch, epochs = form.rows["batch"], form.rows["epochs"]
    assert batch.value() is None
    assert batch.editor.value() == PRESETS["paper"]["batch"]
    assert not batch.editor.isEnabled()
    assert epochs.value() == epochs.editor.value() == 5
    dock.form.reset()
    assert form.value() == TrainSettings(preset="paper")
    assert epochs.editor.value() == PRESETS["paper"]["epochs"]


def test_closed_while_it_trains_it_can_be_gone_on_with(
    scanned: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    dock = TrainDock(scanned)
    write_tiny_model(models / "tiny.safetensors")
    dock.form.start.refresh()
    dock.form.start.choose("tiny")
    dock.form.settings.set_value(TrainSettings(**{**TINY, "epochs": 300}))
    with_pair(dock, qtbot)
    dock.run()
    qtbot.waitUntil(lambda: dock.live.snapshot is not None, timeout=_LONG_MS)
    thread = dock.runner._thread
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    scanned.layers.clear()
    thread.join(_LONG_MS / 1000)
    assert not thread.is_alive()
    assert len(unfinished()) == 1


@pytest.mark.viewer
def test_a_person_trains_in_a_window(
    make_napari_viewer: Any, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    viewer = make_napari_viewer(show=True)
    write_tiny_model(models / "tiny.safetensors")
    for volume in scans():
        add_volume(viewer, volume)
    _, dock = viewer.window.add_plugin_dock_widget("napari-battery", "Train super-resolution")
    dock.form.start.choose("tiny")
    dock.form.settings.set_value(TrainSettings(**TINY))
    dock.sources.runner.run_button.click()
    idle(qtbot, dock.sources.runner)
    dock.runner.run_button.click()
    idle(qtbot, dock.runner)
    assert dock.live.curves.isVisible()
    assert dock.live.patch.isVisible()
    assert len(dock.live.curves.figure.axes) == 4
    picture = np.asarray(dock.live.patch.figure.canvas.buffer_rgba())[..., :3]
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50  # three patches in grey levels
    dock.saving.name.setText("mine")
    dock.saving.own_button.click()
    assert (models / "mine.safetensors").exists()
