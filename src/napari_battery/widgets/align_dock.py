"""The Align stacks dock: bring one stack onto another, watch it, see how well it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.registration.settings import RegisterSettings
from napari_battery.registration.transform import kind_of, transform_between
from napari_battery.widgets.align_choices import (
    FINE,
    LANDMARKS,
    METRICS,
    MODES,
    OFF,
    STARTS,
    choices_of,
    form_layout,
)
from napari_battery.widgets.align_cut import PairPanel
from napari_battery.widgets.align_place import moved_so_far
from napari_battery.widgets.align_quality import MetricCurve, QualityPanel
from napari_battery.widgets.align_resample import ResamplePanel
from napari_battery.widgets.align_run import Watched, pair_of, standing
from napari_battery.widgets.align_step import move_with_companions
from napari_battery.widgets.align_tools import AlignTools
from napari_battery.widgets.align_transform import TransformPanel, in_words
from napari_battery.widgets.align_view import AlignView
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.seen import Seen
from napari_battery.widgets.session import Session
from napari_battery.widgets.undo import Changes, UndoButton

if TYPE_CHECKING:
    import napari.viewer

    from napari_battery.registration.register import Registration

__all__ = ["AlignDock"]

_WATCH_MS = 80
Matrix = NDArray[np.float64]

_CHANGES: WeakKeyDictionary[Session, Changes] = WeakKeyDictionary()
"""What can be taken back in a window; it outlives the dock."""


class AlignDock(QWidget):
    """Align stacks: only the moving layer's transform changes; nothing is resampled."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        session = Session.of(napari_viewer)
        self._viewer = viewer = session.viewer
        self.fixed = LayerChooser(viewer, Image, "Stack that stays where it is")
        self.moving = LayerChooser(
            viewer, Image, "Stack that is moved onto it; its labels go along with it"
        )
        self.fixed.choose(next((x for x in viewer.layers if isinstance(x, Image)), None))
        self.form = SettingsForm(RegisterSettings)
        self.form.show_field("start", False)
        self.start = choices_of(
            STARTS, "align/start", "Where the moving stack is when the alignment begins"
        )
        self.mode = choices_of(
            MODES, "align/view", "How both stacks are compared in the slice shown"
        )
        self.view = AlignView(self, viewer)
        self.tools = AlignTools(viewer, self.view)
        self.fixed_mask, self.moving_mask = (
            LayerChooser(
                viewer,
                Labels,
                f"Only where these labels are not 0 does the {which} stack count",
                none="everywhere",
            )
            for which in ("fixed", "moving")
        )
        self.notice = Notice()
        self.runner = StepRunner(
            "Align", "Find the transform; the moving layer is moved, nothing is resampled"
        )
        self.undo = UndoButton(changes=_CHANGES.setdefault(session, []))
        self.curve = MetricCurve(viewer)
        self.curve.hide()
        self.quality = QualityPanel(viewer)
        self.resample = ResamplePanel(viewer, self.fixed)
        self.transform = TransformPanel(viewer, self.undo)
        self.pair_panel = PairPanel(viewer, self.fixed, self.moving, self.undo)
        self._watched = Watched()
        self._metric = ""
        self._pair: tuple[Any, Any] | None = None
        self._running: tuple[Any, Any] | None = None
        self._followed: list[Any] = []
        self._changed = QTimer(self)
        self._changed.setSingleShot(True)
        self._changed.timeout.connect(self._pair_chosen)
        self._listed = QTimer(self)
        self._listed.setSingleShot(True)
        self._listed.timeout.connect(self._layers_listed)
        self._timer = QTimer(self)
        self._timer.setInterval(_WATCH_MS)
        self._timer.timeout.connect(self._look)
        self._lay_out()

        for chooser in (self.fixed, self.moving):
            chooser.layer_changed.connect(self._pair_chosen)
        self.mode.currentIndexChanged.connect(self._show_pair)
        self.view.removed.connect(self._listed_anew)
        self.view.failed.connect(lambda text: self.notice.say(text, "warning"))
        self._on_screen = Seen(self)
        self._on_screen.changed.connect(self._show_pair)
        self.form.changed.connect(self._kind_chosen)
        self.tools.shown.connect(self.view.set_matrix)
        self.tools.moved.connect(lambda what, matrix: self.move(matrix, what))
        self.tools.hand.changed.connect(self._hand_changed)
        self.tools.undo_pressed.connect(self.undo.undo)
        self.undo.pressed.connect(self.tools.hand.end_gesture)  # it is what is undone then
        self.undo.undone.connect(self._undone)
        self.undo.refused.connect(lambda text: self.runner.say(text, error=True))
        self.transform.applied.connect(self._forget_run)
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._busy_changed)
        listed = viewer.layers.events
        listen(self, self._listed_anew, listed.inserted, listed.removed)
        followed, changed = self._followed, self._layer_changed
        self.destroyed.connect(lambda: _unfollow(followed, changed))
        self._kind_chosen()
        self._pair_chosen()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        top, masks = form_layout(), form_layout()
        self._choices = QWidget()
        choices = QVBoxLayout(self._choices)
        choices.setContentsMargins(0, 0, 0, 0)
        top.addRow("Fixed", self.fixed)
        top.addRow("Moving", self.moving)
        top.addRow("Start from", self.start)
        masks.addRow("Fixed", self.fixed_mask)
        masks.addRow("Moving", self.moving_mask)
        mask_part = QWidget()
        mask_part.setLayout(masks)
        fine = self.form.part(*FINE)
        choices.addLayout(top)
        choices.addWidget(self.form)
        choices.addWidget(Section("Masks", mask_part, key="align/masks"))
        choices.addWidget(Section("Fine settings", fine, key="align/fine"))
        column.addWidget(self._choices)
        view = form_layout()
        view.addRow("View", self.mode)
        column.addLayout(view)
        column.addWidget(self.tools)
        for part in (self.notice, self.runner, self.undo, self.curve, self.quality):
            column.addWidget(part)
        column.addWidget(
            Section(
                "Resample", self.resample, tooltip="Write a layer anew on the fixed stack's grid"
            )
        )
        column.addWidget(
            Section("Transform", self.transform, tooltip="Save, load, invert, apply to others")
        )
        column.addWidget(
            Section(
                "Pair for super-resolution",
                self.pair_panel,
                tooltip="Both stacks cut to what both show, with the shift that is left",
            )
        )
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumWidth(300)

    # --- the run

    def run(self) -> None:
        """Align the moving stack to the fixed one with the settings shown."""
        self.tools.stop()
        fixed, moving, start = self.fixed.layer, self.moving.layer, self.start.currentData()
        try:
            pair = pair_of(fixed, moving, self.fixed_mask.layer, self.moving_mask.layer)
            given = self.tools.fit() if start == LANDMARKS else None
            start = start if given is None else "transform"
            settings = self.form.value().model_copy(update={"start": start})
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return
        self._running = (fixed, moving)
        self._watched, self._metric = Watched(), METRICS[settings.metric]
        self.quality.forget()
        places = [standing(layer) for layer in (fixed, moving)]

        def done(result: Registration) -> None:
            self._aligned(fixed, moving, places, result)

        self.runner.start(pair.step(settings, given, self._watched), done, "Aligning")

    def _busy_changed(self, busy: bool) -> None:
        for part in (self._choices, self.tools, self.transform):
            part.setEnabled(not busy)
        self.undo.setVisible(not busy)  # it knows by itself whether it has anything to undo
        if busy:
            self._timer.start()
            return
        self._timer.stop()
        self._look()
        self._show_pair()

    def _look(self) -> None:
        """Show how far the run has come."""
        steps = self._watched.news()
        if not steps:
            return
        if self.runner.busy and self.view.is_shown and self._pair == self._running:
            matrix = np.asarray(steps[-1].matrix, np.float64)
            self.view.set_matrix(matrix)
            self.tools.show_matrix(matrix)
        self.curve.show()
        self.curve.show_steps([(step.level, step.metric) for step in steps], self._metric)

    def _aligned(self, fixed: Any, moving: Any, places: list[str], result: Registration) -> None:
        for layer, place in zip((fixed, moving), places, strict=True):
            if layer not in self._viewer.layers:
                raise InputError(
                    f"“{layer.name}” was deleted while it was aligned; nothing was moved."
                )
            if standing(layer) != place:
                raise InputError(
                    f"“{layer.name}” was moved or rescaled while it was aligned; nothing was "
                    "changed. Align again."
                )
        self.move(
            result.transform.matrix,
            f"“{moving.name}” aligned to “{fixed.name}”",
            kind=result.transform.kind,
            quality=result.quality,
        )
        self.curve.show()
        self.quality.show_quality(result.quality, result.notes, str(result.transform.unit))
        self.runner.say(f"Moved “{moving.name}”: {in_words(result.transform)}")

    # --- places

    def move(self, step: Matrix, what: str, kind: str = "", quality: Any = None) -> None:
        """Move the moving stack, and the labels that belong to it, from where it is now.

        Parameters
        ----------
        step : (ndim + 1, ndim + 1) array
            In µm, or voxels where the voxel sizes are unknown.
        what : str
            What undo says it takes back.
        kind : str
            Of the step; found out where it is not given.
        quality : dict, optional
            How well the stacks agree; unknown where it is not given.
        """
        moving = self.moving.layer
        volume = volume_from_layer(moving)
        unit = "voxel" if volume.voxel_size_um is None else "um"
        how = {"onto": getattr(self.fixed.layer, "name", ""), "kind": kind}
        self.undo.push(what, move_with_companions(self._viewer, moving, step, unit, **how))
        self._forget_run()
        self._show_pair()
        self._tell_transform(quality)

    def _undone(self) -> None:
        self._forget_run()
        self._show_pair()
        self._tell_transform()

    def _forget_run(self) -> None:
        """Show no more how a run went after which something else was moved."""
        self.quality.forget()
        self.curve.hide()
        self.runner.say("")

    def _tell_transform(self, quality: Any = None) -> None:
        """Have what the moving stack was moved by in all at hand, to save and to apply."""
        fixed, moving = self.fixed.layer, self.moving.layer
        if fixed is None or moving is None:
            self.transform.take(None)
            return
        matrix = moved_so_far(moving)
        if np.array_equal(matrix, np.eye(len(matrix))):
            self.transform.take(None)
            return
        try:
            volumes = volume_from_layer(fixed), volume_from_layer(moving)
            self.transform.take(transform_between(*volumes, matrix, kind_of(matrix), quality))
        except InputError:
            self.transform.take(None)

    def _pair_chosen(self) -> None:
        # a chooser that has not heard of it yet may still have a layer that was deleted
        fixed, moving = (
            chooser.layer if chooser.layer in self._viewer.layers else None
            for chooser in (self.fixed, self.moving)
        )
        self._forget_run()
        self._follow()
        self._pair, problem = None, ""
        if fixed is not None and moving is not None:
            try:
                pair_of(fixed, moving)
                self._pair = (fixed, moving)
            except InputError as error:
                problem = str(error)
        self.notice.say(problem, "warning")
        self.tools.set_pair(self._pair)
        if moving is not None:
            self.resample.layer.choose(moving)
            self.transform.layer.choose(moving)
        self._tell_transform()
        self._show_pair()

    def _follow(self) -> None:
        """Look again whether the pair fits together once a layer has other voxels."""
        _unfollow(self._followed, self._layer_changed)
        for layer in (self.fixed.layer, self.moving.layer):
            if layer is not None:
                events = layer.events
                self._followed += [events.scale, events.units, events.data]
        for emitter in self._followed:
            emitter.connect(self._layer_changed)

    def _layer_changed(self, event: Any = None) -> None:
        self._changed.start(0)  # one change of voxel size is several events

    def _show_pair(self, *_: Any) -> None:
        """Show both stacks as they lie now; while they are aligned, as far as that is."""
        pair, mode = self._pair, self.mode.currentData()
        if pair is None or mode == OFF or not self._on_screen.now:
            self.tools.stop()
            self.view.hide()
            return
        steps = self._watched.steps if self.runner.busy and pair == self._running else []
        matrix = np.asarray(steps[-1].matrix, np.float64) if steps else None
        try:
            self.view.show(*pair, matrix)
        except InputError as problem:
            self.notice.say(str(problem), "warning")
            return
        self.view.set_mode(mode)
        self.tools.show_matrix(self.view.matrix)

    def _hand_changed(self, is_on: bool) -> None:
        if is_on and self.mode.currentData() == OFF:
            self._view_as("blend")

    def _view_as(self, mode: str) -> None:
        """Compare in another way for now; the next sitting starts as the person had it."""
        self.mode.blockSignals(True)
        self.mode.setCurrentIndex(self.mode.findData(mode))
        self.mode.blockSignals(False)
        self._show_pair()

    def _kind_chosen(self) -> None:
        self.tools.set_kind(self.form.value().kind)

    def _listed_anew(self, event: Any = None) -> None:
        self._listed.start(0)  # all layers may be going, the picture first

    def _layers_listed(self) -> None:
        """Choose two images to begin with; leave off a picture that the person has deleted."""
        fixed = self.fixed.layer
        if fixed is not None and fixed is self.moving.layer:
            others = [x for x in self._viewer.layers if isinstance(x, Image) and x is not fixed]
            for other in others:  # the newest is chosen last; what is not offered never
                self.moving.choose(other)
        if self._pair is not None and self.mode.currentData() != OFF and self._on_screen.now:
            if self.view.is_shown:
                return
            self._view_as(OFF)


def _unfollow(followed: list[Any], callback: Any) -> None:
    while followed:
        followed.pop().disconnect(callback)
