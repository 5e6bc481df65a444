"""What the person moves the stack with: the mouse and the keys, or pairs of landmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.registration.landmarks import LandmarkFit, fit_landmarks
from napari_battery.registration.transform import Kind, Transform
from napari_battery.widgets.align_hand import HandMode
from napari_battery.widgets.align_hand_panel import HandPanel
from napari_battery.widgets.align_landmarks import Landmarks
from napari_battery.widgets.align_pairs import LandmarkPanel
from napari_battery.widgets.align_view import AlignView
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.section import Section

__all__ = ["AlignTools"]

Pair = tuple[Any, Any]


class AlignTools(QWidget):
    """Hand and landmarks for one pair of layers; what they come to is for the dock to do.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layers are.
    view : AlignView
        What shows the pair.
    """

    shown = Signal(object)
    """The matrix that a gesture has come to, while it lasts."""
    moved = Signal(str, object)
    """A gesture or a fit is over: what it was, and the matrix from where the layer stands."""
    undo_pressed = Signal()

    def __init__(self, viewer: ViewerModel, view: AlignView) -> None:
        super().__init__()
        self._pair: Pair | None = None
        self.hand = HandMode(self, viewer)
        self.hand_panel = HandPanel(self.hand)
        self.landmarks = Landmarks(self, viewer, view)
        self.pairs = LandmarkPanel(viewer, self.landmarks)
        self.notice = Notice()
        self.section = Section(
            "Landmarks",
            self.pairs,
            tooltip="Mark the same places in both stacks, and move one onto the other by them",
            key="align/landmarks",
        )
        self.section.heading.setChecked(False)  # opening it adds layers
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.hand_panel, self.notice, self.section):
            column.addWidget(part)

        self.hand_panel.toggled.connect(self._hand_wanted)
        self.hand.moved.connect(self._hand_moves)
        self.hand.finished.connect(self._hand_moved)
        self.hand.undo_pressed.connect(self.undo_pressed)
        self.section.heading.toggled.connect(self._follow_landmarks)
        self.pairs.fitted.connect(self._fitted)

    def set_pair(self, pair: Pair | None) -> None:
        """Work on another pair of layers, or on none."""
        if pair == self._pair:
            return
        self.hand.stop()
        self._pair = pair
        self._follow_landmarks()

    def show_matrix(self, matrix: NDArray[np.float64]) -> None:
        """Show the landmarks of the moving stack where this matrix puts them."""
        if self.landmarks.is_on:
            self.landmarks.set_matrix(matrix)

    def stop(self) -> None:
        """Put all tools away; a gesture that has not ended yet ends."""
        self.hand.stop()
        self.landmarks.cancel()

    def set_kind(self, kind: Kind) -> None:
        """Have landmarks fitted by a transform of this kind."""
        self.pairs.kind = kind

    def fit(self) -> Transform:
        """The transform that the landmarks give; nothing is moved.

        Raises
        ------
        InputError
            If there are too few pairs, or they do not give one.
        """
        fixed, moving = self.landmarks.points()
        if not len(fixed):
            raise InputError(
                "There are no pairs of landmarks: add some under Landmarks, or start otherwise."
            )
        limit = self.pairs.largest.value() or None
        unit = self.landmarks.world_unit
        return fit_landmarks(fixed, moving, self.pairs.kind, limit, unit=unit).transform

    def _hand_wanted(self, wanted: bool) -> None:
        self.notice.say("")
        if not wanted:
            self.hand.stop()
            return
        if self._pair is None:
            self.notice.say("Choose two stacks that can be aligned first.", "warning")
            self.hand_panel.button.setChecked(False)
            return
        try:
            self.hand.start(*self._pair)
        except InputError as problem:
            self.notice.say(str(problem), "error")
            self.hand_panel.button.setChecked(False)

    def _hand_moves(self, matrix: NDArray[np.float64]) -> None:
        self.show_matrix(matrix)
        self.shown.emit(matrix)

    def _hand_moved(self, what: str, before: NDArray[np.float64]) -> None:
        matrix = self.hand.matrix
        self.hand.set_matrix(np.eye(len(matrix)))  # from now on it stands there
        self.moved.emit(what, matrix)

    def _fitted(self, found: LandmarkFit) -> None:
        n = int(found.inliers.sum())
        self.moved.emit(f"moved to {n} landmarks", found.transform.matrix)

    def _follow_landmarks(self, *_: Any) -> None:
        if self._pair is None or not self.section.heading.isChecked():
            self.landmarks.stop()
            return
        try:
            self.landmarks.start(*self._pair)
        except InputError as problem:
            self.notice.say(str(problem), "error")
