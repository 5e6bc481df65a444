from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QWidget

from napari_battery.widgets.align_landmarks import Landmarks
from napari_battery.widgets.align_pairs import LandmarkPanel
from napari_battery.widgets.align_view import AlignView

SHAPE = (12, 40, 40)
DATA = np.zeros(SHAPE, np.uint8)

TURN = np.eye(4)
TURN[:2, :2] = [[0.96, -0.28], [0.28, 0.96]]  # out of the slice
TURN[:3, 3] = (1, 2, 3)
PLACES = np.array([[4, 5, 6], [10, 30, 12], [16, 12, 33], [8, 25, 20], [14, 8, 15]], float)


class Pair:
    """A pair of layers with different voxel sizes, and landmarks for them."""

    def __init__(self, viewer: ViewerModel, qtbot: QtBot) -> None:
        self.viewer = viewer
        self.dock = QWidget()
        qtbot.addWidget(self.dock)
        self.fixed = viewer.add_image(DATA, scale=(2, 1, 1), units="um", name="f")
        self.moving = viewer.add_image(DATA, scale=(3, 2, 2), units="um", name="m")
        self.view = AlignView(self.dock, viewer)
        self.view.show(self.fixed, self.moving)
        self.landmarks = Landmarks(self.dock, viewer, self.view)
        self.panel = LandmarkPanel(viewer, self.landmarks, self.dock)
        self.landmarks.start(self.fixed, self.moving)

    def add(self, fixed: Any, moving: Any) -> None:
        self.landmarks.add_pair()
        assert self.landmarks.take_click(fixed)
        assert self.landmarks.take_click(moving)

    @property
    def layers(self) -> dict[str, Any]:
        return {one.name: one for one in self.viewer.layers if isinstance(one, Points)}

    def rows(self) -> list[list[str]]:
        table = self.panel.table
        return [[table.item(r, c).text() for c in range(3)] for r in range(table.rowCount())]


@pytest.fixture
def pair(viewer: ViewerModel, qtbot: QtBot) -> Pair:
    return Pair(viewer, qtbot)


def moved_back(places: np.ndarray) -> np.ndarray:
    """Where the moving image has what `TURN` brings to these places."""
    back = np.linalg.inv(TURN)
    return places @ back[:3, :3].T + back[:3, 3]


def test_two_clicks_make_a_pair_and_each_image_is_shown_alone(pair: Pair) -> None:
    asked: list[str] = []
    pair.landmarks.asking.connect(asked.append)
    pair.view.set_mode("checkerboard")
    pair.landmarks.add_pair()
    assert pair.view.mode == "fixed"
    assert not pair.landmarks.take_click((4, 5, 100))  # outside the image
    assert pair.landmarks.take_click((4, 5, 6))
    assert pair.view.mode == "moving"
    assert pair.landmarks.half == [1]
    assert pair.landmarks.take_click((6, 7, 8))
    assert pair.view.mode == "checkerboard"
    assert asked == ["fixed", "moving", ""]
    fixed, moving = pair.landmarks.points()
    np.testing.assert_allclose(fixed, [[4, 5, 6]])
    np.testing.assert_allclose(moving, [[6, 7, 8]])
    assert not pair.landmarks.take_click((4, 5, 6))  # nothing is asked for


def test_a_click_is_taken_where_the_moving_image_is_shown(pair: Pair) -> None:
    pair.view.set_matrix(TURN)
    pair.landmarks.set_matrix(TURN)
    pair.add(PLACES[1], PLACES[1])
    _, moving = pair.landmarks.points()
    np.testing.assert_allclose(moving, moved_back(PLACES[1:2]))
    # both marks are drawn in one place, on the fixed grid
    drawn = [layer.data_to_world(layer.data[0]) for layer in pair.layers.values()]
    np.testing.assert_allclose(drawn, [PLACES[1]] * 2)


def test_the_fit_finds_the_transform_and_its_residuals(pair: Pair) -> None:
    for place, other in zip(PLACES, moved_back(PLACES), strict=True):
        pair.add(place, other)
    found = pair.panel.fit()
    assert found is not None
    np.testing.assert_allclose(found.transform.matrix, TURN, atol=1e-9)
    assert [row[1] for row in pair.rows()] == ["0"] * 5
    # then the layer is moved, and another fit has nothing left to do
    pair.moving.affine = TURN
    again = pair.panel.fit()
    assert again is not None
    np.testing.assert_allclose(again.transform.matrix, np.eye(4), atol=1e-9)


