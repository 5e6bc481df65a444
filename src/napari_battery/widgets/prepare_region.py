"""Part of the Prepare dock: where a stack is to be analysed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Image
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.regions import ElectrodeRegionSettings, box_region, electrode_region
from napari_battery.volume import Volume
from napari_battery.widgets.box_editor import BoxEditor
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import battery_metadata, is_overlay, volume_from_layer
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.region_drawing import CylinderPage, PolygonPage
from napari_battery.widgets.region_layer import hide_region, region_fraction, show_region
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.session import Session
from napari_battery.widgets.undo import UndoButton

__all__ = ["RegionForm"]

_KEYS = ("region", "region_made")


class RegionForm(QWidget):
    """Automatic, box, polygon or cylinder; kept with every ticked layer of the same grid."""

    def __init__(self, viewer: ViewerModel, layers: LayerChecklist) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self.status = Notice()
        self.shape = QComboBox()
        self.shape.setToolTip("How the region is found or drawn")
        self.automatic: SettingsForm[ElectrodeRegionSettings] = SettingsForm(
            ElectrodeRegionSettings
        )
        self.box = BoxEditor(viewer, layers, "Region box")
        self.polygon = PolygonPage(viewer, layers)
        self.cylinder = CylinderPage(viewer, layers)
        self.pages: dict[str, Any] = {
            "Electrode, automatically": self.automatic,
            "Box": self.box,
            "Polygon through slices": self.polygon,
            "Cylinder": self.cylinder,
        }
        self.shape.addItems(list(self.pages))
        self.runner = StepRunner(
            "Keep this region",
            "Later steps on the ticked layers leave out what lies outside; no voxel is changed",
        )
        self.show_button = QPushButton("Show")
        self.show_button.setToolTip("Show the region of the ticked layers as a contour")
        self.clear_button = QPushButton("Clear region")
        self.clear_button.setToolTip("Analyse the whole stack again")
        self.undo_button = UndoButton()

        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Region", self.shape)
        buttons = QHBoxLayout()
        for button in (self.show_button, self.clear_button, self.undo_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.status)
        layout.addLayout(top)
        for page in self.pages.values():
            layout.addWidget(page)
        layout.addWidget(self.runner)
        layout.addLayout(buttons)

        self.shape.currentTextChanged.connect(self._choose_page)
        self.runner.clicked.connect(self.run)
        self.clear_button.clicked.connect(self.clear)
        self.show_button.clicked.connect(self.show_regions)
        layers.changed.connect(self.refresh)
        self._choose_page(self.shape.currentText())
        self.refresh()

    def run(self) -> None:
        """Find or take over the region, and keep it with the ticked layers."""
        layers = self._layers.layers
        try:
            reference = self._reference(layers)
            make = self._maker(volume_from_layer(reference))
            volumes = [volume_from_layer(layer) for layer in layers]
            _check_same_grid(volume_from_layer(reference), volumes)
        except ValueError as problem:
            self.runner.say(str(problem), error=True)
            return
        self.runner.start(
            partial(_counted, make), partial(self._keep, reference, layers), "Finding the region"
        )

    def show_regions(self) -> None:
        """Show the regions of the ticked layers."""
        shown = [show_region(self._viewer, layer) for layer in self._layers.layers]
        if not any(shown):
            self.runner.say("None of the ticked layers has a region.", error=True)

    def clear(self) -> None:
        """Take the regions of the ticked layers away."""
        layers = [layer for layer in self._layers.layers if _region_of(layer) is not None]
        if layers:
            self._change(layers, None, {}, "Clear region")
            self.runner.say("The whole stack is analysed again.")

    def refresh(self) -> None:
        """Say what the ticked layers have."""
        layers = self._layers.layers
        names: dict[str, list[str]] = {}
        for layer in layers:
            region = _region_of(layer)
            said = "no region, all of it is analysed"
            if region is not None:
                said = f"region keeps {100 * region_fraction(region):.1f} %"
            names.setdefault(said, []).append(layer.name)
        self.status.say(
            "\n".join(
                f"“{who[0]}”: {said}" if len(who) == 1 else f"{len(who)} layers: {said}"
                for said, who in names.items()
            )
        )
        any_region = any(_region_of(layer) is not None for layer in layers)
        self.show_button.setEnabled(any_region)
        self.clear_button.setEnabled(any_region)

    def _reference(self, layers: list[Any]) -> Any:
        if not layers:
            raise InputError("Tick at least one layer in the list above.")
        if self._page is not self.automatic:
            return layers[0]
        images = [layer for layer in layers if isinstance(layer, Image)]
        if not images:
            raise InputError("Tick the image in which the electrode is to be found.")
        return images[0]

    def _maker(self, volume: Volume) -> Callable[[Progress], Volume]:
        page = self._page
        if page is self.automatic:
            settings = self.automatic.value()
            return lambda progress: electrode_region(volume, settings, progress)
        if page is self.box:
            box = self.box.box
            return lambda progress: box_region(volume, box)
        return page.maker(volume)  # type: ignore[no-any-return]

    def _keep(self, reference: Any, layers: list[Any], region: Volume) -> None:
        present = [layer for layer in layers if layer in self._viewer.layers]
        if not present:
            raise InputError("The layers were deleted meanwhile; the region was dropped.")
        made = region.metadata.get("made", {})
        self._change(present, region.data, made, "Region")
        for page in (self.box.outline, self.polygon.outline, self.cylinder.outline):
            page.remove()
        drawn_on = self._viewer.layers.selection
        if drawn_on.active is None or is_overlay(drawn_on.active):
            drawn_on.active = present[0]  # not the emptied drawing
        show_region(self._viewer, reference if reference in present else present[0])
        notes = [note for note in made.get("notes", ()) if "No air" in note]
        kept = f"The region keeps {100 * region_fraction(region.data):.1f} % of the voxels."
        self.runner.say(" ".join([kept, *notes]))

    def _change(
        self, layers: list[Any], region: NDArray[np.bool_] | None, made: Any, what: str
    ) -> None:
        """Set or clear the region of layers, so that it can be taken back."""
        session = Session.of(self._viewer)
        before = []
        for layer in layers:
            metadata = battery_metadata(layer)
            before.append((ref(layer), {key: metadata.get(key) for key in _KEYS}))
            metadata.update(region=region, region_made=made or None)
            hide_region(self._viewer, layer)
            session.mark_stale(layer, "the region was changed")

        def undo() -> None:
            for kept, values in before:
                layer = kept()
                if layer is None:
                    continue
                battery_metadata(layer).update(values)
                hide_region(self._viewer, layer)
                if layer in self._viewer.layers:
                    show_region(self._viewer, layer)
                session.mark_stale(layer, "the region was changed")
            self.refresh()

        self.undo_button.push(f"{what} of {len(layers)} layer{'s' * (len(layers) > 1)}", undo)
        self.refresh()

    @property
    def _page(self) -> Any:
        return self.pages[self.shape.currentText()]

    def _choose_page(self, title: str) -> None:
        for name, page in self.pages.items():
            page.setVisible(name == title)


def _counted(make: Callable[[Progress], Volume], progress: Progress) -> Volume:
    """Make a region and count its voxels, which takes a while, in the step's thread."""
    region = make(progress)
    region_fraction(region.data)
    return region


def _region_of(layer: Any) -> Any:
    return battery_metadata(layer).get("region")


def _check_same_grid(reference: Volume, volumes: list[Volume]) -> None:
    for volume in volumes:
        unknown = None in (reference.voxel_size_um, volume.voxel_size_um)
        same = reference.shape == volume.shape if unknown else reference.same_grid(volume)
        if not same:
            raise InputError(
                f"“{reference.name}” (shape {reference.shape}) and “{volume.name}” (shape "
                f"{volume.shape}) are not on one grid, so they cannot share a region: "
                "untick one of them."
            )
