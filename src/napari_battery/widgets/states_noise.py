"""The background that noise is measured in: proposed and shown, or a box drawn by the person."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np
from napari.layers import Labels
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.states.noise import Background
from napari_battery.widgets.box_editor import BoxEditor
from napari_battery.widgets.layers import KEY
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.states_table import PlainTable, number

__all__ = ["NoisePart"]

_COLOUR = "#ffb000"
_NAME = "Background of the study"
_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
_TITLES = ("State", "σ_bg", "V (voxels)", "mean", "voxels")
_TIPS = (
    "",
    "Standard deviation of the noise in one voxel, grey levels",
    "Correlation volume: the mean of n voxels is as uncertain as that of n/V independent ones",
    "Mean grey level of the background",
    "Voxels it was measured in",
)


class _One(QObject):
    """The labels whose voxels are counted, as `BoxEditor` wants to be told."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._layer: Any = lambda: None

    @property
    def layers(self) -> list[Any]:
        layer = self._layer()
        return [] if layer is None else [layer]

    def set_layer(self, layer: Any) -> None:
        self._layer = (lambda: None) if layer is None else ref(layer)
        self.changed.emit()


class NoisePart(QWidget):
    """Where the noise is measured, and what it is in each state."""

    changed = Signal()
    """Another background is wanted; it is measured at the next run."""
    repeats_changed = Signal(object)
    """Other states are scans of one state: a tuple of pairs of names."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._grid = _One(self)
        self._shown: Any = lambda: None
        self.own = QCheckBox("Measure in a box of my own")
        self.own.setToolTip(
            "Unchecked: empty boxes far from all particles are proposed, and shown after the run"
        )
        self.box = BoxEditor(viewer, self._grid, "Background box")
        self.table = PlainTable(_TITLES, _TIPS)
        self.said = Notice()
        self.repeats = [QComboBox(), QComboBox()]
        for combo in self.repeats:
            combo.setToolTip(
                "Two scans of one and the same state: what they differ by beyond their noise is a "
                "floor of every error (repeat-scan floor)"
            )
            combo.setMinimumWidth(70)
            combo.activated.connect(self._repeat_chosen)
        self._repeat_row = QWidget()
        self.show_box = QCheckBox("Show where")
        self.show_box.setToolTip("Outline the boxes that the noise was measured in")
        self.show_box.setChecked(True)
        column = QVBoxLayout(self)
        line = QHBoxLayout(self._repeat_row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(QLabel("Scanned twice"))
        for combo in self.repeats:
            line.addWidget(combo, 1)
        parts = (self.table, self.said, self.show_box, self._repeat_row, self.own, self.box)
        for widget in parts:
            column.addWidget(widget)
        self._repeat_row.hide()
        self.table.hide()
        self.show_box.hide()
        self.box.hide()
        self.own.toggled.connect(self.box.setVisible)
        self.own.toggled.connect(self._wanted)
        self.box.changed.connect(self._wanted)
        self.show_box.toggled.connect(self._show_or_hide)

    @property
    def given(self) -> Background | None:
        """The box of the person, without the particles in it; None where one is to be proposed.

        Raises
        ------
        InputError
            If the box is still the whole stack.
        """
        labels = self.box.reference
        if not self.own.isChecked() or labels is None:
            return None
        data = labels.data[0] if labels.multiscale else labels.data
        shape, box = tuple(data.shape), self.box.box
        if box == tuple((0, n) for n in shape):
            raise InputError(
                "The background box is the whole stack: draw one where nothing but empty space "
                "lies, or let boxes be proposed."
            )
        empty = np.asarray(data[tuple(slice(low, high) for low, high in box)]) == 0
        return Background((box,), "given", empty)

    def set_reference(self, labels: Labels | None) -> None:
        """Count voxels of these labels."""
        self._grid.set_layer(labels)

    def show_study(self, study: Any, background: Background | None, labels: Labels | None) -> None:
        """Show the noise of each state, and outline where it was measured."""
        noise = study.noise
        self.table.show_rows(
            [
                (
                    str(row["state"]),
                    number(row["sigma"]),
                    number(row["correlation_voxels"]),
                    number(row["background_mean"], 1),
                    f"{int(row['n_voxels']):,}" if np.isfinite(row["n_voxels"]) else "",
                )
                for row in noise.to_dict("records")
            ]
        )
        self.table.show()
        self._offer_repeats([state.name for state in study.states])
        self.said.say(_said(noise, background))
        if labels is not None and background is not None:
            self._outline(background, labels)
        self.show_box.setVisible(background is not None)

    def _offer_repeats(self, names: list[str]) -> None:
        for combo in self.repeats:
            before = combo.currentText()
            combo.clear()
            combo.addItems(["—", *names])
            combo.setCurrentText(before if before in names else "—")
        self._repeat_row.show()

    def _repeat_chosen(self, *_: Any) -> None:
        first, second = (combo.currentText() for combo in self.repeats)
        pair = first != second and "—" not in (first, second)
        self.repeats_changed.emit(((first, second),) if pair else ())

    def _wanted(self, *_: Any) -> None:
        self.changed.emit()

    @property
    def layer(self) -> Labels | None:
        """What outlines the boxes, while the viewer has it."""
        layer = self._shown()
        return layer if layer in self._viewer.layers else None

    def _outline(self, background: Background, labels: Labels) -> None:
        from napari.utils.colormaps import CyclicLabelColormap

        data = labels.data[0] if labels.multiscale else labels.data
        boxes = _boxes_array(tuple(data.shape), background)
        layer = self.layer
        active = self._viewer.layers.selection.active
        if layer is not None:
            self._viewer.layers.remove(layer)
        layer = self._viewer.add_labels(
            boxes,
            name=_NAME,
            metadata={KEY: {"overlay": True}},
            # a direct colormap would have napari compile a function first
            colormap=CyclicLabelColormap(colors=["transparent", _COLOUR]),
            **{name: getattr(labels, name) for name in _PLACE},
        )
        layer.contour = max(1, min(data.shape[-2:]) // 200)
        layer.editable = False
        layer.visible = self.show_box.isChecked()
        self._shown = ref(layer)
        if active is not None:
            self._viewer.layers.selection.active = active

    def _show_or_hide(self, shown: bool) -> None:
        if self.layer is not None:
            self.layer.visible = shown


def _boxes_array(shape: tuple[int, ...], background: Background) -> LazyArray:
    """1 inside the boxes; made piece by piece when it is looked at."""

    def read(window: Window) -> NDArray[np.uint8]:
        def inside(box: Any, here: tuple[slice, ...]) -> tuple[slice, ...]:
            """The same voxels, counted from the first one of the box."""
            shifts = [s.start - low for (low, _), s in zip(box, window, strict=True)]
            pairs = zip(here, shifts, strict=True)
            return tuple(slice(s.start + shift, s.stop + shift) for s, shift in pairs)

        part = np.zeros([s.stop - s.start for s in window], np.uint8)
        for box in background.boxes:
            ends = [
                (max(low, s.start) - s.start, min(high, s.stop) - s.start)
                for (low, high), s in zip(box, window, strict=True)
            ]
            if all(low < high for low, high in ends):
                here = tuple(slice(low, high) for low, high in ends)
                part[here] = 1 if background.mask is None else background.mask[inside(box, here)]
        return part

    return LazyArray(shape, np.uint8, read)


def _said(noise: Any, background: Background | None) -> str:
    if background is None:
        return "No background was found: draw a box, or give σ_bg in the settings."
    n = len(background.boxes)
    boxes = f"{n} proposed boxes"
    if n == 1:
        boxes = "a proposed box" if background.mask is None else "what is far from particles"
    where = "in the box given" if background.source == "given" else f"in {boxes}"
    floor = noise["repeat_floor"].iloc[0] if "repeat_floor" in noise else np.nan
    text = f"Noise was measured {where}; SEM_P = σ_bg·√(V/n)."
    if np.isfinite(floor):
        text += f" Repeat-scan floor: {floor:.2f} grey levels."
    return text
