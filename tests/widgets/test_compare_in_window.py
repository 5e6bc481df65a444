"""The dock in a real window: it opens from the menu's command, measures and draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.opening import open_dock

pytestmark = pytest.mark.viewer


def test_two_segmentations_are_compared(make_napari_viewer: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer(show=True)
    for name, share in (("pristine", 12), ("cycled", 6)):
        data = np.zeros((24, 24, 24), np.uint8)
        data[:share] = 1
        add_volume(viewer, Volume(data, (0.5,) * 3, name=name), labels=True)
    dock = open_dock(viewer, "Compare microstructures")
    qtbot.waitUntil(lambda: dock.phases.codes == {"pore": 0, "active": 1})
    dock.metrics.tick(["volume_fractions"])
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    figure = dock.result.figures.canvas.figure
    heights = sorted(bar.get_height() for bar in figure.axes[0].patches)
    assert heights == pytest.approx([0.25, 0.5, 0.5, 0.75])
    dock.result.buttons["Results table"].click()
    table = open_dock(viewer, "Results table")
    assert table.page is table.microstructure
    assert table.page.view.table.n_all > 0
