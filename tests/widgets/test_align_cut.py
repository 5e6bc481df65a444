from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.progress import Progress
from napari_battery.registration import pairs as core
from napari_battery.registration.pair_files import read_pair
from napari_battery.samples import sandstone
from napari_battery.widgets.align_cut import PairPanel
from napari_battery.widgets.align_dock import AlignDock
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer


@pytest.fixture
def layers(viewer: ViewerModel) -> tuple[Any, Any]:
    low, high = sandstone()
    return add_volume(viewer, high, colormap="bone"), add_volume(viewer, low)


@pytest.fixture
def dock(viewer: ViewerModel, layers: Any, qtbot: QtBot) -> AlignDock:
    widget = AlignDock(viewer)
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def panel(dock: AlignDock) -> PairPanel:
    return dock.pair_panel


def wait(panel: PairPanel, qtbot: QtBot) -> str:
    qtbot.waitUntil(lambda: not panel.runner.busy, timeout=60_000)
    return str(panel.runner.message.text())


def test_a_pair_is_cut_mended_taken_back_and_saved(
    viewer: ViewerModel, dock: AlignDock, panel: PairPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    high, low = dock.fixed.layer, dock.moving.layer
    shift = np.eye(4)
    shift[:3, 3] = (0, 42, -60)  # whole low voxels: part of each lies outside the other
    dock.move(shift, "by hand")
    panel.run()
    assert "Made “Sandstone at 6 µm (real CT), low of a pair”" in wait(panel, qtbot)
    one, other = panel.layers
    assert one.data.shape == (30, 38, 130)
    assert other.data.shape == (90, 114, 390)
    assert other.colormap.name == high.colormap.name == "bone"
    assert not one.visible
    figures = one.metadata[KEY]["scan_pair"]
    assert figures["role"] == "low"
    assert figures["residual_voxels"] > 1
    assert one.metadata[KEY]["made"]["step"] == "pair"
    assert "high-resolution voxels" in panel.words.text()
    assert "mend the pair, or align again" in panel.notes.text()
    # where its voxels lay in the stack
    there = np.asarray(low.data)[:, 0:38, 10:140]
    np.testing.assert_array_equal(np.asarray(one.data), there)

    dock.undo.undo()  # the stack goes back where it was, the pair stays as it was cut
    place = np.array(one.affine.affine_matrix)
    assert np.array_equal(low.affine.affine_matrix, np.eye(4))

    dock.moving.choose(low)
    panel.run()
    wait(panel, qtbot)
    one, other = panel.layers
    before = panel.pair
    assert before is not None
    place = np.array(one.affine.affine_matrix)
    panel.mend()
    assert "Correlation 0.9" in wait(panel, qtbot)
    assert panel.pair is not None
    # the correlation of the real pair rises once its known residual is taken out
    assert panel.pair.correlation > before.correlation + 0.005
    assert panel.pair.residual_voxels < 0.1
    assert one.metadata[KEY]["scan_pair"]["residual_voxels"] == panel.pair.residual_voxels
    assert volume_from_layer(one).same_grid(panel.pair.low)
    assert volume_from_layer(other).same_grid(panel.pair.high)
    assert np.array_equal(low.affine.affine_matrix, np.eye(4))
    panel.save(tmp_path / "pair")
    assert "Saved" in wait(panel, qtbot)
    read = read_pair(tmp_path / "pair")
    assert read.residual_voxels == panel.pair.residual_voxels
    np.testing.assert_array_equal(np.asarray(read.high.data), np.asarray(other.data))
    dock.undo.undo()
    assert np.array_equal(one.affine.affine_matrix, place)
    assert panel.pair is before
    assert one.metadata[KEY]["scan_pair"]["residual_voxels"] == before.residual_voxels


def test_what_makes_no_pair_is_said(
    viewer: ViewerModel, dock: AlignDock, panel: PairPanel, layers: Any, qtbot: QtBot
) -> None:
    high, low = layers
    dock.moving.choose(high)
    panel.run()
    assert "chosen as fixed and as moving" in panel.runner.message.text()
    dock.moving.choose(low)
    low.translate = (5000, 0, 0)
    panel.run()
    assert "do not overlap anywhere" in wait(panel, qtbot)
    for layer in layers:
        layer.units = "pixel"
    panel.run()
    assert "voxel size of “Sandstone" in panel.runner.message.text()
    assert len([x for x in viewer.layers if x.name != "Alignment"]) == 2


def test_a_pair_moved_meanwhile_cancelled_or_closed_leaves_nothing(
    viewer: ViewerModel,
    dock: AlignDock,
    panel: PairPanel,
    layers: Any,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, begun = threading.Event(), threading.Event()
    real = core.cut_to_overlap

    def held(low: Any, high: Any, progress: Progress) -> Any:
        begun.set()
        while not gate.wait(0.01):
            progress.advance(0)
        return real(low, high)

    monkeypatch.setattr(core, "cut_to_overlap", held)
    panel.run()
    assert begun.wait(10)
    panel.runner.cancel()
    assert "Cancelled" in wait(panel, qtbot)
    panel.run()
    layers[1].translate = (4, 3, 3)
    gate.set()
    assert "was moved or deleted meanwhile" in wait(panel, qtbot)
    gate.clear()
    begun.clear()
    dock.hide()
    closed = AlignDock(viewer)
    closed.pair_panel.run()
    assert begun.wait(10)
    with qtbot.waitSignal(closed.destroyed, timeout=10_000):
        closed.deleteLater()
    gate.set()
    assert list(viewer.layers) == list(layers)
