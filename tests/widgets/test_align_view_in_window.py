"""A real window: what is seen while a pair is aligned, and the mouse that moves it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_battery.widgets.align_hand import HandMode
from napari_battery.widgets.align_landmarks import Landmarks
from napari_battery.widgets.align_view import AlignView
from napari_battery.widgets.slices import camera_of

pytestmark = pytest.mark.viewer

_, Y, X = np.indices((5, 60, 60))
TILES = ((X // 10 + Y // 10) % 2).astype(np.float32)


class Window:
    """A window with a pair of stacks, the moving one 5 µm off to the right."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.qtbot, self.dock = viewer, qtbot, QWidget()
        viewer.window.resize(1000, 700)
        viewer.window.add_dock_widget(self.dock, name="Align", area="right")
        layer = {"units": "um", "contrast_limits": (0, 1)}
        self.fixed = viewer.add_image(TILES, **layer)
        self.moving = viewer.add_image(TILES, translate=(0, 0, 5), **layer)
        self.view = AlignView(self.dock, viewer)
        self.landmarks = Landmarks(self.dock, viewer, self.view)
        self.hand = HandMode(self.dock, viewer)
        self.hand.moved.connect(self.view.set_matrix)
        self.view.show(self.fixed, self.moving)
        qtbot.wait(300)
        viewer.reset_view()
        qtbot.wait(200)

    def coloured(self) -> int:
        """Pixels of the canvas that are clearly magenta or green."""
        self.qtbot.wait(400)  # until the picture rests
        seen = self.viewer.screenshot(flash=False)[..., :3].astype(int)
        return int((np.abs(seen[..., 1] - seen[..., 0]) > 100).sum())

    @property
    def canvas(self) -> Any:
        """The canvas as Qt knows it."""
        return next(
            widget
            for widget in self.viewer.window._qt_window.findChildren(object)
            if "CanvasBackend" in type(widget).__name__
        )

    def drag(self, start: Any, away: Any, modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Drag from a place on the screen."""
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        start, away = np.array(start, float), np.array(away, float)
        for kind, part, button, buttons in (
            (QMouseEvent.Type.MouseMove, 0, none, none),
            (QMouseEvent.Type.MouseButtonPress, 0, left, left),
            (QMouseEvent.Type.MouseMove, 0.5, none, left),
            (QMouseEvent.Type.MouseMove, 1, none, left),
            (QMouseEvent.Type.MouseButtonRelease, 1, left, none),
        ):
            point = QPointF(*map(float, start + part * away))
            globally = QPointF(self.canvas.mapToGlobal(point.toPoint()))
            event = QMouseEvent(kind, point, globally, button, buttons, modifiers)
            QApplication.sendEvent(self.canvas, event)
            self.qtbot.wait(30)


@pytest.fixture
def window(make_napari_viewer: Any, qtbot: Any) -> Window:
    return Window(make_napari_viewer(show=True), qtbot)


def test_both_stacks_come_together_in_every_comparison(window: Window) -> None:
    apart = window.coloured()
    window.view.set_matrix(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -5], [0, 0, 0, 1.0]]))
    together = window.coloured()
    # half of all tiles' areas were coloured
    assert apart > 20_000
    assert together < apart / 50
    for mode in ("checkerboard", "swipe", "difference", "moving"):
        window.view.set_mode(mode)
        assert window.coloured() < apart / 20  # the divider has a colour
    window.view.set_mode("blend")
    window.landmarks.start(window.fixed, window.moving, window.view.matrix)
    for place in ((2, 20, 20), (2, 40, 30)):
        window.landmarks.add_pair()
        assert window.landmarks.take_click(place)
        assert window.landmarks.take_click(place)
    assert window.coloured() > together  # rings and numbers
    window.viewer.dims.ndisplay = 3
    window.qtbot.wait(50)
    window.viewer.dims.ndisplay = 2
    window.qtbot.wait(50)
    window.viewer.layers.clear()
    window.qtbot.wait(50)


def test_the_mouse_moves_turns_and_pans(window: Window) -> None:
    viewer, hand = window.viewer, window.hand
    hand.start(window.fixed, window.moving)
    camera = camera_of(viewer)
    centre, zoom = tuple(camera.center), camera.zoom
    middle = (window.canvas.width() / 2, window.canvas.height() / 2)
    window.drag(middle, (-40, 20))
    assert tuple(camera.center) == centre  # the picture did not go along
    # to a pixel of the screen
    np.testing.assert_allclose(hand.matrix[:3, 3], (0, 20 / zoom, -40 / zoom), atol=1 / zoom)
    before = hand.matrix
    side = (middle[0] + 100, middle[1])
    window.drag(side, (0, 100), Qt.KeyboardModifier.ShiftModifier)
    turn = hand.matrix @ np.linalg.inv(before)
    # from right of the middle to below right of it: 45°, to two pixels of 100
    np.testing.assert_allclose(turn[1, 2], np.sqrt(0.5), atol=0.02)
    before = hand.matrix
    window.drag(middle, (60, 0), Qt.KeyboardModifier.ControlModifier)
    np.testing.assert_array_equal(hand.matrix, before)
    np.testing.assert_allclose(camera.center[-1] - centre[-1], -60 / zoom, atol=1.5 / zoom)
    hand.stop()
    panned = tuple(camera.center)
    window.drag(middle, (60, 0))
    assert tuple(camera.center) != panned  # napari's own again


def test_clicks_place_landmarks_and_drags_do_not(window: Window) -> None:
    window.landmarks.start(window.fixed, window.moving)
    window.hand.start(window.fixed, window.moving)  # it waits while landmarks are placed
    window.landmarks.add_pair()
    middle = (window.canvas.width() / 2, window.canvas.height() / 2)
    window.drag(middle, (50, 0))
    assert not window.landmarks.half
    window.drag(middle, (0, 0))
    assert window.landmarks.half == [1]
    window.drag(middle, (0, 0))
    fixed, moving = window.landmarks.points()
    np.testing.assert_allclose(fixed, moving)
    np.testing.assert_array_equal(window.hand.matrix, np.eye(4))
    window.drag(middle, (50, 0))
    assert window.hand.matrix[2, 3] > 0
