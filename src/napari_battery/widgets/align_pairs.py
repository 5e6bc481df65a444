"""The list of landmark pairs: add, delete, go to one, fit, and see which ones are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.registration.landmarks import LandmarkFit, fit_landmarks
from napari_battery.registration.transform import Kind
from napari_battery.widgets.align_landmarks import Landmarks
from napari_battery.widgets.align_odd import odd_pairs
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.slices import camera_of
from napari_battery.widgets.spin import PlainSpinBox

__all__ = ["LandmarkPanel"]

_WRONG = "#e05c5c"
_ROWS_SEEN = 5
_NOTHING = 1e-6
_SUSPICIOUS = 3.0
"""A residual this many times the median of all is marked, and at least a voxel."""


class LandmarkPanel(QWidget):
    """Buttons and a table for the pairs of a `Landmarks`.

    Parameters
    ----------
    viewer : ViewerModel
        Where the pairs are.
    landmarks : Landmarks
        The pairs.
    """

    fitted = Signal(object)
    """A `LandmarkFit` was made: its transform counts from where the moving layer stands."""

    def __init__(
        self, viewer: ViewerModel, landmarks: Landmarks, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._landmarks = viewer, landmarks
        self.kind: Kind = "rigid"
        """What `fit` fits."""
        self.add_button = QPushButton("Add pair")
        self.add_button.setCheckable(True)
        self.add_button.setToolTip(
            "Click a place in the fixed image, then the same place in the moving one; "
            "Esc ends it. Between the clicks slices may be changed."
        )
        self.delete_button = QPushButton("Delete")
        self.delete_button.setToolTip("Delete the pair chosen in the table")
        self.fit_button = QPushButton("Fit")
        self.fit_button.setToolTip(
            "Move the moving layer so that the landmarks agree as well as they can"
        )
        self.largest = PlainSpinBox(
            0, 1e6, "Pairs further apart than this after the fit are left out; 0 keeps all"
        )
        self.largest.setSpecialValueText("none")
        self.table = QTableWidget(0, 3)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        row = self.fontMetrics().height() + 8
        self.table.verticalHeader().setDefaultSectionSize(row)
        self.table.setFixedHeight(row * (_ROWS_SEEN + 1) + 10)
        self.notice = Notice()
        self._rows: list[int] = []
        self._lay_out()
        self.add_button.clicked.connect(self._add_or_cancel)
        self.delete_button.clicked.connect(self._delete)
        self.fit_button.clicked.connect(self.fit)
        self.table.itemSelectionChanged.connect(self._go_to_chosen)
        landmarks.changed.connect(self._pairs_changed)
        landmarks.asking.connect(self._say_what_to_click)
        self._pairs_changed()

    def _lay_out(self) -> None:
        buttons, limit = QHBoxLayout(), QHBoxLayout()
        for button in (self.add_button, self.delete_button, self.fit_button):
            buttons.addWidget(button)
        limit.addWidget(QLabel("Leave out beyond"))
        limit.addWidget(self.largest, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addLayout(limit)
        column.addWidget(self.table)
        column.addWidget(self.notice)

    @property
    def unit(self) -> str:
        """Unit of the residuals for the person."""
        return self._landmarks.unit

    def fit(self) -> LandmarkFit | None:
        """Fit the pairs, show their residuals and tell `fitted`; None where that is impossible."""
        fixed, moving = self._landmarks.points()
        largest = self.largest.value() or None
        try:
            unit = self._landmarks.world_unit
            found = fit_landmarks(fixed, moving, self.kind, ransac=largest, unit=unit)
        except InputError as problem:
            self.notice.say(str(problem), "error")
            return None
        numbers = self._landmarks.numbers
        odd = odd_pairs(fixed, moving, self.kind, self._landmarks.voxel)
        self.fitted.emit(found)
        self.show_fit(numbers, found, odd if largest is None else np.zeros(len(odd), bool))
        return found

    def show_fit(self, numbers: list[int], found: LandmarkFit, odd: NDArray[np.bool_]) -> None:
        """Show the residual of each pair, and which of them do not agree with the rest."""
        residuals, inliers = found.residuals_um, found.inliers
        limit = max(_SUSPICIOUS * float(np.median(residuals)), self._landmarks.voxel)
        wrong = {
            number
            for number, residual, kept, is_odd in zip(numbers, residuals, inliers, odd, strict=True)
            if not kept or is_odd or residual > limit
        }
        self._landmarks.mark_wrong(wrong)
        self._fill(
            dict(zip(numbers, residuals, strict=True)),
            wrong,
            dict(zip(numbers, inliers, strict=True)),
        )
        rms = float(found.transform.quality["rms_residual_um"])
        words = [f"{int(inliers.sum())} pairs agree to {_short(rms)} {self.unit} (RMS)."]
        if wrong:
            names = ", ".join(str(n) for n in sorted(wrong))
            words.append(f"Look at pair {names} again.")
        warnings = [str(text) for text in found.transform.quality.get("warnings", ())]
        self.notice.say(" ".join([*words, *warnings]), "warning" if wrong or warnings else "plain")

    def _fill(
        self,
        residuals: dict[int, float] | None = None,
        wrong: set[int] | None = None,
        inliers: dict[int, bool] | None = None,
    ) -> None:
        """Write the table anew; the chosen pair stays chosen."""
        residuals, wrong, inliers = residuals or {}, wrong or set(), inliers or {}
        chosen = self._chosen()
        half = self._landmarks.half
        self._rows = sorted([*self._landmarks.numbers, *half])
        self.table.blockSignals(True)
        self.table.setHorizontalHeaderLabels(["Pair", f"Residual ({self.unit})", ""])
        self.table.setRowCount(len(self._rows))
        for row, number in enumerate(self._rows):
            residual = _short(residuals[number]) if number in residuals else "–"
            remark = ""
            if number in half:
                remark = f"only in the {self._landmarks.side(number)} image"
            elif number in wrong:
                remark = "check" if inliers.get(number, True) else "left out"
            for column, text in enumerate((str(number), residual, remark)):
                item = QTableWidgetItem(text)
                if column < 2:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                if number in wrong:
                    item.setForeground(QColor(_WRONG))
                self.table.setItem(row, column, item)
        if chosen in self._rows:
            self.table.selectRow(self._rows.index(chosen))
        else:
            self.table.clearSelection()
        self.table.blockSignals(False)
        self._refresh()

    def _chosen(self) -> int | None:
        rows = self.table.selectionModel().selectedRows() if self.table.selectionModel() else []
        return self._rows[rows[0].row()] if rows and rows[0].row() < len(self._rows) else None

    def _refresh(self) -> None:
        is_on = self._landmarks.is_on
        self.add_button.setEnabled(is_on)
        self.delete_button.setEnabled(self._chosen() is not None)
        self.fit_button.setEnabled(bool(self._landmarks.numbers))
        self.largest.setSuffix(f" {self.unit}")

    def _pairs_changed(self) -> None:
        self.notice.say("")
        self._fill()

    def _add_or_cancel(self, add: bool) -> None:
        if add:
            self._landmarks.add_pair()
        else:
            self._landmarks.cancel()

    def _say_what_to_click(self, role: str) -> None:
        self.add_button.setChecked(bool(role))
        if role == "fixed":
            self.notice.say("Click a place in the fixed image, which is shown alone. Esc ends it.")
        elif role == "moving":
            self.notice.say("Now click the same place in the moving image. Esc ends it.")
        else:
            self.notice.say("")

    def _delete(self) -> None:
        number = self._chosen()
        if number is not None:
            self._landmarks.delete(number)

    def _go_to_chosen(self) -> None:
        """Bring the view to the chosen pair."""
        number = self._chosen()
        self._refresh()
        place = None if number is None else self._landmarks.where(number)
        if place is None:
            return
        dims = self._viewer.dims
        first = dims.ndim - len(place)
        for axis, value in enumerate(place):
            if axis + first not in dims.displayed:
                dims.set_point(axis + first, float(value))
        camera = camera_of(self._viewer)
        centre: Any = np.array(camera.center, dtype=np.float64)
        shown = [axis for axis in dims.displayed if axis >= first]
        centre[-len(shown) :] = [place[axis - first] for axis in shown]
        camera.center = tuple(centre)


def _short(residual: float) -> str:
    """Three digits; rounding errors are 0."""
    return f"{residual if residual > _NOTHING else 0.0:.3g}"
