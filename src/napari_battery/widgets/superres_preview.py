"""The shown slice, or the part of it that is seen and can be had at once, super-resolved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from napari.viewer import ViewerModel

from napari_battery.io.lazy import Window
from napari_battery.progress import Progress
from napari_battery.superres.super_resolve import slabs_of
from napari_battery.widgets.filter_preview import box_around_view, shown_slice
from napari_battery.widgets.slices import displayed_axes
from napari_battery.widgets.superres_case import Case, Ready
from napari_battery.widgets.swipe_geometry import Patch, visible_range

__all__ = ["make_patch", "preview_window"]

_AT_ONCE_S = 1.5
_SMALLEST_PX = 24


def preview_window(viewer: ViewerModel, layer: Any, case: Case, ready: Ready) -> Window | None:
    """Voxels of the image to be previewed: those seen, or fewer where these take too long.

    None where the viewer shows no slice of it.
    """
    window = shown_slice(viewer, layer)
    if window is None:
        return None
    plane = displayed_axes(viewer, layer)
    seen = list(window)
    for axis in plane:
        low, high = visible_range(layer, axis)
        seen[axis] = slice(int(low), max(int(np.ceil(high)), int(low) + 1))
    box = tuple(seen)
    edge = max(box[axis].stop - box[axis].start for axis in plane)
    while ready.seconds(_one_slice(case, box, plane)) > _AT_ONCE_S and edge > _SMALLEST_PX:
        edge = max(edge * 3 // 4, _SMALLEST_PX)
        smaller = box_around_view(viewer, layer, window, edge)
        box = tuple(_both(a, b) for a, b in zip(seen, smaller, strict=True))
    return box


def make_patch(
    case: Case, ready: Ready, box: Window, plane: tuple[int, ...], progress: Progress
) -> Patch:
    """Super-resolve a box, one voxel thick, exactly as the whole image would be.

    Of the new slices in the shown one it is that in the middle, as thick as the shown one.
    """
    image = replace(case.image, path=None)
    window = _one_slice(case, box, plane)
    progress.advance(0)
    run = slabs_of(image, case.grid, window, ready.greys, ready.engine)
    data = run.all(progress, "Preview")
    start, step = [], []
    for axis, w in enumerate(window):
        ratio = case.grid.known_voxel_size_um()[axis] / image.known_voxel_size_um()[axis]
        in_plane = axis in plane
        start.append((w.start + 0.5) * ratio - 0.5 if in_plane else float(box[axis].start))
        step.append(ratio if in_plane else 1.0)
    return Patch(data if image.ndim == 3 else data[0], tuple(start), tuple(step))


def _one_slice(case: Case, box: Window, plane: tuple[int, ...]) -> Window:
    """The box on the target grid, of which the middle slice is taken."""
    window = list(case.window(box))
    for axis in range(len(window)):
        if axis not in plane:
            middle = (window[axis].start + window[axis].stop - 1) // 2
            window[axis] = slice(middle, middle + 1)
    return tuple(window)


def _both(one: slice, other: slice) -> slice:
    low = max(one.start, other.start)
    return slice(low, max(min(one.stop, other.stop), low + 1))
