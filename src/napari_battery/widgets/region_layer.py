"""The layer that shows where a stack is analysed, and how much of it that is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.viewer import ViewerModel

from napari_battery.widgets.layers import KEY, battery_metadata

__all__ = ["hide_region", "region_fraction", "show_region"]

_COLOUR = "#3fb6ff"

# by layer: the layer that shows its region
_shown: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_fractions: dict[int, tuple[Any, float]] = {}


def region_fraction(region: Any) -> float:
    """Part of the voxels that is inside; counted once per region."""
    known = _fractions.get(id(region))
    if known is not None and known[0]() is region:
        return known[1]
    mask = np.asarray(region)
    fraction = np.count_nonzero(mask) / max(mask.size, 1)
    for key in [key for key, (kept, _) in _fractions.items() if kept() is None]:
        del _fractions[key]
    with suppress(TypeError):  # what cannot be referred to weakly is counted each time
        _fractions[id(region)] = (ref(region), fraction)
    return fraction


def show_region(viewer: ViewerModel, layer: Any) -> Any:
    """Show the region of a layer, in its place; None where it has none."""
    from napari.utils.colormaps import CyclicLabelColormap

    region = battery_metadata(layer).get("region")
    hide_region(viewer, layer)
    if region is None:
        return None
    active = viewer.layers.selection.active
    # read-only: painting would change the region behind the back of what was computed in it
    data = np.asarray(region, dtype=bool).view(np.uint8).view()
    data.flags.writeable = False
    shown = viewer.add_labels(
        data,
        name=f"Region of {layer.name}",
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        affine=layer.affine.affine_matrix,
        units=layer.units,
        axis_labels=layer.axis_labels,
        metadata={KEY: {"overlay": True, "made": battery_metadata(layer).get("region_made")}},
        opacity=0.9,
        # a direct colormap would have napari compile a function first, for over a second
        colormap=CyclicLabelColormap(colors=["transparent", _COLOUR]),
    )
    # an outline: a tint would lie over the grey levels for the rest of the sitting
    shown.contour = max(1, min(data.shape[-2:]) // 200)
    shown.editable = False
    _shown[layer] = ref(shown)
    if active is not None:
        viewer.layers.selection.active = active
    return shown


def hide_region(viewer: ViewerModel, layer: Any) -> None:
    """Take the layer that shows the region out of the viewer; the region stays."""
    shown = _shown.pop(layer, lambda: None)()
    if shown is not None and shown in viewer.layers:
        viewer.layers.remove(shown)
