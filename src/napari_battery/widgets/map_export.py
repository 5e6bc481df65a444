"""What a map layer is saved as: its slice as a figure, its values as a volume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray

from napari_battery.plots import Plot, map_slice
from napari_battery.progress import Progress
from napari_battery.tables import column_title
from napari_battery.widgets.layers import battery_metadata, volume_from_layer
from napari_battery.widgets.map_layers import LiveMap, map_table
from napari_battery.widgets.profile_plot import is_synthetic
from napari_battery.widgets.slices import current_slice, hidden_axis

__all__ = ["shown_slice", "values_writer"]


def shown_slice(viewer: ViewerModel, live: LiveMap) -> tuple[Plot, dict[str, Any]]:
    """Figure of the slice of a map that the viewer shows, and how it was made.

    In a 3-D view it is the slice that a 2-D view would show.
    """
    layer, image = live.layer, live.analysis.image
    axis = hidden_axis(viewer, layer)
    if layer.ndim == 3 and axis is None:
        axis = 0
    index = None if axis is None else current_slice(viewer, layer, axis)
    volume = volume_from_layer(layer)
    pixel = volume.voxel_size_um
    if pixel is not None and axis is not None:
        pixel = tuple(size for a, size in enumerate(pixel) if a != axis)
    grey = None
    if image is not None and volume.same_grid(volume_from_layer(image)):
        grey = _plane(image, axis, index)
    notes = ["synthetic data"] if is_synthetic(live.analysis) else []
    notes += [f"out of date: {live.stale}"] if live.stale else []
    notes += [] if axis is None else [f"{volume.axes[axis]} = {index}"]
    plot = map_slice(
        _plane(layer, axis, index),
        live.shown,
        grey,
        pixel_size_um=None if pixel is None else (pixel[0], pixel[1]),
        assumed=volume.is_assumed,
        note=", ".join(notes),
    )
    made = {**battery_metadata(layer)["made"], "slice": {"axis": axis, "index": index}}
    return plot, {**made, "stale": live.stale}


def _plane(layer: Any, axis: int | None, index: int | None) -> NDArray[Any]:
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    if axis is None:
        return np.asarray(data)
    return np.asarray(data[(slice(None),) * axis + (index,)])


def values_writer(live: LiveMap, path: Path) -> Any:
    """A step ``step(progress)`` that writes the values of a map as a float32 volume."""
    from napari_battery.io import write_volume
    from napari_battery.radial import map_values

    labels, column = volume_from_layer(live.layer), live.shown.column
    table = map_table(live.analysis, column, live.reference)
    made = {**battery_metadata(live.layer)["made"], "values": column_title(column)}
    made["stale"] = live.stale

    def step(progress: Progress) -> Path:
        write_volume(path, map_values(labels, table, column, progress), made, progress)
        return path

    return step
