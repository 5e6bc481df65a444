"""Part of the Label particles dock: the particles of a small box, before the whole is run."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings, Stages
from napari_battery.labelling.counts import LabelCount, count_labels
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.background import Latest
from napari_battery.widgets.forms import SettingsForm, remembered
from napari_battery.widgets.label_box import Box, box_around, is_inside, view_centre
from napari_battery.widgets.label_input import LabelInput, LabelSource
from napari_battery.widgets.label_preview import PreviewLayer
from napari_battery.widgets.label_stages import KeptStages
from napari_battery.widgets.label_words import about_box
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.slices import camera_of

__all__ = ["NAME", "BoxPart"]

NAME = "Particles preview"

_REST_MS = 350
_VOXELS = 1_300_000
_REMEMBERED = "label/box preview"


class BoxPart(QWidget):
    """Labels a box where the view looks whenever settings rest, and shows them there.

    Parameters
    ----------
    viewer : ViewerModel
        Where the labels are shown.
    source : LabelInput
        What is labelled.
    form : SettingsForm
        Settings to follow.
    kept : KeptStages
        Where thresholds of the whole image are found once for all.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        source: LabelInput,
        form: SettingsForm[LabelSettings],
        kept: KeptStages,
    ) -> None:
        super().__init__()
        self._viewer, self._input, self._form, self._kept = viewer, source, form, kept
        self.preview_box = QCheckBox("Preview particles in a box")
        self.preview_box.setToolTip(
            "Label a box around the middle of the view whenever settings rest: about a million "
            "voxels. Pan or move the slice to look elsewhere"
        )
        self.preview_box.setChecked(str(remembered().value(_REMEMBERED, "true")) == "true")
        self.notice = Notice()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.preview_box)
        column.addWidget(self.notice)

        self.preview = PreviewLayer(viewer, opacity=0.7)
        self._latest = Latest(self, self._failed)
        self._box: Box | None = None
        self._part: tuple[Stages, Box, Stages] | None = None
        """Stages of the whole, a box, and the stages of the box."""
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._came_or_went)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MS)
        self._timer.timeout.connect(self._look)
        self.preview_box.toggled.connect(self._toggled)
        source.changed.connect(self.source_changed)
        kept.edited.connect(self.source_changed)
        form.changed.connect(self._look_anew)
        dims, camera = viewer.dims.events, camera_of(viewer).events
        listen(self, self.look_later, dims.point, dims.order, dims.ndisplay, camera.center)
        listen(self, self._layer_removed, viewer.layers.events.removed)

    def source_changed(self) -> None:
        """Start anew with the chosen layers."""
        self.rest()
        self._part = None
        self.notice.say("")
        self.look_later()

    def untick(self) -> None:
        """Put the preview away for now; the next sitting starts as the person had it."""
        self.preview_box.blockSignals(True)
        self.preview_box.setChecked(False)
        self.preview_box.blockSignals(False)
        self.notice.say("")
        self.rest()

    def rest(self) -> None:
        """Show and compute nothing until settings or the view change."""
        self._timer.stop()
        self._latest.forget()
        self._box = None
        self.preview.hide()

    def _toggled(self, wanted: bool) -> None:
        remembered().setValue(_REMEMBERED, "true" if wanted else "false")
        if wanted:
            self.look_later()
        else:
            self.notice.say("")
            self.rest()

    def _look_anew(self) -> None:
        self._box = None
        self.look_later()

    def look_later(self, event: Any = None) -> None:
        """Look once settings and view have rested a moment."""
        if self.preview_box.isChecked():
            self._timer.start()

    def _look(self) -> None:
        layer = self._input.layer
        if layer is None or not self._on_screen.now or not self.preview_box.isChecked():
            return
        try:
            source, settings = self._input.source(), self._form.value()
        except ValueError:  # dock and form say what is wrong
            return
        centre = view_centre(self._viewer, source.layers[-1])
        if is_inside(self._box, centre):
            return
        stages = self._stages(source, centre)
        self.notice.say("Preview: labelling a box …")

        def work(progress: Progress) -> tuple[Volume, LabelCount, float]:
            started = time.monotonic()
            labels = stages.run(settings, progress)
            count = count_labels(labels, progress)
            labels = replace(labels, name=NAME, region=None)
            return labels, count, time.monotonic() - started

        self._latest.forget()  # what is being computed is no longer asked for
        self._latest.ask(work, lambda done: self._show(source, *done))

    def _stages(self, source: LabelSource, centre: tuple[float, ...]) -> Stages:
        """Stages of a box around this place; the last ones while they serve."""
        whole = self._kept.of(source)
        part = self._part
        if part is None or part[0] is not whole or not is_inside(part[1], centre):
            volume = source.volume
            box = box_around(volume.shape, centre, _VOXELS, volume.voxel_size_um)
            self._part = part = (whole, box, whole.inside(box))
        self._box = part[1]
        return part[2]

    def _show(self, source: LabelSource, labels: Volume, count: LabelCount, seconds: float) -> None:
        gone = any(layer not in self._viewer.layers for layer in source.layers)
        if gone or not self._on_screen.now or not self.preview_box.isChecked():
            return
        self.preview.show(labels)
        size = " × ".join(str(n) for n in labels.shape)
        whole = labels.shape == source.volume.shape
        place = "the whole image" if whole else f"a box of {size} voxels"
        self.notice.say(f"Preview, {place}: {about_box(count, labels)} ({seconds:.1f} s).")

    def _failed(self, error: BaseException) -> None:
        self.preview.hide()
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        self.notice.say(f"No preview: {text}", "error")

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.preview.layer:
            self.untick()

    def _came_or_went(self, seen: bool) -> None:
        """Bring the preview back, or take it along when the dock goes."""
        if seen:
            self.look_later()
        else:
            self.rest()
