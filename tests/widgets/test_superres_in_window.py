"""A real window: the sandstone sample is super-resolved by one click, and lies where it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_battery.widgets.opening import open_dock

pytestmark = pytest.mark.viewer

LONG = 120_000


def test_one_click_on_the_sandstone(
    make_napari_viewer: Any,
    qtbot: Any,
    models: Path,
    write_tiny_model: Callable[..., Path],
) -> None:
    write_tiny_model(models / "battery.safetensors", slices=3, scale=0.2)
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 850)
    viewer.open_sample("napari-battery", "sandstone")
    high, low = viewer.layers
    high.visible = False
    viewer.layers.selection = {low}
    viewer.dims.set_point(0, 90)
    dock = open_dock(viewer, "Super-resolve")
    assert dock.image.layer is low
    assert dock.model.card.name == "battery"
    qtbot.waitUntil(lambda: dock.look.swipe.layer is not None, timeout=LONG)
    qtbot.waitUntil(lambda: "90 × 135 × 420 voxels of 2 µm" in dock.size.text())
    shown = dock.look.swipe.layer
    assert shown.name == "Super-resolution preview"
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=LONG)
    made = viewer.layers[2]
    assert [one.name for one in viewer.layers] == [high.name, low.name, f"{low.name} battery"]
    # from outer face to outer face: on the image to a tenth of its voxel, as the finer scan
    shape = np.array(made.data.shape)
    assert tuple(shape) == high.data.shape
    for corner in (0 * shape, shape):
        at = np.asarray(made.data_to_world(corner - 0.5))
        np.testing.assert_allclose(at, low.data_to_world(corner / 3 - 0.5), atol=0.6)
        np.testing.assert_allclose(at, high.data_to_world(corner - 0.5), atol=1e-6)
    assert tuple(made.contrast_limits) == tuple(low.contrast_limits)
    assert made.colormap.name == low.colormap.name
    # the canvas shows much the same picture, only finer
    viewer.reset_view()
    qtbot.wait(200)
    pictures = []
    for visible in (True, False):
        made.visible = visible
        qtbot.wait(100)
        picture = np.asarray(viewer.screenshot(flash=False, size=None, scale=None), float)
        pictures.append(picture[..., :3].mean(axis=2))
    inside = pictures[1] > 0
    assert inside.mean() > 0.1
    # the same grains: a shift by a voxel of the image would bring this below 0.9
    assert np.corrcoef(pictures[0][inside], pictures[1][inside])[0, 1] > 0.93
    viewer.window.remove_dock_widget(dock)
