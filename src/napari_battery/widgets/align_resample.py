"""Write a layer anew on the grid of the fixed stack, where it lies now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from napari.viewer import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.result_file import ResultFile
from napari_battery.widgets.running import StepRunner

if TYPE_CHECKING:
    from napari_battery.registration.apply import Interpolation

__all__ = ["ResamplePanel"]

_WAYS = {
    "linear": "Between voxel centres, straight; noise is averaged a little",
    "cubic": "Smoother than linear and slower; may overshoot at edges",
    "nearest": "The nearest voxel's value; labels are always resampled so",
}


class ResamplePanel(QWidget):
    """Choose a layer, how to interpolate and where to write; a new layer is made.

    Parameters
    ----------
    viewer : ViewerModel
        Whose layers.
    fixed : LayerChooser
        The stack whose grid is taken.
    """

    def __init__(self, viewer: ViewerModel, fixed: LayerChooser) -> None:
        super().__init__()
        self._viewer, self._fixed = viewer, fixed
        self.layer = LayerChooser(
            viewer, (Image, Labels), "Stack or labels to write anew, from where they lie now"
        )
        self.interpolation = QComboBox()
        for name, tooltip in _WAYS.items():
            self.interpolation.addItem(name, name)
            role = Qt.ItemDataRole.ToolTipRole
            self.interpolation.setItemData(self.interpolation.count() - 1, tooltip, role)
        self.interpolation.setToolTip("How grey levels between voxels are found")
        self.target = ResultFile("aligned")
        self.runner = StepRunner(
            "Resample", "Make a new layer on the fixed stack's grid; the original stays"
        )
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Layer", self.layer)
        form.addRow("Interpolation", self.interpolation)
        form.addRow("Result", self.target)
        form.addRow(self.runner)
        self.layer.layer_changed.connect(self._layer_chosen)
        self.runner.clicked.connect(self.run)
        self._layer_chosen()

    def run(self) -> None:
        """Resample the chosen layer onto the fixed stack's grid."""
        layer, target = self.layer.layer, self._fixed.layer
        if layer is None or target is None or layer is target:
            self.runner.say("Choose a layer other than the fixed stack.", error=True)
            return
        try:
            moving, fixed = volume_from_layer(layer), volume_from_layer(target)
            out = self.target.paths([fixed], moving.dtype)[0]
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return
        labels = isinstance(layer, Labels)
        way: Interpolation = "nearest" if labels else self.interpolation.currentData()

        def step(progress: Progress) -> Volume:
            from napari_battery.registration.apply import apply_transform
            from napari_battery.registration.transform import identity

            # where it lies now is in the volume's own affine
            here = identity(fixed, moving)
            return apply_transform(moving, here, fixed, way, out=out, progress=progress)

        self.runner.start(step, lambda made: self._resampled(layer, fixed.name, made), "Resampling")

    def _resampled(self, layer: Any, onto: str, made: Volume) -> None:
        made = replace(made, name=f"{layer.name} on {onto}")
        if isinstance(layer, Labels):
            added = add_volume(self._viewer, made, labels=True)
        else:
            look = {"colormap": layer.colormap, "contrast_limits": tuple(layer.contrast_limits)}
            added = add_volume(self._viewer, made, gamma=layer.gamma, blending="additive", **look)
        where = "" if made.path is None else f" in {made.path}"
        self.runner.say(f"Made “{added.name}”{where}. Original kept.")

    def _layer_chosen(self) -> None:
        is_image = not isinstance(self.layer.layer, Labels)
        self.interpolation.setEnabled(is_image)
        if not is_image:
            self.interpolation.setCurrentIndex(self.interpolation.findData("nearest"))
