from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from napari_battery.widgets.seen import Seen, dock_of

RIGHT = Qt.DockWidgetArea.RightDockWidgetArea


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    return window


def docked(window: QMainWindow, title: str) -> tuple[QDockWidget, QWidget]:
    """A dock, and a part of the widget in it."""
    dock, widget, part = QDockWidget(title, window), QWidget(), QWidget()
    QVBoxLayout(widget).addWidget(part)
    dock.setWidget(widget)
    window.addDockWidget(RIGHT, dock)
    return dock, part


def test_a_part_of_a_dock_is_not_seen_behind_another_tab(window, qtbot):
    dock, part = docked(window, "one")
    seen, told = Seen(part), []
    seen.changed.connect(told.append)
    other, _ = docked(window, "two")
    qtbot.waitUntil(lambda: seen._dock is dock)
    assert dock_of(part) is dock
    window.tabifyDockWidget(dock, other)
    other.raise_()
    qtbot.waitUntil(lambda: not seen.now)
    assert part.isVisible()  # that is why `Seen` is there
    dock.raise_()
    qtbot.waitUntil(lambda: seen.now)
    dock.hide()
    assert not seen.now
    assert told[-3:] == [False, True, False]


def test_without_a_dock_it_is_seen_while_it_is_shown(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    seen = Seen(widget)
    assert not seen.now
    with qtbot.waitSignal(seen.changed):
        widget.show()
    assert seen.now
    widget.hide()
    assert not seen.now
