"""What a filter makes of the shown slice, or of a box around the middle of the view."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.viewer import ViewerModel

from napari_battery.filters import filter_image, filter_of, prepare_filter
from napari_battery.filters.flat_noise import noise_before_after
from napari_battery.progress import Progress
from napari_battery.settings import Settings
from napari_battery.volume import Volume
from napari_battery.widgets.label_box import view_centre
from napari_battery.widgets.slices import current_slice, displayed_axes, hidden_axis
from napari_battery.widgets.swipe import Patch

__all__ = ["Preview", "box_around_view", "full_range", "make_preview", "shown_slice"]

Window = tuple[slice, ...]

_QUICK_VOXELS = 10_000_000


@dataclass(frozen=True, eq=False)
class Preview:
    """A filtered piece of the shown slice."""

    patch: Patch
    context: Any
    """What the filter found out about the whole image; serves the next preview."""
    noise: tuple[float, float] | None
    """σ before and after, in grey levels; None where it cannot be told or compared."""
    seconds_per_voxel: float
    whole: bool
    """Whether it is the whole slice."""

    def in_words(self, layer: Any) -> str:
        """For the person: noise, what part is seen, and what the filter found out."""
        words = []
        if self.noise is not None:
            before, after = self.noise
            percent = 0 if before == 0 else round(100 * (after / before - 1))
            change = f" ({percent:+d} %)".replace("-", "−") if percent else ""
            words.append(f"Noise in flat areas: σ {before:.3g} → {after:.3g}{change}")
        if not self.whole:
            shape = " × ".join(str(n) for n in self.patch.data.shape if n > 1)
            words.append(f"Previewing {shape} voxels in the middle of the view")
        if not layer.visible:
            words.append(f"“{layer.name}” itself is hidden")
        words += self.context.findings.notes
        return " ".join(word.rstrip(".") + "." for word in words)


def shown_slice(viewer: ViewerModel, layer: Any) -> Window | None:
    """Voxels of the slice that the viewer shows; None where it shows none (a 3-D view)."""
    if viewer.dims.ndisplay != 2 or len(displayed_axes(viewer, layer)) != 2:
        return None
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    window = [slice(0, int(n)) for n in shape]
    axis = hidden_axis(viewer, layer)
    if axis is not None:
        index = current_slice(viewer, layer, axis)
        window[axis] = slice(index, index + 1)
    return tuple(window)


def box_around_view(viewer: ViewerModel, layer: Any, window: Window, edge: int) -> Window:
    """Cut a slice to a square of at most `edge` voxels around the middle of the view."""
    middle = view_centre(viewer, layer)
    box = list(window)
    for axis in displayed_axes(viewer, layer):
        n = window[axis].stop
        side = min(edge, n)
        low = int(np.clip(round(middle[axis] + 0.5 - side / 2), 0, n - side))
        box[axis] = slice(low, low + side)
    return tuple(box)


def make_preview(
    image: Volume,
    settings: Settings,
    window: Window,
    context: Any,
    progress: Progress,
    *,
    whole: bool,
) -> Preview:
    """Filter a window, one voxel thick, exactly as the whole image would be.

    Parameters
    ----------
    image : Volume
        The whole image.
    settings : Settings
        Of a filter.
    window : tuple of slices
        See `shown_slice` and `box_around_view`.
    context
        From the preview before, or None.
    progress : Progress
        Asked whether to go on.
    whole : bool
        Whether the window is the whole slice.
    """
    image = replace(image, path=None)  # a preview needs no fingerprint of the file
    context = prepare_filter(image, settings, progress, context)
    started = time.perf_counter()
    made = filter_image(image, settings, progress, box=window, context=context)
    seconds = time.perf_counter() - started
    after = np.asarray(made.data)
    before = np.asarray(image.data[window])
    comparable = filter_of(settings).dtype is None  # others stretch the grey levels
    noise = noise_before_after(np.squeeze(before), np.squeeze(after)) if comparable else None
    start = tuple(w.start for w in window)
    return Preview(Patch(after, start), context, noise, seconds / max(after.size, 1), whole)


def full_range(data: Any) -> tuple[float, float] | None:
    """Contrast limits for stretched grey levels; None lets napari find some."""
    dtype = np.dtype(data.dtype)
    if dtype.kind == "u":
        return 0.0, float(np.iinfo(dtype).max)
    if not isinstance(data, np.ndarray) or data.size > _QUICK_VOXELS:
        return None
    finite = data[np.isfinite(data)]
    if finite.size == 0 or finite.min() == finite.max():
        return None
    return float(finite.min()), float(finite.max())
