"""Which code means which phase, and how grey levels are parted into phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QComboBox,
    QGridLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.notice import Notice

__all__ = ["PhaseCodes", "codes_present", "proposed_names"]

_NAMES = ("pore", "active", "binder", "current collector", "separator", "crack")
_COLOURS = ("#4c78a8", "#e0a030", "#8a8a8a", "#b05cc0", "#5ca86c", "#d05050")
_MOST = 16
_ABOUT = {
    "pore": "transport runs through it",
    "active": "particles are of it",
    "binder": "may conduct, see “Binder's diffusivity”",
}


def codes_present(volumes: Sequence[Volume], progress: Progress) -> dict[int, str]:
    """Codes that occur in segmented volumes, with the names that their metadata give them.

    Reads them slice by slice.

    Raises
    ------
    InputError
        If a volume holds more different values than phases can be, or no whole numbers.
    """
    found: dict[int, str] = {}
    progress.begin(sum(v.shape[0] for v in volumes), "Looking for codes")
    for volume in volumes:
        own = volume.metadata.get("phases")
        named = {int(code): str(name) for name, code in own.items()} if own else {}
        for k in range(volume.shape[0]):
            for value in np.unique(np.asarray(volume.data[k])):
                if value != np.round(value):
                    raise InputError(f"“{volume.name}” holds {value:g}: no code of a phase.")
                code = int(value)
                found[code] = found.get(code) or named.get(code, "")
            if len(found) > _MOST:
                raise InputError(
                    f"“{volume.name}” holds more than {_MOST} different values: say that it holds "
                    "particles or grey levels."
                )
            progress.advance()
    return dict(sorted(found.items()))


def proposed_names(codes: Mapping[int, str]) -> dict[int, str]:
    """A name for each code: its own, or the next of pore, active, binder that is free."""
    names = {code: name for code, name in codes.items() if name}
    free = [name for name in _NAMES if name not in names.values()]
    for code in codes:
        if code not in names:
            names[code] = free.pop(0) if free else f"phase {code}"
    return {code: names[code] for code in codes}


class PhaseCodes(QWidget):
    """A row per code: its name, and its colour in the pictures."""

    changed = Signal()
    coloured = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[int, str] = {}
        self._colours: dict[int, str] = {}
        self.notice = Notice("No segmented volume is ticked.")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.notice, 0, 0, 1, 3)
        self._widgets: list[QWidget] = []

    @property
    def codes(self) -> dict[str, int]:
        """Code of each phase.

        Raises
        ------
        InputError
            If two codes have one name.
        """
        names = list(self._names.values())
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"Two codes are called “{twice}”: give each phase its own name.")
        return {name: code for code, name in self._names.items()}

    @property
    def colours(self) -> dict[int, str]:
        """Colour of each code, "#rrggbb"."""
        return dict(self._colours)

    def propose(self, codes: Mapping[int, str]) -> None:
        """Show these codes; names given before, here or in an earlier sitting, stay."""
        kept = {
            code: name or self._names.get(code) or str(remembered().value(_key(code), "") or "")
            for code, name in codes.items()
        }
        names = list(kept.values())
        kept = {c: n if names.count(n) == 1 else codes[c] for c, n in kept.items()}
        self._names = proposed_names(kept)
        self._colours = {
            code: str(
                self._colours.get(code)
                or remembered().value(_key(code, "colour"), "")
                or _COLOURS[number % len(_COLOURS)]
            )
            for number, code in enumerate(self._names)
        }
        self._fill()
        unsure = [code for code in codes if not codes[code]]
        if not codes:
            self.notice.say("No segmented volume is ticked.")
        elif unsure:
            words = ", ".join(map(str, unsure))
            self.notice.say(f"Proposed for {words}, where no file names it: check the names.")
        else:
            self.notice.say("")
        self.changed.emit()

    def rename(self, code: int, name: str) -> None:
        """Give a code another name; remembered."""
        self._names[code] = name.strip() or f"phase {code}"
        remembered().setValue(_key(code), self._names[code])
        self.changed.emit()

    def _fill(self) -> None:
        for widget in self._widgets:
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self._widgets = []
        for row, (code, name) in enumerate(self._names.items(), 1):
            box = QComboBox()
            box.setEditable(True)
            box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            for number, known in enumerate(_NAMES):
                box.addItem(known)
                box.setItemData(number, _ABOUT.get(known, ""), 3)  # Qt.ToolTipRole
            box.setCurrentText(name)
            box.setToolTip("Name of the phase; pore, active and binder have a meaning")
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.currentTextChanged.connect(partial(self.rename, code))
            colour = QToolButton()
            colour.setToolTip("Colour of the phase in the layers that hold it")
            _paint(colour, self._colours[code])
            colour.clicked.connect(partial(self._ask_colour, code, colour))
            parts: tuple[QWidget, ...] = (QLabel(f"Code {code}"), box, colour)
            for column, widget in enumerate(parts):
                self._grid.addWidget(widget, row, column)
                self._widgets.append(widget)

    def _ask_colour(self, code: int, button: QToolButton, *_: object) -> None:
        chosen = QColorDialog.getColor(QColor(self._colours[code]), self, f"Colour of code {code}")
        if chosen.isValid():
            self._colours[code] = chosen.name()
            remembered().setValue(_key(code, "colour"), chosen.name())
            _paint(button, chosen.name())
            self.coloured.emit()


def _key(code: int, what: str = "name") -> str:
    return f"compare/{what} of code {code}"


def _paint(button: Any, colour: str) -> None:
    button.setStyleSheet(
        f"QToolButton {{ background-color: {colour}; min-width: 26px; border-radius: 2px }}"
    )
