"""A form made from a settings model: one row per field, remembered between sittings."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from qtpy.QtCore import QSettings, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_battery.lengths import factors
from napari_battery.settings import LENGTH, VOLUME, FieldSpec, Settings, field_specs
from napari_battery.widgets.spin import PlainSpinBox

__all__ = ["SettingsForm", "explain", "remembered"]

Model = TypeVar("Model", bound=Settings)

_BIG = 1e9
_UNIT = "length_unit"
_SHOWN = {"voxels": {LENGTH: "voxels", VOLUME: "voxels"}, "um": {LENGTH: "µm", VOLUME: "µm³"}}


def remembered() -> QSettings:
    """Where the docks keep what they remember."""
    return QSettings("napari-battery", "napari-battery")


def explain(error: ValidationError, model: type[Settings]) -> str:
    """What is wrong with settings, in plain words that name the fields as the form does."""
    titles = {spec.name: spec.title for spec in field_specs(model)}
    said = []
    for problem in error.errors():
        text = str(problem["msg"]).removeprefix("Value error, ")
        where = titles.get(str(problem["loc"][0]), "") if problem["loc"] else ""
        said.append(f"{where}: {text[0].lower()}{text[1:]}." if where else text)
    return " ".join(said)


class _Row(QWidget):
    """The editor of one field: a value, and for optional fields a box that switches it on."""

    changed = Signal()

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__()
        self.spec = spec
        self.editor = self._make_editor(spec)
        self.switch: QCheckBox | None = None
        self.automatic = QLineEdit("automatic")
        """Stands for the editor of an optional field that is left to the program."""
        self.automatic.setEnabled(False)
        self.automatic.hide()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        if spec.optional:
            self.switch = QCheckBox()
            self.switch.setToolTip("Unchecked: automatic")
            self.switch.toggled.connect(self._show_editor)
            self.switch.toggled.connect(self.changed)
            layout.addWidget(self.switch)
        layout.addWidget(self.editor, 1)
        layout.addWidget(self.automatic, 1)
        unit = _SHOWN["voxels"].get(spec.unit, spec.unit)
        unit = f" ({unit})" if unit else ""
        self.setToolTip(f"{spec.description}{unit}")
        for widget in (self.editor, self.automatic):
            widget.setToolTip(self.toolTip())
        self.set_value(spec.default)

    def _make_editor(self, spec: FieldSpec) -> QWidget:
        if spec.choices:
            combo = QComboBox()
            for choice in spec.choices:
                combo.addItem("µm" if choice == "um" else choice, choice)
            combo.currentIndexChanged.connect(self.changed)
            return combo
        if spec.kind is bool:
            check = QCheckBox()
            check.toggled.connect(self.changed)
            return check
        if spec.kind is str:
            line = QLineEdit()
            line.editingFinished.connect(self.changed)
            return line
        spin: QSpinBox | QDoubleSpinBox
        if spec.kind is int:
            spin = QSpinBox()
            spin.setRange(
                int(spec.low if spec.low is not None else -_BIG),
                int(spec.high if spec.high is not None else _BIG),
            )
            spin.setSingleStep(int(spec.step or 1))
        else:
            spin = PlainSpinBox(
                spec.low if spec.low is not None else -_BIG,
                spec.high if spec.high is not None else _BIG,
            )
            if spec.step:
                spin.setStepType(QDoubleSpinBox.StepType.DefaultStepType)
                spin.setSingleStep(spec.step)
        spin.setKeyboardTracking(False)
        unit = _SHOWN["voxels"].get(spec.unit, spec.unit)
        if unit:
            spin.setSuffix(f" {unit}")
        spin.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        spin.valueChanged.connect(self.changed)
        return spin

    def _show_editor(self, shown: bool) -> None:
        self.editor.setEnabled(shown)
        self.editor.setVisible(shown)
        self.automatic.setVisible(not shown)

    def show_found(self, value: Any) -> None:
        """Show, greyed, what the program took where the field is left to it."""
        blocked = self.blockSignals(True), self.editor.blockSignals(True)
        self.set_value(value)
        self.set_value(None)
        self.blockSignals(blocked[0])
        self.editor.blockSignals(blocked[1])
        self.editor.show()
        self.automatic.hide()

    def show_unit(self, unit: str) -> None:
        """Show the unit behind the number and in the tooltip."""
        editor: Any = self.editor
        editor.setSuffix(f" {unit}")
        self.setToolTip(f"{self.spec.description} ({unit})")
        editor.setToolTip(self.toolTip())

    def value(self) -> Any:
        if self.switch is not None and not self.switch.isChecked():
            return None
        editor: Any = self.editor
        if isinstance(editor, QComboBox):
            return editor.currentData()
        if isinstance(editor, QCheckBox):
            return editor.isChecked()
        if isinstance(editor, QLineEdit):
            return editor.text()
        return editor.value()

    def set_value(self, value: Any) -> None:
        if self.switch is not None:
            self.switch.setChecked(value is not None)
            self._show_editor(value is not None)
        if value is None:
            return
        editor: Any = self.editor
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(editor.findData(value))
        elif isinstance(editor, QCheckBox):
            editor.setChecked(value)
        elif isinstance(editor, QLineEdit):
            editor.setText(value)
        else:
            editor.setValue(value)


def _form_layout(widget: QWidget) -> QFormLayout:
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    return layout


class SettingsForm(QWidget, Generic[Model]):
    """Edit a settings model; what it holds is remembered under the model's name.

    Parameters
    ----------
    model : type of Settings
        What to edit.
    """

    changed = Signal()

    def __init__(self, model: type[Model], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.voxel_size: tuple[float, ...] | None = None
        self.rows: dict[str, _Row] = {}
        self._layout = _form_layout(self)
        self._layouts: dict[str, QFormLayout] = {}
        for spec in field_specs(model):
            row = _Row(spec)
            title = QLabel(spec.title)
            title.setToolTip(row.toolTip())
            self._layout.addRow(title, row)
            self.rows[spec.name], self._layouts[spec.name] = row, self._layout
        self._error = QLabel()
        self._error.setWordWrap(True)
        self._error.setStyleSheet("color: #e05c5c; font-weight: bold")
        self._error.hide()
        self._layout.addRow(self._error)
        self._unit = "voxels"
        self._recall()
        for row in self.rows.values():
            row.changed.connect(self._row_changed)

    def part(self, *names: str) -> QWidget:
        """Take the rows of these fields out of the form, into a widget that stands elsewhere.

        They stay fields of this form: its value, its memory and its signal count them.
        """
        widget = QWidget()
        layout = _form_layout(widget)
        for name in names:
            taken = self._layouts[name].takeRow(self.rows[name])
            layout.addRow(taken.labelItem.widget(), taken.fieldItem.widget())
            self._layouts[name] = layout
        return widget

    def set_voxel_size(self, voxel_size_um: tuple[float, ...] | None) -> None:
        """Tell what a voxel measures, so that lengths keep when their unit is changed."""
        self.voxel_size = voxel_size_um

    def value(self) -> Model:
        """The settings as the form shows them.

        Raises
        ------
        ValidationError
            If the fields do not go together; the form shows why.
        """
        return self._model(**{name: row.value() for name, row in self.rows.items()})

    def set_value(self, settings: Model) -> None:
        """Show these settings."""
        before = [row.value() for row in self.rows.values()]
        for name, row in self.rows.items():
            blocked = row.blockSignals(True)  # lengths must not be converted on the way
            row.set_value(getattr(settings, name))
            row.blockSignals(blocked)
        self._unit = self._shown_unit()
        self._show_units()
        if [row.value() for row in self.rows.values()] != before:
            self._row_changed()

    def reset(self) -> None:
        """Go back to the defaults."""
        self.set_value(self._model())

    def show_field(self, name: str, visible: bool) -> None:
        """Show or hide the row of one field (one that has no meaning just now)."""
        self._layouts[name].setRowVisible(self.rows[name], visible)

    def _shown_unit(self) -> str:
        row = self.rows.get(_UNIT)
        return "voxels" if row is None else str(row.value())

    def _show_units(self) -> None:
        for row in self.rows.values():
            if row.spec.unit in (LENGTH, VOLUME):
                row.show_unit(_SHOWN[self._unit][row.spec.unit])

    def _convert_lengths(self) -> None:
        """Keep lengths what they are where their unit was changed and the voxel size is known."""
        before, self._unit = self._unit, self._shown_unit()
        if self.voxel_size is not None:
            for row in self.rows.values():
                if row.spec.unit not in (LENGTH, VOLUME) or row.value() is None:
                    continue
                factor = factors(self.voxel_size)[row.spec.unit]
                value = row.value() / factor if before == "um" else row.value() * factor
                blocked = row.blockSignals(True)
                row.set_value(value)
                row.blockSignals(blocked)
        self._show_units()

    def _row_changed(self) -> None:
        if self._shown_unit() != self._unit:
            self._convert_lengths()
        try:
            settings = self.value()
        except ValidationError as error:
            self._error.setText(explain(error, self._model))
            self._error.show()
            return
        self._error.hide()
        remembered().setValue(f"settings/{self._model.__name__}", settings.model_dump_json())
        self.changed.emit()

    def _recall(self) -> None:
        text = remembered().value(f"settings/{self._model.__name__}")
        if not text:
            return
        try:
            self.set_value(self._model.model_validate_json(str(text)))
        except ValidationError:  # remembered by another version; the defaults stay
            remembered().remove(f"settings/{self._model.__name__}")
