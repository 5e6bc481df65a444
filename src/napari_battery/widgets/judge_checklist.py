"""Tick the super-resolution models that are to be judged."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from napari.viewer import ViewerModel
from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.superres.model_files import ENDING
from napari_battery.widgets.background import Latest
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.session import Session
from napari_battery.widgets.superres_card import CardDialog, one_line
from napari_battery.widgets.superres_shelf import (
    Shelved,
    known_models,
    put_on_shelf,
    read_shelved,
)

__all__ = ["ModelChecklist"]

_ROWS_SHOWN = 4
_UNTICKED = "judge/unticked models"
_WHERE = {"shipped": "shipped", "yours": "yours", "opened": "file"}


class ModelChecklist(QWidget):
    """The models at hand with a box to tick and the card of each; all are ticked at first.

    Follows the folders of models as `ModelChooser` does.

    Parameters
    ----------
    viewer : ViewerModel
        Whose `Session` knows the files opened in this window.
    """

    changed = Signal()
    """Other models are ticked."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._session = Session.of(viewer)
        self.list = QListWidget()
        self.list.setToolTip("Each ticked model becomes a row of the table")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        # napari's lists have the colour of an empty box, which then cannot be seen
        self.list.setStyleSheet(
            "QListWidget { background-color: transparent; "
            "border: 1px solid rgba(128, 128, 128, 90); border-radius: 2px }"
        )
        self.open_button = QPushButton("Open model file…")
        self.open_button.setToolTip(f"A {ENDING} file with its card beside it")
        self.notice = Notice()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.list, self.open_button, self.notice):
            column.addWidget(part)
        self._models: list[Shelved] = []
        self._unticked = set(filter(None, str(remembered().value(_UNTICKED, "")).split("\n")))
        self._dialog: CardDialog | None = None
        self._latest = Latest(self, self._failed)
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(lambda seen: self.refresh() if seen else None)
        self.open_button.clicked.connect(self._ask_for_file)
        listen(self, self.refresh, self._session.models_changed)
        self.refresh()

    @property
    def models(self) -> list[Shelved]:
        """The ticked models, in the order of the list."""
        return [model for model in self._models if str(model.path) not in self._unticked]

    def tick(self, model: Shelved, ticked: bool = True) -> None:
        """Tick a model, or take the tick away; remembered."""
        change = self._unticked.discard if ticked else self._unticked.add
        change(str(model.path))
        remembered().setValue(_UNTICKED, "\n".join(sorted(self._unticked)))
        self.changed.emit()

    def refresh(self) -> None:
        """Look for models again; the ticks stay."""
        problems: list[str] = []
        models = known_models(self._session, problems)
        if models != self._models or not models:
            self._models = models
            self._fill()
            self.changed.emit()
        if problems:
            self.notice.say(" ".join(problems), "warning")
        elif not models:
            self.notice.say(
                "There is no model yet: cubic interpolation is judged alone. Train a model, or "
                "open a model file."
            )
        else:
            self.notice.say("")

    def open_file(self, path: str | Path) -> None:
        """Read a file in the background, list it in all docks of the window, and tick it."""
        self.notice.say(f"Opening {Path(path).name} …")
        self._latest.ask(lambda _: read_shelved(path), self._opened)

    def show_card(self, model: Shelved) -> None:
        """Show a model's card in a window of its own."""
        if self._dialog is None:
            self._dialog = CardDialog(self)
        self._dialog.show_card(model.card)

    def _fill(self) -> None:
        self.list.clear()
        height = 0
        for model in self._models:
            row = self._row(model)
            item = QListWidgetItem()
            height = row.sizeHint().height() + 2
            item.setSizeHint(QSize(0, height))
            self.list.addItem(item)
            self.list.setItemWidget(item, row)
        self.list.setFixedHeight(height * min(len(self._models), _ROWS_SHOWN) + 6)
        self.list.setVisible(bool(self._models))

    def _row(self, model: Shelved) -> QWidget:
        card = model.card
        # a lone & would underline the letter after it
        name = card.name.replace("&", "&&")
        network = "" if card.network == card.name else f"{card.network}, "
        about = f"{network}{card.parameters:,} parameters, {_WHERE[model.origin]}"
        box = QCheckBox(f"{name}\n{about}")
        box.setToolTip(f"{one_line(card)}\n{model.path}")
        box.setChecked(str(model.path) not in self._unticked)
        box.toggled.connect(partial(self.tick, model))
        button = QToolButton()
        button.setText("Card…")
        button.setToolTip(f"What “{card.name}” learnt from, and where it holds")
        button.clicked.connect(partial(self.show_card, model))
        widget = QWidget()
        row = QHBoxLayout(widget)
        row.setContentsMargins(4, 2, 4, 2)
        row.addWidget(box, 1)
        row.addWidget(button)
        return widget

    def _ask_for_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Open a model", "", f"Models (*{ENDING})")
        if chosen:
            self.open_file(chosen)

    def _opened(self, shelved: Shelved) -> None:
        self.notice.say("")
        put_on_shelf(self._session, shelved)
        self.refresh()
        self.tick(shelved)
        self._fill()

    def _failed(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        self.notice.say(text, "error")
