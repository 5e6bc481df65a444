"""The Super-resolve dock: choose a model, see what it does to the shown slice, apply it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.progress import Progress
from napari_battery.superres.settings import SuperResolveSettings
from napari_battery.superres.super_resolve import super_resolve
from napari_battery.volume import Volume
from napari_battery.widgets.background import Latest
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.label_input import looked_at
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.result_file import ResultFile
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.session import Session
from napari_battery.widgets.superres_case import Case, Known, Ready, case_of
from napari_battery.widgets.superres_look import LookPart
from napari_battery.widgets.superres_models import ModelChooser
from napari_battery.widgets.superres_region import RegionPart
from napari_battery.widgets.superres_result import add_result
from napari_battery.widgets.superres_round_trip import RoundTripButton
from napari_battery.widgets.superres_words import about_result, about_size

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["SuperresDock"]

_REST_MS = 120
_PLACE = ("data", "scale", "translate", "rotate", "shear", "affine", "units")
_NO_IMAGE = "Open an image first (File ▸ Open Sample has some)."


class SuperresDock(QWidget):
    """Super-resolve: smaller voxels by a trained network."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._viewer = viewer = Session.of(napari_viewer).viewer
        self.image = LayerChooser(viewer, Image, "Grey-level image to be super-resolved", _is_fit)
        self.image.choose(looked_at(viewer))
        self.image.follow_selection()
        self.model = ModelChooser(viewer)
        self.form = SettingsForm(SuperResolveSettings)
        self.form.show_field("model", visible=False)
        self.region = RegionPart(viewer, self.image)
        self.warnings, self.notice, self.size = Notice(), Notice(), Notice()
        self.look = LookPart(viewer)
        self.out = ResultFile("super-resolved")
        self.runner = StepRunner(
            "Super-resolve", "Make a new layer of smaller voxels; the image stays as it is"
        )
        self.round_trip = RoundTripButton(viewer, self.runner)
        self._lay_out()

        self._known = Known()
        self._latest = Latest(self, self._failed)
        self._case: Case | None = None
        self._ready: Ready | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MS)
        self._timer.timeout.connect(self._examine)
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(lambda seen: self._timer.start() if seen else None)
        self._followed: list[Any] = []
        followed, changed = self._followed, self._layer_changed
        self.destroyed.connect(lambda: _unfollow(followed, changed))
        self.image.layer_changed.connect(self._image_changed)
        self.model.model_changed.connect(self._changed)
        self.form.changed.connect(self._changed)
        self.region.changed.connect(self._tell_size)
        self.look.box.toggled.connect(lambda on: self._timer.start() if on else None)
        self.out.line.textChanged.connect(self._tell_size)
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._busy_changed)
        self._image_changed()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        top, target = QFormLayout(), QFormLayout()
        for form in (top, target):
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Image", self.image)
        top.addRow("Model", self.model)
        details = QWidget()
        inner = QVBoxLayout(details)
        inner.addWidget(self.form.part("tile", "precision", "device"))
        target.addRow("Result", self.out)
        column.addLayout(top)
        column.addWidget(self.form)
        column.addWidget(self.warnings)
        column.addWidget(self.notice)
        column.addWidget(self.look)
        column.addWidget(self.region)
        column.addLayout(target)
        column.addWidget(
            Section("Details", details, tooltip="How it is computed", key="superres/details")
        )
        column.addWidget(self.size)
        column.addWidget(self.runner)
        column.addWidget(self.round_trip)
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    # --- the step

    def run(self) -> None:
        """Super-resolve the chosen image, or the box, into a new layer."""
        layer = self.image.layer
        try:
            case = self._make_case()
            box = self.region.box()
            out = self.out.paths([_sized(case, case.window(box))], case.image.dtype)[0]
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return

        def step(progress: Progress) -> tuple[Volume, float]:
            started = time.monotonic()
            model = case.shelved.load()
            made = super_resolve(case.image, model, case.settings, progress, box=box, out=out)
            return made, time.monotonic() - started

        self._latest.forget()  # the processors are needed
        self.look.wait()
        self.runner.start(step, lambda done: self._made(layer, case, *done), "Starting")

    def _made(self, layer: Any, case: Case, made: Volume, seconds: float) -> None:
        added = add_result(self._viewer, layer, case.image, made)
        where = "" if made.path is None else f" in {made.path}"
        self.look.put_away("Shows the result now; change the model or a setting to preview again.")
        self.runner.say(f"Made “{added.name}”{where}. {about_result(made, seconds)}")
        self.round_trip.offer(layer, added, case.shelved.card)

    # --- what is chosen

    def _image_changed(self) -> None:
        if not self.runner.busy:
            self.runner.say("")  # it was of another image
        self.look.put_away()
        self.round_trip.forget()
        self._known.forget_image()
        _unfollow(self._followed, self._layer_changed)
        layer = self.image.layer
        if layer is not None:
            self._followed.append(layer)
            for name in _PLACE:
                getattr(layer.events, name).connect(self._layer_changed)
        self.region.layer_changed()
        self._changed()

    def _layer_changed(self, event: Any = None) -> None:
        if getattr(event, "type", "") == "data":
            self._known.forget_image()
        self.region.layer_changed()
        self._changed()

    def _busy_changed(self, busy: bool) -> None:
        if not busy and self._case is None:
            self._timer.start()

    def _changed(self) -> None:
        self._case = self._ready = None
        self.look.wait()
        self._timer.start()

    def _make_case(self) -> Case:
        if self.image.layer is None:
            raise InputError(_NO_IMAGE)
        if self.model.shelved is None:
            raise InputError("Choose a model first: train one, or open a model file.")
        return case_of(volume_from_layer(self.image.layer), self.model.shelved, self.form.value())

    # --- what is found out beforehand

    def _examine(self) -> None:
        """Compare the image with the model's card, then time the model."""
        if not self._on_screen.now or self.runner.busy:
            return
        try:
            case = self._make_case()
        except ValueError as problem:
            self._nothing(str(problem), "plain" if self.image.layer is None else "error")
            return
        self._case = case
        self._tell_size()
        self.notice.say("Comparing the image with what the model learnt from …")
        self._latest.forget()
        self._latest.ask(
            lambda _: self._known.warnings(case), lambda said: self._compared(case, said)
        )

    def _compared(self, case: Case, warnings: list[str]) -> None:
        if case is not self._case:
            return
        self.warnings.say(" ".join(warnings), "warning")
        self.notice.say("Reading the model …")
        self._latest.ask(lambda _: self._known.ready(case), lambda got: self._got_ready(case, got))

    def _got_ready(self, case: Case, ready: Ready) -> None:
        if case is not self._case:
            return
        self.notice.say("" if self.warnings.text() else "The image is like the training images.")
        self._ready = ready
        self._tell_size()
        self.look.show_case(self.image.layer, case, ready)

    def _nothing(self, text: str, kind: Any) -> None:
        self._latest.forget()
        self._case = self._ready = None
        self.warnings.say("")
        self.size.say("")
        self.look.put_away()
        self.notice.say(text, kind)

    def _failed(self, error: BaseException) -> None:
        plain = isinstance(error, InputError)
        self._nothing(str(error) if plain else f"{type(error).__name__}: {error}", "error")

    def _tell_size(self) -> None:
        """How large the result will be, and whether it fits into memory."""
        case = self._case
        if case is None:
            return
        self._show_target(case)
        window = case.window(self.region.box())
        words = [about_size(case, window, self._ready)]
        sized = _sized(case, window)
        if not self.out.line.text().strip() and not self.out.fits([sized], case.image.dtype):
            words.append(
                "Too large for memory: choose a file for it, or it goes to a temporary one."
            )
        self.size.say(" ".join(words))

    def _show_target(self, case: Case) -> None:
        """Show the voxel size that the model is for, while none is typed."""
        row = self.form.rows["target_voxel_size"]
        if case.settings.target_voxel_size is None:
            row.show_found(case.grid.known_voxel_size_um()[0])


def _is_fit(layer: Any) -> bool:
    return layer.ndim in (2, 3) and not layer.rgb


def _sized(case: Case, window: Window) -> Volume:
    """Something of the result's size that takes no memory."""
    return Volume(case.grid.data[window], name=case.image.name)


def _unfollow(followed: list[Any], changed: Any) -> None:
    while followed:
        layer = followed.pop()
        for name in _PLACE:
            getattr(layer.events, name).disconnect(changed)
