"""The Filter image dock: choose a filter, see what it does to the shown slice, apply it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.filters import filter_image
from napari_battery.prepare import kept_metadata
from napari_battery.progress import Progress
from napari_battery.settings import Settings
from napari_battery.volume import Volume
from napari_battery.widgets.background import Latest
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.filter_choice import FilterChoice, in_words
from napari_battery.widgets.filter_preview import (
    Preview,
    box_around_view,
    full_range,
    make_preview,
    shown_slice,
)
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.label_input import looked_at
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.result_file import ResultFile
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.session import Session
from napari_battery.widgets.slices import camera_of
from napari_battery.widgets.swipe import Swipe
from napari_battery.widgets.swipe_geometry import placement

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["FilterDock"]

_FRAME_MS = 50
_SLOW_S = 0.7
"""A slice that takes longer gives way to a box, once there is something newer to preview."""
_EDGE = 128
_MODES = {
    "auto": ("Slice, or a box if slow", "Whole slices as long as that takes less than a second"),
    "slice": ("Whole slice", "However long it takes"),
    "box": ("Box in the view's middle", f"{_EDGE} × {_EDGE} voxels"),
    "off": ("Off", "Nothing is computed before Apply"),
}
_PAN_MS = 250
_LOOK = ("colormap", "gamma", "interpolation2d", "interpolation3d", "rendering")
_PLACE = ("data", "scale", "translate", "rotate", "shear", "affine", "units")


class FilterDock(QWidget):
    """Filter image: denoise, sharpen, correct; preview first."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._viewer = viewer = Session.of(napari_viewer).viewer
        self.image = LayerChooser(viewer, Image, "Grey-level image to be filtered")
        self.image.choose(looked_at(viewer))
        self.image.follow_selection()
        self.choice = FilterChoice()
        self.mode = QComboBox()
        for name, (title, tooltip) in _MODES.items():
            self.mode.addItem(title, name)
            self.mode.setItemData(self.mode.count() - 1, tooltip, Qt.ItemDataRole.ToolTipRole)
        self.mode.setToolTip("What is filtered at once while the settings are being found")
        stored = self.mode.findData(str(remembered().value("filter/preview", "auto")))
        self.mode.setCurrentIndex(max(stored, 0))
        self.divider = QSlider(Qt.Orientation.Horizontal)
        self.divider.setRange(0, 1000)
        self.divider.setValue(500)
        self.divider.setToolTip(
            "Where the image before and after meet; the line on the canvas can be dragged, too"
        )
        self.notice = Notice()
        self.out = ResultFile("filtered")
        self.runner = StepRunner(
            "Apply to the whole image", "Make a new layer; the original stays as it is"
        )
        self._divider_row = QWidget()
        self._lay_out()

        self.swipe = Swipe(self, viewer)
        self._latest = Latest(self, self._look_failed)
        self._running = [0.0, 0.0]  # when the preview being computed began; if of a slice
        self._context: Any = None
        self._speed: dict[str, float] = {}
        self._warm: set[str] = set()
        self._boxed = self._at_rest = False
        self._timer, self._pan = QTimer(self), QTimer(self)
        for timer, ms in ((self._timer, _FRAME_MS), (self._pan, _PAN_MS)):
            timer.setSingleShot(True)
            timer.setInterval(ms)
            timer.timeout.connect(self._look)
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._came_or_went)
        self._followed: list[Any] = []
        followed, changed = self._followed, self._layer_changed
        self.destroyed.connect(lambda: _unfollow(followed, changed))

        self.image.layer_changed.connect(self._image_changed)
        self.choice.changed.connect(self._settings_changed)
        self.mode.currentIndexChanged.connect(self._mode_changed)
        self.divider.valueChanged.connect(lambda value: self.swipe.set_fraction(value / 1000))
        self.swipe.moved.connect(self._divider_moved)
        self.swipe.removed.connect(self._turn_off)
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._look_later)
        dims, camera = viewer.dims.events, camera_of(viewer).events
        listen(self, self._plane_changed, dims.point, dims.order, dims.ndisplay)
        listen(self, self._view_moved, camera.center)
        self._image_changed()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        top, preview, target = QFormLayout(), QFormLayout(), QFormLayout()
        for form in (top, preview, target):
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Image", self.image)
        row = QHBoxLayout(self._divider_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Before"))
        row.addWidget(self.divider, 1)
        row.addWidget(QLabel("After"))
        preview.addRow("Preview", self.mode)
        target.addRow("Result", self.out)
        column.addLayout(top)
        column.addWidget(self.choice)
        column.addLayout(preview)
        column.addWidget(self._divider_row)
        column.addWidget(self.notice)
        column.addLayout(target)
        column.addWidget(self.runner)
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    # --- the step

    def run(self) -> None:
        """Filter the chosen image with the settings shown, into a new layer."""
        layer = self.image.layer
        if layer is None:
            self.runner.say("Open an image first (File ▸ Open Sample has some).", error=True)
            return
        chosen = self.choice.filter
        try:
            image, settings = volume_from_layer(layer), self.choice.form.value()
            dtype = chosen.dtype(settings) if chosen.dtype else image.dtype
            out = self.out.paths([image], dtype)[0]
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return
        context = self._context
        kwargs = placement(layer, (0,) * layer.ndim)
        kwargs.update({name: getattr(layer, name) for name in _LOOK})
        if chosen.dtype is None:
            kwargs["contrast_limits"] = tuple(layer.contrast_limits)
        name = f"{image.name} ({in_words(chosen, settings)})"

        def step(progress: Progress) -> Volume:
            made = filter_image(image, settings, progress, out=out, context=context)
            metadata = {**kept_metadata(image), **made.metadata}
            return replace(image, data=made.data, name=name, path=made.path, metadata=metadata)

        self._latest.forget()  # the processors are needed
        self.runner.start(step, lambda made: self._filtered(layer, made, kwargs), chosen.title)

    def _filtered(self, layer: Any, made: Volume, kwargs: dict[str, Any]) -> None:
        if "contrast_limits" not in kwargs:
            limits = full_range(made.data)
            kwargs.update({} if limits is None else {"contrast_limits": limits})
        added = add_volume(self._viewer, made, **kwargs)
        if layer in self._viewer.layers:
            index = self._viewer.layers.index(layer)
            self._viewer.layers.move(self._viewer.layers.index(added), index + 1)
        where = "" if made.path is None else f" in {made.path}"
        chosen = self.image.layer is layer
        if chosen or self.image.layer is None:
            self.image.choose(added)
            self._rest()
        self.runner.say(f"Made “{added.name}”{where}." + (" Original kept." if chosen else ""))

    # --- choices

    def _image_changed(self) -> None:
        layer = self.image.layer
        if not self.runner.busy:
            self.runner.say("")  # it was of another image
        self._latest.forget()
        self.swipe.hide()
        self._context = None
        self._speed.clear()
        self._at_rest = False
        _unfollow(self._followed, self._layer_changed)
        if layer is not None:
            self._followed.append(layer)
            for name in _PLACE:
                getattr(layer.events, name).connect(self._layer_changed)
        self._tell_voxel_size()
        self._look_later()

    def _layer_changed(self, event: Any = None) -> None:
        if getattr(event, "type", "") == "data":
            self._context = None
        self._tell_voxel_size()
        self._look_later()

    def _tell_voxel_size(self) -> None:
        layer = self.image.layer
        try:
            size = None if layer is None else volume_from_layer(layer).voxel_size_um
        except InputError:
            size = None
        self.choice.set_voxel_size(size)

    def _settings_changed(self) -> None:
        self._at_rest = False
        self._look_later()

    def _mode_changed(self) -> None:
        remembered().setValue("filter/preview", self.mode.currentData())
        self._at_rest = False
        if self.mode.currentData() == "off":
            self._put_away("")
        self._look_later()

    def _turn_off(self) -> None:
        """Leave the preview off for now; the next sitting starts as the person had it."""
        self.mode.blockSignals(True)
        self.mode.setCurrentIndex(self.mode.findData("off"))
        self.mode.blockSignals(False)
        self._put_away("")

    def _rest(self) -> None:
        """Show the result as it is until another filter is being chosen for it."""
        self._at_rest = True
        self._put_away("")
        self._look_later()

    def _divider_moved(self, fraction: float) -> None:
        self.divider.blockSignals(True)
        self.divider.setValue(round(1000 * fraction))
        self.divider.blockSignals(False)

    # --- preview

    def _plane_changed(self, event: Any = None) -> None:
        self.swipe.follow_slice()
        self._look_later()

    def _view_moved(self, event: Any = None) -> None:
        if self._boxed and self.swipe.layer is not None:
            self._pan.start()

    def _look_later(self, event: Any = None) -> None:
        if not self._timer.isActive():  # not anew each time: it is to follow a moving slider
            self._timer.start()

    def _look(self) -> None:
        layer, mode = self.image.layer, self.mode.currentData()
        self._divider_row.setEnabled(mode != "off")
        if not self._on_screen.now or self.runner.busy:
            return
        if layer is None:
            self._put_away("Open an image first (File ▸ Open Sample has some).")
            return
        try:
            image, settings = volume_from_layer(layer), self.choice.form.value()
        except ValueError as problem:
            self._put_away(str(problem), "error")
            return
        large = self._words_on_size(image, settings)
        if mode == "off" or self._at_rest:
            hint = "Change a setting or the filter to preview the next step on this image."
            self._put_away(" ".join(filter(None, [hint if self._at_rest else "", large])))
            return
        window = shown_slice(self._viewer, layer)
        if window is None:
            self._put_away(f"The preview needs the 2-D view of “{layer.name}”; Apply does not.")
            return
        name = self.choice.filter.name
        if mode == "auto" and self._latest.busy and self._runs_long():
            self._latest.forget()
            self._speed[name] = np.inf  # until a box was timed
        box = window
        if not self._takes_slice(window, mode):
            box = box_around_view(self._viewer, layer, window, _EDGE)
        whole, context, running = box == window, self._context, self._running

        def work(progress: Progress) -> Preview:
            running[:] = [time.monotonic(), float(whole)]
            return make_preview(image, settings, box, context, progress, whole=whole)

        if self.swipe.layer is None:
            self.notice.say("Computing the preview…")
        self._latest.ask(work, lambda preview: self._show(layer, image, name, large, preview))

    def _runs_long(self) -> bool:
        """Whether a whole slice is being filtered for too long to wait for."""
        since, whole = self._running
        return bool(whole) and time.monotonic() - since > _SLOW_S

    def _takes_slice(self, window: tuple[slice, ...], mode: str) -> bool:
        """Whether the whole slice is previewed, not a box."""
        if mode != "auto":
            return mode == "slice"
        n = int(np.prod([w.stop - w.start for w in window]))
        return self._speed.get(self.choice.filter.name, np.inf) * n <= _SLOW_S

    def _show(self, layer: Any, image: Volume, name: str, large: str, preview: Preview) -> None:
        mode = self.mode.currentData()
        gone = layer not in self._viewer.layers or image.data is not _data_of(layer)
        if gone or layer is not self.image.layer:
            return
        self._context = preview.context
        self._speed[name] = preview.seconds_per_voxel
        if (
            name != self.choice.filter.name
            or mode == "off"
            or self._at_rest
            or not self._on_screen.now
        ):
            return
        limits = None if self.choice.filter.dtype is None else full_range(preview.patch.data)
        self._boxed = not preview.whole
        self.swipe.show(layer, preview.patch, limits)
        self.notice.say(" ".join(filter(None, [preview.in_words(layer), large])))
        self.choice.show_measured(preview.context.findings.numbers)
        window = shown_slice(self._viewer, layer)
        if mode != "auto" or preview.whole or window is None:
            return
        # the first time a filter runs it also loads what it needs: time it again
        first = name not in self._warm
        self._warm.add(name)
        if first or self._takes_slice(window, mode):
            self._look_later()

    def _words_on_size(self, image: Volume, settings: Settings) -> str:
        dtype = self.choice.filter.dtype(settings) if self.choice.filter.dtype else image.dtype
        if self.out.line.text().strip() or self.out.fits([image], dtype):
            return ""
        return (
            "The result is too large for memory: choose a file for it, or it goes to a "
            "temporary one."
        )

    def _put_away(self, text: str, kind: Any = "plain") -> None:
        self._latest.forget()
        self.swipe.hide()
        self.notice.say(text, kind)

    def _look_failed(self, error: BaseException) -> None:
        if isinstance(error, InputError):
            self._put_away(str(error), "error")
        else:
            self._put_away(f"No preview: {type(error).__name__}: {error}", "error")

    def _came_or_went(self, seen: bool) -> None:
        """Bring the preview back, or take it along when the dock goes."""
        if seen:
            self._look_later()
            return
        self._latest.forget()
        self.swipe.hide()


def _unfollow(followed: list[Any], changed: Any) -> None:
    while followed:
        layer = followed.pop()
        for name in _PLACE:
            getattr(layer.events, name).disconnect(changed)


def _data_of(layer: Any) -> Any:
    return layer.data[0] if layer.multiscale else layer.data
