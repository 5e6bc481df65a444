"""Placing points in a particle, and painting one: what clicks mean until it is left."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.widgets.edit_history import Act, EditHistory
from napari_battery.widgets.edit_points import SplitPoints
from napari_battery.widgets.label_layers import voxel_of
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.session import Session

__all__ = ["ModePanel", "RedrawMode", "SplitMode"]


class ModePanel(QWidget):
    """What to do now, and buttons to finish or to cancel."""

    finished = Signal()
    cancelled = Signal()

    def __init__(self, *buttons: QPushButton) -> None:
        super().__init__()
        self.text = Notice()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.addWidget(self.text)
        row = QHBoxLayout()
        for button in buttons:
            row.addWidget(button)
        layout.addLayout(row)


class SplitMode:
    """Clicks place points in one particle."""

    def __init__(self, session: Session, history: EditHistory, layer: Labels, label: int) -> None:
        self.label = label
        self._session, self._layer = session, layer
        self._shown = SplitPoints(session.viewer, layer)
        self.done_button = QPushButton("Split")
        self.done_button.setToolTip("Cut the particle between the points (Enter)")
        back = QPushButton("Remove last")
        back.setToolTip("Take the last point away (Backspace); a click on a point takes that one")
        cancel = QPushButton("Cancel")
        cancel.setToolTip("Leave the particle as it is (Esc)")
        self.panel = ModePanel(self.done_button, back, cancel)
        self.done_button.clicked.connect(self.panel.finished)
        back.clicked.connect(self.remove_last)
        cancel.clicked.connect(self.panel.cancelled)
        session.click_taker = self.click
        self._say()

    @property
    def points(self) -> list[tuple[int, ...]]:
        """Voxels of the points, in the order they were placed."""
        return self._shown.points

    def click(self, event: Any) -> None:
        """Place a point under the mouse, or take away the one that is there."""
        voxel = voxel_of(
            self._layer, self.label, event.position, event.view_direction, event.dims_displayed
        )
        near = self._shown.at(event.position, event.dims_displayed)
        if near is not None:
            self._show([p for p in self.points if p != near])
        elif voxel is None:
            self.panel.text.say(f"That is outside particle {self.label}; click inside.", "warning")
        elif voxel not in self.points:
            self._show([*self.points, voxel])

    def remove_last(self) -> bool:
        """Take the last point away; False where there is none."""
        if not self.points:
            return False
        self._show(self.points[:-1])
        return True

    def leave(self) -> Act | None:
        """Let clicks pick again."""
        self._session.click_taker = None
        self._shown.forget()
        return None

    def _show(self, points: list[tuple[int, ...]]) -> None:
        self._shown.show(points)
        self._say()

    def _say(self) -> None:
        n = len(self.points)
        self.done_button.setEnabled(n >= 2)
        self.done_button.setText(f"Split in {n}" if n >= 2 else "Split")
        placed = "No point yet" if not n else f"{n} point{'s' if n > 1 else ''} placed"
        self.panel.text.say(f"Click into each part of particle {self.label}. {placed}.")


class RedrawMode:
    """napari's own tools paint one particle; all strokes together are one act."""

    def __init__(self, session: Session, history: EditHistory, layer: Labels, label: int) -> None:
        self._session, self._history, self._layer = session, history, layer
        self.is_new = not label
        self.label = label or history.highest + 1
        self._preserved = bool(layer.preserve_labels)
        self.tools = {
            mode: QPushButton(text)
            for mode, text in (("paint", "Brush"), ("fill", "Fill"), ("erase", "Erase"))
        }
        done = QPushButton("Done")
        done.setToolTip("All that was painted is one step to undo (R)")
        self.panel = ModePanel(*self.tools.values(), done)
        for mode, button in self.tools.items():
            button.setCheckable(True)
            button.setToolTip(f"napari's {button.text().lower()}, with its settings on the left")
            button.clicked.connect(lambda _, mode=mode: self._use(mode))
        done.clicked.connect(self.panel.finished)
        history.make_room(self.label)
        history.begin_group()
        session.viewer.layers.selection.active = layer
        layer.visible = True
        layer.selected_label = self.label
        # the brush then leaves the neighbours alone
        layer.preserve_labels = True
        layer.events.mode.connect(self._show_tool)
        session.click_taker = _nothing
        self._use("paint")
        what = f"new particle {self.label}" if self.is_new else f"particle {self.label}"
        self.panel.text.say(
            f"Painting {what}. Neighbours are kept; untick “preserve labels” on the left to paint "
            "over them."
        )

    def leave(self) -> Act | None:
        """Put napari's tools away; what was painted is one act."""
        layer, session = self._layer, self._session
        session.click_taker = None
        layer.events.mode.disconnect(self._show_tool)
        layer.preserve_labels = self._preserved
        layer.mode = "pan_zoom"
        what = f"{'Drew' if self.is_new else 'Redrew'} {self.label}"
        act = self._history.end_group(what, "redrawn", session.selection)
        if act is not None and self.label in act.labels:
            places = self._history.places
            there = places is None or self.label in places
            act.picked_after = (self.label,) if there else ()
        return act

    def _use(self, mode: str) -> None:
        self._layer.mode = mode
        self._show_tool()

    def _show_tool(self, event: Any = None) -> None:
        if self._history.is_writing:
            return
        for mode, button in self.tools.items():
            button.setChecked(str(self._layer.mode) == mode)


def _nothing(event: Any) -> None:
    """A click while painting picks nothing."""
