"""What came of a training: naming the model, saving it, its history and its figure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.superres.model_files import ENDING, own_models_folder, write_model
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.session import Session
from napari_battery.widgets.superres_shelf import put_on_shelf, read_shelved

if TYPE_CHECKING:
    from napari_battery.superres.train import Trained

__all__ = ["SaveTrained", "outcome_in_words"]

_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f]')


class SaveTrained(QWidget):
    """Name, licence and text of a model that was just trained, and where to save it.

    Parameters
    ----------
    session : Session
        Whose docks list the model once it is saved.
    """

    saved = Signal()
    figure_asked = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.trained: Trained | None = None
        self.is_saved = False
        """Whether the model shown was saved."""
        self.name, self.title, self.licence = QLineEdit(), QLineEdit(), QLineEdit()
        self.name.setToolTip("Name of the file, and of the model in the lists")
        self.title.setToolTip("One line for the lists of models")
        self.title.setPlaceholderText("what it is for")
        self.licence.setToolTip(
            "Of the weights; it must be one that the licences of the scans allow"
        )
        self.limits = QPlainTextEdit()
        self.limits.setToolTip("What those who use it should know")
        self.limits.setFixedHeight(84)
        self.limits.setTabChangesFocus(True)
        self.own_button = QPushButton("Save to my models")
        self.own_button.setToolTip("All docks list it from then on, in each sitting")
        self.file_button = QPushButton("Save model as…")
        self.file_button.setToolTip("NAME.safetensors, and its card NAME.json beside it")
        self.history_button = QPushButton("Save history…")
        self.history_button.setToolTip("CSV: learning rate, MSE, MAE, PSNR and SSIM by round")
        self.figure_button = QPushButton("Save figure…")
        self.figure_button.setToolTip("The curves as PNG, SVG or PDF, with their numbers")
        self.words, self.notice = Notice(), Notice()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Name", self.name)
        form.addRow("Title", self.title)
        form.addRow("Licence", self.licence)
        form.addRow("Limits", self.limits)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words)
        column.addLayout(form)
        for pair in (
            (self.own_button, self.file_button),
            (self.history_button, self.figure_button),
        ):
            row = QHBoxLayout()
            for button in pair:
                row.addWidget(button, 1)
            column.addLayout(row)
        column.addWidget(self.notice)
        self.own_button.clicked.connect(self._save_own)
        self.file_button.clicked.connect(self._ask_and_save)
        self.history_button.clicked.connect(self._ask_and_save_history)
        self.figure_button.clicked.connect(self.figure_asked)
        self.hide()

    def show_trained(self, trained: Trained, is_saved: bool = False) -> None:
        """Offer a model for saving."""
        self.trained, self.is_saved = trained, is_saved
        card = trained.model.card
        self.name.setText(_free_name(card.name))
        self.title.setText(card.title)
        self.licence.setText(card.licence)
        self.limits.setPlainText(card.limits)
        self.words.say(outcome_in_words(trained))
        self.notice.say("" if is_saved else "Not saved yet; training again would replace it.")
        self.history_button.setEnabled(bool(len(trained.history)))
        self.figure_button.setEnabled(bool(len(trained.history)))
        self.show()

    def save_own(self) -> Path:
        """Write the model to the person's own models.

        Raises
        ------
        InputError
            If the name is empty, taken, or none for a file.
        """
        name = self.name.text().strip()
        if not name or name.startswith(".") or _NOT_IN_NAMES.search(name):
            raise InputError(f"“{name}” cannot be the name of a file: give the model another one.")
        path = own_models_folder() / f"{name.removesuffix(ENDING)}{ENDING}"
        if path.exists():
            raise InputError(
                f"There is a model “{path.stem}” already: choose another name, or replace it by "
                "“Save model as…”."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(path)
        self._session.models_changed.emit()
        return path

    def save_to(self, path: Path) -> Path:
        """Write the model to any file; the docks of this window list it.

        Raises
        ------
        InputError
            If it cannot be written there.
        """
        if path.suffix != ENDING:
            path = path.with_name(path.name + ENDING)
        self._write(path)
        put_on_shelf(self._session, read_shelved(path))
        return path

    def save_history(self, path: Path) -> None:
        """Write the history as CSV."""
        from napari_battery.tables import write_table

        assert self.trained is not None
        write_table(path, self.trained.history)

    def _write(self, path: Path) -> None:
        from napari_battery.superres.model_files import Model

        assert self.trained is not None
        told: dict[str, Any] = {
            "title": self.title.text().strip(),
            "licence": self.licence.text().strip(),
            "limits": self.limits.toPlainText().strip(),
        }
        model = self.trained.model
        write_model(path, Model(model.network, model.card.model_copy(update=told)))
        self.is_saved = True
        self.saved.emit()

    def _save_own(self) -> None:
        self._try(self.save_own)

    def _ask_and_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save the model", f"{self.name.text().strip()}{ENDING}", f"Models (*{ENDING})"
        )
        if chosen:
            self._try(lambda: self.save_to(Path(chosen)))

    def _ask_and_save_history(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save the history", f"{self.name.text().strip()}_history.csv", "CSV (*.csv)"
        )
        if not chosen:
            return
        path = Path(chosen)

        def save() -> Path:
            self.save_history(path)
            return path

        self._try(save)

    def _try(self, save: Any) -> None:
        try:
            path = save()
        except (InputError, OSError) as error:
            self.notice.say(str(error), "error")
        else:
            self.notice.say(f"Saved {path}.")


def outcome_in_words(trained: Trained) -> str:
    """How a training ended, and what it was worth, for the person."""
    metrics = trained.model.card.metrics
    lines = list(trained.notes)
    if trained.stopped == "early":
        lines.append(
            f"Stopped after {len(trained.history)} rounds, as it grew no better for "
            f"{trained.settings.early_stopping}."
        )
    elif not trained.stopped:
        lines.append(f"All {len(trained.history)} rounds run; the best was {trained.best_epoch}.")
    best, none = metrics.get("validation"), metrics.get("validation, no model")
    if best and none:
        lines.append(
            f"On the validation patches: PSNR {best['psnr']:.2f} dB, SSIM {best['ssim']:.3f}; "
            f"interpolated only, {none['psnr']:.2f} dB and {none['ssim']:.3f}."
        )
    return "\n".join(lines)


def _free_name(name: str) -> str:
    """A name that no model of the person's has."""
    free, more = f"{name}-mine", 1
    while (own_models_folder() / f"{free}{ENDING}").exists():
        more += 1
        free = f"{name}-mine-{more}"
    return free
