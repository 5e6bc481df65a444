"""The Prepare dock: voxel size, crop, region and grey range of a stack before any analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.prepare_voxel_size import VoxelSizeForm
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["PrepareDock"]


class PrepareDock(QWidget):
    """Prepare stack: voxel size, crop, region, grey range."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        viewer = Session.of(napari_viewer).viewer
        self.layers = LayerChecklist(viewer)
        self.voxel_size = VoxelSizeForm(viewer, self.layers)

        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(QLabel("Layers to work on"))
        column.addWidget(self.layers)
        column.addWidget(Section("Voxel size", self.voxel_size, is_open=True))
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)
        self.setMinimumWidth(300)
