"""The Label particles dock in a real window: drag the threshold, try a box, run, look at stages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt

from napari_battery.samples import sand
from napari_battery.widgets.label_box_part import NAME as PARTICLES
from napari_battery.widgets.label_preview import NAME as TINT
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.slices import camera_of

pytestmark = pytest.mark.viewer


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_from_the_threshold_to_the_next_dock(make_napari_viewer: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 900)
    image = add_volume(viewer, sand())
    dock = open_dock(viewer, "Label particles")
    qtbot.waitUntil(lambda: {TINT, PARTICLES} <= set(names(viewer)), timeout=60_000)
    assert viewer.layers.selection.active is image
    first = dock.box.notice.text()

    histogram = dock.threshold.histogram
    middle = histogram.height() // 2
    x = [round(histogram.x_of(value)) for value in (histogram.markers[0], 120)]
    qtbot.mousePress(histogram, Qt.MouseButton.LeftButton, pos=QPoint(x[0], middle))
    qtbot.mouseMove(histogram, QPoint(x[1], middle))
    qtbot.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=QPoint(x[1], middle))
    settings = dock.form.value()
    assert settings.threshold == "manual"
    assert settings.manual_threshold == pytest.approx(120, abs=2)  # a pixel is about a level
    qtbot.waitUntil(
        lambda: "Preview, a box" in dock.box.notice.text() and dock.box.notice.text() != first,
        timeout=60_000,
    )

    qtbot.mouseClick(dock.reset_button, Qt.MouseButton.LeftButton)
    assert dock.form.value().threshold == "otsu"
    qtbot.mouseClick(dock.runner.run_button, Qt.MouseButton.LeftButton)
    assert not dock.stage_button.isEnabled()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    assert names(viewer) == [image.name, f"Particles of {image.name}"]
    labels = viewer.layers[-1]
    assert viewer.layers.selection.active is labels
    assert f"{int(labels.data.max())} particles" in dock.runner.message.text()
    assert "assumed" in dock.runner.message.text()
    assert labels.units == image.units

    dock.form.rows["marker_depth"].set_value(1.0)
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    assert "Recomputed from" in dock.runner.message.text()
    assert viewer.layers[-1].data.max() < labels.data.max()
    for name in ("mask", "distance", "markers"):
        dock.show_stage(name)
        np.testing.assert_allclose(viewer.layers[-1].scale, image.scale)
    assert len(viewer.layers["Sand (real CT) markers"].data) == viewer.layers[2].data.max()

    assert dock.result.isVisible()
    radial = open_dock(viewer, "Radial analysis", to_front=False)
    qtbot.mouseClick(dock.result.next_button, Qt.MouseButton.LeftButton)
    assert radial.isVisibleTo(radial.window())
    for layer in list(viewer.layers)[::-1]:
        viewer.layers.remove(layer)
    assert dock.stage_button.offered() == []


def test_it_is_readable_in_a_narrow_dock(make_napari_viewer: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer(show=True)
    add_volume(viewer, sand())
    dock = open_dock(viewer, "Label particles")
    for section in dock.settings.sections.values():
        section.open()
    for unit in ("voxels", "um"):
        dock.form.rows["length_unit"].set_value(unit)
        assert dock._scroll.widget().minimumSizeHint().width() <= 320


def test_closing_it_while_the_box_is_labelled(make_napari_viewer: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer(show=True)
    image = add_volume(viewer, sand())
    dock = open_dock(viewer, "Label particles")
    dock.box._look()
    dock.run()
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    viewer.window.remove_dock_widget("all")
    qtbot.waitUntil(lambda: bool(gone))
    viewer.dims.current_step = (3, 0, 0)
    camera_of(viewer).zoom *= 2
    image.data = np.zeros_like(image.data)
    qtbot.wait(100)
    assert names(viewer) == [image.name]
