"""Dock that keeps a sitting in a folder and brings it back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.results import Sitting, open_results, save_results
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.listening import listen
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.session import Session
from napari_battery.widgets.sitting import gather, restore

__all__ = ["ResultsDock"]

_FOLDER_KEY = "results/folder"


class ResultsDock(QWidget):
    """Save everything of this window's analyses to a folder, or open such a folder."""

    def __init__(self, napari_viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        delete_when_closed(self)
        self._session = Session.of(napari_viewer)
        self.folder = QLineEdit(str(remembered().value(_FOLDER_KEY) or ""))
        self.folder.setPlaceholderText("Folder of the results")
        self.folder.setToolTip(
            "Layers (or links to their files), tables and settings go here; "
            "a folder of an earlier save is replaced as a whole"
        )
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        self.contents = QLabel()
        self.contents.setWordWrap(True)
        self.saver = StepRunner("Save results", "Write this window's layers and tables there")
        self.saver.clicked.connect(self._save)
        self.opener = StepRunner("Open results", "Add what that folder holds to this window")
        self.opener.clicked.connect(self._open)
        self.saver.busy_changed.connect(self.opener.run_button.setDisabled)
        self.opener.busy_changed.connect(self.saver.run_button.setDisabled)

        line = QHBoxLayout()
        line.addWidget(self.folder, 1)
        line.addWidget(browse)
        layout = QVBoxLayout(self)
        layout.addLayout(line)
        layout.addWidget(self.contents)
        layout.addWidget(self.saver)
        layout.addWidget(self.opener)
        layout.addStretch(1)
        layers = self._session.viewer.layers.events
        listen(
            self, self._describe, self._session.analyses_changed, layers.inserted, layers.removed
        )
        self._describe()

    def _describe(self, event: Any = None) -> None:
        viewer = self._session.viewer
        if viewer is None:
            return
        try:
            sitting = gather(viewer)
        except InputError as error:
            self.contents.setText(str(error))
            return
        layers = [layer for layer in sitting.layers if layer is not None]
        written = [layer.volume for layer in layers if not layer.in_file]
        size = sum(v.dtype.itemsize * math.prod(v.shape) for v in written) / 2**20
        self.contents.setText(
            f"In this window: radial analyses: {len(sitting.analyses)}; layers: {len(layers)}, "
            f"of which {len(layers) - len(written)} linked to their files and "
            f"{len(written)} written ({size:,.0f} MiB). Maps are made again from the tables."
        )

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of the results", self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    def _chosen(self) -> Path | None:
        text = self.folder.text().strip()
        if not text:
            self.saver.say("Name a folder first.", error=True)
            return None
        remembered().setValue(_FOLDER_KEY, text)
        return Path(text).expanduser()

    def _save(self) -> None:
        folder = self._chosen()
        if folder is None:
            return
        try:
            sitting = gather(self._session.viewer)
        except InputError as error:
            self.saver.say(str(error), error=True)
            return
        self.saver.start(
            lambda progress: save_results(folder, sitting, progress),
            lambda _: self.saver.say(f"Saved to {folder}."),
            "Saving",
        )

    def _open(self) -> None:
        folder = self._chosen()
        if folder is None:
            return
        self.opener.start(
            lambda progress: open_results(folder, progress),
            lambda sitting: self._opened(folder, sitting),
            "Opening",
        )

    def _opened(self, folder: Path, sitting: Sitting) -> None:
        viewer = self._session.viewer
        if viewer is None:
            return
        notes = restore(viewer, sitting)
        self.opener.say(" ".join([f"Opened {folder}.", *notes]), error=bool(notes))
