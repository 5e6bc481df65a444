"""A button that takes back what a dock last changed in a layer."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_battery.errors import InputError

__all__ = ["Changes", "UndoButton"]

Changes = list[tuple[str, Callable[[], None]]]
"""What was changed, in words, and what takes it back; the latest is the last."""


class UndoButton(QPushButton):
    """Undo the latest change, then the one before it.

    Parameters
    ----------
    changes : list, optional
        Goes on from these, and keeps its own in this list, which may outlive the button.
    """

    undone = Signal()
    """A change was taken back."""
    refused = Signal(str)
    """The latest change cannot be taken back now (its `InputError` says why), and stays."""

    def __init__(self, parent: QWidget | None = None, changes: Changes | None = None) -> None:
        super().__init__("Undo", parent)
        self._changes: Changes = [] if changes is None else changes
        self.clicked.connect(self.undo)
        self._refresh()

    def push(self, what: str, restore: Callable[[], None]) -> None:
        """Note a change: what it was, and what takes it back."""
        self._changes.append((what, restore))
        self._refresh()

    def undo(self) -> None:
        """Take back the latest change."""
        if not self._changes:
            return
        change = self._changes.pop()
        try:
            change[1]()
        except InputError as problem:
            self._changes.append(change)
            self.refused.emit(str(problem))
            return
        finally:
            self._refresh()
        self.undone.emit()

    def _refresh(self) -> None:
        self.setEnabled(bool(self._changes))
        self.setToolTip(
            f"Take back: {self._changes[-1][0]}" if self._changes else "Nothing to undo"
        )
