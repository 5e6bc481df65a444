"""Which layers are compared, what each holds, and which group it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHeaderView,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from napari_battery.widgets.layers import battery_metadata, is_map, is_overlay, is_stage
from napari_battery.widgets.listening import listen

__all__ = ["HOLDS", "CompareLayers", "Compared", "guess_holds"]

HOLDS = {
    "phases": "A phase's code in every voxel (pore 0, active 1 …); also a mask",
    "particles": "A particle's label in every voxel, 0 outside. Beside a volume of phases or grey "
    "levels of the same group and shape, they are its particles",
    "grey": "Grey levels, parted into phases by the thresholds below. Beside a volume of phases of "
    "the same group and shape, only their distribution is compared",
}
_GROUPS = ("pristine", "cycled", "low", "high", "super-resolved")
_MOST_CODES = 16
_LOOKED_AT = 3
"""Slices whose values are looked at to guess what a layer holds."""
_ROWS_SHOWN = 6


@dataclass(frozen=True)
class Compared:
    """One ticked layer."""

    layer: Any
    group: str
    holds: str


def guess_holds(layer: Any) -> str:
    """What a layer holds, by its metadata, its kind, and a few of its slices."""
    kind = battery_metadata(layer).get("kind")
    if kind in ("phases", "labels"):
        return "phases" if kind == "phases" else "particles"
    data = layer.data[0] if layer.multiscale else layer.data
    if data.dtype == np.bool_:
        return "phases"
    if data.dtype.kind == "f":
        return "grey"
    at = np.unique(np.linspace(0, len(data) - 1, _LOOKED_AT).astype(int))
    few = sum(len(np.unique(np.asarray(data[int(k)]))) for k in at) <= _MOST_CODES * len(at)
    if few:
        return "phases"
    return "particles" if isinstance(layer, Labels) else "grey"


class CompareLayers(QTreeWidget):
    """A row per layer: a box to tick, its group, and what it holds.

    Parameters
    ----------
    viewer : ViewerModel
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._chosen: dict[int, tuple[Any, bool, str, str]] = {}
        """By the layer's id: the layer, ticked, group, holds."""
        self.setColumnCount(3)
        self.setHeaderLabels(["Layer", "Group", "Holds"])
        self.setRootIsDecorated(False)
        self.setToolTip(
            "Tick what is to be compared; layers of one group are averaged, and their spread is "
            "its error bar. The first group is the reference"
        )
        self.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 118), (2, 92)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)
        header.setSectionsMovable(False)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.refresh)
        events = viewer.layers.events
        listen(self, self._later, events.inserted, events.removed, events.reordered, events.renamed)
        self.itemChanged.connect(self._ticked)
        self.refresh()

    @property
    def compared(self) -> list[Compared]:
        """The ticked layers, in the order of the list."""
        rows = [self._chosen[id(layer)] for layer in self._offered()]
        return [Compared(layer(), group, holds) for layer, ticked, group, holds in rows if ticked]

    @property
    def groups(self) -> list[str]:
        """Groups of the ticked layers, in order."""
        return list(dict.fromkeys(one.group for one in self.compared))

    def choose(
        self, layer: Layer, *, ticked: bool = True, group: str = "", holds: str = ""
    ) -> None:
        """Tick a layer or not, and say what it is."""
        known = self._chosen[id(layer)]
        self._chosen[id(layer)] = (known[0], ticked, group or known[2], holds or known[3])
        self.refresh()

    def refresh(self) -> None:
        """Read the layer list again; what was chosen stays."""
        offered = self._offered()
        known = {id(layer) for layer in offered}
        self._chosen = {
            key: row for key, row in self._chosen.items() if key in known and row[0]() is not None
        }
        new = [layer for layer in offered if id(layer) not in self._chosen]
        for layer in new:
            state = str(battery_metadata(layer).get("state") or layer.name)
            holds = guess_holds(layer)
            self._chosen[id(layer)] = (ref(layer), holds == "phases", state, holds)
        if new and not any(ticked for _, ticked, _, _ in self._chosen.values()):
            _, _, group, holds = self._chosen[id(new[0])]
            self._chosen[id(new[0])] = (ref(new[0]), True, group, holds)
        self._fill(offered)
        self.changed.emit()

    def _offered(self) -> list[Any]:
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image | Labels)
            and layer.ndim in (2, 3)
            and not getattr(layer, "rgb", False)
            and not (is_overlay(layer) or is_map(layer) or is_stage(layer))
        ]

    def _fill(self, offered: list[Any]) -> None:
        self.blockSignals(True)
        self.clear()
        height = 26
        for layer in offered:
            _, ticked, group, holds = self._chosen[id(layer)]
            item = QTreeWidgetItem([layer.name])
            item.setData(0, Qt.ItemDataRole.UserRole, id(layer))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(0, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            shape = " × ".join(map(str, layer.data.shape)) if not layer.multiscale else "pyramid"
            item.setToolTip(0, f"{layer.name}\n{shape} voxels")
            self.addTopLevelItem(item)
            names, kinds = self._group_box(layer, group), self._holds_box(layer, holds)
            self.setItemWidget(item, 1, names)
            self.setItemWidget(item, 2, kinds)
            height = max(height, names.sizeHint().height() + 2)
        rows = min(max(len(offered), 1), _ROWS_SHOWN)
        self.setFixedHeight(self.header().sizeHint().height() + rows * height + 8)
        self.blockSignals(False)

    def _group_box(self, layer: Any, group: str) -> QComboBox:
        box = QComboBox()
        box.setEditable(True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.addItems(list(dict.fromkeys([layer.name, *_GROUPS])))
        box.setCurrentText(group)
        box.setToolTip("Layers of one group are averaged: type a name, or choose one")
        box.setMinimumContentsLength(6)
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        box.currentTextChanged.connect(partial(self._set, id(layer), 2))
        return box

    def _holds_box(self, layer: Any, holds: str) -> QComboBox:
        box = QComboBox()
        for number, (name, tip) in enumerate(HOLDS.items()):
            box.addItem(name)
            box.setItemData(number, tip, Qt.ItemDataRole.ToolTipRole)
        box.setCurrentText(holds)
        box.setToolTip(f"What “{layer.name}” holds")
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        box.currentTextChanged.connect(partial(self._set, id(layer), 3))
        return box

    def _set(self, key: int, place: int, value: Any) -> None:
        if key not in self._chosen:  # its layer has just gone
            return
        row: list[Any] = list(self._chosen[key])
        row[place] = value.strip() if isinstance(value, str) else value
        layer = row[0]()
        if place == 2 and not row[2] and layer is not None:
            row[2] = layer.name
        self._chosen[key] = (row[0], row[1], row[2], row[3])
        self.changed.emit()

    def _ticked(self, item: QTreeWidgetItem, column: int) -> None:
        key = item.data(0, Qt.ItemDataRole.UserRole)
        if column == 0 and key in self._chosen:
            self._set(key, 1, item.checkState(0) == Qt.CheckState.Checked)

    def _later(self, event: Any = None) -> None:
        self._timer.start(0)
