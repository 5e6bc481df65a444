from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QWidget

from napari_battery.errors import InputError
from napari_battery.widgets.align_divider import NAME as DIVIDER
from napari_battery.widgets.align_hand import HandMode
from napari_battery.widgets.align_landmarks import Landmarks
from napari_battery.widgets.align_view import NAME, AlignView
from napari_battery.widgets.align_world import pair_world
from napari_battery.widgets.layers import is_overlay

SHAPE = (8, 24, 30)
DATA = np.random.default_rng(5).random(SHAPE).astype(np.float32)
ORDERS = [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1)]


@pytest.fixture
def dock(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def view(dock: QWidget, viewer: ViewerModel) -> AlignView:
    return AlignView(dock, viewer)


def add(viewer: ViewerModel, data: Any = DATA, **more: Any) -> Any:
    place = {"units": "um", "contrast_limits": (0, 1), **more}
    return viewer.add_image(data, **place)


def shift(*away: float) -> np.ndarray:
    matrix = np.eye(len(away) + 1)
    matrix[:-1, -1] = away
    return matrix


def test_it_shows_one_picture_and_puts_all_back(viewer: ViewerModel, view: AlignView) -> None:
    fixed, moving = add(viewer, name="a"), add(viewer, name="b")
    labels = viewer.add_labels(np.zeros(SHAPE, int), name="c")
    view.show(fixed, moving)
    assert [one.name for one in viewer.layers] == ["a", "b", NAME, "c"]
    assert is_overlay(view.layer)
    assert viewer.layers.selection.active is labels
    assert not moving.visible
    assert fixed.visible
    view.hide()
    assert [one.name for one in viewer.layers] == ["a", "b", "c"]
    assert moving.visible


@pytest.mark.parametrize("order", ORDERS)
def test_a_moved_stack_brought_back_is_grey_in_any_order_of_axes(
    viewer: ViewerModel, view: AlignView, order: tuple[int, ...]
) -> None:
    fixed = add(viewer, scale=(2, 0.5, 0.25), translate=(7, -3, 9))
    moving = add(viewer, scale=(2, 0.5, 0.25), translate=(1, 1, 1))
    viewer.dims.order = order
    view.show(fixed, moving, shift(6, -4, 8))
    picture = view.layer.data
    assert (picture[..., 3] == 255).all()
    np.testing.assert_array_equal(picture[..., 0], picture[..., 1])
    # it lies on the shown slice, voxel on voxel
    hidden = order[0]
    index = round(fixed.world_to_data(viewer.dims.point)[hidden])
    slice_of = tuple(slice(index, index + 1) if a == hidden else slice(None) for a in range(3))
    np.testing.assert_allclose(picture[..., 0] / 255, DATA[slice_of], atol=1 / 255)
    first = [0, 0, 0]
    first[hidden] = index
    np.testing.assert_allclose(view.layer.data_to_world((0, 0, 0)), fixed.data_to_world(first))


def test_out_of_plane_rotation_is_seen(viewer: ViewerModel, view: AlignView) -> None:
    """A quarter turn about x: the slice shows y as the moving stack's z."""
    cube = np.random.default_rng(1).random((12, 12, 12)).astype(np.float32)
    fixed, moving = add(viewer, np.zeros_like(cube)), add(viewer, cube)
    turn = np.eye(4)
    turn[:2, :2] = [[0, -1], [1, 0]]  # moving (z, y) goes to (−y, z)
    turn[0, 3] = 11
    viewer.dims.set_point(0, 3)
    view.set_mode("moving")
    view.show(fixed, moving, turn)
    seen = view.layer.data[0, ..., 0] / 255
    np.testing.assert_allclose(seen, cube[:, 11 - 3, :], atol=1 / 255)


def test_voxel_sizes_and_units_may_differ(viewer: ViewerModel, view: AlignView) -> None:
    _, y, x = np.indices((6, 40, 40))
    fine = ((y + x) / 80).astype(np.float32)
    fixed = add(viewer, fine, scale=(1, 1, 1))
    # one voxel is 2 × 2 of the fixed one's, in mm: centres lie between four of them
    coarse = fine[:, ::2, ::2] + np.float32(1 / 80)
    moving = add(
        viewer, coarse, scale=(0.001, 0.002, 0.002), translate=(0, 0.0005, 0.0005), units="mm"
    )
    view.show(fixed, moving)
    inner = view.layer.data[0, 2:-2, 2:-2].astype(int)
    assert np.abs(inner[..., 0] - inner[..., 1]).max() <= 1


def test_a_wrong_pair_is_refused_and_nothing_is_shown(viewer: ViewerModel, view: AlignView) -> None:
    fixed, flat = add(viewer), add(viewer, DATA[0])
    pixels = viewer.add_image(DATA)
    for moving in (flat, pixels):
        with pytest.raises(InputError):
            view.show(fixed, moving)
    assert not view.is_shown
    assert view.layer is None
    assert flat.visible
    assert pixels.visible


def test_it_follows_the_slider_the_matrix_and_the_contrast(
    viewer: ViewerModel, view: AlignView, qtbot: QtBot
) -> None:
    fixed, moving = add(viewer), add(viewer)
    view.set_mode("moving")
    view.show(fixed, moving)

    def shown(z: int, y: int) -> bool:
        seen = view.layer.data[0, y : y + SHAPE[1], :, 0]
        return seen.shape == DATA[z].shape and np.allclose(seen / 255, DATA[z], atol=1 / 255)

    viewer.dims.set_point(0, 6)
    qtbot.waitUntil(lambda: shown(6, 0))
    view.set_matrix(shift(2, 0, 0))
    qtbot.waitUntil(lambda: shown(4, 0))
    with qtbot.waitSignal(view.rested):
        view.set_matrix(shift(0, 3, 0))
    assert shown(6, 3)
    moving.contrast_limits = (0, 2)
    assert view.layer.data[..., 0].max() <= 128


def test_a_large_slice_is_coarse_while_it_moves_and_fine_at_rest(
    viewer: ViewerModel, view: AlignView, qtbot: QtBot
) -> None:
    flat = np.zeros((2, 900, 500), np.uint8)
    fixed, moving = add(viewer, flat), add(viewer, flat)
    view.show(fixed, moving)
    assert max(view.layer.data.shape) <= 384
    coarse = view.layer.extent.world
    qtbot.waitUntil(lambda: view.layer.data.shape[1:3] == (900, 500))
    # the same place in the world; the extent reaches to the centres of the outer pixels
    assert np.abs(view.layer.extent.world - coarse).max() < 900 / 384


def test_swipe_has_a_divider_above_the_picture(
    viewer: ViewerModel, view: AlignView, qtbot: QtBot
) -> None:
    fixed, moving = add(viewer, np.zeros(SHAPE, np.float32)), add(viewer, np.ones(SHAPE, "f4"))
    view.show(fixed, moving)
    view.set_mode("swipe")
    names = [one.name for one in viewer.layers]
    assert names.index(DIVIDER) > names.index(NAME)
    red = view.layer.data[0, ..., 0]
    assert (red[:, :15] == 0).all()
    assert (red[:, 15:] == 255).all()
    view.divider.set_fraction(0.2)
    red = view.layer.data[0, ..., 0]
    assert (red[:, :6] == 0).all()
    assert (red[:, 6:] == 255).all()
    view.set_mode("blend")
    assert DIVIDER not in [one.name for one in viewer.layers]


def test_flicker_shows_one_after_the_other(
    viewer: ViewerModel, view: AlignView, qtbot: QtBot
) -> None:
    fixed, moving = add(viewer, np.zeros(SHAPE, np.float32)), add(viewer, np.ones(SHAPE, "f4"))
    view.show(fixed, moving)
    view.set_mode("flicker")
    assert view.layer.data[..., 0].max() == 0
    qtbot.waitUntil(lambda: view.layer.data[..., 0].min() == 255)
    qtbot.waitUntil(lambda: view.layer.data[..., 0].max() == 0)


def test_in_3d_the_layers_themselves_are_seen(viewer: ViewerModel, view: AlignView) -> None:
    fixed, moving = add(viewer), add(viewer)
    view.show(fixed, moving)
    viewer.dims.ndisplay = 3
    assert NAME not in [one.name for one in viewer.layers]
    assert moving.visible
    viewer.dims.ndisplay = 2
    assert NAME in [one.name for one in viewer.layers]
    assert not moving.visible


@pytest.mark.parametrize("which", [0, 1, 2])
def test_any_layer_may_be_deleted(
    viewer: ViewerModel, view: AlignView, qtbot: QtBot, which: int
) -> None:
    layers = [add(viewer, name="a"), add(viewer, name="b")]
    view.show(*layers)
    view.set_matrix(shift(0, 1, 0))
    with qtbot.waitSignal(view.removed):
        viewer.layers.remove([*layers, view.layer][which])
    assert NAME not in [one.name for one in viewer.layers]
    assert all(one.visible for one in viewer.layers)
    qtbot.wait(300)  # what was asked for before comes to nothing


def test_a_voxel_size_taken_away_meanwhile_is_said(
    viewer: ViewerModel, view: AlignView, dock: QWidget, qtbot: QtBot
) -> None:
    fixed, moving = add(viewer), add(viewer)
    view.show(fixed, moving)
    hand, landmarks = HandMode(dock, viewer), Landmarks(dock, viewer, view)
    hand.start(fixed, moving)
    landmarks.start(fixed, moving)
    with qtbot.waitSignal(view.failed) as said:
        moving.units = ("pixel",) * 3
    assert "voxel size" in said.args[0]
    hand.nudge(2, 1)
    hand.turn(0, 1)
    landmarks.set_matrix(shift(1, 1, 1))
    assert landmarks.points()[0].shape == (0, 3)
    qtbot.wait(300)
    with qtbot.waitSignal(view.rested):
        moving.units = ("um",) * 3


def test_closing_the_dock_takes_the_picture_along(viewer: ViewerModel, qtbot: QtBot) -> None:
    dock = QWidget()
    view = AlignView(dock, viewer)
    fixed, moving = add(viewer), add(viewer)
    view.show(fixed, moving)
    view.set_mode("swipe")
    view.set_matrix(shift(0, 2, 0))
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    assert len(viewer.layers) == 2
    assert moving.visible
    fixed.contrast_limits = (0, 3)
    moving.affine = np.eye(4) * 2
    viewer.dims.set_point(0, 2)


def test_the_view_and_the_world_agree_whatever_the_units(viewer: ViewerModel) -> None:
    fixed = add(viewer, scale=(0.002, 0.001, 0.001), translate=(0.1, 0, 0), units="mm")
    moving = add(viewer)
    world = pair_world(viewer, fixed, moving)
    np.testing.assert_allclose(world.fixed @ [1, 1, 1, 1], [102, 1, 1, 1])
    # napari counts in the unit of the layer that came first, if it counts in one at all
    per_um = world.to_view[0, 0]
    np.testing.assert_allclose(world.to_view, np.diag([per_um, per_um, per_um, 1]), atol=1e-12)
    np.testing.assert_allclose(world.position(world.in_view([5, 6, 7])), [5, 6, 7])
