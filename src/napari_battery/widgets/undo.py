"""A button that takes back what a dock last changed in a layer."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QPushButton, QWidget

__all__ = ["UndoButton"]


class UndoButton(QPushButton):
    """Undo the latest change, then the one before it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Undo", parent)
        self._changes: list[tuple[str, Callable[[], None]]] = []
        self.clicked.connect(self.undo)
        self._refresh()

    def push(self, what: str, restore: Callable[[], None]) -> None:
        """Note a change: what it was, and what takes it back."""
        self._changes.append((what, restore))
        self._refresh()

    def undo(self) -> None:
        """Take back the latest change."""
        if self._changes:
            _, restore = self._changes.pop()
            restore()
        self._refresh()

    def _refresh(self) -> None:
        self.setEnabled(bool(self._changes))
        self.setToolTip(
            f"Take back: {self._changes[-1][0]}" if self._changes else "Nothing to undo"
        )
