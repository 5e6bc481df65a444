"""A real window: the picture is the image on the left of a line that the mouse moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_battery.volume import Volume
from napari_battery.widgets.filter_dock import FilterDock
from napari_battery.widgets.layers import add_volume

pytestmark = pytest.mark.viewer

RNG = np.random.default_rng(0)
DATA = RNG.integers(0, 256, (4, 60, 80)).astype(np.uint8)


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 850)
    turned = np.eye(4)
    turned[1:3, 1:3] = [[0, 1], [-1, 0]]  # a quarter: y runs across the screen
    image = Volume(DATA, (1.0, 0.5, 0.5), (5, -3, 2), affine=turned, name="scan")
    add_volume(viewer, image, contrast_limits=(0, 255))
    return viewer


def canvas(viewer: Any) -> Any:
    """The canvas as Qt knows it."""
    return next(
        widget
        for widget in viewer.window._qt_window.findChildren(object)
        if "CanvasBackend" in type(widget).__name__
    )


def on_screen(viewer: Any, world: Any) -> np.ndarray:
    camera, widget = viewer.scene.camera, canvas(viewer)
    away = (np.array(world) - camera.center)[-2:]
    return np.array([widget.width(), widget.height()]) / 2 + away[::-1] * camera.zoom


def drag(viewer: Any, qtbot: Any, start: Any, end: Any) -> None:
    widget = canvas(viewer)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    middle = (np.array(start) + end) / 2
    for kind, at, button, buttons in (
        (QMouseEvent.Type.MouseMove, start, none, none),
        (QMouseEvent.Type.MouseButtonPress, start, left, left),
        (QMouseEvent.Type.MouseMove, middle, none, left),
        (QMouseEvent.Type.MouseMove, end, none, left),
        (QMouseEvent.Type.MouseButtonRelease, end, left, none),
    ):
        point = QPointF(*map(float, at))
        globally = QPointF(widget.mapToGlobal(point.toPoint()))
        modifiers = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(
            widget, QMouseEvent(kind, point, globally, button, buttons, modifiers)
        )
        qtbot.wait(30)


def test_the_line_is_dragged_over_the_canvas(viewer: Any, qtbot: Any) -> None:
    viewer.reset_view()
    qtbot.wait(200)
    dock = FilterDock(viewer)
    dock.choice.choose("gaussian")
    dock.choice.form.rows["sigma"].set_value(5)
    shown = viewer.window.add_dock_widget(dock, name="Filter image", area="right")
    qtbot.waitUntil(lambda: dock.swipe.line is not None, timeout=30_000)
    qtbot.wait(500)  # the canvas has taken its new width
    shown.setMinimumWidth(shown.width())
    viewer.reset_view()
    qtbot.wait(200)
    centre = tuple(viewer.scene.camera.center)
    start, along = dock.swipe.line.data[0]
    line = on_screen(viewer, dock.swipe.line.data_to_world(start + along / 2))
    end = line + np.array([120, 10])
    drag(viewer, qtbot, line, end)
    qtbot.wait(200)
    assert tuple(viewer.scene.camera.center) == centre  # the picture did not go along
    assert dock.divider.value() == round(1000 * dock.swipe.fraction) > 500

    def picture() -> np.ndarray:
        image = viewer.screenshot(flash=False, size=None, scale=None)
        return np.asarray(image)[..., :3].astype(float).mean(axis=2)

    before_after = picture()
    scale = before_after.shape[1] / canvas(viewer).width()
    dock.mode.setCurrentIndex(dock.mode.findData("off"))
    qtbot.wait(200)
    plain = picture()
    # inside the image, on either side of where the mouse let go; the line snaps to a voxel
    x, (y0, y1) = end[0] * scale, (np.array([-60, 60]) + line[1]) * scale
    rows, near = slice(int(y0), int(y1)), 15 * scale
    left = (rows, slice(int(x - 8 * near), int(x - near)))
    right = (rows, slice(int(x + near), int(x + 4 * near)))
    np.testing.assert_array_equal(before_after[left], plain[left])
    assert plain[right].std() > 40  # even noise over all grey levels
    assert before_after[right].std() < 15  # smoothed
    # dragged elsewhere the picture moves
    drag(viewer, qtbot, line, line + np.array([60, 0]))
    assert tuple(viewer.scene.camera.center) != centre
    dock.mode.setCurrentIndex(dock.mode.findData("slice"))
    qtbot.waitUntil(lambda: dock.swipe.line is not None, timeout=30_000)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: [layer.name for layer in viewer.layers] == ["scan"])
    viewer.add_image(DATA)  # napari may crash where a layer of lines was removed
    qtbot.wait(100)
