"""Which filter, and with which settings."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.filters import FILTERS, Filter
from napari_battery.settings import LENGTH, Settings, field_specs
from napari_battery.widgets.filter_sliders import add_sliders
from napari_battery.widgets.forms import SettingsForm, remembered
from napari_battery.widgets.notice import Notice

__all__ = ["FilterChoice", "in_words"]


class FilterChoice(QWidget):
    """List of the filters, a line about the chosen one, and the form of its settings."""

    changed = Signal()
    """Another filter, or other settings."""

    def __init__(self) -> None:
        super().__init__()
        self._voxel_size: tuple[float, ...] | None = None
        self.list = QComboBox()
        for name, one in FILTERS.items():
            self.list.addItem(one.title, name)
            self.list.setItemData(
                self.list.count() - 1, one.description, Qt.ItemDataRole.ToolTipRole
            )
        self.list.setToolTip("What is done to the grey levels; the first ones serve most often")
        last = self.list.findData(str(remembered().value("filter/name", "")))
        self.list.setCurrentIndex(max(last, 0))
        self.description = Notice()
        self.forms: dict[str, SettingsForm[Any]] = {}
        self.reset_button = QPushButton("Defaults")
        self.reset_button.setToolTip("Put this filter's settings back to their defaults")
        top, self._form_column = QFormLayout(), QVBoxLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Filter", self.list)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.description)
        column.addLayout(self._form_column)
        column.addWidget(self.reset_button)
        self.list.currentIndexChanged.connect(self._chosen)
        self.reset_button.clicked.connect(lambda: self.form.reset())
        self._show_form()

    @property
    def filter(self) -> Filter:
        """The chosen filter."""
        return FILTERS[self.list.currentData()]

    @property
    def form(self) -> SettingsForm[Any]:
        """The form of its settings."""
        return self.forms[self.filter.name]

    def choose(self, name: str) -> None:
        """Choose a filter by its name."""
        self.list.setCurrentIndex(self.list.findData(name))

    def set_voxel_size(self, voxel_size_um: tuple[float, ...] | None) -> None:
        """Tell what a voxel measures, so that lengths keep when their unit is changed."""
        self._voxel_size = voxel_size_um
        for form in self.forms.values():
            form.set_voxel_size(voxel_size_um)

    def show_measured(self, numbers: dict[str, float]) -> None:
        """Show what was measured where a setting says "automatic": the person starts from it."""
        for name, value in numbers.items():
            row = self.form.rows.get(name.removesuffix("_sigma"))
            if row is None or row.switch is None or row.switch.isChecked():
                continue
            editor: Any = row.editor
            if value > 0:
                blocked = editor.blockSignals(True)
                editor.setDecimals(max(6, 3 - math.floor(math.log10(value))))
                editor.blockSignals(blocked)
            row.show_found(float(f"{value:.3g}"))

    def _chosen(self) -> None:
        remembered().setValue("filter/name", self.filter.name)
        self._show_form()
        self.changed.emit()

    def _show_form(self) -> None:
        chosen = self.filter
        if chosen.name not in self.forms:
            form: SettingsForm[Any] = SettingsForm(chosen.settings)
            form.set_voxel_size(self._voxel_size)
            add_sliders(form)
            form.changed.connect(self.changed)
            self.forms[chosen.name] = form
            self._form_column.addWidget(form)
        for name, form in self.forms.items():
            form.setVisible(name == chosen.name)
        self.description.say(chosen.description)


def in_words(chosen: Filter, settings: Settings) -> str:
    """Name of the filter with its first setting: "median, radius 2"."""
    spec = field_specs(type(settings))[0]
    value = getattr(settings, spec.name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return chosen.title.lower()
    unit = " µm" if spec.unit == LENGTH and getattr(settings, "length_unit", "") == "um" else ""
    return f"{chosen.title.lower()}, {spec.title.lower()} {value:g}{unit}"
