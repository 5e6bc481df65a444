"""A slider beside the number of a setting, to see at once what it does."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QSlider

from napari_battery.lengths import factors
from napari_battery.settings import FieldSpec
from napari_battery.widgets.forms import SettingsForm

__all__ = ["ValueSlider", "add_sliders"]

_STEPS = 1000
_CURVED = 3
"""Power by which the slider's start is stretched, where most values that serve are small."""


class ValueSlider(QSlider):
    """Moves the number in a row of a form, and follows it.

    Parameters
    ----------
    form : SettingsForm
        Whose voxel size and length unit say how far a length reaches.
    spec : FieldSpec
        A number with a range.
    """

    def __init__(self, form: SettingsForm[Any], spec: FieldSpec) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._form, self._spec = form, spec
        self._editor: Any = form.rows[spec.name].editor
        self.setRange(0, _STEPS)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(50)
        self.setToolTip(self._editor.toolTip())
        self._editor.valueChanged.connect(self.follow)
        self.valueChanged.connect(self._moved)
        self.follow()

    def follow(self) -> None:
        """Stand where the number is."""
        low, high = self._range()
        part = min(max((self._editor.value() - low) / (high - low), 0.0), 1.0)
        self.blockSignals(True)
        self.setValue(round(_STEPS * part ** (1 / self._power())))
        self.blockSignals(False)

    def _moved(self, position: int) -> None:
        low, high = self._range()
        value = low + (high - low) * (position / _STEPS) ** self._power()
        step = (self._spec.step or (1 if self._spec.kind is int else 0)) * self._factor()
        if step:
            # zero is often no allowed value: the shortest step is
            value = min(max(round(value / step), 1 if low == 0 else 0) * step, high)
        value = float(f"{value:.3g}")
        self._editor.setValue(int(value) if self._spec.kind is int else value)

    def _range(self) -> tuple[float, float]:
        spec, factor = self._spec, self._factor()
        assert spec.low is not None
        assert spec.high is not None
        return spec.low * factor, spec.high * factor

    def _factor(self) -> float:
        """How much of the shown unit a voxel is; numbers that are no lengths have none."""
        size, row = self._form.voxel_size, self._form.rows.get("length_unit")
        if size is None or row is None or row.value() != "um":
            return 1.0
        return factors(size).get(self._spec.unit, 1.0)

    def _power(self) -> int:
        low, high = self._spec.low or 0.0, self._spec.high or 1.0
        default = self._spec.default if self._spec.default is not None else high
        return _CURVED if (default - low) < 0.25 * (high - low) else 1


def add_sliders(form: SettingsForm[Any]) -> dict[str, ValueSlider]:
    """Give every number of a form that has a range a slider; lengths follow their unit."""
    sliders = {}
    for name, row in form.rows.items():
        spec = row.spec
        ranged = spec.low is not None and spec.high is not None and spec.kind in (int, float)
        if ranged and not spec.optional and not spec.choices:
            sliders[name] = ValueSlider(form, spec)
            row.layout().insertWidget(0, sliders[name], 1)
    unit = form.rows.get("length_unit")
    if unit is not None:
        for slider in sliders.values():
            unit.changed.connect(slider.follow)
    return sliders
