"""Ask for a BPX template and write a measured electrode into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.microstructure.bpx import Side
from napari_battery.microstructure.comparison import Comparison
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.notice import Notice

__all__ = ["BpxDialog"]

_TEMPLATE = "folders/bpx template"


class BpxDialog(QDialog):
    """Which volume becomes which electrode of which cell.

    Parameters
    ----------
    found : Comparison
    parent : QWidget
    """

    def __init__(self, found: Comparison, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Write a BPX file")
        self._found = found
        self.saved: Path | None = None
        """What was written; None while nothing was."""
        self.volume = QComboBox()
        self.volume.addItems(list(found.groups))
        self.volume.setToolTip("Whose numbers are written")
        self.axis = QComboBox()
        self.axis.addItems(["z", "y", "x"])
        self.axis.setToolTip("Through the electrode's thickness, from collector to separator")
        self.side = QComboBox()
        for side in ("positive", "negative"):
            self.side.addItem(side, side)
        self.side.setToolTip("Which electrode of the cell it is")
        self.part = QCheckBox("of the coating:")
        self.part.setToolTip("Tick where the volume is only a part of the electrode's thickness")
        self.thickness = QDoubleSpinBox()
        self.thickness.setRange(0.1, 5000)
        self.thickness.setValue(100)
        self.thickness.setSuffix(" µm")
        self.thickness.setEnabled(False)
        self.part.toggled.connect(self.thickness.setEnabled)
        self.template = QLineEdit(str(remembered().value(_TEMPLATE, "") or ""))
        self.template.setPlaceholderText("BPX file of the whole cell")
        self.template.setToolTip("Its other parameters stay as they are")
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        self.said = Notice()
        self.save_button = QPushButton("Save…")
        self.save_button.clicked.connect(self._ask_and_save)
        thick, file = QHBoxLayout(), QHBoxLayout()
        thick.addWidget(self.part)
        thick.addWidget(self.thickness, 1)
        file.addWidget(self.template, 1)
        file.addWidget(browse)
        form = QFormLayout()
        form.addRow("Volume", self.volume)
        form.addRow("Axis", self.axis)
        form.addRow("Electrode", self.side)
        form.addRow("Thickness", thick)
        form.addRow("Template", file)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.said)
        column.addWidget(self.save_button)
        self.resize(420, self.sizeHint().height())

    def save(self, path: Path) -> list[str]:
        """Write the file, and its provenance beside it; returns what no longer goes together.

        Raises
        ------
        InputError
            If a number is missing or contradicts, or the template is no BPX file.
        """
        from napari_battery.files import write_json
        from napari_battery.io.write import provenance_path
        from napari_battery.microstructure.bpx import (
            electrode_from_table,
            merge_electrode,
            read_template,
        )

        template = Path(self.template.text().strip()).expanduser()
        if not template.is_file():
            raise InputError("Name the BPX file of a whole cell as the template.")
        if path.exists() and path.samefile(template):
            raise InputError("That is the template; choose another name for the result.")
        thickness = self.thickness.value() if self.part.isChecked() else None
        electrode = electrode_from_table(
            self._found.measured.table, self.volume.currentText(), self.axis.currentText(),
            thickness,
        )  # fmt: skip
        side: Side = "positive" if self.side.currentData() == "positive" else "negative"
        merged, changes, notes = merge_electrode(read_template(template), electrode, side)
        write_json(path, merged)
        made: dict[str, Any] = {**self._found.made, "bpx": changes, "template": str(template)}
        write_json(provenance_path(path), {**made, "notes": [*made.get("notes", []), *notes]})
        remembered().setValue(_TEMPLATE, str(template))
        self.saved = path
        return notes

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "BPX template", "", "BPX (*.json)")
        if path:
            self.template.setText(path)

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save BPX", "electrode.json", "BPX (*.json)")
        if not path:
            return
        try:
            notes = self.save(Path(path))
        except (InputError, OSError) as error:
            self.said.say(str(error), "error")
        else:
            self.said.say("\n".join([f"Saved {Path(path).name}.", *notes]))
