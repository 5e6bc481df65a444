"""Part of the Label particles dock: the threshold in the histogram and on the shown slice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings
from napari_battery.progress import Progress
from napari_battery.widgets.background import Latest
from napari_battery.widgets.forms import SettingsForm, remembered
from napari_battery.widgets.grey_sample import GreySample, sample_grey
from napari_battery.widgets.histogram import HistogramView
from napari_battery.widgets.label_input import LabelInput, LabelSource
from napari_battery.widgets.label_preview import TINT, PreviewLayer, SliceMask, slice_mask
from napari_battery.widgets.label_stages import KeptStages
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.slices import current_slice, hidden_axis

__all__ = ["ThresholdPart"]

_DEBOUNCE_MS = 40
_REMEMBERED = "label/preview"


@dataclass(frozen=True, eq=False)
class _Look:
    """The answer to one look at an image: its threshold (or why there is none), its slice."""

    sample: GreySample
    threshold: float | None
    problem: str
    mask: SliceMask | None


class ThresholdPart(QWidget):
    """Histogram with the threshold to drag, and what it marks on the shown slice.

    Parameters
    ----------
    viewer : ViewerModel
        Where the slice is tinted.
    source : LabelInput
        The image; nothing is shown while a mask is chosen.
    form : SettingsForm
        Settings to follow; a dragged threshold is written into it.
    kept : KeptStages
        Where thresholds are found once for all.
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
        self.histogram = HistogramView()
        self.preview_box = QCheckBox("Tint the shown slice")
        self.preview_box.setToolTip("Tint what the threshold marks, before cleaning and splitting")
        self.preview_box.setChecked(str(remembered().value(_REMEMBERED, "true")) == "true")
        self.notice = Notice()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.histogram, self.notice, self.preview_box):
            column.addWidget(widget)

        self.preview = PreviewLayer(viewer, TINT)
        self._latest = Latest(self, self._look_failed)
        self._seen: tuple[LabelSource, GreySample] | None = None
        self._shown: float | None = None
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._came_or_went)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DEBOUNCE_MS)
        self._timer.timeout.connect(self._look)
        self.preview_box.toggled.connect(self._preview_toggled)
        self.histogram.marker_moved.connect(self._dragged)
        source.changed.connect(self.source_changed)
        kept.edited.connect(self.source_changed)
        form.changed.connect(self._settings_changed)
        dims = viewer.dims.events
        listen(self, self._look_later, dims.point, dims.order, dims.ndisplay)
        listen(self, self._layer_removed, viewer.layers.events.removed)
        self.source_changed()

    def source_changed(self) -> None:
        """Start anew with the chosen image."""
        self._latest.forget()
        self._seen, self._shown = None, None
        self.preview.hide()
        self.notice.say("")
        layer = self._input.layer
        self.histogram.clear("Reading grey levels…" if layer is not None else "No image is open")
        self._look_later()

    def untick(self) -> None:
        """Put the preview away for now; the next sitting starts as the person had it."""
        self.preview_box.blockSignals(True)
        self.preview_box.setChecked(False)
        self.preview_box.blockSignals(False)
        self.preview.hide()
        self._look_later()

    # --- settings

    def _preview_toggled(self, wanted: bool) -> None:
        remembered().setValue(_REMEMBERED, "true" if wanted else "false")
        if not wanted:
            self.preview.hide()
        self._look_later()

    def _settings_changed(self) -> None:
        settings = self._form.value()
        manual = settings.threshold == "manual"
        if manual and settings.manual_threshold is None and self._shown is not None:
            self._set_manual(self._shown)
            return
        self._look_later()

    def _dragged(self, _: int, value: float) -> None:
        layer = self._input.layer
        if layer is not None and np.issubdtype(np.dtype(layer.dtype), np.integer):
            value = round(value)
        self._set_manual(value)

    def _set_manual(self, value: float) -> None:
        self._form.rows["manual_threshold"].set_value(value)
        self._form.rows["threshold"].set_value("manual")

    def _fit_editor(self, sample: GreySample) -> None:
        """Give the manual threshold as many decimals as the image's grey levels need."""
        spread = max(sample.high - sample.low, 1e-12)
        editor: Any = self._form.rows["manual_threshold"].editor
        editor.setDecimals(max(1, 3 - math.floor(math.log10(spread))))

    # --- looking

    def _look_later(self, event: Any = None) -> None:
        self._timer.start()

    def _look(self) -> None:
        if self._input.from_mask or self._input.layer is None or not self._on_screen.now:
            return
        try:
            source, settings = self._input.source(), self._form.value()
        except InputError:  # the dock says what is wrong with the layer
            self.histogram.clear("")
            return
        except ValueError:  # the form says which settings do not go together
            return
        layer, wanted = source.layers[0], self.preview_box.isChecked()
        axis = hidden_axis(self._viewer, layer)
        if axis is None and layer.ndim == 3:
            wanted = False  # a 3-D view has no slice
        index = 0 if axis is None else current_slice(self._viewer, layer, axis)
        stages, seen = self._kept.of(source), self._sample_of(source)

        def work(progress: Progress) -> _Look:
            sample = seen or sample_grey(source.volume, progress)
            try:
                threshold = stages.threshold(settings)
                mask = None
                if wanted and threshold is not None:
                    mask = slice_mask(source.volume, settings, threshold, axis, index)
            except InputError as problem:
                return _Look(sample, None, str(problem), None)
            return _Look(sample, threshold, "", mask)

        self._latest.ask(work, lambda look: self._show(source, settings, look))

    def _show(self, source: LabelSource, settings: LabelSettings, look: _Look) -> None:
        layer = source.layers[0]
        if layer is not self._input.layer or layer not in self._viewer.layers:
            return
        if self._sample_of(source) is None:
            self.histogram.set_histogram(*look.sample.histogram())
            self._fit_editor(look.sample)
        self._seen, self._shown = (source, look.sample), look.threshold
        if look.threshold is None:
            self.histogram.set_markers([], None)
            self.preview.hide()
            self.notice.say(look.problem, "error")
            return
        bright = settings.particles == "brighter"
        chosen = (look.threshold, np.inf) if bright else (-np.inf, look.threshold)
        self.histogram.set_markers([look.threshold], chosen)
        text = f"{settings.threshold.capitalize()} threshold {look.threshold:.5g}"
        if look.mask is not None and self.preview_box.isChecked() and self._on_screen.now:
            text += f": {100 * look.mask.fraction:.1f} % of this slice is {settings.particles}"
            self.preview.show(look.mask.volume)
            if not layer.visible:
                text += f". “{layer.name}” itself is hidden"
        else:
            self.preview.hide()
        self.notice.say(text)

    def _sample_of(self, source: LabelSource) -> GreySample | None:
        """The sample of this source, if it was read already."""
        return self._seen[1] if self._seen is not None and self._seen[0].is_same(source) else None

    def _look_failed(self, error: BaseException) -> None:
        self.preview.hide()
        if isinstance(error, InputError):
            self.histogram.clear(str(error))
            self.notice.say("")
            return
        self.notice.say(f"No preview: {type(error).__name__}: {error}", "error")

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.preview.layer:
            self.untick()

    def _came_or_went(self, seen: bool) -> None:
        """Bring the preview back, or take it along when the dock goes."""
        if seen:
            self._look_later()
            return
        self._latest.forget()
        self.preview.hide()
