"""How a network is trained: recipe, network, model to start from, split, and the details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.viewer import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.superres.train_settings import TrainSettings, filled
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.section import Section
from napari_battery.widgets.superres_models import ModelChooser

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TrainForm"]

_SPLITS = {
    "region": (
        "a slab of each image",
        "The far end of every image only checks; as much as the network reads across is left out",
    ),
    "group": ("whole samples", "All images of some samples only check; needs two samples"),
}


class TrainForm(QWidget):
    """Settings of a training; what the preset decides is shown greyed where it is not changed.

    Parameters
    ----------
    viewer : ViewerModel
        Whose `Session` knows the models that can be trained further.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.settings = SettingsForm(TrainSettings)
        self.start = ModelChooser(viewer, "train", none="none: begin anew")
        self.start.setToolTip("A model whose weights are trained further on these scans")
        self.split = QComboBox()
        for key, (title, tooltip) in _SPLITS.items():
            self.split.addItem(title, key)
            self.split.setItemData(self.split.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
        self.split.setToolTip("What is kept out of training, to see what the network is worth")
        reset = QPushButton("All as the preset")
        reset.setToolTip("Untick every setting that a preset decides")
        first = self.settings.part("preset", "network")
        often = self.settings.part("minutes")
        rows = QWidget()
        form = QFormLayout(rows)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow("Start from", self.start)
        form.addRow("Validate on", self.split)
        details = QWidget()
        lines = QVBoxLayout(details)
        lines.addWidget(self.settings)
        lines.addWidget(reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (first, rows, often):
            column.addWidget(part)
        column.addWidget(
            Section(
                "Details of the training",
                details,
                tooltip="Unticked: as the preset has it, shown greyed",
                key="train/details",
            )
        )
        self.settings.changed.connect(self._show_preset)
        self.start.model_changed.connect(self._start_changed)
        reset.clicked.connect(self.reset)
        self._start_changed()

    def value(self) -> TrainSettings:
        """The settings; a model to start from brings its network.

        Raises
        ------
        ValidationError
            If they do not go together; the form shows why.
        """
        settings = self.settings.value()
        card = self.start.card
        if card is None or card.network not in self.settings.rows["network"].spec.choices:
            return settings
        return settings.model_copy(update={"network": card.network})

    @property
    def split_by(self) -> Any:
        """Split by "region" or by "group"."""
        return self.split.currentData()

    def set_value(self, settings: TrainSettings, split_by: str, start: Path | None) -> None:
        """Show the settings of a training that goes on."""
        self.start.choose(start)
        self.split.setCurrentIndex(self.split.findData(split_by))
        self.settings.set_value(settings)

    def reset(self) -> None:
        """Leave to the preset what it can decide."""
        before = self.settings.value()
        kept = {"preset": before.preset, "network": before.network, "minutes": before.minutes}
        self.settings.set_value(TrainSettings(**kept))

    def _start_changed(self) -> None:
        # a model to start from brings its own network
        self.settings.show_field("network", self.start.card is None)
        self._show_preset()

    def _show_preset(self) -> None:
        """Show what the preset decides in the rows that are not ticked."""
        for name, value in filled(self.value()):
            row = self.settings.rows[name]
            if row.switch is None or row.switch.isChecked() or value is None:
                continue
            row.show_found(value)
