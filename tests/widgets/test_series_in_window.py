"""Aligning states in a real window: seen, undone, and nothing left behind by a closed dock."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from scipy import ndimage

from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, is_overlay
from napari_battery.widgets.series_dock import SeriesDock

pytestmark = pytest.mark.viewer

SHAPE = (32, 64, 64)
SHIFT = np.array([2.0, -5.5, 4.25])  # voxels
VOXEL_UM = 0.5


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 850)
    rng = np.random.default_rng(1)
    wide = ndimage.gaussian_filter(rng.normal(size=[n + 24 for n in SHAPE]), 2.0)
    wide = (100 + 40 * wide / wide.std()).astype(np.float32)
    for name, offset in (("pristine", np.zeros(3)), ("charged", -SHIFT)):
        grey = ndimage.affine_transform(wide, np.eye(3), offset + 12, SHAPE, order=3)
        grey = (grey + rng.normal(0, 4, SHAPE)).astype(np.float32)
        metadata = {"state": name}
        volume = Volume(grey, (VOXEL_UM,) * 3, name=f"scan {name}", metadata=metadata)
        add_volume(viewer, volume, contrast_limits=(0, 200))
    return viewer


def difference(viewer) -> float:
    """Mean absolute difference on the screen between the red and the green of a blend."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float)
    middle = picture[picture.shape[0] // 3 : -picture.shape[0] // 3]
    middle = middle[:, middle.shape[1] // 3 : -middle.shape[1] // 3]
    return float(np.abs(middle[..., 0] - middle[..., 1]).mean())


def test_states_agree_on_the_screen_and_undo_parts_them(viewer, qtbot: QtBot) -> None:
    dock = SeriesDock(viewer)
    viewer.window.add_dock_widget(dock, area="right")
    dock.overlay.mode.setCurrentIndex(dock.overlay.mode.findData("blend"))
    first, second = viewer.layers["scan pristine"], viewer.layers["scan charged"]
    qtbot.wait(100)
    dock.overlay.show_pair(first, second)
    with qtbot.waitSignal(dock.overlay.view.rested, timeout=20_000):
        pass
    apart = difference(viewer)

    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    found = second.affine.affine_matrix[:3, 3] / VOXEL_UM
    middle = (np.array(SHAPE) - 1) / 2
    moved = (second.affine.affine_matrix[:3, :3] @ (middle * VOXEL_UM)) / VOXEL_UM + found
    np.testing.assert_allclose(moved - middle, -SHIFT, atol=0.2)  # a fifth of a voxel is the aim

    with qtbot.waitSignal(dock.overlay.view.rested, timeout=20_000):
        dock.table.setCurrentItem(dock.table.topLevelItem(1))
    assert not second.visible  # the picture stands for it
    # half of what is left is noise of two scans
    assert difference(viewer) < 0.4 * apart

    dock.undo_button.click()
    np.testing.assert_array_equal(second.affine.affine_matrix, np.eye(4))
    assert second.visible
    assert not any(is_overlay(layer) for layer in viewer.layers)


def test_a_dock_closed_while_it_runs_changes_nothing(viewer, qtbot: QtBot) -> None:
    dock = SeriesDock(viewer)
    viewer.window.add_dock_widget(dock, area="right")
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    dock.run()
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: bool(gone))
    qtbot.waitUntil(
        lambda: not any(t.name == "napari-battery step" for t in threading.enumerate()),
        timeout=60_000,
    )
    for layer in viewer.layers:
        np.testing.assert_array_equal(layer.affine.affine_matrix, np.eye(4))
    viewer.layers.remove("scan charged")  # nothing answers to this any more
    viewer.layers.clear()
