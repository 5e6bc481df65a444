"""Which network weights of another program are for."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_battery.widgets.notice import Notice

__all__ = ["ForeignDialog"]


class ForeignDialog(QDialog):
    """Asks for the network, and the numbers it was built with, of a file of plain weights."""

    def __init__(self, parent: QWidget, path: Path) -> None:
        from napari_battery.superres.networks import NETWORKS

        super().__init__(parent)
        self.setWindowTitle("Weights of another program")
        self.network = QComboBox()
        self.network.addItems(list(NETWORKS))
        self.network.setToolTip("The weights' layers must have the names of this network's")
        self.numbers: dict[str, QSpinBox] = {}
        self._form = QFormLayout()
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow("Network", self.network)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(
            Notice(
                f"{path.name} does not tell which network its weights are for. Only tensors are "
                "read from it; a file that holds more is not opened."
            )
        )
        column.addLayout(self._form)
        column.addWidget(buttons)
        self.setMinimumWidth(380)
        self.network.currentIndexChanged.connect(self._show_numbers)
        self._show_numbers()

    def options(self) -> dict[str, Any]:
        """What `make_network` builds the network with."""
        return {name: spin.value() for name, spin in self.numbers.items()}

    def _show_numbers(self) -> None:
        from napari_battery.superres.networks import NETWORKS

        for spin in self.numbers.values():
            self._form.removeRow(spin)
        self.numbers = {}
        for name, parameter in signature(NETWORKS[self.network.currentText()]).parameters.items():
            spin = QSpinBox()
            spin.setRange(1, 9999)
            spin.setValue(int(parameter.default))
            spin.setToolTip("As the weights were trained")
            self._form.addRow(name.replace("_", " ").capitalize(), spin)
            self.numbers[name] = spin
