"""Open a file of bare voxels: the person says its shape and type, and sees whether it fits."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from napari.viewer import ViewerModel
from pydantic import ValidationError
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.io.raw import RawSettings, open_raw
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.notice import Notice

__all__ = ["RawForm", "ask_raw_settings", "raw_bytes"]

_FILTER = "Raw voxels (*.raw *.bin *.vol *.dat);;All files (*)"


def raw_bytes(settings: RawSettings) -> int:
    """How many bytes a raw file with these settings has."""
    voxels = math.prod((settings.depth, settings.height, settings.width))
    return settings.header_bytes + voxels * np.dtype(settings.dtype).itemsize


class _Fields(QWidget):
    """The settings of a raw file, and how well they fit the file's length."""

    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None
        self.form = SettingsForm(RawSettings)
        self.fit = Notice()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        layout.addWidget(self.fit)
        self.form.changed.connect(self.refresh)

    def set_path(self, path: Path | None) -> None:
        """Compare with this file from now on."""
        self._path = path
        self.refresh()

    def refresh(self) -> bool:
        """Say whether the settings fit the file; return it."""
        try:
            need = raw_bytes(self.form.value())
        except ValidationError:
            return False  # the form says why
        if self._path is None:
            self.fit.say("")
            return False
        if not self._path.is_file():
            self.fit.say(f"There is no file {self._path}.", "error")
            return False
        has = self._path.stat().st_size
        if has == need:
            self.fit.say(f"Fits: the file has exactly these {has:,} bytes.")
            return True
        less = "too many" if has > need else "too few"
        self.fit.say(
            f"The file has {has:,} bytes, these settings make {need:,}: "
            f"{abs(has - need):,} {less}. Correct the shape, the type or the header.",
            "warning",
        )
        return False


class RawForm(QWidget):
    """Part of the Prepare dock: choose a raw file, describe it, open it as a memory map."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.path = QLineEdit()
        self.path.setPlaceholderText("File of bare voxels")
        self.path.setToolTip("A file without a header that says its shape (.raw, .bin, .vol)")
        self.browse = QPushButton("Choose…")
        self.browse.setToolTip("Choose the file")
        self.fields = _Fields()
        self.open_button = QPushButton("Open")
        self.open_button.setToolTip("Add it as a layer; nothing is read before it is shown")
        self.open_button.setEnabled(False)
        self.message = Notice()
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.browse)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.fields)
        layout.addWidget(self.open_button)
        layout.addWidget(self.message)
        self.browse.clicked.connect(self._browse)
        self.path.textChanged.connect(self._path_changed)
        self.fields.form.changed.connect(self._refresh)
        self.open_button.clicked.connect(self.open)

    def open(self) -> None:
        """Open the file as the form describes it."""
        try:
            volume = open_raw(Path(self.path.text()), self.fields.form.value())
        except (InputError, OSError) as problem:
            self.message.say(str(problem), "error")
            return
        add_volume(self._viewer, volume)
        self.message.say(f"Opened “{volume.name}”.")

    def _browse(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Open raw file", self.path.text(), _FILTER)
        if chosen:
            self.path.setText(chosen)

    def _path_changed(self, text: str) -> None:
        self.fields.set_path(Path(text) if text else None)
        self._refresh()

    def _refresh(self) -> None:
        self.message.say("")
        self.open_button.setEnabled(self.fields.refresh())


def ask_raw_settings(path: Path, parent: QWidget | None = None) -> RawSettings | None:
    """Ask for shape and type of a raw file in a dialog; None if the person cancels.

    For a reader that is handed a raw file; must be called in Qt's thread.
    """
    dialog = QDialog(parent)
    dialog.setWindowTitle(f"Open {path.name}")
    fields = _Fields()
    fields.set_path(path)
    buttons = QDialogButtonBox(
        QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
    )
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    open_button = buttons.button(QDialogButtonBox.StandardButton.Open)
    open_button.setEnabled(fields.refresh())
    fields.form.changed.connect(lambda: open_button.setEnabled(fields.refresh()))
    layout = QVBoxLayout(dialog)
    layout.addWidget(fields)
    layout.addWidget(buttons)
    dialog.resize(380, dialog.sizeHint().height())
    return fields.form.value() if dialog.exec() == QDialog.DialogCode.Accepted else None
