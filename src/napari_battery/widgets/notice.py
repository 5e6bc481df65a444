"""A line of text in a dock that wraps, hides while empty, and stands out when it must."""

from __future__ import annotations

from typing import Literal

from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

__all__ = ["Notice"]

_STYLES = {
    "plain": "",
    # to be read on both of napari's themes
    "warning": "color: #c07f1a; font-weight: bold",
    "error": "color: #e05c5c; font-weight: bold",
}


class Notice(QLabel):
    """Word-wrapped label whose width never widens its dock."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.say(text)

    def say(self, text: str, kind: Literal["plain", "warning", "error"] = "plain") -> None:
        """Show `text`; an empty one hides the label."""
        self.setText(text)
        self.setStyleSheet(_STYLES[kind])
        self.setVisible(bool(text))
