"""A real window: a click on a particle on the screen finds its row, and back."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_battery.volume import Volume
from napari_battery.widgets.highlight import NAME
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.radial_dock import RadialDock
from napari_battery.widgets.session import Session
from napari_battery.widgets.table_dock import TableDock

pytestmark = pytest.mark.viewer

LEFT, RIGHT, DEEP = 11, 80_000, 5


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    data = np.zeros((20, 40, 60), np.int32)
    data[2:12, 5:20, 5:20] = LEFT
    data[4:9, 22:36, 30:55] = RIGHT
    data[14:19, 5:20, 5:20] = DEEP
    grey = np.random.default_rng(0).integers(0, 255, data.shape, np.uint8)
    image = Volume(grey, (0.65, 0.325, 0.325), (5, -3, 2), name="scan")
    add_volume(viewer, image)
    add_volume(viewer, image.like(data, "P"), labels=True)
    return viewer


@pytest.fixture
def docks(viewer, qtbot):
    radial, table = RadialDock(viewer), TableDock(viewer)
    viewer.window.add_dock_widget(radial, name="radial")
    viewer.window.add_dock_widget(table, name="table")
    radial.run()
    qtbot.waitUntil(lambda: not radial.runner.busy, timeout=30_000)
    qtbot.wait(200)
    return radial, table


def canvas(viewer):
    """The canvas as Qt knows it."""
    return next(
        widget
        for widget in viewer.window._qt_window.findChildren(object)
        if "CanvasBackend" in type(widget).__name__
    )


def on_screen(viewer, world):
    """Canvas position of a world position, from the camera alone (3-D: not turned)."""
    camera, widget = viewer.scene.camera, canvas(viewer)
    away = (np.array(world) - camera.center)[-2:]
    return np.array([widget.width(), widget.height()]) / 2 + away[::-1] * camera.zoom


def click(viewer, qtbot, position, modifier=Qt.KeyboardModifier.NoModifier, drag=(0, 0)):
    widget = canvas(viewer)
    start = QPointF(*map(float, position))
    end = QPointF(start.x() + drag[0], start.y() + drag[1])
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    for kind, at, button, buttons in (
        (QMouseEvent.Type.MouseMove, start, none, none),
        (QMouseEvent.Type.MouseButtonPress, start, left, left),
        (QMouseEvent.Type.MouseMove, end, none, left),
        (QMouseEvent.Type.MouseButtonRelease, end, left, none),
    ):
        globally = QPointF(widget.mapToGlobal(at.toPoint()))
        QApplication.sendEvent(widget, QMouseEvent(kind, at, globally, button, buttons, modifier))
        qtbot.wait(20)


def highlighted(viewer, label):
    layer = viewer.layers[NAME]
    return layer.visible and bool(layer.get_color(label)[3])


def test_click_a_particle_and_find_its_row(viewer, docks, qtbot):
    _, table = docks
    session, labels = Session.of(viewer), viewer.layers["P"]
    viewer.layers.selection.active = viewer.layers["scan"]  # the labels are not the active layer
    viewer.dims.set_point(0, labels.data_to_world((6, 0, 0))[0])

    click(viewer, qtbot, on_screen(viewer, labels.data_to_world((6, 30, 40))))
    assert session.selection == (RIGHT,)
    rows = table.particles.view.picked_rows()
    assert table.particles.view.table.labels(rows).tolist() == [RIGHT]
    assert highlighted(viewer, RIGHT)
    assert not highlighted(viewer, LEFT)
    assert viewer.layers.selection.active is viewer.layers["scan"]

    control = Qt.KeyboardModifier.ControlModifier
    click(viewer, qtbot, on_screen(viewer, labels.data_to_world((6, 10, 10))), control)
    assert session.selection == (RIGHT, LEFT)
    assert len(table.particles.view.picked_rows()) == 2

    # a drag moves the picture, and picks nothing
    click(viewer, qtbot, on_screen(viewer, labels.data_to_world((6, 10, 10))), drag=(60, 0))
    assert session.selection == (RIGHT, LEFT)

    click(viewer, qtbot, on_screen(viewer, labels.data_to_world((6, 2, 2))))
    assert session.selection == ()
    assert not viewer.layers[NAME].visible

    viewer.layers.selection.active = labels
    labels.mode = "paint"
    labels.selected_label = LEFT
    click(viewer, qtbot, on_screen(viewer, labels.data_to_world((6, 10, 10))))
    assert session.selection == ()  # painting is no picking


def test_click_a_particle_in_three_dimensions(viewer, docks, qtbot):
    _, table = docks
    session, labels = Session.of(viewer), viewer.layers["P"]
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    qtbot.wait(100)
    # one lies behind the other; which one depends on napari's handedness
    front = LEFT if viewer.scene.camera.view_direction[0] > 0 else DEEP
    click(viewer, qtbot, on_screen(viewer, labels.data_to_world((2, 12, 12))))
    assert session.selection == (front,)
    rows = table.particles.view.picked_rows()
    assert table.particles.view.table.labels(rows).tolist() == [front]
    assert highlighted(viewer, front)
    click(viewer, qtbot, on_screen(viewer, labels.data_to_world((4, 29, 42))))
    assert session.selection == (RIGHT,)


def test_a_row_brings_the_view_to_its_particle(viewer, docks, qtbot):
    _, table = docks
    labels = viewer.layers["P"]
    view = table.particles.view
    view.selectRow(int(view.table.rows((DEEP,))[0]))
    qtbot.wait(50)
    assert viewer.dims.point[0] == pytest.approx(labels.data_to_world((16, 0, 0))[0])
    middle = canvas(viewer)
    position = np.array([middle.width() / 2, middle.height() / 2])
    drawn = viewer.screenshot(canvas_only=True, flash=False)
    yellow = (drawn[..., 0] > 230) & (drawn[..., 1] > 180) & (drawn[..., 2] < 60)
    ys, xs = np.nonzero(yellow)
    # the bright outline lies round the middle of the canvas
    ratio = drawn.shape[1] / middle.width()
    assert abs(xs.mean() - position[0] * ratio) < 20
    assert abs(ys.mean() - position[1] * ratio) < 20


def test_everything_may_be_closed_in_any_order(viewer, docks, qtbot):
    radial, table = docks
    session = Session.of(viewer)
    session.select((LEFT,), None)
    radial.run()
    viewer.layers.remove("P")
    qtbot.waitUntil(lambda: not radial.runner.busy, timeout=30_000)
    viewer.window.remove_dock_widget(table)
    session.select((RIGHT,), None)
    viewer.window.remove_dock_widget(radial)
    viewer.layers.clear()
    qtbot.wait(50)
    assert session.analyses
