from __future__ import annotations

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget

from napari_battery.widgets.opening import open_dock

pytestmark = pytest.mark.viewer


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1400, 900)
    return viewer


def main_and_docks(viewer):
    main = viewer.window._qt_window
    docks = {d.windowTitle().split(" (")[0]: d for d in main.findChildren(QDockWidget)}
    return main, docks


def test_the_steps_share_one_place_and_every_dock_has_room(viewer, qtbot):
    for name in ("Prepare stack", "Label particles", "Radial analysis", "Save and open results"):
        open_dock(viewer, name)
    open_dock(viewer, "Radial profile")
    open_dock(viewer, "Particle map")
    open_dock(viewer, "Results table")
    qtbot.wait(100)
    main, docks = main_and_docks(viewer)
    tabs = {d.windowTitle().split(" (")[0] for d in main.tabifiedDockWidgets(docks["Particle map"])}
    assert tabs == set()
    tabs = main.tabifiedDockWidgets(docks["Prepare stack"])
    assert {d.windowTitle().split(" (")[0] for d in tabs} == {
        "Label particles",
        "Radial analysis",
        "Save and open results",
    }
    assert docks["Save and open results"].widget().isVisible()  # the last one is in front
    assert docks["Results table"].y() > docks["Particle map"].parent().height() / 2
    for name in ("Save and open results", "Radial profile", "Particle map"):
        assert docks[name].height() > 200
    open_dock(viewer, "Prepare stack")
    qtbot.waitUntil(lambda: not docks["Prepare stack"].visibleRegion().isEmpty())


def test_the_table_lies_under_the_picture_only_in_later_sittings_too(viewer, qtbot):
    where = get_settings().application.plugin_widget_positions
    where["Results table (napari-battery)"] = "bottom"
    open_dock(viewer, "Particle map")
    open_dock(viewer, "Results table")
    _, docks = main_and_docks(viewer)
    map_dock, table = docks["Particle map"], docks["Results table"]
    qtbot.waitUntil(lambda: table.geometry().right() < map_dock.geometry().left())


def test_docks_from_the_menu_get_their_places_too(viewer, qtbot):
    for name in ("Label particles", "Radial analysis", "Results table"):
        viewer.window.add_plugin_dock_widget("napari-battery", name)
    main, docks = main_and_docks(viewer)
    below = Qt.DockWidgetArea.BottomDockWidgetArea
    qtbot.waitUntil(lambda: main.dockWidgetArea(docks["Results table"]) == below)
    assert docks["Label particles"] in main.tabifiedDockWidgets(docks["Radial analysis"])


def test_a_dock_that_was_moved_stays_there(viewer, qtbot):
    open_dock(viewer, "Results table")
    main, docks = main_and_docks(viewer)
    left = Qt.DockWidgetArea.LeftDockWidgetArea
    main.addDockWidget(left, docks["Results table"])
    open_dock(viewer, "Results table")
    qtbot.wait(50)
    assert main.dockWidgetArea(docks["Results table"]) == left


@pytest.mark.parametrize(
    "name", ["Radial profile", "Particle map", "Results table", "Prepare stack"]
)
def test_a_closed_dock_is_gone(viewer, qtbot, name):
    widget = open_dock(viewer, name)
    gone = []
    widget.destroyed.connect(lambda: gone.append(name))
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: gone == [name])
    viewer.add_labels(np.ones((4, 4), np.int32))  # nothing answers to this any more
    viewer.layers.clear()
