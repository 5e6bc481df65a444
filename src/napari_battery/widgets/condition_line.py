"""A line to type a condition over columns in, completed and checked while it is typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, QStringListModel, Qt, QTimer, Signal
from qtpy.QtWidgets import QCompleter, QLineEdit, QVBoxLayout, QWidget

from napari_battery.widgets.notice import Notice

__all__ = ["ConditionLine"]

_PAUSE_MS = 400
_WORDS = ("and", "or", "not", "in", "abs", "log", "sqrt", "isnan", "True", "False")


class ConditionLine(QWidget):
    """Line edit with column names completed word by word, and what is wrong under it.

    Parameters
    ----------
    example : str
        Shown while the line is empty.
    """

    condition_changed = Signal(str)
    """The person stopped typing, or pressed Return."""

    def __init__(self, example: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = QLineEdit()
        self.show_example(example)
        self.line.setClearButtonEnabled(True)
        self.line.setToolTip(
            "Show only the rows that fulfil a condition, such as\n"
            "  volume_um3 > 50 and not touches_border\n"
            "  0.8 < sphericity <= 1\n"
            "  isnan(core_mean) or label in (3, 14)\n"
            '  "core" in note\n'
            "Lengths are in µm. Tab completes a column's name."
        )
        self.problem = Notice()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.line)
        layout.addWidget(self.problem)

        self._completions = QStringListModel(self)
        self._completer = QCompleter(self._completions, self)
        self._completer.setWidget(self.line)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self._completer.activated[str].connect(self._complete)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self.apply)
        self.line.textEdited.connect(self._typed)
        self.line.textChanged.connect(self._timer.start)
        self.line.returnPressed.connect(self.apply)
        self._completer.popup().installEventFilter(self)

    @property
    def text(self) -> str:
        return str(self.line.text())

    def show_example(self, example: str) -> None:
        """Show another condition while the line is empty."""
        self.line.setPlaceholderText(f"Show where …   {example}")

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these column names."""
        self._completions.setStringList([*names, *_WORDS])

    def apply(self) -> None:
        """Announce the condition now."""
        self._timer.stop()
        self.condition_changed.emit(self.text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Let Tab take the first completion."""
        if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Tab:
            popup = self._completer.popup()
            index = popup.currentIndex()
            if not index.isValid():
                index = self._completer.completionModel().index(0, 0)
            popup.hide()
            self._complete(str(index.data()))
            return True
        return bool(super().eventFilter(watched, event))

    def _word(self) -> str:
        """The beginning of a name that ends at the cursor."""
        before = self.line.text()[: self.line.cursorPosition()]
        found = re.search(r"[A-Za-z_]\w*$", before)
        return found[0] if found else ""

    def _typed(self) -> None:
        word = self._word()
        popup = self._completer.popup()
        if len(word) < 2 or word in self._completions.stringList():
            popup.hide()
            return
        self._completer.setCompletionPrefix(word)
        if not self._completer.completionCount():
            popup.hide()
            return
        area = self.line.rect()
        area.setWidth(min(area.width(), 280))
        self._completer.complete(area)

    def _complete(self, name: str) -> None:
        text, end = self.line.text(), self.line.cursorPosition()
        start = end - len(self._word())
        self.line.setText(f"{text[:start]}{name}{text[end:]}")
        self.line.setCursorPosition(start + len(name))
