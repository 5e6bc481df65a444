"""Trainings that were interrupted: going on with one, or forgetting it."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.train_unfinished import forget, read_plan, trainings_folder, unfinished

__all__ = ["Unfinished"]


class Unfinished(QWidget):
    """Drop-down of interrupted trainings."""

    go_on = Signal(Path)
    """The training kept in this folder is to be gone on with."""

    def __init__(self) -> None:
        super().__init__()
        self._folders: list[Path] = []
        self.list = QComboBox()
        self.list.setToolTip("Trainings that were cancelled, or cut off, and how far they were")
        self.list.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.list.setMinimumContentsLength(12)
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.words = Notice()
        self.go_on_button = QPushButton("Go on")
        self.go_on_button.setToolTip(
            "Train on from the last round, with the same scans and settings: the result is that "
            "of a training without a pause"
        )
        self.folder_button = QPushButton("Other folder…")
        self.folder_button.setToolTip("A training that this dock began, kept elsewhere")
        self.forget_button = QPushButton("Forget")
        self.forget_button.setToolTip("Delete what was kept of it")
        row = QHBoxLayout()
        for button in (self.go_on_button, self.folder_button, self.forget_button):
            row.addWidget(button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list)
        column.addWidget(self.words)
        column.addLayout(row)
        self.list.currentIndexChanged.connect(self._describe)
        self.go_on_button.clicked.connect(self._go_on)
        self.folder_button.clicked.connect(self._ask_folder)
        self.forget_button.clicked.connect(self.forget_chosen)
        self.refresh()

    @property
    def folder(self) -> Path | None:
        """Folder of the chosen training."""
        index = self.list.currentIndex()
        return self._folders[index] if 0 <= index < len(self._folders) else None

    def refresh(self) -> None:
        """Look for interrupted trainings again."""
        self._folders = unfinished()
        self.list.blockSignals(True)
        self.list.clear()
        self.list.addItems([folder.name for folder in self._folders])
        self.list.blockSignals(False)
        self._describe()

    def forget_chosen(self) -> None:
        """Delete what was kept of the chosen training."""
        if self.folder is not None:
            forget(self.folder)
            self.refresh()

    def _describe(self) -> None:
        there = self.folder is not None
        self.list.setVisible(there)
        self.go_on_button.setEnabled(there)
        self.forget_button.setEnabled(there)
        if self.folder is None:
            self.words.say("None was interrupted.")
            return
        try:
            plan = read_plan(self.folder)
        except InputError as problem:
            self.words.say(str(problem), "warning")
            self.go_on_button.setEnabled(False)
            return
        of = f" of {plan.epochs}" if plan.epochs else ""
        n = len(plan.sources)
        self.words.say(
            f"{plan.settings.network}, {plan.settings.preset}: {plan.rounds}{of} rounds done, on "
            f"{n} entr{'y' if n == 1 else 'ies'}."
        )

    def _go_on(self) -> None:
        if self.folder is not None:
            self.go_on.emit(self.folder)

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Open an interrupted training", str(trainings_folder())
        )
        if chosen:
            self.go_on.emit(Path(chosen))
