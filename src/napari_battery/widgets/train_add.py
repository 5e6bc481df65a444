"""What can be put on the Train dock's list: pairs of layers, pair folders, scans alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.superres.degradation import DegradationSettings
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.forms import SettingsForm, remembered
from napari_battery.widgets.judge_pair import is_scan, pair_meant
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.section import Section
from napari_battery.widgets.train_source import alone, folder_pair, layer_pair

__all__ = ["AddSource"]

_PAIR, _FOLDER, _ALONE = "pair", "folder", "alone"
_KINDS = {
    _PAIR: ("an aligned pair of layers", "Two scans of the same place that lie on one another"),
    _FOLDER: ("a saved pair", "The folder that “Save pair…” or “napari-battery pair” wrote"),
    _ALONE: (
        "a high-resolution layer alone",
        "Its low-resolution scans are made up: blurred, averaged to larger voxels, with noise",
    ),
}
_REMEMBERED = "folders/pairs"


class AddSource(QWidget):
    """Choose scans to train on; `run_button` of the owner asks for `recipe`.

    Parameters
    ----------
    viewer : ViewerModel
        Whose images.
    """

    fit_asked = Signal()
    """Blur and noise are to be taken from a pair on the list."""
    kind_changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._by_hand = False
        self.kind = QComboBox()
        self.kind.setToolTip("Where low- and high-resolution images come from")
        for key, (title, tooltip) in _KINDS.items():
            self.kind.addItem(title, key)
            self.kind.setItemData(self.kind.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
        self.low = LayerChooser(viewer, Image, "The coarser scan, which networks read", is_scan)
        self.high = LayerChooser(
            viewer, Image, "The finer scan of the same place, which they should answer", is_scan
        )
        self.alone = LayerChooser(
            viewer, Image, "The finer scan; its voxel size may be unknown", is_scan
        )
        self.degradation = SettingsForm(DegradationSettings)
        self.makes = Notice()
        self.fit_button = QPushButton("Fit to the pair on the list")
        self.fit_button.setToolTip(
            "Voxel-size ratio, blur, noise and grey scale as the real pair above shows them"
        )
        self._pages = {
            _PAIR: _rows({"Low resolution": self.low, "High resolution": self.high}),
            _FOLDER: QWidget(),
            _ALONE: self._alone_page(),
        }
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(_rows({"Add": self.kind}))
        for page in self._pages.values():
            column.addWidget(page)
        self._listed = QTimer(self)
        self._listed.setSingleShot(True)
        self._listed.setInterval(0)
        self._listed.timeout.connect(self._choose_likely)
        events = viewer.layers.events
        listen(self, self._layers_listed, events.inserted, events.removed)
        for chooser in (self.low, self.high):
            chooser.activated.connect(self._chosen_by_hand)
        self.alone.layer_changed.connect(self._say_what_is_made)
        self.degradation.changed.connect(self._say_what_is_made)
        self.kind.currentIndexChanged.connect(self._show_page)
        self.fit_button.clicked.connect(self.fit_asked)
        self._choose_likely()
        self._show_page()
        self._say_what_is_made()

    def recipe(self) -> dict[str, Any] | None:
        """Recipe of what is chosen; None where the person changed their mind.

        Raises
        ------
        InputError
            If nothing is chosen, or twice the same.
        ValidationError
            If the settings of the degradation do not go together.
        """
        kind = self.kind.currentData()
        if kind == _FOLDER:
            return self._ask_folder()
        if kind == _ALONE:
            if self.alone.layer is None:
                raise InputError("Open a high-resolution scan first.")
            return alone(self.alone.layer, self.degradation.value())
        low, high = self.low.layer, self.high.layer
        if low is None or high is None:
            raise InputError(
                "Open a low- and a high-resolution scan of the same place first (File ▸ Open "
                "Sample has a pair of sandstone)."
            )
        if low is high:
            raise InputError(f"“{low.name}” is chosen twice: a pair is a coarser and a finer scan.")
        return layer_pair(low, high)

    def can_fit(self, there_is_a_pair: bool) -> None:
        """Tell whether there is a pair to fit the degradation to."""
        self.fit_button.setEnabled(there_is_a_pair)

    def _alone_page(self) -> QWidget:
        page, details = QWidget(), QWidget()
        lines = QVBoxLayout(details)
        lines.addWidget(self.degradation)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(_rows({"High resolution": self.alone, "": self.degradation.part("ratio")}))
        column.addWidget(self.makes)
        column.addWidget(self.fit_button)
        column.addWidget(
            Section(
                "Blur and noise of the made-up scans",
                details,
                tooltip="Each made-up scan draws its own within these ranges",
                key="train/degradation",
            )
        )
        return page

    def _ask_folder(self) -> dict[str, Any] | None:
        start = str(remembered().value(_REMEMBERED, ""))
        chosen = QFileDialog.getExistingDirectory(self, "Open a saved pair", start)
        if not chosen:
            return None
        remembered().setValue(_REMEMBERED, str(Path(chosen).parent))
        return folder_pair(Path(chosen))

    def _show_page(self) -> None:
        for key, page in self._pages.items():
            page.setVisible(key == self.kind.currentData())
        self.kind_changed.emit()

    def _say_what_is_made(self) -> None:
        layer = self.alone.layer
        if layer is None:
            self.makes.say("")
            return
        ratio = float(self.degradation.rows["ratio"].value())
        known = str(layer.units[-1]) in ("micrometer", "micron", "um", "µm")
        size = float(abs(layer.scale[-1]))
        self.makes.say(
            f"Its low-resolution scans get voxels of {ratio * size:.4g} µm."
            if known
            else f"Its low-resolution voxels are {ratio:.4g} of its own wide."
        )

    def _chosen_by_hand(self, index: int) -> None:
        self._by_hand = True

    def _layers_listed(self, event: Any = None) -> None:
        self._listed.start()  # several layers may come or go together

    def _choose_likely(self) -> None:
        """Choose the two layers that are most likely meant, unless the person has chosen."""
        if self._by_hand and self.low.layer is not None and self.high.layer is not None:
            return
        meant = pair_meant(self._viewer)
        if meant is not None:
            self.low.choose(meant[0])
            self.high.choose(meant[1])
            self.alone.choose(meant[1])


def _rows(rows: dict[str, QWidget]) -> QWidget:
    widget = QWidget()
    form = QFormLayout(widget)
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for title, field in rows.items():
        if title:
            form.addRow(title, field)
        else:
            form.addRow(field)
    return widget
