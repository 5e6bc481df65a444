"""Where models are judged: all that both scans show, what no model learnt from, or a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from napari_battery.io.lazy import Window
from napari_battery.superres.card import Card
from napari_battery.superres.judge_regions import region_words, unseen_part, window_in
from napari_battery.volume import Volume
from napari_battery.widgets.box_editor import BoxEditor
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.forms import remembered

__all__ = ["BOX", "EVERYWHERE", "UNSEEN", "WhereToJudge", "unseen_box"]

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


def unseen_box(low: Volume, high: Volume, cards: Sequence[Card]) -> tuple[Window | None, str]:
    """The part of the high scan that no model learnt from, and that in words.

    Reads the scans' files through to know them by their hashes: not for the window's thread.

    Returns
    -------
    window, words
        None, and no words, where nothing was seen, and where nothing is left: judging all of
        it then says what trained which model.
    """
    found = [slice(0, n) for n in high.shape]
    for scan in (low, high):
        free = unseen_part(scan, cards)
        if free is None:
            return None, ""
        if all(w == slice(0, n) for w, n in zip(free, scan.shape, strict=True)):
            continue
        inside = window_in(high, scan, free)
        for axis, (w, cut, n) in enumerate(zip(inside, free, scan.shape, strict=True)):
            # a voxel less where the part ends inside the scan: half of it may lie beyond
            first = w.start + (1 if cut.start > 0 else 0)
            stop = w.stop - (1 if cut.stop < n else 0)
            found[axis] = slice(max(found[axis].start, first), min(found[axis].stop, stop))
    whole = all(w == slice(0, n) for w, n in zip(found, high.shape, strict=True))
    if whole or any(w.start >= w.stop for w in found):
        return None, ""
    window = tuple(found)
    return window, (
        f"Judged at {region_words(window)} of “{high.name}”: ticked models learnt from the rest."
    )
