"""The map layers of a study: one per state, on one scale, of which one state is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import ref

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.viewer import ViewerModel
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.maps import ValueMap
from napari_battery.plots.style import Plot
from napari_battery.provenance import provenance
from napari_battery.states.maps import StateMapSettings
from napari_battery.widgets.layers import KEY, battery_metadata, volume_from_layer
from napari_battery.widgets.map_layers import label_colormap
from napari_battery.widgets.slices import current_slice, hidden_axis

__all__ = ["StateMapLayers"]

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_STALE = " (out of date)"


class StateMapLayers:
    """Maps over the labels of each state; their data are shared, not copied.

    Parameters
    ----------
    viewer : ViewerModel
        Held weakly, as this outlives the dock.
    study : Study
        Finished.
    images, labels : sequence of layers
        Of each state, in order.
    """

    def __init__(
        self, viewer: ViewerModel, study: Any, images: Sequence[Any], labels: Sequence[Labels]
    ) -> None:
        self._viewer = ref(viewer)
        self.study = study
        self.states = [state.name for state in study.states]
        self._images: list[Any] = [ref(layer) for layer in images]
        self._labels: list[Any] = [ref(layer) for layer in labels]
        self._layers: dict[str, Any] = {}
        self.maps: dict[str, ValueMap] = {}
        self.settings = StateMapSettings()
        self.place = 0
        self.stale = ""

    @property
    def assumed(self) -> bool:
        """Whether lengths rest on an assumed voxel size."""
        return bool(self.study.made.get("assumed_voxel_size"))

    @property
    def note(self) -> str:
        """What must be said beside every picture."""
        return "synthetic data" if self.study.made.get("synthetic") else ""

    def layer(self, state: str) -> Labels | None:
        """A state's map layer, while the viewer has it."""
        viewer, layer = self._viewer(), self._layers.get(state, lambda: None)()
        return layer if viewer is not None and layer in viewer.layers else None

    def adopt(self, before: StateMapLayers) -> None:
        """Go on with the layers of an earlier study's maps; those that no longer fit go."""
        viewer = self._viewer()
        here = {state: labels() for state, labels in zip(self.states, self._labels, strict=True)}
        for state, labels in zip(before.states, before._labels, strict=True):
            layer = before.layer(state)
            if layer is None or viewer is None:
                continue
            if labels() is not None and labels() is here.get(state):
                self._layers[state] = ref(layer)
            else:
                viewer.layers.remove(layer)

    def add(self, maps: Mapping[str, ValueMap], settings: StateMapSettings) -> None:
        """Show these values: new layers where there are none yet, else other colours."""
        viewer = self._viewer()
        if viewer is None:
            return
        self.settings = settings
        for state in list(self._layers):
            layer = self.layer(state)
            if state not in maps and layer is not None:
                viewer.layers.remove(layer)
        self.maps = {}
        for place, state in enumerate(self.states):
            labels = self._labels[place]()
            if state not in maps or labels is None or labels not in viewer.layers:
                continue
            self.maps[state] = maps[state]
            layer = self.layer(state)
            if layer is None:
                layer = self._insert(viewer, place, labels, maps[state])
            else:
                layer.colormap = label_colormap(maps[state])
            self._describe(layer, state)

    def step_to(self, place: int) -> None:
        """Show the image and the map of one state; the camera stays."""
        viewer = self._viewer()
        if viewer is None:
            return
        self.place = place
        now = self._images[place]()
        layers = {state: self.layer(state) for state in self.states}
        for state, image, labels in zip(self.states, self._images, self._labels, strict=True):
            shown = state == self.states[place]
            if image() in viewer.layers:
                image().visible = image() is now
            if labels() in viewer.layers and self.maps:
                labels().visible = False
            layer = layers[state]
            if layer is not None:
                layer.visible = shown
        if layers[self.states[place]] is not None:
            viewer.layers.selection.active = layers[self.states[place]]

    def mark_stale(self, why: str) -> None:
        """Let the names of the maps say that they are out of date."""
        self.stale = why
        for state in self.states:
            layer = self.layer(state)
            if layer is not None:
                battery_metadata(layer)["stale"] = why
                name = layer.name.removesuffix(_STALE)
                layer.name = name + _STALE if why else name

    def remark(self, place: int) -> str:
        """How many particles of a state are seen, and what grey stands for."""
        state = self.states[place]
        if state not in self.maps:
            return "The reference: changes are counted from here."
        shown = self.maps[state]
        seen = len(shown.labels) - shown.n_without
        text = f"{len(shown.labels):,} particles"
        if shown.n_without:
            text += f", {shown.n_without:,} of them grey ({self._grey_means})"
        beyond = shown.n_below + shown.n_above
        text += f"; {beyond:,} beyond the range" if seen and beyond else ""
        return f"{text}. {'Out of date: ' + self.stale if self.stale else ''}".strip()

    def strip(self) -> tuple[Plot, dict[str, Any]]:
        """The slice that is shown, of all states, as one figure, and how it was made.

        Raises
        ------
        InputError
            If a layer was deleted, or the states' grids differ in the shown slice.
        """
        from napari_battery.plots.states_maps import state_map_strip

        viewer = self._viewer()
        layers = [one() for one in (*self._labels, *self._images)]
        if viewer is None or any(layer not in viewer.layers for layer in layers):
            raise InputError("A layer of the study was deleted: run the study again.")
        first = self._labels[0]()
        axis = hidden_axis(viewer, first)
        axis = 0 if first.ndim == 3 and axis is None else axis
        slices, images, index = {}, {}, None
        for state, image, labels in zip(self.states, self._images, self._labels, strict=True):
            index = None if axis is None else current_slice(viewer, labels(), axis)
            slices[state] = _plane(volume_from_layer(labels()).data, axis, index)
            images[state] = _grey_plane(labels(), image(), axis, index)
        if len({plane.shape for plane in slices.values()}) > 1:
            raise InputError(
                "The labels of the states have slices of different sizes; resample the states "
                "onto one grid (Align states) for a strip."
            )
        volume = volume_from_layer(first)
        size = volume.voxel_size_um
        if size is not None and axis is not None:
            size = tuple(edge for a, edge in enumerate(size) if a != axis)
        notes = [self.note] if self.note else []
        notes += [f"out of date: {self.stale}"] if self.stale else []
        notes += [] if axis is None else [f"{volume.axes[axis]} = {index}"]
        plot = state_map_strip(
            slices,
            self.maps,
            images,
            pixel_size_um=None if size is None else (size[0], size[1]),
            assumed=volume.is_assumed,
            note=", ".join(notes),
            grey_means=self._grey_means,
        )
        made = self._made()
        return plot, {**made, "slice": {"axis": axis, "index": index}, "stale": self.stale}

    @property
    def _grey_means(self) -> str:
        return "not significant, or no value" if self.settings.grey_insignificant else "no value"

    def _insert(self, viewer: Any, place: int, labels: Labels, shown: ValueMap) -> Labels:
        state = self.states[place]
        layer = Labels(
            labels.data,
            name=f"{shown.title}, {state}",
            colormap=label_colormap(shown),
            opacity=1.0,
            visible=False,
            iso_gradient_mode="smooth",  # in 3-D the light then changes colours least
            multiscale=labels.multiscale,
            **{name: getattr(labels, name) for name in _PLACE},
        )
        viewer.layers.append(layer)
        layer.editable = False  # painting on it would change the labels themselves
        self._layers[state] = ref(layer)
        return layer

    def _describe(self, layer: Labels, state: str) -> None:
        shown = self.maps[state]
        # a row for the background, as napari's own table takes rows for labels
        layer.features = pd.DataFrame(
            {
                "index": np.concatenate([[0], shown.labels]),
                shown.column: np.concatenate([[np.nan], shown.values]),
            }
        )
        title = f"{shown.title}, {state}"
        layer.name = title + _STALE if self.stale else title
        kept = battery_metadata(self._labels[self.states.index(state)]())
        layer.metadata[KEY] = {
            **{k: v for k, v in kept.items() if k in ("voxel_size_source", "region", "synthetic")},
            "kind": "map",
            "made": {**self._made(), "map": shown.describe()},
            "column": shown.column,
            "unit": shown.unit,
            "range": [shown.low, shown.high],
            "state": state,
            "stale": self.stale,
        }

    def _made(self) -> dict[str, Any]:
        return {**provenance("map", self.settings, []), "study": self.study.made}


def _grey_plane(labels: Any, image: Any, axis: int | None, index: int | None) -> NDArray[Any]:
    """The same slice of the grey image; of one on another grid only this much is resampled."""
    from napari_battery.radial.inputs import match_lazily, share_voxel_size

    marks, grey, _ = share_voxel_size(volume_from_layer(labels), volume_from_layer(image))
    return _plane(match_lazily(marks, grey)[1].data, axis, index)


def _plane(data: Any, axis: int | None, index: int | None) -> NDArray[Any]:
    if axis is None:
        return np.asarray(data[:])
    return np.asarray(data[(slice(None),) * axis + (slice(index, (index or 0) + 1),)]).squeeze(axis)
