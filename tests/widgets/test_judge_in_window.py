"""Judging the sandstone sample in a real window: numbers in the table, pictures in the grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_battery.superres.judge_table import MATCHED
from napari_battery.widgets.opening import open_dock

pytestmark = pytest.mark.viewer


def test_a_model_is_judged_on_the_sandstone(
    make_napari_viewer: Any, qtbot: QtBot, models: Path, write_tiny_model: Callable[..., Path]
) -> None:
    write_tiny_model(models / "tiny.safetensors", scale=0.02)
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.open_sample("napari-battery", "sandstone")
    high, low = viewer.layers
    dock = open_dock(viewer, "Judge super-resolution")
    assert (dock.pair.low.layer, dock.pair.high.layer) == (low, high)
    dock.where.mode.setCurrentIndex(2)  # a box: fewer voxels
    dock.where.editor.set_box(((0, 90), (0, 135), (0, 90)))
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=240_000)
    tree = dock.table.tree
    rows = [tree.topLevelItem(i) for i in range(tree.topLevelItemCount())]
    assert [row.text(0) for row in rows] == ["cubic", MATCHED, "tiny"]
    means = [float(row.text(1).split(" ")[0]) for row in rows]
    # hardly anything is added to cubic; whose own grey levels, of a wider spread, cost decibels
    assert means[0] < means[1] - 3
    assert means[2] == pytest.approx(means[1], abs=0.1)
    dock.show_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=240_000)
    qtbot.wait(500)
    first, last = viewer.layers["tiny"].extent.world  # centres of the outermost voxels
    assert first == pytest.approx(np.ones(3), abs=0.2)  # a tenth of a voxel of 2 µm
    assert last[:2] == pytest.approx([179, 269], abs=0.2)
    assert last[2] >= 179 - 0.2  # and what the network sees beyond the box
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    height, width = picture.shape[:2]
    cells = [
        picture[y : y + height // 2, x : x + width // 3]
        for y in (0, height // 2)
        for x in range(0, width - 2, width // 3)
    ]
    for cell in cells:
        middle = cell[
            cell.shape[0] // 3 : -cell.shape[0] // 3, cell.shape[1] // 4 : -cell.shape[1] // 4
        ]
        assert middle.std() > 10  # something is seen in each
    colourful = [(np.ptp(cell, axis=2) > 40).mean() for cell in cells]
    assert min(colourful[3:5]) > 0.02 > max(colourful[:3])
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    before = picture
    camera.zoom *= 1.5
    qtbot.wait(300)
    after = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    moved = np.abs(after - before).max(axis=2) > 20
    for y in (slice(0, height // 2), slice(height // 2, None)):
        for x in range(3):
            part = moved[y, x * width // 3 : (x + 1) * width // 3]
            assert part.mean() > 0.02  # all cells go along
    dock.hide_button.click()
    assert [layer.visible for layer in viewer.layers] == [True, True]
