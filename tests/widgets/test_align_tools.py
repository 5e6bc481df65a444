from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points
from pytestqt.qtbot import QtBot

from napari_battery.volume import Volume
from napari_battery.widgets.align_dock import AlignDock
from napari_battery.widgets.align_place import moved_so_far
from napari_battery.widgets.layers import add_volume

RNG = np.random.default_rng(0)
DATA = RNG.integers(0, 255, (12, 30, 40)).astype(np.uint8)
SHIFT = np.array([2.0, -3.0, 1.5])


@pytest.fixture
def layers(viewer: ViewerModel) -> tuple[Any, Any]:
    fixed = add_volume(viewer, Volume(DATA, (2.0, 1.0, 1.0), name="fixed"))
    return fixed, add_volume(viewer, Volume(DATA[:, 4:, 5:].copy(), (2.0, 1.0, 1.0), name="moving"))


@pytest.fixture
def dock(viewer: ViewerModel, layers: Any, qtbot: QtBot) -> AlignDock:
    widget = AlignDock(viewer)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def shift_of(layer: Any) -> np.ndarray:
    return np.asarray(layer.affine.affine_matrix)[:3, 3]


def take_in_hand(dock: AlignDock) -> Any:
    dock.tools.hand_panel.button.click()
    assert dock.tools.hand.is_on
    return dock.tools.hand


def test_nudges_are_seen_at_once_and_are_one_step_to_undo(
    dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    moving, hand = layers[1], take_in_hand(dock)
    hand.nudge(-1, 1)
    hand.nudge(-1, 1)
    assert dock.view.matrix[2, 3] == 2  # two steps of a voxel of 1 µm
    assert np.array_equal(shift_of(moving), (0, 0, 0))  # the gesture goes on
    hand.end_gesture()
    assert np.array_equal(shift_of(moving), (0, 0, 2))
    assert np.array_equal(dock.view.matrix, np.eye(4))  # counted from where it now stands
    hand.turn(0, 1)
    hand.end_gesture()
    dock.undo.undo()
    assert np.array_equal(shift_of(moving), (0, 0, 2))
    dock.undo.undo()
    assert np.array_equal(moving.affine.affine_matrix, np.eye(4))
    assert not dock.undo.isEnabled()


def test_undo_takes_back_the_gesture_that_has_not_ended(dock: AlignDock, layers: Any) -> None:
    hand = take_in_hand(dock)
    hand.nudge(-1, 1)
    hand.end_gesture()
    hand.nudge(-2, 1)
    dock.undo.click()
    assert np.array_equal(shift_of(layers[1]), (0, 0, 1))
    hand.end_gesture()
    assert np.array_equal(shift_of(layers[1]), (0, 0, 1))


def test_the_hand_lets_go_where_it_has_no_business(
    viewer: ViewerModel, dock: AlignDock, layers: Any, qtbot: QtBot
) -> None:
    hand = take_in_hand(dock)
    dock.mode.setCurrentIndex(dock.mode.findData("off"))
    assert not hand.is_on
    take_in_hand(dock)
    assert dock.mode.currentData() == "blend"  # without a picture nobody sees what it does
    viewer.layers.remove(layers[1])
    assert not hand.is_on
    dock.tools.hand_panel.button.click()
    assert not hand.is_on
    assert "Choose two stacks" in dock.tools.notice.text()
    assert not dock.tools.hand_panel.button.isChecked()


def mark_pairs(viewer: ViewerModel, dock: AlignDock) -> None:
    """Mark four places of the fixed stack, and where they lie in the moving one."""
    dock.tools.section.open()
    for place in ([8, 10, 12], [16, 14, 30], [10, 22, 20], [14, 20, 9]):
        marks = dock.tools.landmarks
        viewer.dims.set_point(0, place[0])
        marks.add_pair()
        assert marks.take_click(viewer.dims.point[:1] + tuple(place[1:]))
        other = np.array(place) - SHIFT
        viewer.dims.set_point(0, float(other[0]))
        assert marks.take_click(tuple(other))


def test_landmarks_move_the_stack_in_one_step(
    viewer: ViewerModel, dock: AlignDock, layers: Any
) -> None:
    assert not [layer for layer in viewer.layers if isinstance(layer, Points)]
    dock.form.rows["kind"].set_value("translation")
    mark_pairs(viewer, dock)
    dock.tools.pairs.fit()
    # the slider stands on slices, half a step of which a click may be off
    assert np.allclose(shift_of(layers[1]), SHIFT, rtol=0, atol=0.5)
    assert np.allclose(shift_of(layers[1])[1:], SHIFT[1:], rtol=0, atol=1e-9)
    assert "4 pairs agree" in dock.tools.pairs.notice.text()
    dock.undo.undo()
    assert np.array_equal(layers[1].affine.affine_matrix, np.eye(4))
    assert not dock.undo.isEnabled()


def test_an_alignment_starts_from_landmarks(
    viewer: ViewerModel, dock: AlignDock, layers: Any, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    from napari_battery.registration import register as core

    seen: list[Any] = []

    def register(*given: Any, start: Any, **more: Any) -> Any:
        seen.append((given[2].start, start.matrix))
        return core.Registration(start, [], {}, [])

    monkeypatch.setattr(core, "register", register)
    dock.start.setCurrentIndex(dock.start.findData("landmarks"))
    dock.run()
    assert "no pairs of landmarks" in dock.runner.message.text()
    mark_pairs(viewer, dock)
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=10_000)
    assert seen[0][0] == "transform"
    assert np.allclose(moved_so_far(layers[1]), seen[0][1], rtol=0, atol=1e-12)
    dock.undo.undo()
    assert not dock.undo.isEnabled()
