"""Part of the Prepare dock: cut a box out of one or several stacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import ViewerModel
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.prepare import crop
from napari_battery.volume import Volume
from napari_battery.widgets.box_editor import Box, BoxEditor
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.notice import Notice

__all__ = ["CropForm", "box_on"]


class CropForm(QWidget):
    """A box, and the button that cuts it out of every ticked layer.

    The crops are views: nothing is copied, and a memory map stays one.
    """

    def __init__(self, viewer: ViewerModel, layers: LayerChecklist) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self.editor = BoxEditor(viewer, layers, "Crop box")
        self.crop_button = QPushButton("Crop ticked layers")
        self.crop_button.setToolTip(
            "Make new layers of the box, in their place; the originals are kept, hidden"
        )
        self.message = Notice()
        layout = QVBoxLayout(self)
        layout.addWidget(self.editor)
        layout.addWidget(self.crop_button)
        layout.addWidget(self.message)
        self.crop_button.clicked.connect(self.crop)

    def crop(self) -> list[Any]:
        """Cut the box out of the ticked layers; return the new ones."""
        layers = self._layers.layers
        if not layers:
            self.message.say("Tick at least one layer in the list above.", "error")
            return []
        box = self.editor.box
        try:
            reference = volume_from_layer(self.editor.reference)
            crops = []
            for layer in layers:  # all of them before any is added: nothing half-made
                volume = volume_from_layer(layer)
                crops.append(crop(volume, box_on(reference, box, volume)))
        except InputError as problem:
            self.message.say(str(problem), "error")
            return []
        made = []
        for layer, cut in zip(layers, crops, strict=True):
            made.append(_add_like(self._viewer, layer, cut))
            layer.visible = False
        self.editor.reset()
        self._layers.tick(made)
        names = ", ".join(f"“{layer.name}”" for layer in made)
        self.message.say(f"Made {names}. The whole stacks are hidden, not changed.")
        return made


def box_on(reference: Volume, box: Box, other: Volume) -> Box:
    """The box of `reference` counted in the voxels of `other`, cut to it.

    Raises
    ------
    InputError
        If `other` has another grid and a voxel size is unknown, or has nothing in the box.
    """
    if reference.same_grid(other):
        return box
    if reference.shape == other.shape and None in (
        reference.voxel_size_um,
        other.voxel_size_um,
    ):
        return box  # one of them has no voxel size yet: the voxels are matched
    if reference.ndim != other.ndim:
        raise InputError(
            f"The box is {reference.ndim}-D as “{reference.name}”, “{other.name}” is "
            f"{other.ndim}-D: untick one of them."
        )
    to_other = np.linalg.inv(other.world_affine()) @ reference.world_affine()
    edges = np.array([(low - 0.5, high - 0.5) for low, high in box])
    corners = np.array(np.meshgrid(*edges, indexing="ij")).reshape(len(box), -1)
    seen = (to_other @ np.vstack([corners, np.ones(corners.shape[1])]))[:-1]
    lows = np.rint(seen.min(axis=1) + 0.5).astype(int).clip(0)
    highs = np.minimum(np.rint(seen.max(axis=1) + 0.5).astype(int), other.shape)
    if np.any(highs <= lows):
        raise InputError(f"“{other.name}” has no voxel inside the box drawn on “{reference.name}”.")
    return tuple((int(low), int(high)) for low, high in zip(lows, highs, strict=True))


def _add_like(viewer: ViewerModel, layer: Any, volume: Volume) -> Any:
    """Add a cut-out with the looks of the layer it came from."""
    if isinstance(layer, Labels):
        return add_volume(
            viewer, volume, labels=True, opacity=layer.opacity, colormap=layer.colormap
        )
    return add_volume(
        viewer,
        volume,
        contrast_limits=layer.contrast_limits,
        colormap=layer.colormap,
        opacity=layer.opacity,
        blending=layer.blending,
        gamma=layer.gamma,
    )
