"""Make a subset: parts of a column, by distance, by a condition, by an outline."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.states.frames import Frames, size_column
from napari_battery.states.recipes import Recipe, all_parts
from napari_battery.tables import COLUMNS
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.condition_line import ConditionLine
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.outline import Outline

__all__ = ["AddSubset", "fill_columns", "fill_states", "in_world", "size_column_or_none"]

_KINDS = {
    "part": ("Parts of a column", "Quartiles, deciles … of any column in the reference"),
    "distance": (
        "By distance from the collector",
        "Parts by distance from the plane that the settings tell",
    ),
    "condition": ("By a condition", "Particles that fulfil a condition over the columns"),
    "outline": ("Outline on the plot", "Drag around points of the scatter or volcano plot"),
    "region": ("Outline on the image", "Draw a polygon on the image; it goes through all slices"),
}


class AddSubset(QWidget):
    """A small form for one new subset, or the parts of one."""

    made = Signal(object)
    """A list of `Recipe` to add."""
    outline_wanted = Signal()
    """The person wants to draw an outline on the plot."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._frames: Frames | None = None
        self.kind = QComboBox()
        self.kind.setToolTip("How the new subset is told from the others")
        for name, (title, _) in _KINDS.items():
            self.kind.addItem(title, name)
        self.pages = QStackedWidget()
        self.pages.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._make_pages()
        self.about = Notice()
        self.problem = Notice()
        self.button = QPushButton("Add")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.kind, self.about, self.pages, self.button, self.problem):
            layout.addWidget(widget)
        self.outline = Outline(self, viewer, "Outline of a subset")
        self.outline.drawn.connect(self._region_drawn)
        self.kind.currentIndexChanged.connect(self._kind_changed)
        self.button.clicked.connect(self.add)
        self._kind_changed()

    def _make_pages(self) -> None:
        self.column = QComboBox()
        self.column.setToolTip("Column of the particles by state, as in the reference")
        _keep_narrow(self.column)
        self.parts, self.distance_parts = _parts_box(), _parts_box()
        self.condition = ConditionLine("volume_um3 > 50")
        self.state = QComboBox()
        self.state.setToolTip("State whose rows are asked")
        _keep_narrow(self.state)
        self.layer = LayerChooser(
            self._viewer, (Image, Labels), "Layer of the study to draw on; it tells the grid"
        )
        pages: list[list[tuple[str, QWidget]]] = [
            [("Column", self.column), ("Parts", self.parts)],
            [("Parts", self.distance_parts)],
            [("", self.condition), ("In state", self.state)],
            [],
            [("Layer", self.layer)],
        ]
        for rows in pages:
            page = QWidget()
            form = QFormLayout(page)
            form.setContentsMargins(0, 0, 0, 0)
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
            for title, widget in rows:
                form.addRow(title, widget) if title else form.addRow(widget)
            self.pages.addWidget(page)

    def set_study(self, frames: Frames | None) -> None:
        """Offer the columns and states of this study."""
        self._frames = frames
        if frames is None:
            return
        fill_columns(self.column, frames, size_column_or_none(frames))
        self.condition.set_names([str(name) for name in frames.particles])
        fill_states(self.state, frames)

    def choose(self, kind: str) -> None:
        """Show the form of this kind."""
        self.kind.setCurrentIndex(self.kind.findData(kind))

    def add(self) -> None:
        """Make what the form says, or let the person draw."""
        self.problem.say("")
        kind = str(self.kind.currentData())
        try:
            if kind == "outline":
                self.outline_wanted.emit()
            elif kind == "region":
                self._draw_region()
            elif kind == "condition":
                self._add_condition()
            elif kind == "part":
                one = Recipe("part", column=str(self.column.currentData()), n=self.parts.value())
                self.made.emit(all_parts(one))
            else:
                self.made.emit(all_parts(Recipe("distance", n=self.distance_parts.value())))
        except InputError as error:
            self.problem.say(str(error), "error")

    def _add_condition(self) -> None:
        text = self.condition.text.strip()
        if not text:
            raise InputError("Type a condition first, such as “volume_um3 > 50”.")
        state = str(self.state.currentData() or "")
        first = self._frames is None or state == self._frames.reference
        name = "" if first else f"{text} at {state}"
        self.made.emit([Recipe("condition", name=name, text=text, state="" if first else state)])

    def _draw_region(self) -> None:
        if self.layer.layer is None:
            raise InputError("There is no layer to draw on: open an image of the study.")
        self.outline.remove()
        self.outline.draw(self.layer.layer, "polygon")
        self.problem.say("Click the corners on the image; double-click the last.")

    def _region_drawn(self) -> None:
        vertices, layer = self.outline.vertices, self.outline.layer
        if vertices is None or len(vertices) < 3:
            return
        axes, corners = in_world(vertices, layer)
        self.outline.remove()
        self.problem.say("")
        polygon = tuple((float(x), float(y)) for x, y in corners)
        self.made.emit(
            [Recipe("region", "outline on the image", x=axes[1], y=axes[0], polygon=polygon)]
        )

    def _kind_changed(self) -> None:
        kind = str(self.kind.currentData())
        self.pages.setCurrentIndex(self.kind.currentIndex())
        self.pages.setVisible(kind != "outline")
        page = self.pages.currentWidget()
        if page is not None:  # as high as this form, not as the highest
            self.pages.setMaximumHeight(page.sizeHint().height())
        self.about.say(_KINDS[kind][1] + ".")
        self.button.setText("Draw" if kind in ("outline", "region") else "Add")
        self.problem.say("")


