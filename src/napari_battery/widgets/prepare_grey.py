"""Part of the Prepare dock: convert stacks to another type, with grey limits chosen by eye."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.prepare import ConvertSettings, convert_dtype
from napari_battery.progress import Progress
from napari_battery.settings import field_specs
from napari_battery.volume import Volume
from napari_battery.widgets.background import Latest
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.grey_sample import GreySample, sample_grey
from napari_battery.widgets.histogram import HistogramView
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.result_file import ResultFile
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.spin import PlainSpinBox

__all__ = ["GreyForm"]

_BIG = 1e12


class GreyForm(QWidget):
    """Histogram with two limits, the new type, and what will be clipped.

    All ticked images get the same limits, so that their grey levels stay comparable.
    """

    def __init__(self, viewer: ViewerModel, layers: LayerChecklist) -> None:
        super().__init__()
        self._viewer, self._layers = viewer, layers
        self._sample: GreySample | None = None
        self._sampled: Any = None
        specs = {spec.name: spec for spec in field_specs(ConvertSettings)}
        self.histogram = HistogramView()
        self.dtype = QComboBox()
        self.dtype.addItems(specs["dtype"].choices)
        self.dtype.setCurrentText(str(remembered().value("grey/dtype", specs["dtype"].default)))
        self.dtype.setToolTip(specs["dtype"].description)
        self.low = PlainSpinBox(-_BIG, _BIG, "Grey level that becomes the smallest value")
        self.high = PlainSpinBox(-_BIG, _BIG, "Grey level that becomes the largest value")
        self.full_button = QPushButton("Full range")
        self.full_button.setToolTip("From the darkest to the brightest voxel: nothing is clipped")
        self.trim_button = QPushButton("0.1 – 99.9 %")
        self.trim_button.setToolTip("Clip one voxel in a thousand at either end")
        self.clipped = Notice()
        self.out = ResultFile("converted")
        self.runner = StepRunner(
            "Convert ticked images", "Make new layers; the originals are kept, hidden"
        )

        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        limits, ready = QHBoxLayout(), QHBoxLayout()
        limits.addWidget(self.low, 1)
        limits.addWidget(self.high, 1)
        ready.addWidget(self.full_button)
        ready.addWidget(self.trim_button)
        form.addRow("Limits", limits)
        form.addRow("", ready)
        form.addRow("New type", self.dtype)
        form.addRow("Result", self.out)
        layout = QVBoxLayout(self)
        layout.addWidget(self.histogram)
        layout.addWidget(self.clipped)
        layout.addLayout(form)
        layout.addWidget(self.runner)

        self._latest = Latest(self, self._sample_failed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self.histogram.marker_moved.connect(self._dragged)
        self.low.valueChanged.connect(self._typed)
        self.high.valueChanged.connect(self._typed)
        self.full_button.clicked.connect(lambda: self._percentiles(0, 100))
        self.trim_button.clicked.connect(lambda: self._percentiles(0.1, 99.9))
        self.dtype.currentTextChanged.connect(self._dtype_changed)
        self.runner.clicked.connect(self.run)
        layers.changed.connect(self._look_later)
        listen(self, self._look_later, viewer.layers.events.removed)
        self._look_later()

    def settings(self) -> ConvertSettings:
        """Type and limits as shown."""
        return ConvertSettings(
            dtype=self.dtype.currentText(),
            low=self.low.value(),
            high=self.high.value(),
        )

    def run(self) -> None:
        """Convert the ticked images."""
        layers = self._layers.images
        if not layers:
            self.runner.say("Tick at least one image in the list above.", error=True)
            return
        try:
            volumes = [volume_from_layer(layer) for layer in layers]
            outs = self.out.paths(volumes, self.dtype.currentText())
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return
        settings = self.settings()

        def step(progress: Progress) -> list[Volume]:
            return [
                convert_dtype(volume, settings, progress, out=out)
                for volume, out in zip(volumes, outs, strict=True)
            ]

        self.runner.start(step, lambda made: self._converted(layers, made), "Converting")

    def _converted(self, layers: list[Any], made: list[Volume]) -> None:
        added = []
        for layer, volume in zip(layers, made, strict=True):
            added.append(add_volume(self._viewer, volume, colormap=layer.colormap))
            if layer in self._viewer.layers:
                layer.visible = False
        self._layers.tick(added)
        where = [f" in {volume.path}" for volume in made if volume.path is not None]
        names = ", ".join(f"“{layer.name}”" for layer in added)
        self.runner.say(f"Made {names}{', '.join(where)}.")

    # --- histogram

    def showEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Read grey values only once somebody looks."""
        super().showEvent(event)
        self._look_later()

    def _look_later(self, event: Any = None) -> None:
        self._timer.start(0)

    def _look(self) -> None:
        images = self._layers.images
        layer = images[0] if images else None
        self.runner.run_button.setEnabled(bool(images) and not self.runner.busy)
        if layer is None:
            self._sampled = self._sample = None
            self._latest.forget()
            self.histogram.clear("Tick an image in the list above")
            self.clipped.say("")
            return
        if not self.isVisible():
            return
        try:
            image = volume_from_layer(layer)
        except InputError as problem:
            self.histogram.clear(str(problem))
            return
        self.histogram.setAccessibleName(f"Grey levels of {layer.name}")
        if self._sampled is image.data:
            self._say_clipped()
            return
        self._sampled, self._sample = image.data, None
        self.histogram.clear("Reading grey levels…")
        self._latest.ask(
            lambda progress: sample_grey(image, progress),
            lambda sample: self._show(image.data, sample),
        )

    def _show(self, data: Any, sample: GreySample) -> None:
        if data is not self._sampled:
            return
        self._sample = sample
        self.histogram.set_histogram(*sample.histogram())
        spread = max(sample.high - sample.low, 1e-12)
        decimals = max(0, 3 - int(np.floor(np.log10(spread))))
        whole = np.issubdtype(sample.values.dtype, np.integer)
        for spin in (self.low, self.high):
            spin.setDecimals(0 if whole else decimals)
        self._percentiles(0.1, 99.9)

    def _sample_failed(self, error: BaseException) -> None:
        self.histogram.clear(str(error))
        self.clipped.say("")

    def _percentiles(self, low: float, high: float) -> None:
        if self._sample is not None:
            self._set_limits(self._sample.percentile(low), self._sample.percentile(high))

    def _dragged(self, index: int, value: float) -> None:
        limits = [self.low.value(), self.high.value()]
        limits[index] = value
        self._set_limits(*limits)

    def _typed(self) -> None:
        self._set_limits(self.low.value(), self.high.value())

    def _set_limits(self, low: float, high: float) -> None:
        for spin, value in ((self.low, low), (self.high, high)):
            spin.blockSignals(True)
            spin.setValue(value)
            spin.blockSignals(False)
        low, high = self.low.value(), self.high.value()
        self.histogram.set_markers([low, high], (low, high))
        self._say_clipped()

    def _dtype_changed(self, dtype: str) -> None:
        remembered().setValue("grey/dtype", dtype)
        self._say_clipped()

    def _say_clipped(self) -> None:
        if self._sample is None:
            return
        low, high = self.low.value(), self.high.value()
        if not low < high:
            self.clipped.say("The lower limit must be below the upper one.", "error")
            return
        dark = 100 * self._sample.fraction_below(low)
        bright = 100 * self._sample.fraction_above(high)
        about = "" if self._sample.whole else "About "
        text = f"{about}{dark:.2f} % of the voxels are clipped below, {bright:.2f} % above."
        if self.dtype.currentText() == "uint8":
            text += f" One of the 256 steps is {(high - low) / 255:.3g} grey levels."
        try:
            volumes = [volume_from_layer(layer) for layer in self._layers.images]
            fits = self.out.fits(volumes, self.dtype.currentText())
            if not self.out.line.text() and not fits:
                text += " The result is too large for memory and is written to a temporary file."
        except InputError:
            pass  # Convert says it
        self.clipped.say(text)
