"""The Segment phases dock in a real window: levels dragged with the mouse, then a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from scipy import ndimage

from napari_battery.widgets.layers import KEY
from napari_battery.widgets.phases_dock import PhasesDock

pytestmark = pytest.mark.viewer

RNG = np.random.default_rng(4)
SHAPE = (12, 60, 60)


def blobs() -> np.ndarray:
    smooth = ndimage.gaussian_filter(RNG.normal(size=SHAPE), 4)
    data = np.where(smooth > 0, 170, 80) + RNG.normal(0, 6, SHAPE)
    return data.clip(0, 255).astype(np.uint8)


def test_drag_preview_run_and_go_on(make_napari_viewer_proxy: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    image = viewer.add_image(blobs(), name="blobs", scale=(0.3,) * 3, units="um")
    dock = PhasesDock(viewer)
    viewer.window.add_dock_widget(dock, name="Segment phases", area="right")
    histogram = dock.look.histogram
    qtbot.waitUntil(lambda: len(histogram.markers) == 1, timeout=20_000)
    qtbot.waitUntil(lambda: dock.look.overlay.layer is not None, timeout=20_000)

    x, y = round(histogram.x_of(histogram.markers[0])), histogram.height() // 2
    bar = round(histogram.x_of(150))
    qtbot.mousePress(histogram, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
    for step in np.linspace(x, bar, 5)[1:]:
        qtbot.mouseMove(histogram, QPoint(round(step), y))
    qtbot.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=QPoint(bar, y))
    settings = dock.form.value()
    assert settings.method == "manual"
    # a pixel of the histogram is less than two grey levels
    assert settings.level_1 == pytest.approx(150, abs=2)

    # drawn on the screen: the canvas shows the colour of the active material
    def tinted() -> bool:
        picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
        return bool(((picture[..., 0] - picture[..., 2]) > 40).mean() > 0.1)

    qtbot.waitUntil(tinted, timeout=20_000)
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    made = viewer.layers["Phases of blobs"]
    assert made.metadata[KEY]["phases"] == {"pore": 0, "active": 1}
    assert set(np.unique(made.data)) == {0, 1}
    assert made.units == image.units
    qtbot.waitUntil(tinted, timeout=20_000)

    dock.next_button.click()
    opened = [w for w in viewer.window.dock_widgets if w.startswith("Label particles")]
    assert len(opened) == 1
    label_dock = viewer.window.dock_widgets[opened[0]]
    assert label_dock.input.layer.name == made.name
    assert label_dock.input.phase.currentData() == 1  # the active material

    dock.look.box.setChecked(True)
    viewer.window.remove_dock_widget(dock)  # closed while a preview is made
    qtbot.wait(200)
    assert [layer.name for layer in viewer.layers] == ["blobs", "Phases of blobs"]
