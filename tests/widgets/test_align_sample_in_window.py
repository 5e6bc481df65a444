"""A real window with the real pair of the samples: misaligned, aligned, undone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_battery.widgets.align_dock import AlignDock

pytestmark = pytest.mark.viewer


def turned_about_z(angle: float, shift_um: tuple[float, ...]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift_um
    return matrix


FAR = turned_about_z(0.07, (6.0, 20.0, -30.0))
NEAR = turned_about_z(-0.01, (-4.0, 5.0, 8.0))
LOW_UM, HIGH_UM = 6.0, 2.0


def align(dock: AlignDock, qtbot: Any) -> np.ndarray:
    qtbot.mouseClick(dock.runner.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    return np.array(dock.moving.layer.affine.affine_matrix)


def corner_um(matrix: np.ndarray) -> float:
    """How far a matrix brings the corners of the low-resolution stack, at most."""
    ends = [(0, n * LOW_UM) for n in (30, 45, 140)]
    corners = np.vstack([np.array(np.meshgrid(*ends)).reshape(3, -1), np.ones(8)])
    return float(np.linalg.norm(((matrix - np.eye(4)) @ corners)[:3], axis=0).max())


def test_the_real_pair_is_aligned_wherever_it_starts(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 850)
    high, low = viewer.open_sample("napari-battery", "sandstone")
    dock = AlignDock(viewer)
    viewer.window.add_dock_widget(dock, name="Align stacks", area="right")
    qtbot.waitUntil(lambda: dock.view.layer is not None, timeout=10_000)
    assert (dock.fixed.layer, dock.moving.layer) == (high, low)
    untouched = align(dock, qtbot)
    quality = dock.transform.transform.quality
    # the authors' registration leaves about a high-resolution voxel in z and in y
    assert HIGH_UM / 2 < corner_um(untouched) < 3 * HIGH_UM
    assert quality["correlation_after"] > quality["correlation_before"] + 0.005
    qtbot.mouseClick(dock.undo, Qt.MouseButton.LeftButton)
    assert np.array_equal(low.affine.affine_matrix, np.eye(4))

    for start, away in (("nothing", FAR), ("current", NEAR)):
        low.affine = away
        dock.start.setCurrentIndex(dock.start.findData(start))
        found = align(dock, qtbot)
        assert corner_um(found @ np.linalg.inv(untouched)) / HIGH_UM < 0.2
        qtbot.mouseClick(dock.undo, Qt.MouseButton.LeftButton)
        assert np.allclose(low.affine.affine_matrix, away, rtol=0, atol=1e-12)
