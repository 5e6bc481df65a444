"""Pairs of landmarks: the same place marked in the fixed and in the moving image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from weakref import ref

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_battery.errors import InputError
from napari_battery.registration.transform import Unit
from napari_battery.widgets.align_marks import Marks, Role
from napari_battery.widgets.align_view import AlignView
from napari_battery.widgets.align_world import PairWorld, pair_world, shown_plane
from napari_battery.widgets.edit_keys import BoundKeys
from napari_battery.widgets.listening import listen
from napari_battery.widgets.removal import Removal
from napari_battery.widgets.session import Session

__all__ = ["Landmarks"]

Place = NDArray[np.float64]
Matrix = NDArray[np.float64]

_STILL_PX = 4
_LOOKING = ("pan_zoom", "transform")
_PLACE = ("affine", "scale", "translate", "rotate", "shear", "units")


class Landmarks(QObject):
    """Numbered pairs in two Points layers, placed by clicks or with napari's own tools.

    The layers stay when this goes, and are used again for the same pair of images.

    Parameters
    ----------
    parent : QWidget
        With which this ends.
    viewer : ViewerModel
        Where the images are.
    view : AlignView
        What shows the pair; while a pair is placed it shows one image alone.
    """

    changed = Signal()
    """Pairs came, went or were moved."""
    asking = Signal(str)
    """Where the next click places a landmark: "fixed", "moving", or "" for nowhere."""

    def __init__(self, parent: QWidget, viewer: ViewerModel, view: AlignView) -> None:
        super().__init__(parent)
        self._viewer, self._view = viewer, view
        self._removal = Removal(viewer)
        self._fixed: Any = None
        self._moving: Any = None
        self._matrix = np.eye(4)
        self._marks: dict[Role, Marks] = {}
        self._places: dict[Role, dict[int, Place]] = {"fixed": {}, "moving": {}}
        self._wrong: set[int] = set()
        self._asks: Role | Literal[""] = ""
        self._number = 0
        self._mode_before: Any = "blend"
        self._keys = BoundKeys()
        self._edited: list[Marks] = []
        # napari is still inside its tool when it tells of a change
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._read)
        self._followed: list[Any] = []
        self._open: list[Marks] = []
        listen(parent, self._layer_removed, viewer.layers.events.removed)
        self._let_click(parent)
        self._clean_up_after(parent)

    # --- the pairs

    @property
    def is_on(self) -> bool:
        return self._fixed is not None

    @property
    def numbers(self) -> list[int]:
        """Numbers of the pairs that have both sides."""
        return sorted(self._places["fixed"].keys() & self._places["moving"].keys())

    @property
    def half(self) -> list[int]:
        """Numbers of the pairs that lack a side."""
        return sorted(self._places["fixed"].keys() ^ self._places["moving"].keys())

    def side(self, number: int) -> Role:
        """Side of a pair that lacks the other one."""
        return "fixed" if number in self._places["fixed"] else "moving"

    @property
    def world_unit(self) -> Unit:
        """Unit of `points`."""
        world = self._world()
        return "um" if world is None else world.unit

    @property
    def unit(self) -> str:
        """The same for the person: "µm" or "voxels"."""
        return "voxels" if self.world_unit == "voxel" else "µm"

    @property
    def voxel(self) -> float:
        """Shortest edge of a voxel of the coarser image, in `unit`; 0 without a pair."""
        world = self._world()
        if world is None:
            return 0.0
        edges = [np.linalg.norm(m[:-1, :-1], axis=0).min() for m in (world.fixed, world.moving)]
        return float(max(edges))

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """World coordinates of the pairs, as `fit_landmarks` takes them.

        Returns
        -------
        fixed, moving : (n, ndim) arrays
            In µm (voxels where the voxel sizes are unknown), in the order of `numbers`. The
            moving ones are where the moving layer stands now, without the matrix shown.
        """
        world = self._world()
        ndim = 3 if world is None else len(world.fixed) - 1
        if world is None or not self.numbers:
            return np.zeros((0, ndim)), np.zeros((0, ndim))
        both = []
        for role, matrix in (("fixed", world.fixed), ("moving", world.moving)):
            voxels = np.array([self._places[role][n] for n in self.numbers])  # type: ignore[index]
            both.append(voxels @ matrix[:-1, :-1].T + matrix[:-1, -1])
        return both[0], both[1]

    def start(self, fixed: Any, moving: Any, matrix: Matrix | None = None) -> None:
        """Show the landmarks of a pair, those remembered in the viewer's layers.

        Raises
        ------
        InputError
            If the layers cannot be aligned.
        """
        pair_world(self._viewer, fixed, moving)
        if fixed is not self._fixed or moving is not self._moving:
            self.stop()
            self._fixed, self._moving = fixed, moving
            self._marks = {
                role: Marks(self._viewer, role, fixed, moving, self._by_napari)
                for role in ("fixed", "moving")
            }
            self._open.extend(self._marks.values())
            self._places = {role: marks.remembered() for role, marks in self._marks.items()}
            for layer in (fixed, moving):
                for name in _PLACE:
                    emitter = getattr(layer.events, name)
                    emitter.connect(self._draw)
                    self._followed.append((emitter, self._draw))
        self._matrix = np.eye(fixed.ndim + 1) if matrix is None else np.array(matrix, float)
        self._draw()
        self.changed.emit()

    def stop(self) -> None:
        """Follow the pair no more; the layers stay, but those without a landmark."""
        self.cancel()
        empty = [marks.layer for marks in self._open if not len(marks.layer.data)]
        _unfollow(self._followed)
        _close(self._open)
        self._marks, self._places = {}, {"fixed": {}, "moving": {}}
        self._fixed = self._moving = None
        self._wrong = set()
        self._removal.remove(*empty)

    def set_matrix(self, matrix: Matrix) -> None:
        """Show the moving landmarks where a transform puts them."""
        self._matrix = np.array(matrix, np.float64)
        world, marks = self._world(), self._marks.get("moving")
        if world is not None and marks is not None and marks.is_there:
            marks.move(self._places["moving"], self._to_fixed(world, "moving"))

    def mark_wrong(self, numbers: set[int]) -> None:
        """Mark pairs that do not agree with the others."""
        self._wrong = set(numbers)
        self._draw()

    def delete(self, number: int) -> None:
        """Delete a pair, or the half of it that is there."""
        for places in self._places.values():
            places.pop(number, None)
        self._pairs_changed()

    def where(self, number: int) -> NDArray[np.float64] | None:
        """Place of a pair's fixed mark in the viewer's coordinates, or else of the moving one."""
        world = self._world()
        if world is None:
            return None
        if number in self._places["fixed"]:
            place = world.fixed @ np.append(self._places["fixed"][number], 1.0)
        elif number in self._places["moving"]:
            moved = world.moving @ np.append(self._places["moving"][number], 1.0)
            place = self._matrix @ moved
        else:
            return None
        return world.in_view(place[:-1])

    # --- placing a pair

    def add_pair(self) -> None:
        """Take two clicks on the canvas: the place in the fixed image, then in the moving one.

        A pair that lacks a side is finished first.
        """
        if not self.is_on or self._asks:
            return
        self._mode_before = self._view.mode
        self._viewer.layers.selection.active = self._fixed
        self._fixed.mode = "pan_zoom"  # a tool in hand would draw
        lacking = self.half
        known = [*self._places["fixed"], *self._places["moving"]]
        self._number = lacking[0] if lacking else max(known, default=0) + 1
        self._keys.bind({"Escape": self.cancel}, self._viewer, self._fixed)
        self._ask("moving" if self._number in self._places["fixed"] else "fixed")

    def cancel(self) -> None:
        """Place no landmark; a half of the pair stays to be finished."""
        if self._asks:
            self._ask("")

    def take_click(self, position: Any) -> bool:
        """Place a landmark at a position in the viewer; False where none is asked for."""
        world, role = self._world(), self._asks
        if world is None or not role:
            return False
        place = np.append(world.position(position), 1.0)
        to_world = world.fixed if role == "fixed" else self._matrix @ world.moving
        voxel = np.linalg.solve(to_world, place)[:-1]
        if not self._is_inside(role, voxel):
            return False
        self._places[role][self._number] = voxel
        other: Role = "moving" if role == "fixed" else "fixed"
        self._pairs_changed()
        self._ask("" if self._number in self._places[other] else other)
        return True

    def _is_inside(self, role: Role, voxel: Place) -> bool:
        layer = self._fixed if role == "fixed" else self._moving
        data = layer.data[0] if layer.multiscale else layer.data
        return bool((voxel >= -0.5).all() and (voxel <= np.array(data.shape) - 0.5).all())

    def _ask(self, role: Role | Literal[""]) -> None:
        self._asks = role
        _take_clicks(self._viewer, bool(role))
        if role:
            self._view.set_mode(role)
        else:
            self._keys.release()
            self._view.set_mode(self._mode_before)
        self.asking.emit(role)

    def _let_click(self, parent: QWidget) -> None:
        weakly = ref(self)  # the viewer must not keep the dock from going

        def click(viewer: Any, event: Any) -> Iterator[None]:
            marks = weakly()
            if marks is None or not marks._takes(event):
                return
            del marks
            start, moved = np.array(event.pos), 0.0
            yield
            while event.type == "mouse_move":
                moved = max(moved, float(np.abs(np.array(event.pos) - start).max()))
                yield
            marks = weakly()
            if marks is not None and moved <= _STILL_PX:  # else the picture was moved
                marks.take_click(event.position)

        clicks = self._viewer.mouse_drag_callbacks
        clicks.append(click)
        parent.destroyed.connect(lambda: clicks.remove(click))

    def _takes(self, event: Any) -> bool:
        if not self._asks or event.handled or event.button != 1 or event.modifiers:
            return False
        active = self._viewer.layers.selection.active
        mode = "pan_zoom" if active is None else str(getattr(active, "mode", "pan_zoom"))
        return mode in _LOOKING and shown_plane(self._viewer, self._fixed) is not None

    # --- the layers

    def _world(self) -> PairWorld | None:
        if self._fixed is None:
            return None
        try:
            return pair_world(self._viewer, self._fixed, self._moving)
        except InputError:  # a voxel size was taken away meanwhile; the view says so
            return None

    def _to_fixed(self, world: PairWorld, role: Role) -> Matrix:
        """Matrix from voxels of an image to voxels of the fixed one, as they are shown."""
        if role == "fixed":
            return np.eye(len(self._matrix))
        return np.asarray(np.linalg.solve(world.fixed, self._matrix @ world.moving), np.float64)

    def _pairs_changed(self) -> None:
        self._wrong = set()
        self._draw()
        self.changed.emit()

    def _draw(self, event: Any = None) -> None:
        world = self._world()
        if world is None:
            return
        for role, marks in self._marks.items():
            if marks.is_there:
                marks.write(self._places[role], self._to_fixed(world, role), self._wrong)

    def _by_napari(self, marks: Marks) -> None:
        if marks not in self._edited:
            self._edited.append(marks)
        self._later.start(0)

    def _read(self) -> None:
        """Take over what the person did to the points with napari's tools."""
        world = self._world()
        edited, self._edited = self._edited, []
        for marks in edited:
            if world is None or marks is not self._marks.get(marks.role):
                continue
            role = marks.role
            other = self._places["moving" if role == "fixed" else "fixed"]
            back = np.linalg.inv(self._to_fixed(world, role))
            before = self._places[role]
            places: dict[int, Place] = {}
            for number, drawn in zip(marks.numbers(), marks.drawn(), strict=True):
                if number in places or number < 1:  # a new point: it has the last one's number
                    taken = {*before, *places}
                    lacking = sorted(other.keys() - taken)
                    number = lacking[0] if lacking else max({*taken, *other}, default=0) + 1
                place = (back @ np.append(drawn, 1.0))[:-1]
                old = before.get(number)
                same = old is not None and np.allclose(old, place, rtol=0, atol=1e-3)
                places[number] = old if old is not None and same else place
            self._places[role] = places
        if edited and world is not None:
            self._pairs_changed()

    def _layer_removed(self, event: Any) -> None:
        removed = event.value
        if removed is None or self._fixed is None:
            return
        ours = [marks.layer for marks in self._marks.values()]
        if any(removed is layer for layer in (self._fixed, self._moving, *ours)):
            self.stop()
            self.changed.emit()

    def _clean_up_after(self, parent: QWidget) -> None:
        # not self: it is already gone by then
        followed, keys, opened, viewer = self._followed, self._keys, self._open, self._viewer

        def stop() -> None:
            _unfollow(followed)
            _close(opened)
            _take_clicks(viewer, False)
            keys.release()

        parent.destroyed.connect(stop)


def _unfollow(followed: list[Any]) -> None:
    while followed:
        emitter, callback = followed.pop()
        emitter.disconnect(callback)


def _take_clicks(viewer: ViewerModel, take: bool) -> None:
    """Keep clicks from picking particles, and from moving the layer by hand."""
    session = Session.of(viewer)
    if take:
        session.click_taker = _place_it_ourselves
    elif session.click_taker is _place_it_ourselves:
        session.click_taker = None


def _place_it_ourselves(event: Any) -> None:
    """The landmarks have a callback of their own for clicks."""


def _close(opened: list[Marks]) -> None:
    while opened:
        opened.pop().close()
