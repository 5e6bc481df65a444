"""The Label particles dock: try settings in a box, then give each particle its number."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.labelling import STAGES, LabelSettings, Stages, label_particles
from napari_battery.labelling.counts import LabelCount, count_labels
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.label_box_part import BoxPart
from napari_battery.widgets.label_form import LabelForm
from napari_battery.widgets.label_input import LabelInput, LabelSource
from napari_battery.widgets.label_result import ResultPart, StageButton
from napari_battery.widgets.label_stages import (
    KeptStages,
    add_stage,
    fits_memory,
    has_run,
    run_stages,
)
from napari_battery.widgets.label_threshold import ThresholdPart
from napari_battery.widgets.label_words import about_labels, particles, problem_text
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.session import Session

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["LabelDock"]

_KEEP = "label/keep stages"


@dataclass(frozen=True, eq=False)
class _Done:
    """What a run made, and what is worth saying of it."""

    labels: Volume
    count: LabelCount
    effort: str
    """What had to be computed, and how long that took."""


class LabelDock(QWidget):
    """Label particles: threshold or mask, clean, split; preview before, stages after."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        delete_when_closed(self)
        self._viewer = viewer = Session.of(napari_viewer).viewer
        self._kept = KeptStages(self, viewer)
        self.input = LabelInput(viewer)
        self.settings = LabelForm()
        self.form = self.settings.form
        self.threshold = ThresholdPart(viewer, self.input, self.form, self._kept)
        self.box = BoxPart(viewer, self.input, self.form, self._kept)
        self.notice = Notice()
        self.reset_button = QPushButton("Defaults")
        self.reset_button.setToolTip("Put every setting back to its default")
        self.keep_box = QCheckBox("Keep stages")
        self.keep_box.setToolTip(
            "Keep mask, distance map and markers of the last run in memory (about 12 bytes per "
            "voxel): they can be shown, and the next run starts where a setting was changed"
        )
        self.keep_box.setChecked(str(remembered().value(_KEEP, "true")) == "true")
        self.runner = StepRunner(
            "Label particles", "Make a new Labels layer; existing ones stay as they are"
        )
        self.stage_button = StageButton()
        self.result = ResultPart(viewer)
        self._made: WeakValueDictionary[str, Any] = WeakValueDictionary()
        """The last layer of each stage, by its name in `STAGES`."""
        self._lay_out()

        self.input.changed.connect(self._another_source)
        self._kept.edited.connect(self._source_changed)
        self.keep_box.toggled.connect(self._keep_toggled)
        self.reset_button.clicked.connect(self.form.reset)
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._busy_changed)
        self.stage_button.wanted.connect(self.show_stage)
        self._source_changed()

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        stages = QHBoxLayout()
        stages.addWidget(self.keep_box, 1)
        stages.addWidget(self.stage_button)
        for widget in (
            self.input,
            self.notice,
            self.threshold,
            self.box,
            self.settings,
            self.reset_button,
            self.runner,
            self.result,
        ):
            column.addWidget(widget)
        column.addLayout(stages)
        column.addStretch(1)
        self._scroll = fill_scrolling(self, content)
        self.setMinimumWidth(300)

    # --- what is chosen

    def _another_source(self) -> None:
        """What the last run said is of no use any more."""
        if not self.runner.busy:
            self.runner.say("")
            self.result.hide()
        self._source_changed()

    def _source_changed(self) -> None:
        """Fit the form to the chosen layers, and say what is wrong with them."""
        from_mask = self.input.from_mask
        self.settings.set_from_mask(from_mask)
        self.threshold.setVisible(not from_mask)
        source = self._source()
        self.form.set_voxel_size(None if source is None else source.volume.voxel_size_um)
        offered: list[str] = []
        if source is not None and not self.runner.busy and has_run(self._kept.of(source)):
            offered = list(STAGES)
        self.stage_button.offer(offered)

    def _source(self) -> LabelSource | None:
        self.notice.say("")
        if self.input.layer is None:
            return None
        try:
            source = self.input.source()
            self._kept.of(source)
        except InputError as problem:
            self.notice.say(str(problem), "error")
            return None
        return source

    def _keep_toggled(self, keep: bool) -> None:
        remembered().setValue(_KEEP, "true" if keep else "false")
        if not keep:
            self._kept.forget()
        self._source_changed()

    # --- the step

    def run(self) -> None:
        """Label the chosen image or mask with the settings of the form."""
        try:
            source, settings = self.input.source(), self.form.value()
            stages = self._kept.of(source) if self._may_keep(source) else None
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(problem_text(problem), error=True)
            return
        self.result.hide()
        self.box.rest()  # it would only slow the run down

        def step(progress: Progress) -> _Done:
            return _label(source, stages, settings, progress)

        self.runner.start(step, lambda done: self._labelled(source, done), "Labelling")

    def _may_keep(self, source: LabelSource) -> bool:
        """Whether this run leaves its stages behind; where memory is short earlier ones go."""
        if not self.keep_box.isChecked():
            return False
        if has_run(self._kept.of(source)) or fits_memory(source.volume):
            return True
        self._kept.forget()
        return fits_memory(source.volume)

    def _busy_changed(self, busy: bool) -> None:
        self._source_changed()
        if not busy:
            self.box.look_later()

    def _labelled(self, source: LabelSource, done: _Done) -> None:
        gone = [layer.name for layer in source.layers if layer not in self._viewer.layers]
        if gone:
            text = f"“{gone[0]}” was deleted meanwhile; its {particles(done.count.n)} were dropped."
            self.runner.say(text, error=True)
            return
        if done.count.n == 0:
            note = done.labels.metadata.get("note") or "No particle was found."
            advice = "L" if source.mask is not None else "Move the threshold, or l"
            self.runner.say(f"{note} {advice}ower the minimum volume.", error=True)
            return
        self.threshold.untick()  # the labels would lie under the previews
        self.box.untick()
        if (earlier := self._made.get("labels")) is not None:
            earlier.visible = False  # it would shine through the new one
        self._made["labels"] = add_volume(self._viewer, done.labels, labels=True)
        unknown = done.labels.voxel_size_um is None
        said = [
            about_labels(done.count, done.labels),
            done.labels.metadata.get("note", ""),
            "Set the voxel size in Prepare before measuring." if unknown else "",
        ]
        self.runner.say(" ".join(filter(None, said)) + f"\n{done.effort}")
        self.result.made()

    def show_stage(self, name: str) -> None:
        """Show one stage of the last run as a layer; an earlier layer of it is replaced."""
        source = self._source()
        if source is None:
            return
        try:
            volume = self._kept.of(source).stage(name)
        except KeyError:
            self.runner.say("Its stages are no longer kept; run it again.", error=True)
            return
        before = self._made.get(name)
        if before is not None and before in self._viewer.layers:
            self._viewer.layers.remove(before)
        self._made[name] = add_stage(self._viewer, volume, name)


def _label(
    source: LabelSource, stages: Stages | None, settings: LabelSettings, progress: Progress
) -> _Done:
    """Label a source: from the first stage that settings changed, or all without stages."""
    started = time.monotonic()
    if stages is None:
        labels = label_particles(source.volume, settings, progress, source.mask, source.phase)
        did = "Stages are not kept"
    else:
        again = has_run(stages)
        labels, first = run_stages(stages, settings, progress)
        did = "Nothing to recompute" if first is None else f"Recomputed from “{first}” on"
        did = did if again else "Computed from the start"
    count = count_labels(labels, progress)
    labels = replace(labels, name=f"Particles of {source.volume.name}")
    return _Done(labels, count, f"{did}, {time.monotonic() - started:.1f} s.")
