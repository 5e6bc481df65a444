"""What is drawn over the image while labelling is being set: the threshold's mask, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.viewer import ViewerModel

from napari_battery.labelling import LabelSettings, foreground_mask
from napari_battery.lengths import in_voxels
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, layer_kwargs

__all__ = ["NAME", "TINT", "PreviewLayer", "SliceMask", "slice_mask"]

NAME = "Threshold preview"

TINT = ("transparent", "#ffb000")
"""Colours of background and mask."""


@dataclass(frozen=True, eq=False)
class SliceMask:
    """The mask of one slice, as a volume one voxel thick in its place."""

    volume: Volume
    fraction: float
    """Part of the slice (within the region) that is marked."""


def slice_mask(
    image: Volume, settings: LabelSettings, threshold: float, axis: int | None, index: int
) -> SliceMask:
    """Mark what `foreground_mask` would mark on one slice, from as few slices as that takes.

    Parameters
    ----------
    image : Volume
        The whole image.
    settings : LabelSettings
        As the step will use them.
    threshold : float
        Grey level.
    axis : int or None
        Axis across the slice; None for a 2-D image.
    index : int
        Which slice.
    """
    settings = in_voxels(settings, image)
    if axis is None:
        return _masked(image, settings, threshold, (slice(None),) * image.ndim)
    halo = 0
    if settings.denoise != "none":
        size = image.voxel_size_um or (1.0,) * image.ndim
        # the Gaussian is cut at three sigmas, the median's box ends at its radius
        halo = math.ceil(3 * settings.denoise_size * min(size) / size[axis] + 1)
    low, high = max(index - halo, 0), min(index + halo + 1, image.shape[axis])
    inside: list[slice] = [slice(None)] * image.ndim
    inside[axis] = slice(low, high)
    slab = tuple(inside)
    origin = list(image.origin_um)
    step = (image.voxel_size_um or (1.0,) * image.ndim)[axis]
    origin[axis] += index * step
    part = replace(
        image,
        data=image.data[slab],
        region=None if image.region is None else image.region[slab],
        origin_um=tuple(origin),
    )
    inside[axis] = slice(index - low, index - low + 1)
    return _masked(part, settings, threshold, tuple(inside))


def _masked(
    image: Volume, settings: LabelSettings, threshold: float, kept: tuple[slice, ...]
) -> SliceMask:
    mask = foreground_mask(image, threshold, settings)[kept]
    within = mask.size if image.region is None else int(np.count_nonzero(image.region[kept]))
    volume = replace(image, data=mask.astype(np.uint8), region=None, name=NAME, metadata={})
    return SliceMask(volume, float(np.count_nonzero(mask)) / max(within, 1))


class PreviewLayer:
    """The one layer of the viewer that shows a preview.

    Parameters
    ----------
    viewer : ViewerModel
        Where it is shown.
    colours : sequence of str
        Colours by turns, from label 0 on; napari's own where there are none.
    opacity : float
        0 … 1.
    """

    def __init__(
        self, viewer: ViewerModel, colours: Sequence[str] = (), opacity: float = 0.45
    ) -> None:
        self._viewer, self._colours, self._opacity = viewer, list(colours), opacity
        self.layer: Any = None

    def show(self, volume: Volume) -> None:
        """Show this mask or these labels; the layer is made where it is missing."""
        kwargs, data = layer_kwargs(volume), volume.data
        if self.layer is not None and self.layer in self._viewer.layers:
            layer = self.layer
            if layer.ndim == data.ndim:
                layer.data = data
                layer.scale, layer.translate = kwargs["scale"], kwargs["translate"]
                layer.units = kwargs["units"]
                layer.affine = kwargs.get("affine", np.eye(data.ndim + 1))
                return
            self.hide()
        from napari.utils.colormaps import CyclicLabelColormap

        chosen = set(self._viewer.layers.selection)
        active = self._viewer.layers.selection.active
        kwargs["metadata"] = {KEY: {"overlay": True}}
        if self._colours:
            # a direct colormap would have napari compile a function first, for over a second
            kwargs["colormap"] = CyclicLabelColormap(colors=self._colours)
        self.layer = self._viewer.add_labels(data, **kwargs, opacity=self._opacity)
        self.layer.editable = False
        # a preview must not take the person's layer controls away
        self._viewer.layers.selection = chosen
        self._viewer.layers.selection.active = active

    def hide(self) -> None:
        """Take the layer out of the viewer."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
