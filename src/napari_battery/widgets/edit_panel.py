"""Buttons of the Correct labels dock, and the list of what was corrected."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QGridLayout, QListWidget, QPushButton, QVBoxLayout, QWidget

from napari_battery.widgets.section import Section

__all__ = ["KEYS", "EditPanel"]

_ACTS_SHOWN = 50

_MANY = 1 << 30

_BUTTONS = (
    (
        "merge",
        "Merge picked",
        "M",
        "Make one particle of those picked. It keeps the number of the largest of them",
    ),
    (
        "delete",
        "Delete picked",
        "Delete",
        "Turn the picked particles into background. Their numbers are not used again",
    ),
    (
        "halve",
        "Split in two",
        "T",
        "Cut the picked particle at the neck between its two deepest centres. The larger part "
        "keeps the number",
    ),
    (
        "split",
        "Split at points …",
        "S",
        "Click a point in each part of the picked particle, then cut between them. The largest "
        "part keeps the number",
    ),
    (
        "redraw",
        "Redraw …",
        "R",
        "Paint the picked particle with napari's brush, or, with none picked, a new one. What is "
        "painted until it is done is one step to undo",
    ),
)
_PICKS = {
    "merge": (2, _MANY),
    "delete": (1, _MANY),
    "halve": (1, 1),
    "split": (1, 1),
    "redraw": (0, 1),
}
"""How many particles must be picked for each, and how many may be."""

KEYS = {name: key for name, _, key, _ in _BUTTONS}
"""What each button does by a key."""


class EditPanel(QWidget):
    """Buttons by name (`buttons`), room for a mode (`mode_box`), and the list `made`."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: dict[str, QPushButton] = {}
        grid = QGridLayout()
        for place, (name, text, key, tip) in enumerate(_BUTTONS):
            button = self.buttons[name] = QPushButton(text)
            button.setToolTip(f"{tip} ({key}).")
            button.setCheckable(name in ("split", "redraw"))
            grid.addWidget(button, place // 2, place % 2, 1, 2 if name == "redraw" else 1)
        for column, (name, text) in enumerate((("undo", "Undo"), ("redo", "Redo"))):
            self.buttons[name] = QPushButton(text)
            grid.addWidget(self.buttons[name], 3, column)
        self.mode_box = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        layout.addLayout(self.mode_box)
        self.acts = QListWidget()
        self.acts.setToolTip("What was changed by hand, the latest first; saved with the labels")
        self.acts.setMaximumHeight(160)
        self.acts.setWordWrap(True)
        listed = QWidget()
        QVBoxLayout(listed).addWidget(self.acts)
        self.made = Section("Corrections made", listed, is_open=True)

    def enable(self, picked: int, mode: str, *, free: bool) -> None:
        """Enable what can be done with this many particles picked, while nothing else is on."""
        for name, (least, most) in _PICKS.items():
            button = self.buttons[name]
            button.setEnabled(name == mode or (free and not mode and least <= picked <= most))
            button.setChecked(name == mode)

    def show_acts(self, done: Sequence[str], undone: Sequence[str], *, busy: bool) -> None:
        """Show what was done, and what Undo and Redo would do."""
        for name, acts, key, verb in (
            ("undo", done, "Ctrl+Z", "Take back"),
            ("redo", undone, "Ctrl+Shift+Z", "Do again"),
        ):
            self.buttons[name].setEnabled(bool(acts) and not busy)
            said = f"{verb}: {acts[-1][0].lower()}{acts[-1][1:]}" if acts else f"Nothing to {name}"
            self.buttons[name].setToolTip(f"{said} ({key}).")
        latest = list(reversed(done[-_ACTS_SHOWN:]))
        if [self.acts.item(i).text() for i in range(self.acts.count())] != latest:
            self.acts.clear()
            self.acts.addItems(latest)