def in_world(vertices: NDArray[np.float64], layer: Any) -> tuple[tuple[str, str], Any]:
    """Corners of a flat shape in the world, and the two axes in which it lies.

    Returns
    -------
    (str, str), (k, 2) array
        Names of the axes down and across ("y", "x"); corners across and down.
    """
    world = np.array([layer.data_to_world(corner) for corner in vertices], np.float64)
    names = "zyx"[-world.shape[1] :]
    flat = np.sort(np.argsort(np.ptp(world, axis=0))[-2:])
    down, across = int(flat[0]), int(flat[1])
    return (names[down], names[across]), world[:, [across, down]]


def fill_columns(box: QComboBox, frames: Frames, chosen: str | None) -> None:
    """Offer the columns of numbers; keep what is chosen, where it is still there."""
    before = box.currentData() or chosen
    box.blockSignals(True)
    box.clear()
    for name in map(str, frames.particles.columns):
        if name in ("label", "state") or frames.particles[name].dtype.kind not in "iuf":
            continue
        if not np.isfinite(frames.values(name)).any():
            continue
        column = COLUMNS.get(name)
        unit = f" ({column.unit})" if column and column.unit else ""
        box.addItem(f"{column.title}{unit}" if column else name, name)
    place = box.findData(before)
    box.setCurrentIndex(max(0, box.findData(chosen) if place < 0 else place))
    box.blockSignals(False)


def fill_states(box: QComboBox, frames: Frames) -> None:
    """Offer the states; keep the one that is chosen."""
    before = box.currentData()
    box.blockSignals(True)
    box.clear()
    for state in frames.states:
        box.addItem(state, state)
    box.setCurrentIndex(max(0, box.findData(before)))
    box.blockSignals(False)


def size_column_or_none(frames: Frames) -> str | None:
    """The column of sizes, where there is one."""
    try:
        return size_column(frames)
    except InputError:
        return None


def _parts_box() -> QSpinBox:
    box = QSpinBox()
    box.setRange(2, 20)
    box.setValue(4)
    box.setToolTip("How many parts of equally many particles: 4 are quartiles, 10 deciles")
    return box


def _keep_narrow(box: QComboBox) -> None:
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
