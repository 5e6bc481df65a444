"""Aligning by hand: drag and turn the moving layer on the canvas, nudge it with the keys."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from weakref import ref

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_battery.errors import InputError
from napari_battery.registration.rotations import turn_and_scale
from napari_battery.widgets.align_centre import CentreMark
from napari_battery.widgets.align_turning import (
    axis_rotation,
    shift,
    turned,
    turned_in_plane,
)
from napari_battery.widgets.align_world import PairWorld, pair_world, shown_plane
from napari_battery.widgets.edit_keys import BoundKeys
from napari_battery.widgets.listening import listen
from napari_battery.widgets.session import Session
from napari_battery.widgets.slices import camera_of

__all__ = ["HandMode"]

Matrix = NDArray[np.float64]

_GESTURE_MS = 700
"""Nudges that follow one another faster than this are one step to undo."""
_LOOKING = ("pan_zoom", "transform")


class HandMode(QObject):
    """Lets the person move the moving layer; each gesture is one step to undo.

    Dragging moves it in the slice, Shift and dragging turns it about `centre`, Control and
    dragging pans the view. Arrow keys
    nudge it in the slice, Page Up and Page Down across it; with Shift they turn it: Left and
    Right in the slice, Up and Down, Page Up and Page Down tip it out of the slice.

    Parameters
    ----------
    parent : QWidget
        With which the mode ends.
    viewer : ViewerModel
        On whose canvas.
    """

    moved = Signal(object)
    """The matrix the person has moved the layer to; many times in a gesture."""
    finished = Signal(str, object)
    """A gesture is over: what it was ("Moved by hand 3.2 µm"), and the matrix before it."""
    undo_pressed = Signal()
    """The person pressed Ctrl+Z."""
    centre_chosen = Signal()
    """There is another centre to turn about, or none of its own any more."""
    changed = Signal(bool)
    """The mode was entered or left."""

    def __init__(self, parent: QWidget, viewer: ViewerModel) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.step = 1.0
        """How far a key moves, in µm (voxels where the voxel sizes are unknown)."""
        self.degrees = 0.5
        """How far a key turns."""
        self.centre: NDArray[np.float64] | None = None
        """World point to turn about; None is the middle of the view."""
        self._fixed: Any = None
        self._moving: Any = None
        self._matrix = np.eye(4)
        self._before: Matrix | None = None
        self._kind = ""
        self._choosing = False
        self._keys = BoundKeys()
        self._mark = CentreMark(viewer)
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(_GESTURE_MS)
        self._quiet.timeout.connect(self.end_gesture)
        listen(parent, self._layer_removed, viewer.layers.events.removed)
        listen(parent, self._bind_keys, viewer.layers.selection.events.active)
        dims = viewer.dims.events
        listen(parent, self._show_centre, dims.point, dims.order, dims.ndisplay)
        listen(parent, self._view_turned, dims.ndisplay)
        parent.destroyed.connect(self._mark.hide)
        self._let_drag(parent)

    @property
    def matrix(self) -> Matrix:
        """Moving world to fixed world, see `AlignView.show`."""
        return self._matrix.copy()

    @property
    def is_on(self) -> bool:
        return self._fixed is not None

    @property
    def sees_slices(self) -> bool:
        """Whether the viewer shows slices, in which the layer can be moved."""
        return self._screen_axes() is not None

    @property
    def unit(self) -> str:
        """Unit of `step` for the person: "µm" or "voxels"."""
        world = self._world()
        return "voxels" if world is not None and world.unit == "voxel" else "µm"

    def start(self, fixed: Any, moving: Any, matrix: Matrix | None = None) -> None:
        """Let the person move `moving` from where `matrix` has it.

        Parameters
        ----------
        fixed, moving : Image layers
            Both 2-D or both 3-D.
        matrix : (ndim + 1, ndim + 1) array, optional
            See `AlignView.show`. None is the identity.

        Raises
        ------
        InputError
            If the layers cannot be aligned.
        """
        world = pair_world(self._viewer, fixed, moving)
        self.stop()
        self._fixed, self._moving = fixed, moving
        self._matrix = np.eye(fixed.ndim + 1) if matrix is None else np.array(matrix, float)
        self.step = float(np.linalg.norm(world.fixed[:-1, :-1], axis=0).min())
        self.centre = None
        self._viewer.layers.selection.active = moving
        moving.mode = "pan_zoom"  # a brush in hand would paint
        self._bind_keys()
        self.changed.emit(True)

    def stop(self) -> None:
        """End the mode; the keys and the mouse do what they did before."""
        if self._fixed is None:
            return
        self.end_gesture()
        self._keys.release()
        self._choosing = False
        self._fixed = self._moving = self.centre = None
        self._show_centre()
        self.changed.emit(False)

    def set_matrix(self, matrix: Matrix) -> None:
        """Start from another place; says nothing."""
        self._quiet.stop()
        self._before, self._kind = None, ""
        self._matrix = np.array(matrix, np.float64)

    def choose_centre(self) -> None:
        """Take the next click on the canvas as the centre to turn about."""
        self._choosing = self.is_on

    def forget_centre(self) -> None:
        """Turn about the middle of the view again."""
        self._choosing, self.centre = False, None
        self._show_centre()
        self.centre_chosen.emit()

    def end_gesture(self) -> None:
        """Make what was moved since the last gesture a step to undo."""
        self._quiet.stop()
        before, self._before, self._kind = self._before, None, ""
        if before is None or np.array_equal(before, self._matrix):
            return
        self.finished.emit(self._in_words(before), before)

    def nudge(self, axis: int, sign: int) -> None:
        """Move by one step along an axis of the viewer (−1 across, −2 down the screen)."""
        away = np.zeros(len(self._matrix) - 1)
        away[axis] = sign * self.step
        self._by_key("nudge", shift(away))

    def turn(self, axis: int, sign: int) -> None:
        """Turn by `degrees` about an axis of the world through the centre."""
        centre = self._pivot()
        if centre is not None:
            about = axis_rotation(len(centre), axis, sign * self.degrees)
            self._by_key("turn", turned(about, centre))

    # --- keys

    def _bind_keys(self, event: Any = None) -> None:
        self._keys.release()
        if self._fixed is None:
            return
        keys: dict[str, Any] = {"Control-Z": self._undo, "Escape": self.stop}
        for key, screen, sign in (
            ("Left", "across", -1),
            ("Right", "across", 1),
            ("Up", "down", -1),
            ("Down", "down", 1),
            ("PageUp", "through", 1),
            ("PageDown", "through", -1),
        ):
            keys[key] = partial(self._press, screen, sign)
            keys[f"Shift-{key}"] = partial(self._pressshift, screen, sign)
        layers = [self._viewer.layers.selection.active]
        self._keys.bind(keys, *(one for one in layers if one is not None), self._viewer)

    def _press(self, screen: str, sign: int) -> None:
        axes = self._screen_axes()
        if axes is not None and screen in axes:
            axis, direction = axes[screen]
            self.nudge(axis, sign * direction)

    def _pressshift(self, screen: str, sign: int) -> None:
        axes = self._screen_axes()
        if axes is None:
            return
        if screen == "across":
            if "through" in axes:
                self.turn(axes["through"][0], self._clockwise(axes) * sign)
            else:
                self.turn(-1, self._clockwise(axes) * sign)
        elif "through" in axes:
            self.turn(axes["across" if screen == "down" else "down"][0], sign)

    def _undo(self) -> None:
        self.end_gesture()
        self.undo_pressed.emit()

    def _by_key(self, kind: str, step: Matrix) -> None:
        if kind != self._kind:
            self.end_gesture()
        self._begin(kind)
        self._set(step @ self._matrix)
        self._quiet.start()

    # --- mouse

    def _let_drag(self, parent: QWidget) -> None:
        weakly = ref(self)  # the viewer must not keep the dock from going

        def drag(viewer: Any, event: Any) -> Iterator[None]:
            hand = weakly()
            if hand is None or event.handled or not hand._takes(event):
                return
            event.handled = True  # the camera stays where it is
            if hand._choosing:
                hand._take_centre(event.position)
                return
            hand.end_gesture()
            modifiers = _names(event.modifiers)
            kind = "pan" if "Control" in modifiers else "turn" if modifiers else "move"
            start, world = np.array(event.position), hand._world()
            pivot, before = hand._pivot(), hand.matrix
            if kind != "pan":
                hand._begin(kind)
            del hand
            yield
            while event.type == "mouse_move":
                hand = weakly()
                if hand is not None and world is not None and hand.is_on:
                    hand._drag_to(kind, world, pivot, before, start, event.position)
                del hand
                event.handled = True
                yield
            hand = weakly()
            if hand is not None:
                hand.end_gesture()

        drags = self._viewer.mouse_drag_callbacks
        drags.append(drag)
        keys = self._keys

        def stop() -> None:
            drags.remove(drag)
            keys.release()

        parent.destroyed.connect(stop)

    def _takes(self, event: Any) -> bool:
        """Whether a press of the mouse moves the layer."""
        if self._fixed is None or event.button != 1 or self._screen_axes() is None:
            return False
        if Session.of(self._viewer).click_taker is not None:
            return False  # clicks place landmarks, say
        active = self._viewer.layers.selection.active
        if active is not None and str(getattr(active, "mode", "pan_zoom")) not in _LOOKING:
            return False
        return _names(event.modifiers) in (set(), {"Shift"}, {"Control"})

    def _drag_to(
        self, kind: str, world: PairWorld, pivot: Any, before: Matrix, start: Any, position: Any
    ) -> None:
        axes = self._screen_axes()
        if axes is None:
            return
        if kind == "pan":
            self._pan(np.asarray(start) - np.asarray(position))
            return
        plane = [axes["down"][0], axes["across"][0]]
        old, new = world.position(start), world.position(position)
        if kind == "move":
            away = np.zeros_like(old)
            away[plane] = (new - old)[plane]
            self._set(shift(away) @ before)
            return
        one, other = (old - pivot)[plane], (new - pivot)[plane]
        angle = np.arctan2(other[1], other[0]) - np.arctan2(one[1], one[0])
        self._set(turned_in_plane(len(old), plane, float(angle), pivot) @ before)

    def _pan(self, away: NDArray[np.float64]) -> None:
        """Move the view; napari's own panning is taken while this mode lasts."""
        camera = camera_of(self._viewer)
        centre = np.array(camera.center, np.float64)
        shown = list(self._viewer.dims.displayed)
        centre[-len(shown) :] += away[shown]
        camera.center = tuple(centre)

    def _take_centre(self, position: Any) -> None:
        world = self._world()
        self._choosing = False
        if world is not None:
            self.centre = world.position(position)
            self._show_centre()
            self.centre_chosen.emit()

    def _show_centre(self, event: Any = None) -> None:
        world = self._world()
        if world is None or self.centre is None:
            self._mark.hide()
        else:
            self._mark.show(self._fixed, world, self.centre)

    def _view_turned(self, event: Any = None) -> None:
        if self.is_on:
            self.changed.emit(True)

    # --- what both do

    def _begin(self, kind: str) -> None:
        if self._before is None:
            self._before, self._kind = self._matrix.copy(), kind

    def _set(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self.moved.emit(matrix.copy())

    def _world(self) -> PairWorld | None:
        if self._fixed is None:
            return None
        try:
            return pair_world(self._viewer, self._fixed, self._moving)
        except InputError:  # a voxel size was taken away meanwhile; the view says so
            return None

    def _pivot(self) -> NDArray[np.float64] | None:
        """World point to turn about."""
        world = self._world()
        if world is None or self.centre is not None:
            return self.centre
        dims = self._viewer.dims
        place = np.array(dims.point, np.float64)
        displayed = list(dims.displayed)
        place[displayed] = np.asarray(camera_of(self._viewer).center)[-len(displayed) :]
        return world.position(place)

    def _screen_axes(self) -> dict[str, tuple[int, int]] | None:
        """World axes across and down the screen and through it, with their directions."""
        if self._fixed is None or shown_plane(self._viewer, self._fixed) is None:
            return None
        dims, ndim = self._viewer.dims, self._fixed.ndim
        first = dims.ndim - ndim
        down, across = (axis - first for axis in dims.displayed)
        camera = camera_of(self._viewer)
        orientation = getattr(camera, "orientation", ("away", "down", "right"))
        axes = {
            "down": (down, 1 if orientation[-2] == "down" else -1),
            "across": (across, 1 if orientation[-1] == "right" else -1),
        }
        through = [axis for axis in range(ndim) if axis not in (down, across)]
        if through:
            axes["through"] = (through[0], 1)
        return axes

    @staticmethod
    def _clockwise(axes: dict[str, tuple[int, int]]) -> int:
        """Sign of a rotation, see `axis_rotation`, that is clockwise on the screen."""
        (down, one), (across, other) = axes["down"], axes["across"]
        return one * other * (1 if down < across else -1)

    def _in_words(self, before: Matrix) -> str:
        step = self._matrix @ np.linalg.inv(before)
        turn, _ = turn_and_scale(step[:-1, :-1])
        if turn > 1e-6:
            return f"Turned by hand {turn:.3g}°"
        away = float(np.linalg.norm(step[:-1, -1]))
        return f"Moved by hand {away:.3g} {self.unit}"

    def _layer_removed(self, event: Any) -> None:
        if event.value is not None and event.value in (self._fixed, self._moving):
            self.stop()
        elif event.value is not None and event.value is self._mark.layer:
            self.forget_centre()


def _names(modifiers: Any) -> set[str]:
    """Names of the keys held down, whatever kind of key napari tells of."""
    return {str(getattr(one, "name", one)) for one in modifiers}
