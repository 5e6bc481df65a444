"""Before and after of an image side by side: a divider that is dragged over the canvas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import ref

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_battery.widgets.layers import KEY
from napari_battery.widgets.listening import listen
from napari_battery.widgets.removal import Removal
from napari_battery.widgets.slices import camera_of, displayed_axes
from napari_battery.widgets.swipe_geometry import (
    Patch,
    divider_lines,
    placement,
    screen_axes,
    step_px,
    visible_range,
)

__all__ = ["DIVIDER", "PREVIEW", "Patch", "Swipe"]

PREVIEW = "Filter preview"
DIVIDER = "Before | after"

_COLOUR = "#ffb000"
_REACH_PX = 8
_LINE_PX = 2.0
_FRAME_MS = 15
_SETTLE_MS = 60
_LOOKING = ("pan_zoom", "transform")
_APPEARANCE = ("contrast_limits", "colormap", "gamma", "interpolation2d")


class Swipe(QObject):
    """Shows a patch over its image on the right of a divider; on the left is the image.

    The patch lies in an Image layer of its own with the place and the look of the image;
    only what is on the right of the divider is in it, so that it is right for any order of
    axes and any transformation. A divider at either end stays there; otherwise it is
    brought back into view when the person zooms past it.

    Parameters
    ----------
    parent : QWidget
        With which both layers go away.
    viewer : ViewerModel
        Where to show it.
    name : str
        Name of the patch's layer.
    """

    moved = Signal(float)
    """The divider is somewhere else: part of the patch's width that shows the image."""
    removed = Signal()
    """The person deleted one of the layers."""

    def __init__(self, parent: QWidget, viewer: ViewerModel, name: str = PREVIEW) -> None:
        super().__init__(parent)
        self._viewer, self._name = viewer, name
        self.fraction = 0.5
        self.layer: Any = None
        self.line: Any = None
        self._source: Any = None
        self._patch: Patch | None = None
        self._limits: tuple[float, float] | None = None
        self._removal = Removal(viewer)
        self._pointing = ""
        self._frame = self._timer(_FRAME_MS, self._draw)
        self._settled = self._timer(_SETTLE_MS, self._view_changed)
        camera = camera_of(viewer).events
        listen(parent, self._settle, camera.zoom, camera.center)
        listen(parent, self._layer_removed, viewer.layers.events.removed)
        self._followed: list[Any] = []
        self._made: list[Any] = []
        self._let_drag(parent)
        self._clean_up_after(parent)

    def show(
        self, source: Any, patch: Patch, contrast_limits: tuple[float, float] | None = None
    ) -> None:
        """Show this patch of `source`; with contrast limits of its own where they are given."""
        if source is not self._source:
            self.hide()
            self._source = source
            self._followed.append(source)
            for name in _APPEARANCE:
                getattr(source.events, name).connect(self._look_alike)
        self._patch, self._limits = patch, contrast_limits
        self._draw()

    def hide(self) -> None:
        """Take both layers out of the viewer."""
        self._frame.stop()
        layers, self.layer, self.line = (self.layer, self.line), None, None
        self._point(False)
        _unfollow(self._followed, self._look_alike)
        self._source = self._patch = None
        self._remove(*layers)

    def set_fraction(self, fraction: float) -> None:
        """Move the divider: 0 shows the whole patch, 1 the image only."""
        fraction = min(max(float(fraction), 0.0), 1.0)
        if fraction == self.fraction:
            return
        self.fraction = fraction
        if self._patch is not None and not self._frame.isActive():
            self._frame.start()
        self.moved.emit(fraction)

    # --- drawing

    def _draw(self) -> None:
        """Put the part on the right of the divider into the layer, and the line at its edge."""
        source, patch = self._source, self._patch
        if source is None or patch is None or source not in self._viewer.layers:
            return
        plane = displayed_axes(self._viewer, source)
        if self._viewer.dims.ndisplay != 2 or len(plane) != 2:
            return
        across, _, sign = screen_axes(self._viewer, source, plane)
        n = patch.data.shape[across]
        at = self._divider_voxels(n, sign)
        kept = slice(at, n) if sign > 0 else slice(0, at)
        empty = kept.start == kept.stop
        if empty:  # a layer cannot be empty
            kept = slice(0, 1)
        window = [slice(None)] * patch.data.ndim
        window[across] = kept
        start, step = list(patch.start), patch.steps[across]
        start[across] += kept.start * step
        self._draw_patch(patch.data[tuple(window)], tuple(start), 0.0 if empty else 1.0)
        self._draw_line(patch.faces[across][0] + at * step)

    def _divider_voxels(self, n: int, sign: int) -> int:
        """Voxels of the patch before the divider, counted along the layer's axis."""
        at = round(self.fraction * n)
        return at if sign > 0 else n - at

    def _draw_patch(self, data: NDArray[Any], start: tuple[float, ...], opacity: float) -> None:
        source, patch = self._source, self._patch
        assert patch is not None
        place = placement(source, start, patch.step)
        if not _fits(self.layer, place) or self.layer.data.dtype != data.dtype:
            self._remove(self.layer)
            self.layer = self._add(
                self._viewer.add_image,
                data,
                name=self._name,
                contrast_limits=self._limits or source.contrast_limits,
                colormap=source.colormap,
                gamma=source.gamma,
                interpolation2d=source.interpolation2d,
                opacity=opacity,
                **place,
            )
            return
        layer = self.layer
        layer.data = data
        if not np.array_equal(layer.translate, place["translate"]):
            layer.translate = place["translate"]
        layer.opacity = opacity
        if self._limits is not None and tuple(layer.contrast_limits) != self._limits:
            layer.contrast_limits = self._limits

    def _draw_line(self, at: float) -> None:
        source, patch = self._source, self._patch
        assert patch is not None
        lines, px = divider_lines(self._viewer, source, patch.faces, at)
        place = placement(source, (0,) * source.ndim)
        if not _fits(self.line, place):
            self._remove(self.line)
            self.line = self._add(
                self._viewer.add_vectors,
                lines,
                name=DIVIDER,
                vector_style="line",
                edge_color=_COLOUR,
                edge_width=px * _LINE_PX,
                **place,
            )
            return
        if not np.isclose(self.line.edge_width, px * _LINE_PX):
            self.line.edge_width = px * _LINE_PX
        self.line.data = lines
        self.line.translate = place["translate"]

    def _add(self, add: Any, data: NDArray[Any], **kwargs: Any) -> Any:
        """Add a layer right above the image, leaving the person's selection alone."""
        layers = self._viewer.layers
        chosen, active = set(layers.selection), layers.selection.active
        layer = add(data, **kwargs, metadata={KEY: {"overlay": True}})
        above = layers.index(self._source) + (1 if add == self._viewer.add_image else 2)
        if layers.index(layer) != above:
            layers.move(layers.index(layer), above)
        layers.selection = chosen
        layers.selection.active = active
        self._made.append(layer)
        return layer

    def _remove(self, *layers: Any) -> None:
        self._removal.remove(*layers)
        self._made[:] = [layer for layer in self._made if layer in self._viewer.layers]

    def _look_alike(self, event: Any = None) -> None:
        """Give the patch the look of the image, which the person has just changed."""
        if self.layer is None or self._source is None:
            return
        for name in _APPEARANCE:
            if name != "contrast_limits" or self._limits is None:
                setattr(self.layer, name, getattr(self._source, name))

    # --- the view, and the mouse

    def follow_slice(self) -> None:
        """Keep the line in the shown slice until the next patch comes."""
        if self.line is not None:
            self._draw()

    def _settle(self, event: Any = None) -> None:
        if self._patch is not None:
            self._settled.start()

    def _view_changed(self) -> None:
        """Keep the line as thin as it was, and in sight."""
        source, patch = self._source, self._patch
        if source is None or patch is None or source not in self._viewer.layers:
            return
        plane = displayed_axes(self._viewer, source)
        if len(plane) != 2:
            return
        across, _, sign = screen_axes(self._viewer, source, plane)
        first, last = (face + 0.5 for face in patch.faces[across])
        width = last - first
        low, high = visible_range(source, across)
        low, high = max(low - first, 0), min(high - first, width)
        at = self.fraction * width if sign > 0 else (1 - self.fraction) * width
        if 0 < self.fraction < 1 and low < high and not low <= at <= high:
            middle = (low + high) / 2 / width
            self.set_fraction(middle if sign > 0 else 1 - middle)
        self._draw()

    def _let_drag(self, parent: QWidget) -> None:
        weakly = ref(self)  # the viewer must not keep the dock from going

        def drag(viewer: Any, event: Any) -> Iterator[None]:
            swipe = weakly()
            if swipe is None or event.button != 1 or event.modifiers:
                return
            if not swipe._grabs(event.position):
                return
            del swipe
            event.handled = True  # the camera stays where it is
            yield
            while event.type == "mouse_move":
                swipe = weakly()
                if swipe is not None:
                    swipe._drag_to(event.position)
                del swipe
                event.handled = True
                yield

        def hover(viewer: Any, event: Any) -> None:
            swipe = weakly()
            if swipe is not None:
                swipe._point(swipe._grabs(event.position))

        drags, moves = self._viewer.mouse_drag_callbacks, self._viewer.mouse_move_callbacks
        drags.append(drag)
        moves.append(hover)

        def stop() -> None:
            drags.remove(drag)
            moves.remove(hover)

        parent.destroyed.connect(stop)

    def _clean_up_after(self, parent: QWidget) -> None:
        # not self: it is already gone by then
        followed, made = self._followed, self._made
        look_alike, layers = self._look_alike, self._viewer.layers

        def stop() -> None:
            _unfollow(followed, look_alike)
            for layer in made:
                if layer in layers:
                    layers.remove(layer)

        parent.destroyed.connect(stop)

    def _place_of(self, position: Any) -> tuple[float, float, int] | None:
        """Where a world position is across the patch: its voxels from its face, px each, sign."""
        source, patch = self._source, self._patch
        if source is None or patch is None or self.line is None or not self.line.visible:
            return None
        plane = displayed_axes(self._viewer, source)
        if self._viewer.dims.ndisplay != 2 or len(plane) != 2:
            return None
        across, _, sign = screen_axes(self._viewer, source, plane)
        index = float(np.asarray(source.world_to_data(position))[across])
        step = patch.steps[across]
        px = step_px(self._viewer, source, across) * step
        return (index - patch.faces[across][0]) / step, px, sign

    def _grabs(self, position: Any) -> bool:
        """Whether the mouse is on the line, in a mode in which it does not draw."""
        active = self._viewer.layers.selection.active
        if active is not None and str(getattr(active, "mode", "pan_zoom")) not in _LOOKING:
            return False
        place = self._place_of(position)
        if place is None or self._patch is None or self._source is None:
            return False
        plane = displayed_axes(self._viewer, self._source)
        across, along, _ = screen_axes(self._viewer, self._source, plane)
        where = float(np.asarray(self._source.world_to_data(position))[along])
        low, high = self._patch.faces[along]
        if not low <= where <= high:
            return False
        index, px, sign = place
        n = self._patch.data.shape[across]
        return bool(abs(index - self._divider_voxels(n, sign)) * px <= _REACH_PX)

    def _drag_to(self, position: Any) -> None:
        place = self._place_of(position)
        if place is None or self._patch is None or self._source is None:
            return
        index, _, sign = place
        plane = displayed_axes(self._viewer, self._source)
        across, _, _ = screen_axes(self._viewer, self._source, plane)
        fraction = index / self._patch.data.shape[across]
        self.set_fraction(fraction if sign > 0 else 1 - fraction)

    def _point(self, on_line: bool) -> None:
        """Show a pointing hand over the line."""
        cursor = self._viewer.cursor
        if on_line and not self._pointing:
            self._pointing = str(cursor.style)
            cursor.style = "pointing"
        elif not on_line and self._pointing:
            cursor.style, self._pointing = self._pointing, ""

    def _layer_removed(self, event: Any) -> None:
        if self._removal.is_ours:
            return
        if event.value is self._source:
            self.hide()
        elif event.value in (self.layer, self.line) and event.value is not None:
            self.hide()
            self.removed.emit()

    def _timer(self, ms: int, call: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(ms)
        timer.timeout.connect(call)
        return timer


def _fits(layer: Any, place: dict[str, Any]) -> bool:
    """Whether a layer needs only moving to be in this place."""
    if layer is None:
        return False
    there = placement(layer, (0,) * layer.ndim)
    return all(np.array_equal(there[name], place[name]) for name in place if name != "translate")


def _unfollow(followed: list[Any], look_alike: Any) -> None:
    while followed:
        source = followed.pop()
        for name in _APPEARANCE:
            getattr(source.events, name).disconnect(look_alike)
