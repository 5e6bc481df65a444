"""The subsets that State plots draws side by side: ticked, renamed, removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.states.frames import Frames
from napari_battery.states.recipes import Recipe
from napari_battery.states.subsets import Plane, Subset, all_particles

__all__ = ["SubsetList"]

_ROWS = 4


@dataclass
class _Entry:
    recipe: Recipe | None
    """None is all particles."""
    shown: bool
    subset: Subset | None = None
    problem: str = ""


class SubsetList(QWidget):
    """List of subsets; "all particles" comes first and stays."""

    changed = Signal()
    """Other subsets are to be drawn, or under other names."""

    def __init__(self) -> None:
        super().__init__()
        self._entries = [_Entry(None, shown=True)]
        self._frames: Frames | None = None
        self._plane: Plane | None = None
        self.list = QListWidget()
        self.list.setToolTip(
            "Ticked subsets are drawn side by side; double-click one to give it another name"
        )
        self.list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Remove the selected subsets (Delete)")
        self.only_button = QPushButton("Only these")
        self.only_button.setToolTip("Tick the selected subsets and no others")
        buttons = QHBoxLayout()
        buttons.addWidget(self.only_button)
        buttons.addWidget(self.remove_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(buttons)
        self.list.itemChanged.connect(self._item_changed)
        self.list.itemSelectionChanged.connect(self._selection_changed)
        self.remove_button.clicked.connect(self.remove_selected)
        self.only_button.clicked.connect(self.only_selected)
        self._show()

    @property
    def subsets(self) -> list[Subset]:
        """Those to draw."""
        return [e.subset for e in self._entries if e.shown and e.subset is not None]

    @property
    def recipes(self) -> list[Recipe]:
        """How those to draw are made; all particles need none."""
        return [e.recipe for e in self._entries if e.shown and e.subset and e.recipe]

    @property
    def problems(self) -> list[str]:
        """Why ticked subsets cannot be made of this study."""
        return [e.problem for e in self._entries if e.shown and e.problem]

    def set_study(self, frames: Frames | None, plane: Plane | None) -> None:
        """Make all subsets of another study, or with another current collector."""
        if frames is self._frames and plane == self._plane:
            return
        self._frames, self._plane = frames, plane
        for entry in self._entries:
            self._make(entry)
        self._show()

    def add(self, recipes: Sequence[Recipe]) -> None:
        """Add subsets, ticked; "all particles" is left out once parts of them are drawn.

        Raises
        ------
        InputError
            If one cannot be made; none is added then.
        """
        entries = [_Entry(recipe, shown=True) for recipe in recipes]
        for entry in entries:
            self._make(entry)
            if entry.problem:
                raise InputError(entry.problem)
        if len(entries) > 1:
            for entry in self._entries:
                entry.shown = False
        self._entries += entries
        self._show()
        self.changed.emit()

    def remove_selected(self) -> None:
        """Remove what is selected."""
        rows = {index.row() for index in self.list.selectedIndexes()} - {0}
        if not rows:
            return
        self._entries = [e for row, e in enumerate(self._entries) if row not in rows]
        if not any(e.shown for e in self._entries):
            self._entries[0].shown = True
        self._show()
        self.changed.emit()

    def only_selected(self) -> None:
        """Tick what is selected and nothing else."""
        rows = {index.row() for index in self.list.selectedIndexes()}
        if rows:
            for row, entry in enumerate(self._entries):
                entry.shown = row in rows
            self._show()
            self.changed.emit()

    def keyPressEvent(self, event: object) -> None:  # noqa: N802 (Qt's name)
        """Let Delete remove what is selected."""
        if getattr(event, "key", lambda: None)() == Qt.Key.Key_Delete:
            self.remove_selected()
        else:
            super().keyPressEvent(event)

    def _make(self, entry: _Entry) -> None:
        entry.subset, entry.problem = None, ""
        frames, plane = self._frames, self._plane
        if frames is None:
            return
        try:
            if entry.recipe is None:
                entry.subset = all_particles(frames)
            else:
                entry.subset = entry.recipe.make(frames, plane)
        except InputError as error:
            entry.problem = str(error)

    def _show(self) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        for entry in self._entries:
            item = QListWidgetItem(_name(entry))
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable
            flags |= Qt.ItemFlag.ItemIsSelectable
            if entry.recipe is not None:
                flags |= Qt.ItemFlag.ItemIsEditable
            item.setFlags(flags)
            item.setCheckState(Qt.CheckState.Checked if entry.shown else Qt.CheckState.Unchecked)
            item.setToolTip(self._tip(entry))
            self.list.addItem(item)
        self.list.blockSignals(False)
        # always as high: a list that grows is drawn over the buttons until the dock is laid out
        row = max(self.list.sizeHintForRow(0), 18)
        self.list.setFixedHeight(_ROWS * row + 6)
        self._selection_changed()

    def _tip(self, entry: _Entry) -> str:
        if entry.subset is None or self._frames is None:
            return entry.problem
        return f"{entry.subset.how}: {len(entry.subset.labels(self._frames)):,} particles"

    def _item_changed(self, item: QListWidgetItem) -> None:
        entry = self._entries[self.list.row(item)]
        entry.shown = item.checkState() == Qt.CheckState.Checked
        text = item.text().strip()
        if entry.recipe is not None and text and text != _name(entry):
            entry.recipe = replace(entry.recipe, name=text)
            if entry.subset is not None:
                entry.subset = replace(entry.subset, name=text)
        elif not text:
            item.setText(_name(entry))
        self.changed.emit()

    def _selection_changed(self) -> None:
        rows = {index.row() for index in self.list.selectedIndexes()}
        self.only_button.setEnabled(bool(rows))
        self.remove_button.setEnabled(bool(rows - {0}))


def _name(entry: _Entry) -> str:
    if entry.subset is not None:
        return entry.subset.name
    if entry.recipe is None:
        return "all particles"
    recipe = entry.recipe
    return recipe.name or recipe.text or f"{recipe.kind} {recipe.column}".strip()
