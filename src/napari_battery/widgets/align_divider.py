"""The divider of a swipe between two images that are put together elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.widgets.align_overlay import Grid
from napari_battery.widgets.swipe import Patch, Swipe
from napari_battery.widgets.swipe_geometry import screen_axes

__all__ = ["NAME", "Divider"]

NAME = "Fixed | moving"


class Divider(Swipe):
    """Only the line of a `Swipe`, over a whole slice, with the mouse that drags it."""

    def place(self, layer: Any, start: tuple[int, ...], plane: tuple[int, ...]) -> None:
        """Have the line in a slice of `layer`.

        Parameters
        ----------
        layer : Layer
            Whose slice.
        start : tuple of int
            First voxel of the slice.
        plane : tuple of int
            Axes of the layer in the slice.
        """
        data = layer.data[0] if layer.multiscale else layer.data
        shape = tuple(n if axis in plane else 1 for axis, n in enumerate(data.shape))
        self.show(layer, Patch(np.broadcast_to(np.uint8(0), shape), start))

    def left_of(self, grid: Grid, plane: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Which pixels lie on the left of the line; None while there is no line."""
        source, patch = self._source, self._patch
        if source is None or patch is None:
            return None
        across, _, sign = screen_axes(self._viewer, source, plane)
        n = patch.data.shape[across]
        at = patch.start[across] + self._divider_voxels(n, sign) - 0.5
        where = grid.start[across] + grid.step[across] * np.arange(grid.shape[across])
        left = where < at if sign > 0 else where > at
        return left[None] if across == max(plane) else left[:, None]

    def _draw_patch(self, data: NDArray[Any], start: tuple[float, ...], opacity: float) -> None:
        """The picture has the other image already."""

    def _draw_line(self, at: float) -> None:
        super()._draw_line(at)
        if self.line.name != NAME:
            self.line.name = NAME
