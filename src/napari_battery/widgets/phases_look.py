"""Part of the Segment phases dock: levels in the histogram, and the phases of the shown slice."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.labelling.classifier import PixelClassifier
from napari_battery.labelling.phases_model import PhaseModel
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.labelling.thresholds import levels_of_histogram
from napari_battery.lengths import spacing_voxels
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.background import Latest
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.filter_preview import box_around_view, shown_slice
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.histogram import HistogramView
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.phases_form import PhasesForm
from napari_battery.widgets.phases_grey import GreyLevels
from napari_battery.widgets.phases_layers import PhaseOverlay
from napari_battery.widgets.phases_preview import Look, Window, look_at
from napari_battery.widgets.phases_words import bands, in_colour, say_volume
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.slices import camera_of

__all__ = ["PhasesLook"]

_DEBOUNCE_MS = 40
_PATIENCE_MS = 400
_SLOW_S = 0.4
"""Where smoothing takes longer than this, the bare levels are shown while it goes on."""
_EDGES = {2: (2048, 1024), 3: (640, 384)}
"""Of a slice longer than this (and so with a classifier) only a square around the middle of
the view is previewed, by the image's axes: in 3-D many slices around it are needed."""
_REMEMBERED = "phases/preview"


class PhasesLook(QWidget):
    """Histogram with levels to drag, and the phases they make of the shown slice.

    Parameters
    ----------
    viewer : ViewerModel
        Where the slice is tinted.
    image : LayerChooser
        Whose grey levels.
    settings : PhasesForm
        Settings to follow; dragged levels are written into it.
    """

    looked = Signal()
    """The image is looked at (again): its place may have changed."""

    def __init__(self, viewer: ViewerModel, image: LayerChooser, settings: PhasesForm) -> None:
        super().__init__()
        self._viewer, self._image, self._settings = viewer, image, settings
        self.histogram = HistogramView()
        self.box = QCheckBox("Preview on the shown slice")
        self.box.setToolTip("Tint the phases of the shown slice while they are set up")
        self.box.setChecked(str(remembered().value(_REMEMBERED, "true")) == "true")
        self.notice = Notice()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.histogram, self.notice, self.box):
            column.addWidget(widget)

        self.overlay = PhaseOverlay(viewer)
        self._latest = Latest(self, self._failed)
        self._classifier: PixelClassifier | None = None
        self._model: PhaseModel | None = None
        self._spacing: tuple[float, ...] = ()
        self._window: Window | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DEBOUNCE_MS)
        self._timer.timeout.connect(self._look)
        self._waiting = QTimer(self)
        self._waiting.setSingleShot(True)
        self._waiting.setInterval(_PATIENCE_MS)
        self._waiting.timeout.connect(lambda: self.notice.say("Making the preview…"))
        self._is_slow = self._is_refining = False
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._came_or_went)
        self.box.toggled.connect(self._toggled)
        self.histogram.marker_moved.connect(self._dragged)
        image.layer_changed.connect(self.start_anew)
        settings.form.changed.connect(self.look_later)
        dims = viewer.dims.events
        listen(self, self.look_later, dims.point, dims.order, dims.ndisplay)
        listen(self, self._panned, camera_of(viewer).events.center)
        listen(self, self._layer_removed, viewer.layers.events.removed)
        self.start_anew()

    def start_anew(self) -> None:
        """Look at the chosen image for the first time."""
        self._latest.forget()
        self._waiting.stop()
        self._window = None
        self._model, self._is_slow = None, False
        self.overlay.hide()
        self.notice.say("")
        layer = self._image.layer
        self.histogram.clear("Reading grey levels…" if layer is not None else "No image is open")
        self.look_later()

    def use(self, classifier: PixelClassifier | None) -> None:
        """Preview with this classifier, where the method is the classifier."""
        self._classifier = classifier
        self.look_later()

    def untick(self) -> None:
        """Put the preview away for now; the next sitting starts as the person had it."""
        self.box.blockSignals(True)
        self.box.setChecked(False)
        self.box.blockSignals(False)
        self.overlay.hide()
        self.look_later()

    def look_later(self, event: Any = None) -> None:
        """Look again soon; what comes meanwhile is seen at the same look."""
        if not self._timer.isActive():
            self._timer.start()

    # --- looking

    def _look(self) -> None:
        layer = self._image.layer
        if layer is None or not self._on_screen.now:
            return
        try:
            image, settings = volume_from_layer(layer), self._settings.form.value()
        except InputError as problem:
            self.histogram.clear(str(problem))
            return
        except ValueError:  # the form says which settings do not go together
            return
        model = self._model_of(image)
        if self._fill_levels(settings, model):
            return  # that changes the form, and so looks again
        self.looked.emit()
        self.histogram.setVisible(settings.method != "classifier")
        self._window = self._wanted_window(layer, settings)
        if settings.method == "classifier" and self._classifier is None:
            self._latest.forget()
            self.overlay.hide()
            self.notice.say("Paint examples and train, or load a model.")
            return
        if self._is_refining:
            self._latest.forget()  # what it refines is out of date
        rough = self._is_slow and settings.method != "classifier"
        self._ask(layer, image, settings, rough=rough)

    def _ask(self, layer: Any, image: Volume, settings: PhaseSettings, *, rough: bool) -> None:
        model, window, classifier = self._model_of(image), self._window, self._classifier
        self._is_refining = self._is_slow and not rough
        if not rough and self.overlay.layer is None and window is not None:
            self._waiting.start()

        def work(progress: Progress) -> Look:
            return look_at(image, settings, window, model, classifier, progress, rough=rough)

        self._latest.ask(work, lambda look: self._show(layer, image, settings, look))

    def _model_of(self, image: Volume) -> PhaseModel | None:
        """What was found of this image before; smoothing depends on its voxels' shape, too."""
        model, spacing = self._model, spacing_voxels(image)
        if model is None or model.image is not image.data or model.region is not image.region:
            return None
        return model if self._spacing == spacing else None

    def _wanted_window(self, layer: Any, settings: PhaseSettings) -> Window | None:
        window = shown_slice(self._viewer, layer) if self.box.isChecked() else None
        edge = _EDGES[layer.ndim][settings.method == "classifier"]
        if window is not None and max(w.stop - w.start for w in window) > edge:
            window = box_around_view(self._viewer, layer, window, edge)
        return window

    def _show(self, layer: Any, image: Volume, settings: PhaseSettings, look: Look) -> None:
        self._waiting.stop()
        if layer is not self._image.layer or layer not in self._viewer.layers:
            return
        self._show_levels(image, settings, look.model, with_levels=not look.problem)
        lines = []
        if look.phases is not None and self.box.isChecked() and self._on_screen.now:
            self.overlay.show(look.phases.volume)
            lines.append(self._say_slice(layer, look))
            self._is_slow = look.rough or look.seconds > _SLOW_S
        else:
            self.overlay.hide()
        if look.problem and not self._fill_levels(settings, look.model):
            self.notice.say(look.problem, "error")
        if look.problem:
            return
        if look.model.levels:
            lines.append(say_volume(settings, look.model))
        self.notice.say("<br>".join(lines))
        if look.rough and not self._timer.isActive():
            self._ask(layer, image, settings, rough=False)

    def _show_levels(
        self, image: Volume, settings: PhaseSettings, model: PhaseModel, *, with_levels: bool
    ) -> None:
        grey = GreyLevels(*model.histogram[:2])
        if self._model is None or self._model.histogram is not model.histogram:
            self.histogram.set_histogram(*grey.bars())
            self._settings.fit_editors(grey.low, grey.high)
        self._model, self._spacing = model, spacing_voxels(image)
        if settings != self._settings.form.value():
            return  # lines that are being dragged would jump back
        if with_levels and model.levels:
            self.histogram.set_bands(model.levels, bands(settings))
        else:
            self.histogram.set_bands([], [None])

    def _say_slice(self, layer: Any, look: Look) -> str:
        phases = look.phases
        assert phases is not None
        is_part = self._window is not None and phases.volume.data.size < _slice_size(
            layer, self._window
        )
        where = "Previewed part of this slice" if is_part else "This slice"
        text = f"{where}: {in_colour(phases)}."
        if look.rough:
            text += " Smoothing and cleaning follow…"
        elif phases.around:
            text += (
                f" Only indicative: pieces are judged from {phases.around} slices on either "
                "side, in the run from all."
            )
        if not layer.visible:
            text += f" “{escape(layer.name)}” itself is hidden."
        return text

    def _failed(self, error: BaseException) -> None:
        self._waiting.stop()
        self.overlay.hide()
        if isinstance(error, InputError):
            self.histogram.clear(str(error))
            self.notice.say("")
            return
        self.notice.say(f"No preview: {type(error).__name__}: {error}", "error")

    # --- levels

    def _dragged(self, index: int, value: float) -> None:
        layer = self._image.layer
        levels = self.histogram.markers
        if layer is not None and np.issubdtype(np.dtype(layer.dtype), np.integer):
            # between two whole levels all are the same; smoothed grey levels need no more
            levels = [round(level, 1) for level in levels]
        self._settings.set_levels(levels)

    def _fill_levels(self, settings: PhaseSettings, model: PhaseModel | None) -> bool:
        """Give manual levels that are missing; whether the form was changed."""
        needed = settings.n_phases - 1
        given = (settings.level_1, settings.level_2)[:needed]
        if settings.method != "manual" or None not in given:
            return False
        if model is None or model.settings.method == "local":
            return False  # those levels are of another kind
        found = self.histogram.markers
        if len(found) != needed:
            values, counts = model.histogram[:2]
            try:
                found = list(levels_of_histogram(values, counts, "multi-otsu", needed + 1))
            except InputError:
                return False
        self._settings.set_levels(found)
        return True

    # --- the window's events

    def _toggled(self, wanted: bool) -> None:
        remembered().setValue(_REMEMBERED, "true" if wanted else "false")
        if not wanted:
            self.overlay.hide()
        self.look_later()

    def _panned(self, event: Any = None) -> None:
        layer, seen = self._image.layer, self._window
        if layer is None or seen is None:
            return
        if self._wanted_window(layer, self._settings.form.value()) != seen:
            self.look_later()

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.overlay.layer:
            self.untick()

    def _came_or_went(self, seen: bool) -> None:
        """Bring the preview back, or take it along when the dock goes."""
        if seen:
            self.look_later()
            return
        self._latest.forget()
        self._waiting.stop()
        self.overlay.hide()


def _slice_size(layer: Any, window: Window) -> int:
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    thick = [w.stop - w.start for w in window]
    return int(np.prod([1 if t == 1 else n for t, n in zip(thick, data.shape, strict=True)]))
