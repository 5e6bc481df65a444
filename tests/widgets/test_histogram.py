from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor

from napari_battery.widgets.histogram import HistogramView


@pytest.fixture
def view(qtbot: QtBot) -> HistogramView:
    widget = HistogramView()
    qtbot.addWidget(widget)
    widget.resize(300, 120)
    widget.set_histogram([5] * 100, range(101))
    widget.show()
    return widget


def at(view: HistogramView, value: float) -> QPoint:
    return QPoint(round(view.x_of(value)), 60)


def drag(view: HistogramView, qtbot: QtBot, start: float, end: float) -> None:
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(view, start))
    qtbot.mouseMove(view, at(view, end))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(view, end))


# half a pixel of 288 over 100 grey levels
PIXEL = 0.2


def test_value_and_pixel_are_inverse(view: HistogramView) -> None:
    for value in (0, 12.5, 99):
        assert view.value_at(view.x_of(value)) == pytest.approx(value)


def test_a_single_line_comes_to_the_click(view: HistogramView, qtbot: QtBot) -> None:
    view.set_markers([20])
    with qtbot.waitSignal(view.marker_moved) as moved:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 70))
    assert moved.args[0] == 0
    assert moved.args[1] == pytest.approx(70, abs=PIXEL)


def test_of_two_lines_the_near_one_is_dragged(view: HistogramView, qtbot: QtBot) -> None:
    view.set_markers([20, 80])
    drag(view, qtbot, 80, 60)
    assert view.markers == pytest.approx([20, 60], abs=PIXEL)
    drag(view, qtbot, 40, 90)  # grabs nothing
    assert view.markers == pytest.approx([20, 60], abs=PIXEL)


def test_lines_do_not_pass_one_another(view: HistogramView, qtbot: QtBot) -> None:
    view.set_markers([20, 80])
    drag(view, qtbot, 20, 95)
    assert view.markers == pytest.approx([80, 80], abs=PIXEL)


def test_arrow_keys_push_by_a_bin(view: HistogramView, qtbot: QtBot) -> None:
    view.set_markers([20])
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.markers == pytest.approx([21])


def test_what_is_chosen_stands_out(view: HistogramView) -> None:
    view.set_markers([50], (50, 1000))
    picture = view.grab().toImage()
    ratio = view.devicePixelRatioF()
    row = round(70 * ratio)
    left = QColor(picture.pixel(round(view.x_of(20) * ratio), row))
    right = QColor(picture.pixel(round(view.x_of(80) * ratio), row))
    assert left.saturation() < 60 < right.saturation()


def colour_at(view: HistogramView, value: float) -> QColor:
    picture, ratio = view.grab().toImage(), view.devicePixelRatioF()
    return QColor(picture.pixel(round(view.x_of(value) * ratio), round(70 * ratio)))


def test_bands_have_their_colours_and_follow_the_lines(view: HistogramView, qtbot: QtBot) -> None:
    view.set_bands([30, 60], [None, "#ff0000", "#0000ff"])
    assert colour_at(view, 10).saturation() < 60
    assert colour_at(view, 45).name() == "#ff0000"
    assert colour_at(view, 90).name() == "#0000ff"
    drag(view, qtbot, 60, 40)
    assert colour_at(view, 50).name() == "#0000ff"
    view.set_bands([], ["#ff0000"])  # no line at all
    assert colour_at(view, 10).name() == "#ff0000"


def test_an_empty_one_says_why_and_ignores_the_mouse(view: HistogramView, qtbot: QtBot) -> None:
    view.set_markers([5])
    view.clear("No image is open")
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.markers == []
    view.grab()
