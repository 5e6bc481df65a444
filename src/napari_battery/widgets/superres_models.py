"""Choosing a super-resolution model: those at hand, a file, and the card of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, Signal
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
from napari_battery.superres.card import Card
from napari_battery.superres.model_files import ENDING
from napari_battery.widgets.background import Latest
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.session import Session
from napari_battery.widgets.superres_card import CardDialog, one_line
from napari_battery.widgets.superres_foreign import ForeignDialog
from napari_battery.widgets.superres_shelf import (
    Shelved,
    known_models,
    put_on_shelf,
    read_shelved,
)

if TYPE_CHECKING:
    from napari_battery.superres.model_files import Model

__all__ = ["ModelChooser"]

_DEFAULT = "battery"
_WHERE = {"shipped": "", "yours": " (yours)", "opened": " (file)"}
_FILES = f"Models (*{ENDING});;Weights of other programs (*.pth *.pt *.ckpt)"


class ModelChooser(QWidget):
    """Drop-down of models, a line about the chosen one, its card, and a button for a file.

    Follows the folders of models: they are read again whenever it comes on the screen and
    when `Session.models_changed` tells so. The choice is remembered.

    Parameters
    ----------
    viewer : ViewerModel
        Whose `Session` knows the files opened in this window.
    key : str
        Under which the choice is remembered.
    none : str, optional
        Text of an entry for no model, where one is not needed; it comes first.
    """

    model_changed = Signal()
    """Another model is chosen, or its file was written anew."""

    def __init__(self, viewer: ViewerModel, key: str = "superres", *, none: str = "") -> None:
        super().__init__()
        self._session = Session.of(viewer)
        self._key, self._none = f"{key}/model", none
        self._models: list[Shelved | None] = []
        self.list = QComboBox()
        self.list.setToolTip("Models that come with the program, your own, and opened files")
        self.list.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.list.setMinimumContentsLength(8)
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.card_button = QPushButton("Card…")
        self.card_button.setToolTip(
            "What the model learnt from, for which voxel sizes it is, what was measured, limits"
        )
        self.open_button = QPushButton("Open model file…")
        self.open_button.setToolTip(
            f"A {ENDING} file with its card, or plain weights (.pth) of another program"
        )
        self.line, self.notice, self.unlisted = Notice(), Notice(), Notice()
        self._dialog: CardDialog | None = None
        self._latest = Latest(self, self._failed)
        row = QHBoxLayout()
        row.addWidget(self.list, 1)
        row.addWidget(self.card_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.line)
        column.addWidget(self.open_button)
        column.addWidget(self.notice)
        column.addWidget(self.unlisted)
        self.list.activated.connect(self._chosen_by_hand)
        self.list.currentIndexChanged.connect(self._changed)
        self.card_button.clicked.connect(self.show_card)
        self.open_button.clicked.connect(self._ask_for_file)
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(lambda seen: self.refresh() if seen else None)
        listen(self, self.refresh, self._session.models_changed)
        self.refresh()
        self.choose(str(remembered().value(self._key, _DEFAULT)))

    @property
    def shelved(self) -> Shelved | None:
        """The chosen model, its weights not read yet (`Shelved.load`, in any thread)."""
        index = self.list.currentIndex()
        return self._models[index] if 0 <= index < len(self._models) else None

    @property
    def card(self) -> Card | None:
        """The chosen model's card."""
        return None if self.shelved is None else self.shelved.card

    def model(self) -> Model | None:
        """The chosen model with its weights, read now unless they were before.

        Raises
        ------
        InputError
            If its file cannot be read.
        """
        return None if self.shelved is None else self.shelved.load()

    def choose(self, which: str | Path | None) -> None:
        """Choose a model by name or path, or none; one that is not listed is ignored."""
        for index, model in enumerate(self._models):
            names = (None,) if model is None else (model.card.name, model.path, str(model.path))
            if which in names:
                self.list.setCurrentIndex(index)
                return

    def refresh(self) -> None:
        """Look for models again; the choice is kept where it is still there."""
        problems: list[str] = []
        before = self.shelved
        models: list[Shelved | None] = [None] if self._none else []
        models += known_models(self._session, problems)
        if models != self._models:
            self.list.blockSignals(True)
            self.list.clear()
            self._models = models
            for model in models:
                self.list.addItem(_title(model) if model else self._none)
                tip = one_line(model.card) + f"\n{model.path}" if model else ""
                self.list.setItemData(self.list.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            if before is not None:
                self.choose(before.path)
            self.list.blockSignals(False)
        self.unlisted.say(" ".join(problems), "warning")
        self._describe()
        if self.shelved != before:
            self.model_changed.emit()

    def show_card(self) -> None:
        """Show the chosen model's card in a window of its own."""
        if self.card is None:
            return
        if self._dialog is None:
            self._dialog = CardDialog(self)
        self._dialog.show_card(self.card)

    def open_file(
        self, path: str | Path, network: str = "", options: dict[str, Any] | None = None
    ) -> None:
        """Read a file in the background, list it in all docks of the window, and choose it."""
        self.notice.say(f"Opening {Path(path).name} …")
        self._latest.ask(lambda _: read_shelved(path, network, options), self._opened)

    def _ask_for_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Open a model", "", _FILES)
        if not chosen:
            return
        path = Path(chosen)
        if path.suffix in (ENDING, ".json"):
            self.open_file(path.with_suffix(ENDING))
            return
        dialog = ForeignDialog(self, path)
        if dialog.exec() == ForeignDialog.DialogCode.Accepted:
            self.open_file(path, dialog.network.currentText(), dialog.options())
        dialog.deleteLater()

    def _opened(self, shelved: Shelved) -> None:
        self.notice.say("")
        put_on_shelf(self._session, shelved)
        self.choose(shelved.path)

    def _failed(self, error: BaseException) -> None:
        self.notice.say(
            str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}",
            "error",
        )

    def _chosen_by_hand(self, index: int) -> None:
        model = self.shelved
        name = "" if model is None else model.card.name
        own = model is not None and model.origin != "shipped"  # may be named as a shipped one
        remembered().setValue(self._key, str(model.path) if model and own else name)

    def _changed(self) -> None:
        self.notice.say("")
        self._describe()
        self.model_changed.emit()

    def _describe(self) -> None:
        card = self.card
        self.card_button.setEnabled(card is not None)
        if card is not None:
            self.line.say(one_line(card))
        elif self._none and self.list.count():
            self.line.say("")
        else:
            self.line.say("There is no model yet: train one, or open a model file.", "warning")


def _title(model: Shelved) -> str:
    return f"{model.card.name}{_WHERE[model.origin]}"
