"""What the Label particles dock works on: an image to threshold, or a mask or phases layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import ViewerModel
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.volume import Volume
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.layers import KEY, volume_from_layer

__all__ = ["LabelInput", "LabelSource", "codes_of", "looked_at"]

_MOST_CODES = 12
_SAMPLED_VOXELS = 2_000_000


@dataclass(frozen=True, eq=False)
class LabelSource:
    """The layers to work on, and their volumes.

    Parameters
    ----------
    layers : tuple of Layer
        All that a result depends on; without one of them it is dropped.
    volume : Volume
        Gives the particles their grid, region and name: the image, or the mask itself
        where there is none.
    mask : Volume or None
        A mask or phases; None where the image is thresholded.
    phase : int or None
        Code of the particles in the mask; None is every code but 0.
    """

    layers: tuple[Any, ...]
    volume: Volume
    mask: Volume | None = None
    phase: int | None = None

    def is_same(self, other: LabelSource | None) -> bool:
        """Whether a result of one holds for the other: the same voxels, place and phase."""
        return (
            other is not None
            and self.layers == other.layers
            and self.phase == other.phase
            and _is_same(self.volume, other.volume)
            and _is_same(self.mask, other.mask)
        )


class LabelInput(QWidget):
    """Rows that choose the source: image or mask, which layer, which phase."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.kind = QComboBox()
        self.kind.addItem("an image, thresholded", False)
        self.kind.addItem("a mask or phases", True)
        self.kind.setToolTip("Whether particles are found by a threshold or are marked already")
        self.image = LayerChooser(viewer, Image, "Grey-level image whose particles are labelled")
        self.mask = LayerChooser(viewer, Labels, "Labels layer that marks particles, or phases")
        self.phase = QComboBox()
        self.phase.setToolTip("Which phase, or code, of the layer is particles")
        self.grey = LayerChooser(
            viewer,
            Image,
            "Image of the mask, if its voxel size and region are to be taken; not needed",
            lambda layer: self.mask.layer is not None and _shape(layer) == _shape(self.mask.layer),
            none="none",
        )
        self.image.choose(looked_at(viewer))
        self.image.follow_selection()
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for title, field in (
            ("From", self.kind),
            ("Image", self.image),
            ("Mask", self.mask),
            ("Phase", self.phase),
            ("Image", self.grey),
        ):
            self._rows.addRow(title, field)
        self.kind.currentIndexChanged.connect(self._kind_changed)
        self.image.layer_changed.connect(self._changed)
        self.mask.layer_changed.connect(self._mask_changed)
        self.grey.layer_changed.connect(self._changed)
        self.phase.currentIndexChanged.connect(self._changed)
        active = viewer.layers.selection.active
        if isinstance(active, Labels) and active.metadata.get(KEY, {}).get("kind") == "phases":
            self.take_mask(active)
        self._show_rows()

    @property
    def from_mask(self) -> bool:
        """Whether particles are marked already, rather than found by a threshold."""
        return bool(self.kind.currentData())

    @property
    def layer(self) -> Any:
        """The layer that the particles come from, or None."""
        return self.mask.layer if self.from_mask else self.image.layer

    def take_mask(self, layer: Labels) -> None:
        """Work on this mask or phases layer."""
        self.mask.choose(layer)
        self.kind.setCurrentIndex(1)

    def source(self) -> LabelSource:
        """The chosen layers and their volumes.

        Raises
        ------
        InputError
            If none is chosen, or one is not fit for it.
        """
        layer, grey = self.layer, self.grey.layer
        if layer is None and self.from_mask:
            raise InputError("Make or open a Labels layer with the mask first.")
        if layer is None:
            raise InputError("Open an image first (File ▸ Open Sample has some).")
        volume = volume_from_layer(layer)
        if not self.from_mask:
            return LabelSource((layer,), volume)
        phase = self.phase.currentData()
        if grey is None:
            return LabelSource((layer,), volume, volume, phase)
        return LabelSource((layer, grey), volume_from_layer(grey), volume, phase)

    def _changed(self) -> None:
        self.changed.emit()

    def _kind_changed(self) -> None:
        self._show_rows()
        self._read_phases()
        self.changed.emit()

    def _mask_changed(self) -> None:
        self._read_phases()
        self.grey.refresh()
        if self.from_mask:
            self.changed.emit()

    def _show_rows(self) -> None:
        for field in (self.mask, self.phase, self.grey):
            self._rows.setRowVisible(field, self.from_mask)
        self._rows.setRowVisible(self.image, not self.from_mask)

    def _read_phases(self) -> None:
        """Offer the codes of the chosen mask; the active material is what one mostly wants."""
        before = self.phase.currentText()
        self.phase.blockSignals(True)
        self.phase.clear()
        if self.from_mask and self.mask.layer is not None:
            codes = codes_of(self.mask.layer)
            for name, code in codes:
                self.phase.addItem(name, code)
            names = [name for name, _ in codes]
            likely = [i for i, name in enumerate(names) if "active" in name.casefold()]
            self.phase.setCurrentIndex(names.index(before) if before in names else [*likely, 0][0])
        self.phase.blockSignals(False)


def codes_of(layer: Labels) -> list[tuple[str, int | None]]:
    """What may be the particles in a mask or phases layer: a name, and its code or None.

    None stands for every code but 0. Phases have the names of the layer's metadata, as
    ``{"pore": 0, "active": 1}`` or ``"pore=0, active=1"``; of other layers the codes seen
    in a sample are offered, where they are few.
    """
    metadata = layer.metadata.get(KEY, {})
    named = metadata.get("phases") if metadata.get("kind") == "phases" else None
    if isinstance(named, str):
        pairs = [part.rpartition("=") for part in named.split(",")]
        named = {name.strip(): int(code) for name, _, code in pairs if code.strip().isdigit()}
    if named:
        return [(f"{name} ({code})", int(code)) for name, code in named.items()]
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    step = max(1, round((np.prod(data.shape) / _SAMPLED_VOXELS) ** (1 / data.ndim)))
    codes = np.unique(np.asarray(data[(slice(None, None, step),) * data.ndim]))
    some = codes.tolist() if 2 < len(codes) <= _MOST_CODES else []
    return [("all but 0", None), *((str(int(code)), int(code)) for code in some)]


def looked_at(viewer: ViewerModel) -> Any:
    """The image that the person most likely means: the selected one, else the top one shown."""
    images = [layer for layer in reversed(list(viewer.layers)) if isinstance(layer, Image)]
    selected = [layer for layer in images if layer in viewer.layers.selection]
    visible = [layer for layer in images if layer.visible]
    return next(iter([*selected, *visible, *images]), None)


def _shape(layer: Any) -> tuple[int, ...]:
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return tuple(data.shape)


def _is_same(one: Volume | None, other: Volume | None) -> bool:
    if one is None or other is None:
        return one is other
    return (
        one.data is other.data
        and one.region is other.region
        and one.voxel_size_um == other.voxel_size_um
        and one.origin_um == other.origin_um
    )
