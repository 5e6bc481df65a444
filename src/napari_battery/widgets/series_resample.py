"""Write the aligned states anew on the first one's grid, where they lie now."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Labels
from napari.viewer import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.result_file import ResultFile
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.series_companions import companions
from napari_battery.widgets.series_states import RESAMPLED

__all__ = ["SeriesResample"]

_WAYS = {
    "linear": "Between voxel centres, straight; noise is averaged a little",
    "cubic": "Smoother than linear and slower; may overshoot at edges",
    "nearest": "The nearest voxel's value",
}
States = Callable[[], list[tuple[str, Any]]]


class SeriesResample(QWidget):
    """Make a new layer of every later state; the originals stay.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layers go.
    states : callable
        Returns names and layers of the states, in order; the first gives the grid.
    """

    def __init__(self, viewer: ViewerModel, states: States) -> None:
        super().__init__()
        self._viewer, self._states = viewer, states
        self.interpolation = QComboBox()
        for name, tooltip in _WAYS.items():
            self.interpolation.addItem(name, name)
            role = Qt.ItemDataRole.ToolTipRole
            self.interpolation.setItemData(self.interpolation.count() - 1, tooltip, role)
        self.interpolation.setToolTip(
            "How grey levels between voxels are found; labels always take the nearest voxel"
        )
        self.with_labels = QCheckBox("Their labels, too")
        self.with_labels.setToolTip("Labels that were made from a state, on its grid")
        self.target = ResultFile("aligned")
        self.runner = StepRunner(
            "Resample states", "Make new layers on the first state's grid; the originals stay"
        )
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Interpolation", self.interpolation)
        form.addRow(self.with_labels)
        form.addRow("Results", self.target)
        form.addRow(self.runner)
        self.runner.clicked.connect(self.run)

    def run(self) -> None:
        """Resample all ticked states but the first."""
        from napari_battery.registration.apply import apply_transform
        from napari_battery.registration.transform import identity

        states = self._states()
        if len(states) < 2:
            self.runner.say("Tick two states or more: the first gives the grid.", error=True)
            return
        try:
            fixed = volume_from_layer(states[0][1])
            layers = self._layers(states[1:])
            moving = [volume_from_layer(layer) for layer, _ in layers]
            moving = [
                replace(volume, metadata={**volume.metadata, "kind": "labels"})
                if isinstance(layer, Labels)
                else volume
                for (layer, _), volume in zip(layers, moving, strict=True)
            ]
            grids = [replace(fixed, name=volume.name) for volume in moving]
            dtype = max((volume.dtype for volume in moving), key=lambda dtype: dtype.itemsize)
            paths = self.target.paths(grids, dtype)
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return
        way: Any = self.interpolation.currentData()

        def step(progress: Progress) -> list[Volume]:
            made: list[Volume] = []
            try:
                for volume, path in zip(moving, paths, strict=True):
                    # where it lies now is in the volume's own affine
                    here = identity(fixed, volume)
                    made.append(apply_transform(volume, here, fixed, way, path, progress))
            except BaseException:
                for volume in made:
                    _discard(volume.path)
                raise
            return made

        self.runner.start(
            step, lambda made: self._resampled(layers, made, states[0][1].name), "Resampling"
        )

    def _layers(self, states: list[tuple[str, Any]]) -> list[tuple[Any, str]]:
        """Layers to resample, with the names of their states."""
        found = []
        for state, layer in states:
            found.append((layer, state))
            if self.with_labels.isChecked():
                along = companions(self._viewer, layer, volume_from_layer(layer))
                found.extend((one, state) for one in along if isinstance(one, Labels))
        return found

    def _resampled(self, layers: list[tuple[Any, str]], made: list[Volume], onto: str) -> None:
        for (layer, state), volume in zip(layers, made, strict=True):
            named = replace(
                volume,
                name=f"{layer.name} on {onto}",
                metadata={**volume.metadata, RESAMPLED: onto, "state": state},
            )
            if isinstance(layer, Labels):
                add_volume(self._viewer, named, labels=True, visible=False)
                continue
            look = {
                "colormap": layer.colormap,
                "contrast_limits": tuple(layer.contrast_limits),
                "gamma": layer.gamma,
            }
            add_volume(self._viewer, named, visible=False, **look)
        files = sum(volume.path is not None for volume in made)
        where = f", {files} of them in files" if files else ""
        noun = "layer" if len(made) == 1 else "layers"
        self.runner.say(f"Made {len(made)} {noun} on the grid of “{onto}”{where}.")


def _discard(path: Path | None) -> None:
    """Remove what was written before the whole was stopped."""
    if path is None:
        return
    path.with_name(f"{path.name}.provenance.json").unlink(missing_ok=True)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
