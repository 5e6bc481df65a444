"""Where models are judged: all that both scans show, what no model learnt from, or a box."""

from __future__ import annotations

from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from napari_battery.io.lazy import Window
from napari_battery.widgets.box_editor import BoxEditor
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.forms import remembered

__all__ = ["BOX", "EVERYWHERE", "UNSEEN", "WhereToJudge"]

UNSEEN, EVERYWHERE, BOX = "unseen", "everywhere", "box"
_MODES = {
    UNSEEN: (
        "What no ticked model learnt from",
        "Of all that both scans show, the part that trained none of the ticked models",
    ),
    EVERYWHERE: ("All that both scans show", "Refused where a ticked model learnt from a part"),
    BOX: ("A box", "Drawn on the high-resolution scan, or typed"),
}
_REMEMBERED = "judge/where"


class WhereToJudge(QWidget):
    """Choose where regions are cut from.

    Parameters
    ----------
    viewer : ViewerModel
        Where a box is drawn.
    high : LayerChooser
        The high-resolution scan, whose voxels the box counts.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, high: LayerChooser) -> None:
        super().__init__()
        self.mode = QComboBox()
        for name, (title, tooltip) in _MODES.items():
            self.mode.addItem(title, name)
            self.mode.setItemData(self.mode.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
        self.mode.setToolTip("Models are judged only on what they have not seen")
        self.mode.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.mode.setMinimumContentsLength(12)
        stored = self.mode.findData(str(remembered().value(_REMEMBERED, UNSEEN)))
        self.mode.setCurrentIndex(max(stored, 0))
        chosen: Any = _ChosenLayer(self, high)
        self.editor = BoxEditor(viewer, chosen, "Box to judge")
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Where", self.mode)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(self.editor)
        self.mode.currentIndexChanged.connect(self._mode_changed)
        self.editor.changed.connect(self.changed)
        self.editor.setVisible(self.mode.currentData() == BOX)

    @property
    def box(self) -> Window | None:
        """The drawn or typed box, in voxels of the high scan; None unless it is wanted."""
        if self.mode.currentData() != BOX:
            return None
        return tuple(slice(a, b) for a, b in self.editor.box)

    @property
    def is_unseen(self) -> bool:
        """Whether what the ticked models learnt from is left out."""
        return bool(self.mode.currentData() == UNSEEN)

    def _mode_changed(self) -> None:
        mode = self.mode.currentData()
        remembered().setValue(_REMEMBERED, mode)
        self.editor.setVisible(mode == BOX)
        if mode != BOX:
            self.editor.outline.remove()
        self.changed.emit()


class _ChosenLayer(QObject):
    """A chooser as the box editor takes it: a list of one layer at most."""

    changed = Signal()

    def __init__(self, parent: QWidget, chooser: LayerChooser) -> None:
        super().__init__(parent)
        self._chooser = chooser
        chooser.layer_changed.connect(self.changed)

    @property
    def layers(self) -> list[Any]:
        layer = self._chooser.layer
        return [] if layer is None else [layer]
