"""The Label particles dock: threshold with preview, then one number per particle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings, label_particles, threshold_value
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.background import Latest
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import SettingsForm, remembered
from napari_battery.widgets.grey_sample import GreySample, sample_grey
from napari_battery.widgets.histogram import HistogramView
from napari_battery.widgets.label_preview import PreviewLayer, SliceMask, slice_mask
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.session import Session
from napari_battery.widgets.slices import current_slice, hidden_axis

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["LabelDock"]

_DEBOUNCE_MS = 40


@dataclass(frozen=True, eq=False)
class _Look:
    """What the dock shows of an image: its grey levels, threshold and marked slice."""

    sample: GreySample
    otsu: float
    threshold: float
    mask: SliceMask | None


class LabelDock(QWidget):
    """Label particles: threshold, clean, watershed."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._viewer = viewer = Session.of(napari_viewer).viewer
        self.image = LayerChooser(viewer, Image, "Grey-level image whose particles are labelled")
        self.image.choose(_looked_at(viewer))
        self.histogram = HistogramView()
        self.preview_box = QCheckBox("Preview on the shown slice")
        self.preview_box.setToolTip("Tint what the threshold marks, before cleaning and splitting")
        self.preview_box.setChecked(str(remembered().value("label/preview", "true")) == "true")
        self.notice = Notice()
        self.form = SettingsForm(LabelSettings)
        self.reset_button = QPushButton("Defaults")
        self.reset_button.setToolTip("Put every setting back to its default")
        self.runner = StepRunner(
            "Label particles", "Make a new Labels layer; existing ones stay as they are"
        )
        self.next_button = QPushButton("Radial analysis…")
        self.next_button.setToolTip("Go on: grey level of each particle from surface to centre")
        self.next_button.hide()
        self._lay_out()

        self.preview = PreviewLayer(viewer)
        self._latest = Latest(self, self._look_failed)
        self._seen: tuple[Any, Any, GreySample, float] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DEBOUNCE_MS)
        self._timer.timeout.connect(self._look)

        self.image.layer_changed.connect(self._image_changed)
        self.preview_box.toggled.connect(self._preview_toggled)
        self.form.changed.connect(self._settings_changed)
        self.histogram.marker_moved.connect(self._threshold_dragged)
        self.reset_button.clicked.connect(self._reset)
        self.runner.clicked.connect(self.run)
        self.next_button.clicked.connect(lambda: open_dock(viewer, "Radial analysis"))
        dims = viewer.dims.events
        listen(self, self._look_later, dims.point, dims.order, dims.ndisplay)
        listen(self, self._layer_removed, viewer.layers.events.removed)
        self._show_fields(self._settings())
        self._image_changed()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Image", self.image)
        column.addLayout(top)
        for widget in (
            self.histogram,
            self.preview_box,
            self.notice,
            self.form,
            self.reset_button,
            self.runner,
            self.next_button,
        ):
            column.addWidget(widget)
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    # --- the step

    def run(self) -> None:
        """Label the chosen image with the settings of the form."""
        layer = self.image.layer
        if layer is None:
            self.runner.say("Open an image first (File ▸ Open Sample has some).", error=True)
            return
        try:
            image, settings = volume_from_layer(layer), self.form.value()
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return

        def step(progress: Progress) -> tuple[Volume, int, int]:
            labels = label_particles(image, settings, progress)
            return labels, *_count(labels.data)

        self.next_button.hide()
        self.runner.start(step, lambda done: self._labelled(image.name, *done), "Labelling")

    def _labelled(self, name: str, labels: Volume, n: int, n_cut: int) -> None:
        if n == 0:
            note = labels.metadata.get("note") or "No particle was found."
            self.runner.say(f"{note} Move the threshold, or lower the minimum volume.", error=True)
            return
        self._untick_preview()  # the labels would lie under it
        named = labels.like(labels.data, f"Particles of {name}")
        named.metadata.update(labels.metadata)
        add_volume(self._viewer, named, labels=True)
        size = labels.voxel_size_um is None
        unit = " Set the voxel size in Prepare before measuring." if size else ""
        self.runner.say(f"{_particles(n)}; {n_cut:,} touch the border.{unit}")
        self.next_button.setVisible(hasattr(self._viewer, "window"))

    # --- histogram and preview

    def _settings(self) -> LabelSettings:
        try:
            return self.form.value()
        except ValueError:
            return LabelSettings()

    def _image_changed(self) -> None:
        self._latest.forget()
        self._seen = None
        self.preview.hide()
        self.notice.say("")
        layer = self.image.layer
        self.histogram.clear("Reading grey levels…" if layer is not None else "No image is open")
        self._look_later()

    def _preview_toggled(self, wanted: bool) -> None:
        remembered().setValue("label/preview", "true" if wanted else "false")
        if not wanted:
            self.preview.hide()
        self._look_later()

    def _settings_changed(self) -> None:
        settings = self._settings()
        self._show_fields(settings)
        manual = settings.threshold == "manual"
        if manual and settings.manual_threshold is None and self._seen is not None:
            self._set_manual(self._seen[3])
            return
        self._look_later()

    def _show_fields(self, settings: LabelSettings) -> None:
        self.form.show_field("manual_threshold", settings.threshold == "manual")
        self.form.show_field("denoise_size", settings.denoise != "none")

    def _threshold_dragged(self, _: int, value: float) -> None:
        layer = self.image.layer
        if layer is not None and np.issubdtype(np.dtype(layer.dtype), np.integer):
            value = round(value)
        self._set_manual(value)

    def _set_manual(self, value: float) -> None:
        self.form.rows["manual_threshold"].set_value(value)
        self.form.rows["threshold"].set_value("manual")

    def _reset(self) -> None:
        self.form.reset()
        self._settings_changed()

    def _look_later(self, event: Any = None) -> None:
        self._timer.start()

    def _look(self) -> None:
        layer = self.image.layer
        if layer is None or not self.isVisible():
            return
        try:
            image = volume_from_layer(layer)
        except InputError as problem:
            self.notice.say(str(problem), "error")
            return
        settings, wanted = self._settings(), self.preview_box.isChecked()
        axis = hidden_axis(self._viewer, layer)
        if axis is None and layer.ndim == 3:
            wanted = False  # a 3-D view has no slice
        index = 0 if axis is None else current_slice(self._viewer, layer, axis)
        seen = self._seen if self._seen and self._is_seen(image) else None

        def work(progress: Progress) -> _Look:
            if seen is None:
                sample = sample_grey(image, progress)
                otsu = threshold_value(image, LabelSettings())
            else:
                _, _, sample, otsu = seen
            threshold = otsu if settings.threshold == "otsu" else settings.manual_threshold
            threshold = otsu if threshold is None else threshold
            mask = slice_mask(image, settings, threshold, axis, index) if wanted else None
            return _Look(sample, otsu, threshold, mask)

        self._latest.ask(work, lambda look: self._show(layer, image, settings, look))

    def _is_seen(self, image: Volume) -> bool:
        return (
            self._seen is not None and self._seen[0] is image.data and self._seen[1] is image.region
        )

    def _show(self, layer: Any, image: Volume, settings: LabelSettings, look: _Look) -> None:
        if layer is not self.image.layer or layer not in self._viewer.layers:
            return
        if not self._is_seen(image):
            self.histogram.set_histogram(*look.sample.histogram())
            self._fit_threshold_editor(look.sample)
        self._seen = (image.data, image.region, look.sample, look.otsu)
        bright = settings.particles == "brighter"
        chosen = (look.threshold, np.inf) if bright else (-np.inf, look.threshold)
        self.histogram.set_markers([look.threshold], chosen)
        which = "Manual" if settings.threshold == "manual" else "Otsu"
        text = f"{which} threshold {look.threshold:.5g}"
        if look.mask is not None and self.preview_box.isChecked() and self.isVisible():
            text += f": {100 * look.mask.fraction:.1f} % of this slice is {settings.particles}"
            self.preview.show(look.mask)
            if not layer.visible:
                text += f". “{layer.name}” itself is hidden"
        else:
            self.preview.hide()
        self.notice.say(text)

    def _fit_threshold_editor(self, sample: GreySample) -> None:
        """Give the manual threshold as many decimals as the image's grey levels need."""
        spread = max(sample.high - sample.low, 1e-12)
        editor: Any = self.form.rows["manual_threshold"].editor
        editor.setDecimals(max(1, 3 - math.floor(math.log10(spread))))

    def _look_failed(self, error: BaseException) -> None:
        self.preview.hide()
        if isinstance(error, InputError):
            self.histogram.clear(str(error))
            self.notice.say("")
            return
        self.notice.say(f"No preview: {type(error).__name__}: {error}", "error")

    def _layer_removed(self, event: Any) -> None:
        if event.value is self.preview.layer:
            self._untick_preview()

    def _untick_preview(self) -> None:
        """Put the preview away for now; the next sitting starts as the person had it."""
        self.preview_box.blockSignals(True)
        self.preview_box.setChecked(False)
        self.preview_box.blockSignals(False)
        self.preview.hide()
        self._look_later()

    def showEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Bring the preview back."""
        super().showEvent(event)
        self._look_later()

    def hideEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Take the preview along when the dock goes."""
        self._latest.forget()
        self.preview.hide()
        super().hideEvent(event)


def _looked_at(viewer: Any) -> Any:
    """The image that the person most likely means: the selected one, else the top one shown."""
    images = [layer for layer in reversed(list(viewer.layers)) if isinstance(layer, Image)]
    selected = [layer for layer in images if layer in viewer.layers.selection]
    visible = [layer for layer in images if layer.visible]
    return next(iter([*selected, *visible, *images]), None)


def _count(labels: Any) -> tuple[int, int]:
    """How many labels there are, and how many of them touch a face of the volume."""
    data = np.asarray(labels)
    n = int(data.max(initial=0))
    cut = np.zeros(n + 1, bool)
    for axis in range(data.ndim):
        for face in (0, -1):
            cut[data.take(face, axis=axis)] = True
    return n, int(cut[1:].sum())


def _particles(n: int) -> str:
    return "1 particle" if n == 1 else f"{n:,} particles"
