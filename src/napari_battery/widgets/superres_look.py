"""Part of the Super-resolve dock: the shown slice, low on the left of a line, predicted right."""

from __future__ import annotations

import time
from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.progress import Progress
from napari_battery.widgets.background import Latest
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.slices import camera_of, displayed_axes
from napari_battery.widgets.superres_case import Case, Ready
from napari_battery.widgets.superres_preview import make_patch, preview_window
from napari_battery.widgets.swipe import Swipe
from napari_battery.widgets.swipe_geometry import Patch

__all__ = ["PREVIEW", "LookPart"]

PREVIEW = "Super-resolution preview"

_FRAME_MS = 50
_PAN_MS = 250
_REMEMBERED = "superres/preview"


class LookPart(QWidget):
    """A box to switch the preview on, the divider, and a line about what is previewed."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self.box = QCheckBox("Preview the shown slice")
        self.box.setToolTip(
            "Super-resolve what the view shows of the slice, as much of it as takes about a second"
        )
        self.box.setChecked(str(remembered().value(_REMEMBERED, "true")) == "true")
        self.divider = QSlider(Qt.Orientation.Horizontal)
        self.divider.setRange(0, 1000)
        self.divider.setValue(500)
        self.divider.setToolTip(
            "Where image and prediction meet; the line on the canvas can be dragged, too"
        )
        self.notice = Notice()
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Image"))
        row.addWidget(self.divider, 1)
        row.addWidget(QLabel("Predicted"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.box)
        column.addWidget(self._row)
        column.addWidget(self.notice)

        self.swipe = Swipe(self, viewer, PREVIEW)
        self._latest = Latest(self, self._failed)
        self._layer: Any = None
        self._case: Case | None = None
        self._ready: Ready | None = None
        self._shown: Any = None
        """What the patch was made of; it is not made again."""
        self._timer, self._pan = QTimer(self), QTimer(self)
        for timer, ms in ((self._timer, _FRAME_MS), (self._pan, _PAN_MS)):
            timer.setSingleShot(True)
            timer.setInterval(ms)
            timer.timeout.connect(self._look)
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._came_or_went)
        self.box.toggled.connect(self._toggled)
        self.divider.valueChanged.connect(lambda value: self.swipe.set_fraction(value / 1000))
        self.swipe.moved.connect(self._divider_moved)
        self.swipe.removed.connect(self._turn_off)
        dims, camera = viewer.dims.events, camera_of(viewer).events
        listen(self, self._plane_changed, dims.point, dims.order, dims.ndisplay)
        listen(self, self._view_moved, camera.center, camera.zoom)

    def wait(self) -> None:
        """Compute nothing until there is a new case; what is shown stays for the moment."""
        self._latest.forget()
        self._case = self._ready = None

    def show_case(self, layer: Any, case: Case, ready: Ready) -> None:
        """Preview this."""
        self._layer, self._case, self._ready = layer, case, ready
        self._look_later()

    def put_away(self, text: str = "") -> None:
        """Show nothing, and why, until there is a new case."""
        self.wait()
        self._hide(text)

    def _look_later(self) -> None:
        if not self._timer.isActive():  # not anew each time: it is to follow a moving slider
            self._timer.start()

    def _look(self) -> None:
        case, ready, layer = self._case, self._ready, self._layer
        self._row.setEnabled(self.box.isChecked())
        if case is None or ready is None or not self._on_screen.now or not self.box.isChecked():
            return
        if layer not in self._viewer.layers:
            self._hide()
            return
        window = preview_window(self._viewer, layer, case, ready)
        if window is None:
            self._hide(f"The preview needs the 2-D view of “{layer.name}”; Super-resolve does not.")
            return
        asked = (case, window)
        if self._shown == asked:
            return
        plane = displayed_axes(self._viewer, layer)
        if self.swipe.layer is None:
            self.notice.say("Computing the preview …")

        def work(progress: Progress) -> tuple[Patch, float]:
            started = time.monotonic()
            patch = make_patch(case, ready, window, plane, progress)
            return patch, time.monotonic() - started

        self._latest.ask(work, lambda made: self._show(layer, asked, plane, *made))

    def _show(
        self,
        layer: Any,
        asked: tuple[Case, Window],
        plane: tuple[int, ...],
        patch: Patch,
        seconds: float,
    ) -> None:
        wanted = self._on_screen.now and self.box.isChecked()
        if asked[0] is not self._case or layer not in self._viewer.layers or not wanted:
            return
        self._shown = asked
        self.swipe.show(layer, patch)
        box = asked[1]
        size = " × ".join(str(box[axis].stop - box[axis].start) for axis in plane)
        words = [f"Preview of {size} voxels of the image ({seconds:.1f} s)"]
        if not layer.visible:
            words.append(f"“{layer.name}” itself is hidden")
        self.notice.say(". ".join(words) + ".")

    def _hide(self, text: str = "") -> None:
        self._shown = None
        self.swipe.hide()
        self.notice.say(text)

    def _toggled(self, wanted: bool) -> None:
        remembered().setValue(_REMEMBERED, "true" if wanted else "false")
        self._row.setEnabled(wanted)
        if wanted:
            self._look_later()
            return
        self._latest.forget()
        self._hide()

    def _turn_off(self) -> None:
        """The person deleted it: off for now; the next sitting starts as it was."""
        self.box.blockSignals(True)
        self.box.setChecked(False)
        self.box.blockSignals(False)
        self._row.setEnabled(False)
        self._latest.forget()
        self._hide()

    def _divider_moved(self, fraction: float) -> None:
        self.divider.blockSignals(True)
        self.divider.setValue(round(1000 * fraction))
        self.divider.blockSignals(False)

    def _plane_changed(self, event: Any = None) -> None:
        self.swipe.follow_slice()
        self._look_later()

    def _view_moved(self, event: Any = None) -> None:
        if self._case is not None:
            self._pan.start()

    def _failed(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        self._hide(f"No preview: {text}")

    def _came_or_went(self, seen: bool) -> None:
        """Bring the preview back, or take it along when the dock goes."""
        if seen:
            self._look_later()
            return
        self._latest.forget()
        self._hide()
