"""The moving layer over the fixed one, where a transform puts it, in the slice shown."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.widgets.align_divider import Divider
from napari_battery.widgets.align_overlay import (
    Grid,
    Mode,
    Plane,
    compose,
    grey,
    sample,
    slice_grid,
    tile_pixels,
)
from napari_battery.widgets.align_picture import NAME, Picture
from napari_battery.widgets.align_world import PairWorld, pair_world, shown_plane
from napari_battery.widgets.background import Latest
from napari_battery.widgets.listening import listen
from napari_battery.widgets.slices import hidden_axis

__all__ = ["NAME", "AlignView", "is_hidden_by_view"]

_QUICK_PX = 384
_FULL_PX = 2048
_FRAME_MS = 15
_REST_MS = 200
_FLICKER_MS = 500
_LOOK = ("contrast_limits", "gamma")
_PLACE = ("affine", "scale", "translate", "rotate", "shear", "units", "data")

Samples = tuple[Grid, Plane, Plane]

_HIDDEN: WeakSet[Any] = WeakSet()


class AlignView(QObject):
    """Shows a pair of layers as a transform aligns them; neither layer is changed.

    napari draws an out-of-plane rotation of ``layer.affine`` wrongly in 2-D slices, so the
    slice is resampled: coarsely while things move, fully (in a thread) once they rest. The
    moving layer itself is hidden meanwhile. In a 3-D view nothing is shown.

    Parameters
    ----------
    parent : QWidget
        With which the picture goes away.
    viewer : ViewerModel
        Where to show it.
    """

    rested = Signal()
    """The picture is at its full resolution."""
    removed = Signal()
    """The person deleted the picture or one of its layers; nothing is shown any more."""
    failed = Signal(str)
    """The slice could not be resampled; says why."""

    def __init__(self, parent: QWidget, viewer: ViewerModel) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._picture = Picture(viewer)
        self.mode: Mode = "blend"
        self._fixed: Any = None
        self._moving: Any = None
        self._matrix = np.eye(4)
        self._seen: Any = None
        self._samples: Samples | None = None
        self._version = 0
        self._flick = False
        self._hidden: list[Any] = []
        self._followed: list[Any] = []
        self._latest = Latest(parent, self._report)
        self.divider = Divider(parent, viewer)
        self.divider.moved.connect(self._recompose)
        self._frame = self._timer(_FRAME_MS, self._draw_quickly)
        self._rest = self._timer(_REST_MS, self._draw_fully)
        self._flicker = self._timer(_FLICKER_MS, self._flicker_on, repeats=True)
        dims = viewer.dims.events
        listen(parent, self._slice_changed, dims.point, dims.order, dims.ndisplay)
        listen(parent, self._layer_removed, viewer.layers.events.removed)
        self._clean_up_after(parent)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Where the moving layer is shown; see `show`."""
        return self._matrix.copy()

    @property
    def layer(self) -> Any:
        """The picture, an Image layer of colours; None while it is not shown."""
        return self._picture.layer

    @property
    def is_shown(self) -> bool:
        """Whether there is a pair to show (in a 3-D view it is not seen)."""
        return self._fixed is not None

    def show(self, fixed: Any, moving: Any, matrix: NDArray[np.float64] | None = None) -> None:
        """Show a pair.

        Parameters
        ----------
        fixed, moving : Image layers
            Of any voxel sizes and places; both 2-D or both 3-D.
        matrix : (ndim + 1, ndim + 1) array, optional
            Moving world to fixed world, in µm (voxels where the voxel sizes are unknown),
            counted from where the moving layer stands now. None is the identity.

        Raises
        ------
        InputError
            If the layers cannot be compared; nothing is shown then.
        """
        if fixed is not self._fixed or moving is not self._moving:
            self.hide()
        matrix = np.eye(fixed.ndim + 1) if matrix is None else np.array(matrix, np.float64)
        pair_world(self._viewer, fixed, moving)
        if self._fixed is None:
            self._fixed, self._moving = fixed, moving
            self._follow()
        self._matrix = matrix
        self._seen = None
        self._look_in_2d()

    def set_matrix(self, matrix: NDArray[np.float64]) -> None:
        """Move the moving layer; as often as you like, frames are skipped."""
        self._matrix = np.array(matrix, np.float64)
        self._redraw()

    def set_mode(self, mode: Mode) -> None:
        """Compare in another way: see `compose`."""
        self.mode = mode
        self._flick = False
        if mode == "flicker" and self.is_shown:
            self._flicker.start()
        else:
            self._flicker.stop()
        self._place_divider()
        self._recompose()

    def hide(self) -> None:
        """Take the picture away; the moving layer is seen again as it was."""
        self._version += 1
        for timer in (self._frame, self._rest, self._flicker):
            timer.stop()
        self._latest.forget()
        _unfollow(self._followed)
        self._fixed = self._moving = self._samples = self._seen = None
        self._clear()

    # --- drawing

    def _redraw(self, event: Any = None) -> None:
        if self._fixed is None:
            return
        self._version += 1
        if not self._frame.isActive():
            self._frame.start()
        self._rest.start()

    def _draw_quickly(self) -> None:
        """Draw now if that is quick: data in memory, and few pixels."""
        work = self._work(_QUICK_PX)
        if work is None:
            return
        data = [_level(layer) for layer in (self._fixed, self._moving)]
        if all(isinstance(one, np.ndarray) for one in data):
            self._show_samples(work(None))
        elif not self._latest.busy:
            self._ask(work)

    def _draw_fully(self) -> None:
        work = self._work(_FULL_PX)
        if work is not None:
            self._ask(work, self._version)

    def _ask(self, work: Any, version: int = -1) -> None:
        def done(samples: Samples) -> None:
            if version >= 0 and version != self._version:
                return  # it has moved on
            self._show_samples(samples)
            if version >= 0:
                self.rested.emit()

        self._latest.ask(work, done)

    def _work(self, most: int) -> Any:
        """Return what samples both layers in the slice shown; None where none is shown."""
        world, plane = self._world(), self._plane()
        if world is None or plane is None:
            return None
        fixed, moving = _level(self._fixed), _level(self._moving)
        to_moving = np.asarray(
            np.linalg.solve(self._matrix @ world.moving, world.fixed), np.float64
        )
        axis = hidden_axis(self._viewer, self._fixed)
        index = 0 if axis is None else world.slice_index(self._viewer, axis, fixed.shape[axis])
        grid = slice_grid(fixed.shape, moving.shape, to_moving, plane, index, most)
        before = self._samples

        def work(progress: Progress | None) -> Samples:
            same = before is not None and before[0] == grid
            one = before[1] if before is not None and same else None
            if one is None:
                one = sample(fixed, np.eye(fixed.ndim + 1), grid, plane)
            if progress is not None:
                progress.advance(0)
            return grid, one, sample(moving, to_moving, grid, plane)

        return work

    def _world(self) -> PairWorld | None:
        if self._fixed is None:
            return None
        try:
            return pair_world(self._viewer, self._fixed, self._moving)
        except InputError as problem:  # a voxel size was taken away meanwhile
            self.failed.emit(str(problem))
            return None

    def _plane(self) -> tuple[int, ...] | None:
        return None if self._fixed is None else shown_plane(self._viewer, self._fixed)

    def _show_samples(self, samples: Samples) -> None:
        if self._fixed is not None and self._plane() is not None:
            self._samples = samples
            self._recompose()

    def _recompose(self, event: Any = None) -> None:
        """Make the picture of what was sampled last."""
        samples, plane = self._samples, self._plane()
        if samples is None or plane is None:
            return
        grid, one, other = samples
        if one.shape != tuple(grid.shape[axis] for axis in sorted(plane)):
            return  # of another plane; the one shown is coming
        fixed, moving = self._fixed, self._moving
        mode: Mode = self.mode
        if mode == "flicker" and self._flick:
            mode = "moving"
        picture = compose(
            mode,
            grey(one, fixed.contrast_limits, fixed.gamma),
            grey(other, moving.contrast_limits, moving.gamma),
            left=self.divider.left_of(grid, plane) if mode == "swipe" else None,
            tiles=tile_pixels(grid, _level(fixed).shape, plane),
        )
        self._picture.put(picture.reshape(*grid.shape, 4), fixed, grid)
        self._picture.put_above(self.divider.line)

    def _place_divider(self) -> None:
        """Have the divider in the slice shown, where the mode has one."""
        plane, world = self._plane(), self._world()
        if self.mode != "swipe" or plane is None or world is None or self.layer is None:
            self.divider.hide()
            return
        shape = _level(self._fixed).shape
        start = [0] * len(shape)
        axis = hidden_axis(self._viewer, self._fixed)
        if axis is not None:
            start[axis] = world.slice_index(self._viewer, axis, shape[axis])
        self.divider.place(self._fixed, tuple(start), plane)
        self._picture.put_above(self.divider.line)

    def _flicker_on(self) -> None:
        self._flick = not self._flick
        self._recompose()

    # --- the layers and the view

    def _slice_changed(self, event: Any = None) -> None:
        if self._fixed is None:
            return
        dims = self._viewer.dims
        seen = (tuple(dims.point[a] for a in dims.not_displayed), tuple(dims.order), dims.ndisplay)
        if seen == self._seen:
            return  # the picture itself may have changed the viewer's range
        turned = self._seen is None or seen[1:] != self._seen[1:]
        self._seen = seen
        if turned:
            self._look_in_2d()
        else:
            self._redraw()
        self._place_divider()

    def _look_in_2d(self) -> None:
        """Show the picture instead of the moving layer, or in 3-D the layer itself."""
        self._samples = None
        if self._plane() is None:
            self._clear()
            return
        if self._moving.visible:
            self._hidden[:] = [self._moving]
            _HIDDEN.add(self._moving)
            self._moving.visible = False
        self._version += 1
        self._draw_quickly()
        self._rest.start()
        self.set_mode(self.mode)

    def _follow(self) -> None:
        for layer in (self._fixed, self._moving):
            for name in _LOOK:
                self._followed.append((getattr(layer.events, name), self._recompose))
            for name in _PLACE:
                self._followed.append((getattr(layer.events, name), self._moved_by_others))
        for emitter, callback in self._followed:
            emitter.connect(callback)

    def _moved_by_others(self, event: Any = None) -> None:
        """A layer has another place or other data: what was sampled of it is no longer right."""
        self._samples = None
        self._redraw()

    def _layer_removed(self, event: Any) -> None:
        if self._picture.is_removing or event.value is None:
            return
        if event.value in (self._fixed, self._moving, self.layer):
            self.hide()
            self.removed.emit()

    def _clear(self) -> None:
        """Take the picture out of the viewer and show the moving layer."""
        self._flicker.stop()
        self.divider.hide()
        self._picture.remove()
        _show_again(self._hidden, self._viewer.layers)

    def _report(self, error: BaseException) -> None:
        self.failed.emit(str(error) or type(error).__name__)

    def _clean_up_after(self, parent: QWidget) -> None:
        # not self: it is already gone by then
        followed, picture, hidden = self._followed, self._picture, self._hidden
        layers = self._viewer.layers

        def stop() -> None:
            _unfollow(followed)
            picture.remove()
            _show_again(hidden, layers)

        parent.destroyed.connect(stop)

    def _timer(self, ms: int, call: Any, *, repeats: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(not repeats)
        timer.setInterval(ms)
        timer.timeout.connect(call)
        return timer


def is_hidden_by_view(layer: Any) -> bool:
    """Whether a layer is not seen only because a picture shows it."""
    return layer in _HIDDEN


def _level(layer: Any) -> Any:
    """All of a layer's data at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def _unfollow(followed: list[Any]) -> None:
    while followed:
        emitter, callback = followed.pop()
        emitter.disconnect(callback)


def _show_again(hidden: list[Any], layers: Any) -> None:
    while hidden:
        layer = hidden.pop()
        _HIDDEN.discard(layer)
        if layer in layers:
            layer.visible = True