def test_a_wrong_pair_is_marked_in_table_and_picture(pair: Pair) -> None:
    others = moved_back(PLACES)
    others[2] += (0, 9, 0)
    for place, other in zip(PLACES, others, strict=True):
        pair.add(place, other)
    pair.panel.largest.setValue(1.0)
    found = pair.panel.fit()
    assert found is not None
    np.testing.assert_allclose(found.transform.matrix, TURN, atol=1e-9)
    assert [row[2] for row in pair.rows()] == ["", "", "left out", "", ""]
    assert float(pair.rows()[2][1]) == pytest.approx(9, rel=1e-2)
    colours = pair.layers["Landmarks fixed: f"].border_color
    assert not np.allclose(colours[2], colours[1])
    pair.panel.table.selectRow(2)
    pair.panel.delete_button.click()
    assert pair.landmarks.numbers == [1, 2, 4, 5]
    colours = pair.layers["Landmarks fixed: f"].border_color
    assert np.ptp(colours, axis=0).max() == 0


def test_too_few_pairs_are_said(pair: Pair) -> None:
    pair.add(PLACES[0], PLACES[0])
    assert pair.panel.fit() is None
    assert "pair" in pair.panel.notice.text()


def test_the_layers_remember_the_pairs(pair: Pair, qtbot: QtBot) -> None:
    pair.landmarks.set_matrix(TURN)
    for place in PLACES[:3]:
        pair.add(place, place)
    pair.landmarks.delete(2)
    fixed, moving = pair.landmarks.points()
    pair.landmarks.stop()
    pair.moving.name = "renamed"
    again = Landmarks(pair.dock, pair.viewer, pair.view)
    again.start(pair.fixed, pair.moving)
    assert again.numbers == [1, 3]
    np.testing.assert_allclose(again.points()[0], fixed)
    np.testing.assert_allclose(again.points()[1], moving)
    assert len(pair.layers) == 2


def test_marks_follow_the_moving_layer(pair: Pair) -> None:
    pair.add(PLACES[0], PLACES[0])
    pair.moving.affine = TURN
    place = TURN @ np.append(PLACES[0], 1)
    mark = pair.layers["Landmarks moving: m"]
    np.testing.assert_allclose(mark.data_to_world(mark.data[0]), place[:3])
    np.testing.assert_allclose(pair.landmarks.points()[1], [place[:3]])


def test_napari_s_own_tools_change_pairs(pair: Pair, qtbot: QtBot) -> None:
    for place in PLACES[:2]:
        pair.add(place, place)
    fixed, moving = (pair.layers[name] for name in sorted(pair.layers))
    fixed.add([3, 4, 5])
    qtbot.waitUntil(lambda: pair.landmarks.half == [3])
    moving.add([2, 4, 5])  # on the fixed grid: z is 2 × 2 µm
    qtbot.waitUntil(lambda: pair.landmarks.numbers == [1, 2, 3])
    np.testing.assert_allclose(pair.landmarks.points()[0][2], (6, 4, 5))
    np.testing.assert_allclose(pair.landmarks.points()[1][2], (4, 4, 5))
    assert list(moving.features["number"]) == [1, 2, 3]
    fixed.selected_data = {1}
    fixed.remove_selected()
    qtbot.waitUntil(lambda: pair.landmarks.numbers == [1, 3])
    assert pair.rows()[1] == ["2", "–", "only in the moving image"]
    # the half that is missing is asked for first
    pair.landmarks.add_pair()
    assert pair.view.mode == "fixed"
    assert pair.landmarks.take_click((1, 2, 3))
    assert pair.landmarks.numbers == [1, 2, 3]


def test_cancel_keeps_the_half_pair(pair: Pair) -> None:
    pair.panel.add_button.click()
    pair.landmarks.take_click(PLACES[0])
    assert "moving" in pair.panel.notice.text()
    pair.panel.add_button.click()
    assert pair.view.mode == "blend"
    assert pair.landmarks.half == [1]


def test_choosing_a_row_goes_there(pair: Pair) -> None:
    pair.add(PLACES[1], PLACES[1])
    pair.panel.table.selectRow(0)
    assert pair.viewer.dims.point[0] == pytest.approx(10)


@pytest.mark.parametrize("name", ["f", "m", "Landmarks fixed: f", "Landmarks moving: m"])
def test_any_layer_may_be_deleted(pair: Pair, name: str) -> None:
    pair.add(PLACES[0], PLACES[0])
    pair.landmarks.add_pair()
    pair.viewer.layers.remove(name)
    assert not pair.landmarks.is_on
    assert pair.rows() == []
    assert not pair.panel.fit_button.isEnabled()


def test_closing_the_dock_leaves_the_layers(viewer: ViewerModel, qtbot: QtBot) -> None:
    dock = QWidget()
    fixed, moving = (viewer.add_image(DATA, units="um") for _ in range(2))
    landmarks = Landmarks(dock, viewer, AlignView(dock, viewer))
    landmarks.start(fixed, moving)
    landmarks.add_pair()
    landmarks.take_click(PLACES[0])
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    points = [one for one in viewer.layers if isinstance(one, Points)]
    assert [len(one.data) for one in points] == [1, 0]
    points[0].add([1, 2, 3])
    moving.affine = TURN
    qtbot.wait(50)
