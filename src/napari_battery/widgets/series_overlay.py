"""One state over the first in the shown slice: the eye's check of an alignment."""

from __future__ import annotations

from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.widgets.align_view import AlignView
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.seen import Seen

__all__ = ["SeriesOverlay"]

_OFF = "off"
_WAYS = {
    _OFF: ("Off", "Layers as they are"),
    "blend": ("Magenta and green", "The first state magenta, the chosen one green, both grey"),
    "checkerboard": ("Checkerboard", "Tiles of both in turn"),
    "swipe": ("Swipe", "One left, one right of a line that can be dragged"),
    "difference": ("Difference", "Grey where they agree"),
    "flicker": ("Flicker", "Both in turn"),
}
_KEY = "series/overlay"


class SeriesOverlay(QWidget):
    """Choose how a state is compared with the first; `show_pair` says which."""

    def __init__(self, dock: QWidget, viewer: ViewerModel) -> None:
        super().__init__(dock)
        self.mode = QComboBox()
        for name, (title, tooltip) in _WAYS.items():
            self.mode.addItem(title, name)
            role = Qt.ItemDataRole.ToolTipRole
            self.mode.setItemData(self.mode.count() - 1, tooltip, role)
        self.mode.setToolTip("How the state of the chosen row is shown over the first one")
        stored = self.mode.findData(str(remembered().value(_KEY, "blend")))
        self.mode.setCurrentIndex(max(stored, 0))
        self.notice = Notice()
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Compare", self.mode)
        form.addRow(self.notice)
        self.view = AlignView(self, viewer)
        self._pair: tuple[Any, Any] | None = None
        self._on_screen = Seen(dock)
        self._on_screen.changed.connect(self._look)
        self.mode.currentIndexChanged.connect(self._mode_changed)
        self.view.removed.connect(self._gone)
        self.view.failed.connect(lambda text: self.notice.say(text, "error"))

    def show_pair(self, fixed: Any, moving: Any) -> None:
        """Show `moving` over `fixed`, where both lie now."""
        self._pair = (fixed, moving)
        self._look()

    def forget(self) -> None:
        """Show no pair any more."""
        self._pair = None
        self._look()

    def _mode_changed(self) -> None:
        remembered().setValue(_KEY, self.mode.currentData())
        self._look()

    def _look(self, *_: Any) -> None:
        self.notice.say("")
        mode = self.mode.currentData()
        if self._pair is None or mode == _OFF or not self._on_screen.now:
            self.view.hide()
            return
        try:
            self.view.show(*self._pair)
            self.view.set_mode(mode)
        except InputError as problem:
            self.notice.say(str(problem), "error")

    def _gone(self) -> None:
        self._pair = None
