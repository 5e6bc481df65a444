from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QWidget

from napari_battery.widgets.align_centre import NAME
from napari_battery.widgets.align_hand import HandMode
from napari_battery.widgets.align_hand_panel import HandPanel
from napari_battery.widgets.align_turning import turned_in_plane

SHAPE = (6, 20, 30)
DATA = np.zeros(SHAPE, np.uint8)


@pytest.fixture
def dock(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def hand(dock: QWidget, viewer: ViewerModel) -> HandMode:
    return HandMode(dock, viewer)


def add(viewer: ViewerModel, data: Any = DATA, **more: Any) -> Any:
    return viewer.add_image(data, **{"units": "um", "scale": (2, 1, 1), **more})


def drag(viewer: ViewerModel, *positions: Any, modifiers: Any = ()) -> bool:
    """Press at the first position, move over the others, let go; whether the camera stays."""
    event = SimpleNamespace(
        type="mouse_press",
        button=1,
        modifiers=modifiers,
        position=positions[0],
        pos=np.array(positions[0][-2:]),
        handled=False,
    )
    going = []
    for callback in list(viewer.mouse_drag_callbacks):
        generator = callback(viewer, event)
        if next(generator, "done") != "done":
            going.append(generator)
    taken = event.handled
    for kind, at in [("mouse_move", p) for p in positions[1:]] + [("mouse_release", positions[-1])]:
        event.type, event.position, event.pos = kind, at, np.array(at[-2:])
        for generator in going:
            next(generator, None)
    return taken


def press(viewer: ViewerModel, key: str) -> None:
    """Press a key as napari does for the viewer."""
    from app_model.types import KeyBinding

    viewer.keymap[KeyBinding.from_str(key.replace("-", "+"))](viewer)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_dragging_moves_in_the_slice_only(
    viewer: ViewerModel, hand: HandMode, order: tuple[int, ...]
) -> None:
    fixed, moving = add(viewer), add(viewer)
    viewer.dims.order = order
    seen: list[Any] = []
    steps: list[Any] = []
    hand.moved.connect(seen.append)
    hand.finished.connect(lambda *step: steps.append(step))
    hand.start(fixed, moving)
    assert drag(viewer, (4, 5, 6), (5, 7, 9), (7, 8, 10))
    away = np.array([3.0, 3.0, 4.0])
    away[order[0]] = 0
    np.testing.assert_allclose(hand.matrix[:3, 3], away)
    np.testing.assert_allclose(hand.matrix[:3, :3], np.eye(3))
    np.testing.assert_array_equal(seen[-1], hand.matrix)
    assert len(seen) == 2
    ((what, before),) = steps  # one gesture, one step to undo
    assert what == f"Moved by hand {np.linalg.norm(away):.3g} µm"
    np.testing.assert_array_equal(before, np.eye(4))


def test_shift_turns_about_the_chosen_centre(viewer: ViewerModel, hand: HandMode) -> None:
    fixed, moving = add(viewer), add(viewer)
    hand.start(fixed, moving)
    hand.choose_centre()
    assert drag(viewer, (4, 10, 10))
    np.testing.assert_allclose(hand.centre, (4, 10, 10))
    np.testing.assert_array_equal(hand.matrix, np.eye(4))
    # a quarter turn, from right of the centre to below it
    assert drag(viewer, (4, 10, 15), (4, 13, 13), (4, 15, 10), modifiers=("Shift",))
    moved = hand.matrix @ [4, 10, 15, 1]
    np.testing.assert_allclose(moved, [4, 15, 10, 1], atol=1e-12)
    np.testing.assert_allclose(hand.matrix @ [0, 10, 10, 1], [0, 10, 10, 1], atol=1e-12)


def test_without_a_chosen_one_the_centre_is_the_middle_of_the_view(
    viewer: ViewerModel, hand: HandMode
) -> None:
    from napari_battery.widgets.slices import camera_of

    fixed, moving = add(viewer), add(viewer)
    camera_of(viewer).center = (0, 7, 12)
    hand.start(fixed, moving)
    drag(viewer, (4, 7, 20), (4, 9, 20), modifiers=("Shift",))
    assert not np.allclose(hand.matrix, np.eye(4))
    np.testing.assert_allclose(hand.matrix @ [2, 7, 12, 1], [2, 7, 12, 1], atol=1e-12)


def test_keys_nudge_and_turn(viewer: ViewerModel, hand: HandMode) -> None:
    fixed, moving = add(viewer), add(viewer)
    hand.start(fixed, moving)
    assert hand.step == 1  # the finest edge of a fixed voxel
    hand.step = 0.25
    steps: list[Any] = []
    hand.finished.connect(lambda *step: steps.append(step))
    for key in ("Right", "Right", "Down", "PageUp"):
        press(viewer, key)
    np.testing.assert_allclose(hand.matrix[:3, 3], (0.25, 0.25, 0.5))
    assert not steps  # they follow one another quickly
    press(viewer, "Left")
    press(viewer, "Shift-Right")
    assert len(steps) == 1  # turning is another gesture
    before = steps[0][1]
    np.testing.assert_array_equal(before, np.eye(4))
    # half a degree, clockwise on the screen: what was on the right goes down
    right = hand.matrix[:3, :3] @ [0, 0, 1]
    np.testing.assert_allclose(right, (0, np.sin(np.pi / 360), np.cos(np.pi / 360)), atol=1e-12)
    press(viewer, "Shift-Left")
    np.testing.assert_allclose(hand.matrix[:3, :3], np.eye(3), atol=1e-12)
    press(viewer, "Shift-Up")
    press(viewer, "Shift-PageUp")
    tilt = hand.matrix[:3, :3]
    np.testing.assert_allclose(tilt @ tilt.T, np.eye(3), atol=1e-12)
    assert tilt[0, 1] != 0
    assert tilt[0, 2] != 0


def test_control_pans_the_view(viewer: ViewerModel, hand: HandMode) -> None:
    from napari_battery.widgets.slices import camera_of

    hand.start(add(viewer), add(viewer))
    before = np.array(camera_of(viewer).center)
    assert drag(viewer, (1, 5, 5), (1, 7, 9), modifiers=("Control",))
    # what was under the mouse goes with it: the middle of the view the other way
    np.testing.assert_allclose(np.array(camera_of(viewer).center) - before, (0, -2, -4))
    np.testing.assert_array_equal(hand.matrix, np.eye(4))


def test_a_pause_ends_a_gesture(viewer: ViewerModel, hand: HandMode, qtbot: QtBot) -> None:
    hand.start(add(viewer), add(viewer))
    with qtbot.waitSignal(hand.finished) as done:
        press(viewer, "Right")
    assert done.args[0] == "Moved by hand 1 µm"


def test_keys_and_mouse_are_given_back(viewer: ViewerModel, hand: HandMode) -> None:
    before = dict(viewer.keymap)
    hand.start(add(viewer), add(viewer))
    hand.stop()
    assert {k for k, v in viewer.keymap.items() if v is not None} == {
        k for k, v in before.items() if v is not None
    }
    assert not drag(viewer, (1, 1, 1), (2, 2, 2))


def test_a_brush_in_hand_paints_and_alt_does_what_it_did(
    viewer: ViewerModel, hand: HandMode
) -> None:
    hand.start(add(viewer), add(viewer))
    assert not drag(viewer, (1, 1, 1), (2, 2, 2), modifiers=("Alt",))
    labels = viewer.add_labels(DATA)
    viewer.layers.selection.active = labels
    labels.mode = "paint"
    assert not drag(viewer, (1, 1, 1), (2, 2, 2))
    viewer.dims.ndisplay = 3
    labels.mode = "pan_zoom"
    assert not drag(viewer, (1, 1, 1), (2, 2, 2))


def test_deleting_a_layer_in_a_drag_ends_it(viewer: ViewerModel, hand: HandMode) -> None:
    fixed, moving = add(viewer), add(viewer)
    hand.start(fixed, moving)
    hand.moved.connect(lambda _: moving in viewer.layers and viewer.layers.remove(moving))
    drag(viewer, (1, 1, 1), (1, 2, 2), (1, 3, 3))
    assert not hand.is_on


def test_2d_images_turn_and_move(viewer: ViewerModel, hand: HandMode) -> None:
    flat = DATA[0]
    fixed, moving = (add(viewer, flat, scale=(1, 1)) for _ in range(2))
    hand.start(fixed, moving)
    drag(viewer, (1, 1), (2, 4))
    np.testing.assert_allclose(hand.matrix[:2, 2], (1, 3))
    press(viewer, "Shift-Right")
    press(viewer, "PageUp")  # there is nothing across
    assert hand.matrix.shape == (3, 3)
    assert hand.matrix[0, 1] > 0


def test_the_panel_sets_steps_in_the_unit_of_the_layers(
    viewer: ViewerModel, hand: HandMode, dock: QWidget
) -> None:
    panel = HandPanel(hand, dock)
    hand.start(viewer.add_image(DATA), viewer.add_image(DATA))
    assert panel.button.isChecked()
    assert panel.step.suffix() == " voxels"
    panel.step.setValue(0.5)
    panel.degrees.setValue(2)
    assert (hand.step, hand.degrees) == (0.5, 2)
    hand.stop()
    assert not panel.button.isChecked()
    assert not panel.centre_button.isEnabled()


def test_closing_the_dock_gives_the_mouse_and_the_keys_back(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock = QWidget()
    hand = HandMode(dock, viewer)
    hand.start(add(viewer), add(viewer))
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    assert not drag(viewer, (1, 1, 1), (2, 2, 2))
    assert not any(viewer.keymap.values())


@settings(deadline=None, max_examples=30)
@given(
    angle=st.floats(-3, 3),
    centre=st.tuples(*[st.floats(-1e3, 1e3)] * 3),
    plane=st.sampled_from([[1, 2], [2, 0], [0, 1]]),
)
def test_turning_keeps_the_centre_and_all_lengths(
    angle: float, centre: tuple[float, ...], plane: list[int]
) -> None:
    matrix = turned_in_plane(3, plane, angle, np.array(centre))
    np.testing.assert_allclose(matrix @ [*centre, 1], [*centre, 1], atol=1e-9)
    np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)


def test_the_centre_is_marked_in_every_slice_until_the_hand_lets_go(
    hand: HandMode, viewer: ViewerModel, qtbot: QtBot
) -> None:
    fixed, moving = add(viewer), add(viewer, translate=(0, 3, 4))
    hand.start(fixed, moving)
    drag(viewer, (2, 4, 5))
    assert NAME not in viewer.layers
    hand.choose_centre()
    drag(viewer, (2, 12, 9))
    mark = viewer.layers[NAME]
    assert viewer.layers.selection.active is moving
    viewer.dims.set_point(0, 6)
    np.testing.assert_allclose(mark.data_to_world(mark.data[0]), (6, 12, 9), atol=1e-5)
    hand.choose_centre()
    drag(viewer, (6, 2, 3))
    np.testing.assert_allclose(mark.data_to_world(mark.data[0]), (6, 2, 3), atol=1e-5)
    viewer.layers.remove(mark)
    assert hand.centre is None
    hand.choose_centre()
    drag(viewer, (6, 2, 3))
    assert NAME in viewer.layers
    hand.stop()
    assert NAME not in viewer.layers
    assert hand.centre is None


def test_a_view_in_3d_says_that_slices_are_needed(
    hand: HandMode, viewer: ViewerModel, qtbot: QtBot
) -> None:
    panel = HandPanel(hand)
    qtbot.addWidget(panel)
    hand.start(add(viewer), add(viewer))
    assert "Drag moves" in panel.help.text()
    viewer.dims.ndisplay = 3
    assert "Show slices (2-D)" in panel.help.text()
    viewer.dims.ndisplay = 2
    assert "Drag moves" in panel.help.text()
