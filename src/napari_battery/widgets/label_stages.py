"""What a labelling run leaves behind, so that the next one need not start from the image."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_battery.labelling import STAGES, LabelSettings, Stages
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.label_input import LabelSource
from napari_battery.widgets.layers import add_volume, layer_kwargs
from napari_battery.widgets.listening import listen

__all__ = ["KeptStages", "add_stage", "fits_memory", "has_run", "run_stages"]

_BYTES_PER_VOXEL = 12
"""Mask and cleaned mask (1 each), distance (2), particles before merging and after (4 each)."""

_AS_SHOWN = ("mask", "cleaned")
"""Stages that are kept as they are shown: asking for them costs nothing."""

_MEMORY_SHARE = 0.4
_MOST_POINTS = 100_000
_POINT_VOXELS = 6
_EDITS = ("data", "paint", "labels_update", "scale", "translate", "units")
"""Events of a layer after which what was made of it no longer holds."""


class KeptStages(QObject):
    """The `Stages` of each source, while its layers are there and unchanged.

    A run leaves its stages in them, so that the next one starts where settings changed.

    Parameters
    ----------
    owner : QWidget
        With it all are let go.
    viewer : ViewerModel
        Whose layers.
    """

    edited = Signal()
    """A layer's voxels or place were changed, so what was made of it is gone."""

    def __init__(self, owner: QWidget, viewer: ViewerModel) -> None:
        super().__init__(owner)
        self._kept: list[tuple[LabelSource, Stages]] = []
        listen(owner, self._layer_removed, viewer.layers.events.removed)
        owner.destroyed.connect(lambda: self.forget())

    def of(self, source: LabelSource) -> Stages:
        """The stages of this source; new ones, with nothing in them yet, at the first call."""
        for known, stages in self._kept:
            if known.is_same(source):
                return stages
        stages = Stages(source.volume, source.mask, source.phase)
        for layer in source.layers:
            self.forget(layer)
        self._kept.append((source, stages))
        for emitter in _emitters(source):
            emitter.connect(self._edited)
        return stages

    def forget(self, layer: Any = None) -> None:
        """Let go of what was made of this layer; of everything where none is named."""
        for source, stages in list(self._kept):
            if layer is None or layer in source.layers:
                self._kept.remove((source, stages))
                for emitter in _emitters(source):
                    emitter.disconnect(self._edited)

    def _edited(self, event: Any) -> None:
        self.forget(event.source)
        self.edited.emit()

    def _layer_removed(self, event: Any) -> None:
        self.forget(event.value)


def has_run(stages: Stages) -> bool:
    """Whether labels were made, so that stages can be shown."""
    return "labels" in _voxels(stages, "labels")


def run_stages(
    stages: Stages, settings: LabelSettings, progress: Progress
) -> tuple[Volume, str | None]:
    """Run stages, and find out where the run began.

    Returns
    -------
    labels : Volume
        As `Stages.run` makes them.
    first : str or None
        What was done first; None if nothing had to be done.
    """
    before = _voxels(stages, *_AS_SHOWN)
    listening = _Listening(progress)
    labels = stages.run(settings, listening)
    after = _voxels(stages, *_AS_SHOWN)
    for name, data in after.items():
        if name not in before or not np.shares_memory(before[name], data):
            return labels, STAGES[name]
    return labels, next(iter(listening.begun), None)


class _Listening(Progress):
    """Passes progress on, and notes what was begun after the threshold."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.begun: list[str] = []

    def begin(self, total: int, what: str) -> None:
        if "threshold" not in what:  # it is asked for each time, and remembered
            self.begun.append(what)
        self._progress.begin(total, what)

    def advance(self, n: int = 1) -> None:
        self._progress.advance(n)


def _voxels(stages: Stages, *names: str) -> dict[str, Any]:
    """Voxels of these stages, where they were made."""
    found = {}
    for name in names:
        with suppress(KeyError):
            found[name] = stages.stage(name).data
    return found


def fits_memory(volume: Volume) -> bool:
    """Whether the stages of a volume leave room enough for the rest of the work."""
    import psutil

    need = _BYTES_PER_VOXEL * float(np.prod(volume.shape))
    return bool(need <= _MEMORY_SHARE * psutil.virtual_memory().available)


def add_stage(viewer: ViewerModel, volume: Volume, kind: str) -> Any:
    """Add one stage as a layer in its place.

    Parameters
    ----------
    viewer : ViewerModel
        Where.
    volume : Volume
        From `Stages.stage`.
    kind : str
        Of `STAGES`. Masks and markers are copies, for layers are painted on; markers of one
        voxel each become points.
    """
    volume = replace(volume, metadata={**volume.metadata, "kind": "stage"})
    if kind == "distance":
        return add_volume(viewer, volume, colormap="viridis", opacity=0.8)
    if kind == "markers":
        places = np.argwhere(np.asarray(volume.data))
        numbers = np.asarray(volume.data)[tuple(places.T)]
        if len(np.unique(numbers)) == len(numbers) <= _MOST_POINTS:
            return _add_points(viewer, volume, places, numbers)
    return add_volume(viewer, replace(volume, data=volume.data.copy()), labels=True, opacity=0.5)


def _add_points(viewer: ViewerModel, volume: Volume, places: Any, numbers: Any) -> Any:
    layer = viewer.add_points(
        places,
        **layer_kwargs(volume),
        features={"label": numbers},
        size=_POINT_VOXELS,
        face_color="#ff4fd8",
        border_color="black",
    )
    try:  # seen from the neighbouring slices, too
        layer.projection_mode = "rescale_linear"
    except ValueError:  # before napari 0.9
        layer.out_of_slice_display = True
    return layer


def _emitters(source: LabelSource) -> list[Any]:
    return [
        getattr(layer.events, name)
        for layer in source.layers
        for name in _EDITS
        if hasattr(layer.events, name)
    ]
