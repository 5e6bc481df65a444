"""A real window: click two particles, merge them by key, and see the table follow."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_battery.volume import Volume
from napari_battery.widgets.edit_dock import EditDock
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.radial_dock import RadialDock
from napari_battery.widgets.seen import dock_of
from napari_battery.widgets.session import Session
from napari_battery.widgets.table_dock import TableDock

pytestmark = pytest.mark.viewer

LEFT, RIGHT, DEEP = 11, 80_000, 5
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 850)
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
    radial, table, edit = RadialDock(viewer), TableDock(viewer), EditDock(viewer)
    viewer.window.add_dock_widget(radial, name="radial")
    viewer.window.add_dock_widget(table, name="table")
    radial.run()
    qtbot.waitUntil(lambda: not radial.runner.busy, timeout=30_000)
    viewer.window.add_dock_widget(edit, name="edit")
    qtbot.waitUntil(lambda: edit.ready, timeout=20_000)
    qtbot.wait(200)
    return table, edit


def canvas(viewer):
    """The canvas as Qt knows it."""
    return next(
        widget
        for widget in viewer.window._qt_window.findChildren(object)
        if "CanvasBackend" in type(widget).__name__
    )


def click(viewer, qtbot, voxel, modifier=Qt.KeyboardModifier.NoModifier):
    widget, camera = canvas(viewer), viewer.scene.camera
    away = (np.array(viewer.layers["P"].data_to_world(voxel)) - camera.center)[-2:]
    at = QPointF(widget.width() / 2, widget.height() / 2)
    at += QPointF(away[1] * camera.zoom, away[0] * camera.zoom)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    for kind, button, buttons in (
        (QMouseEvent.Type.MouseMove, none, none),
        (QMouseEvent.Type.MouseButtonPress, left, left),
        (QMouseEvent.Type.MouseButtonRelease, left, none),
    ):
        globally = QPointF(widget.mapToGlobal(at.toPoint()))
        QApplication.sendEvent(widget, QMouseEvent(kind, at, globally, button, buttons, modifier))
        qtbot.wait(20)


def settle(edit, qtbot):
    qtbot.waitUntil(lambda: not (edit.runner.busy or edit._following.busy), timeout=20_000)
    qtbot.wait(50)


def rows(table):
    shown = table.particles.view.table.whole()
    return dict(zip(shown["label"], shown["volume_voxels"], strict=True))


def picked_rows(table):
    view = table.particles.view
    return view.table.labels(view.picked_rows()).tolist()


def test_click_merge_undo_split_and_paint(viewer, docks, qtbot):
    table, edit = docks
    session, labels = Session.of(viewer), viewer.layers["P"]
    viewer.layers.selection.active = viewer.layers["scan"]  # keys work whatever is active
    viewer.dims.set_point(0, labels.data_to_world((6, 0, 0))[0])
    before = rows(table)
    assert set(before) == {LEFT, RIGHT, DEEP}

    click(viewer, qtbot, (6, 10, 10))
    click(viewer, qtbot, (6, 30, 40), CONTROL)
    assert session.selection == (LEFT, RIGHT)
    qtbot.keyClick(canvas(viewer), Qt.Key.Key_M)
    settle(edit, qtbot)
    # the larger one gives its number: 10·15·15 voxels against 5·14·25
    assert session.selection == (LEFT,)
    assert rows(table) == {LEFT: 10 * 15 * 15 + 5 * 14 * 25, DEEP: before[DEEP]}
    assert picked_rows(table) == [LEFT]
    assert table.stale.isHidden()

    viewer.layers.selection.active = labels
    qtbot.keyClick(canvas(viewer), Qt.Key.Key_Z, CONTROL)
    settle(edit, qtbot)
    assert rows(table) == before
    assert sorted(picked_rows(table)) == [LEFT, RIGHT]

    click(viewer, qtbot, (6, 30, 40))
    qtbot.keyClick(canvas(viewer), Qt.Key.Key_S)
    click(viewer, qtbot, (6, 30, 33))
    click(viewer, qtbot, (6, 30, 51))
    assert session.selection == (RIGHT,)  # clicks place points meanwhile
    qtbot.keyClick(canvas(viewer), Qt.Key.Key_Return)
    settle(edit, qtbot)
    new = RIGHT + 1
    assert session.selection == (RIGHT, new)
    after = rows(table)
    assert after[RIGHT] + after[new] == before[RIGHT]
    assert min(after[RIGHT], after[new]) > before[RIGHT] / 3  # a cut near the middle

    click(viewer, qtbot, (6, 10, 10))
    qtbot.keyClick(canvas(viewer), Qt.Key.Key_R)
    assert labels.mode == "paint"
    click(viewer, qtbot, (6, 25, 10))  # a dab of napari's own brush
    qtbot.keyClick(canvas(viewer), Qt.Key.Key_R)
    settle(edit, qtbot)
    assert labels.data[6, 25, 10] == LEFT
    assert rows(table)[LEFT] == np.count_nonzero(labels.data == LEFT) > before[LEFT]
    assert edit.panel.acts.item(0).text() == f"Redrew {LEFT}"

    qtbot.keyClick(canvas(viewer), Qt.Key.Key_Delete)
    settle(edit, qtbot)
    assert LEFT not in rows(table)
    for _ in range(3):
        edit.panel.buttons["undo"].click()
    settle(edit, qtbot)
    assert rows(table) == before
    # behind another tab its keys do nothing
    main, dock = viewer.window._qt_window, dock_of(edit)
    main.tabifyDockWidget(dock, dock_of(table))
    dock_of(table).raise_()
    qtbot.waitUntil(lambda: session.editing is None, timeout=5_000)
    assert "Delete" not in map(str, labels.keymap)
    dock.raise_()
    qtbot.waitUntil(lambda: session.editing is labels, timeout=5_000)
    assert "Delete" in map(str, labels.keymap)
    viewer.window.remove_dock_widget(edit)
    qtbot.wait(50)
    assert session.editing is None
    labels.fill((6, 10, 10), 9)
    settle_table = table  # the tables go on following
    qtbot.waitUntil(lambda: 9 in rows(settle_table), timeout=20_000)
