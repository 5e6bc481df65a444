"""A real window: misalign a pair, press Align, see it agree; undo returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_battery.volume import Volume
from napari_battery.widgets.align_dock import AlignDock
from napari_battery.widgets.layers import add_volume

pytestmark = pytest.mark.viewer

AWAY = np.eye(4)
AWAY[1:3, 1:3] = [[np.cos(0.06), -np.sin(0.06)], [np.sin(0.06), np.cos(0.06)]]
AWAY[:3, 3] = (-2.5, 6.0, -4.0)
VOXEL_UM = 0.8


@pytest.fixture
def stacks() -> tuple[np.ndarray, np.ndarray]:
    """Two scans of the same synthetic spheres, of different voxel sizes."""
    rng = np.random.default_rng(8)
    grid = np.indices((40, 56, 56))
    scan = np.zeros(grid.shape[1:])
    for _ in range(60):
        away = ((grid - (rng.uniform(0, grid.shape[1:]))[:, None, None, None]) ** 2).sum(0)
        scan[away < rng.uniform(3, 7) ** 2] = rng.uniform(90, 200)
    scan = gaussian_filter(scan, 0.8)
    places = np.indices((44, 60, 60)).reshape(3, -1) * VOXEL_UM
    other = map_coordinates(scan, places, order=1).reshape(44, 60, 60)
    noisy = [(data + rng.normal(0, 4, data.shape)).clip(0, 255) for data in (scan, other)]
    return noisy[0].astype(np.uint8), noisy[1].astype(np.uint8)


def test_a_misaligned_pair_is_aligned_and_undone(
    make_napari_viewer: Any, stacks: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 850)
    fixed = add_volume(viewer, Volume(stacks[0], (1.0,) * 3, name="low (synthetic)"))
    size = (VOXEL_UM,) * 3
    moving = add_volume(viewer, Volume(stacks[1], size, affine=AWAY, name="high (synthetic)"))
    dock = AlignDock(viewer)
    shown = viewer.window.add_dock_widget(dock, name="Align stacks", area="right")
    qtbot.waitUntil(lambda: dock.view.layer is not None, timeout=10_000)
    assert not moving.visible
    before = _coloured(dock.view.layer)
    steps: list[float] = []
    dock.view.layer.events.data.connect(lambda _: steps.append(float(dock.view.matrix[1, 3])))
    qtbot.mouseClick(dock.runner.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert steps  # it was seen to move
    corners = np.array(np.meshgrid(*[(0, n * VOXEL_UM) for n in (43, 59, 59)])).reshape(3, -1)
    corners = np.vstack([corners, np.ones(8)])
    # both stacks began where they agree
    apart = ((moving.affine.affine_matrix - np.eye(4)) @ corners)[:3]
    assert np.linalg.norm(apart, axis=0).max() / VOXEL_UM < 0.2
    qtbot.waitUntil(lambda: _coloured(dock.view.layer) < before / 2, timeout=10_000)
    qtbot.mouseClick(dock.undo, Qt.MouseButton.LeftButton)
    assert np.allclose(moving.affine.affine_matrix, AWAY, rtol=0, atol=1e-12)
    qtbot.waitUntil(lambda: _coloured(dock.view.layer) > before / 2, timeout=10_000)
    viewer.window.remove_dock_widget(shown)
    qtbot.waitUntil(lambda: moving.visible, timeout=10_000)
    assert list(viewer.layers) == [fixed, moving]


def _coloured(picture: Any) -> float:
    """Mean difference of the colours of both stacks: none where they agree."""
    data = np.asarray(picture.data)[0].astype(float)
    inside = data[10:-10, 10:-10]
    return float(np.abs(inside[..., 0] - inside[..., 1]).mean())
