"""The Prepare dock: voxel size, crop, region and grey range of a stack before any analysis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.prepare_crop import CropForm
from napari_battery.widgets.prepare_grey import GreyForm
from napari_battery.widgets.prepare_region import RegionForm
from napari_battery.widgets.prepare_voxel_size import VoxelSizeForm
from napari_battery.widgets.raw_form import RawForm
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

__all__ = ["PrepareDock"]


class PrepareDock(QWidget):
    """Prepare stack: voxel size, crop, region, grey range."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        viewer = Session.of(napari_viewer).viewer
        self.layers = LayerChecklist(viewer)
        self.voxel_size = VoxelSizeForm(viewer, self.layers)
        self.crop = CropForm(viewer, self.layers)
        self.region = RegionForm(viewer, self.layers)
        self.grey = GreyForm(viewer, self.layers)
        self.raw = RawForm(viewer)

        self._sections: dict[str, Section] = {}
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(QLabel("Layers to work on"))
        column.addWidget(self.layers)
        for title, part, is_open, tooltip in (
            ("Voxel size", self.voxel_size, True, "How large a voxel is, and how that is known"),
            ("Crop", self.crop, False, "Cut a box out of the ticked layers"),
            ("Region", self.region, False, "Leave out what is not electrode in every later step"),
            ("Grey range", self.grey, False, "Convert to 8 or 16 bit between chosen limits"),
            ("Open raw file", self.raw, False, "A file of bare voxels, whose shape you know"),
        ):
            section = Section(title, part, is_open=is_open, tooltip=tooltip)
            self._sections[title] = section
            column.addWidget(section)
        column.addStretch(1)
        self._scroll = fill_scrolling(self, content)
        self.setMinimumWidth(300)

    def ask_voxel_size(self, layers: Iterable[Layer]) -> None:
        """Tick these layers and bring the part that sets their voxel size into view."""
        self.layers.tick(layers)
        section = self._sections["Voxel size"]
        section.open()
        # once the part has unfolded
        QTimer.singleShot(0, section, lambda: self._scroll.ensureWidgetVisible(section))
