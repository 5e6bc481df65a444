"""Dock "States of charge": the operando study, from several stacks to ΔĪ_prist with its errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Labels
from napari.viewer import ViewerModel
from pydantic import ValidationError
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.states.settings import StudySettings
from napari_battery.states.tabulate import Study
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import SettingsForm, explain, remembered
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.picking import install as install_picking
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session
from napari_battery.widgets.states_editor import StateEditor
from napari_battery.widgets.states_files import (
    Opened,
    add_states,
    open_states,
    remember_file,
    save_states,
)
from napari_battery.widgets.states_inputs import (
    aligned_states,
    labels_wanted,
    state_inputs,
    tracked_labels,
)
from napari_battery.widgets.states_results import ResultsPart
from napari_battery.widgets.states_run import Measured, StateInput, measure
from napari_battery.widgets.states_shown import LAST, ReopenedStudy, ShownStudy
from napari_battery.widgets.states_taken import add_measured
from napari_battery.widgets.track_reference import may_be_reference, reference_meant

__all__ = ["StatesDock"]

_FOLDER = "folders/studies"
_CARRY, _SAME = "carried over from the first state", "the first state's, as they are"


class StatesDock(QWidget):
    """List the states, run the study, see whether it can be trusted, and what it says."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = Session.of(napari_viewer)
        viewer = self._session.viewer
        install_picking(self._session)
        self.editor = StateEditor(viewer)
        self.states = self.editor.states
        self.labels = LayerChooser(
            viewer, Labels, "Labels of the first (pristine) state", may_be_reference
        )
        self.later = QComboBox()
        self.later.addItems([_CARRY, _SAME])
        self.later.setToolTip(
            "Labels of states without their own: carried over by seeded propagation within each "
            "state's own mask, or the first state's where nothing moved by more than a voxel"
        )
        self.open_button = QPushButton("Open list …")
        self.open_button.setToolTip("Open a CSV list of states; its stacks become layers")
        self.save_button = QPushButton("Save list …")
        self.save_button.setToolTip("Write the list as CSV; images without a file go beside it")
        self.study_button = QPushButton("Open study …")
        self.study_button.setToolTip(
            "A folder that “Save study” or napari-battery states wrote: its numbers, rules, tests"
        )
        self.aligned_button = QPushButton("Use all aligned states")
        self.aligned_button.setToolTip(
            "Tick the states of the last alignment in its order (else all images), with the "
            "labels tracked through them"
        )
        self.form = SettingsForm(StudySettings)
        self.missing = Notice()
        self.files = StepRunner("", "")
        self.files.run_button.hide()
        self.runner = StepRunner(
            "Run study", "Measure what is not measured yet, and compare the states"
        )
        self.results = ResultsPart(self._session)
        self._lay_out()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(100)
        self._later.timeout.connect(
            lambda: self.scroll.verticalScrollBar().setValue(self.runner.y())
        )

        self.states.changed.connect(self._describe)
        self.labels.layer_changed.connect(self._labels_chosen)
        self.open_button.clicked.connect(self._ask_open)
        self.save_button.clicked.connect(self._ask_save)
        self.study_button.clicked.connect(self._ask_study)
        self.aligned_button.clicked.connect(self.use_aligned)
        self.form.changed.connect(self._settings_changed)
        self.results.greys.normalise.connect(self._normalise)
        self.results.noise.repeats_changed.connect(self._repeats_changed)
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._describe)
        layers = viewer.layers.events
        listen(self, self._layers_changed, layers.inserted, layers.removed)
        self.labels.choose(reference_meant(viewer))
        self._labels_chosen()
        self.results.show_last()

    def _lay_out(self) -> None:
        grow = QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.save_button)
        buttons.addWidget(self.study_button)
        column.addLayout(buttons)
        column.addWidget(self.editor)
        column.addWidget(self.aligned_button)
        column.addWidget(self.files)
        self.files.setVisible(False)
        self.files.busy_changed.connect(lambda _: self.files.show())
        top = QFormLayout()
        top.setFieldGrowthPolicy(grow)
        top.addRow("Labels", self.labels)
        top.addRow("Later labels", self.later)
        column.addLayout(top)
        self.later.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.later.setMinimumContentsLength(8)
        how = QWidget()
        QVBoxLayout(how).addWidget(self.form)
        column.addWidget(
            Section(
                "Settings", how, tooltip="Core, noise, significance; applied at once",
                key="states settings",
            )
        )  # fmt: skip
        column.addWidget(
            Section(
                "Background", self.results.noise,
                tooltip="Where the noise of the images is measured", key="states background",
            )
        )  # fmt: skip
        column.addWidget(self.missing)
        column.addWidget(self.runner)
        column.addWidget(self.results)
        column.addStretch(1)
        self.scroll = fill_scrolling(self, content)
        self.setMinimumSize(310, 260)

    # --- choosing

    def _layers_changed(self, event: Any) -> None:
        if self.labels.layer is None and event.type == "inserted":
            self.labels.choose(reference_meant(self._session.viewer))
        self._describe()

    def _labels_chosen(self) -> None:
        self.results.noise.set_reference(self.labels.layer)
        self._describe()

    def use_aligned(self) -> None:
        """Tick the states of the last alignment, in its order, and give them tracked labels."""
        images = aligned_states(self._session, self.states)
        self.states.put_in_order(images)
        self.states.tick(images)
        reference, own = tracked_labels(self._session)
        if reference is not None:
            self.labels.choose(reference)
            for name, layer in self.states.states:
                if name in own:
                    self.states.set_labels(layer, own[name])

    def _describe(self, *_: Any) -> None:
        viewer = self._session.viewer
        if viewer is None:
            return
        n, labels = len(self.states.states), self.labels.layer
        missing = ""
        if n < 2:
            missing = "Open and tick the images of two states or more."
        elif labels is None and self.states.labels_of(self.states.states[0][1]) is None:
            missing = "Label the particles of the first state first (Label particles)."
        self.missing.say(missing)
        self.save_button.setEnabled(n > 0 and not self.files.busy)
        self.runner.run_button.setEnabled(not missing and not self.runner.busy)

    # --- the list as a file

    def _ask_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a list of states", "", "CSV (*.csv)")
        if path:
            self.open_list(Path(path))

    def open_list(self, path: Path) -> None:
        """Open the stacks of a manifest as layers, in its order."""

        def done(opened: Opened) -> None:
            viewer = self._session.viewer
            images, labels = add_states(viewer, opened)
            there = [image for image in images if image is not None]
            self.states.put_in_order(there)
            self.states.tick(there)
            for image, own in zip(images[1:], labels[1:], strict=True):
                if image is not None and own is not None:
                    self.states.set_labels(image, own)
            if labels[0] is not None:
                self.labels.choose(labels[0])
            problems = "\n".join(opened.notes)
            text = f"{path.name}: {len(there)} of {len(images)} states opened."
            self.files.say(f"{text}\n{problems}".strip(), error=bool(problems))

        self.files.start(lambda progress: open_states(path, progress), done, "Opening states")

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the list of states", "states.csv", "CSV (*.csv)"
        )
        if path:
            self.save_list(Path(path if path.lower().endswith(".csv") else f"{path}.csv"))

    def save_list(self, path: Path) -> None:
        """Write the manifest, and beside it the images and labels that stand in no file."""
        layers = [layer for _, layer in self.states.states]
        try:
            states = self.states.described()
            images = [volume_from_layer(layer) for layer in layers]
            own = [self._own_labels(place, layer) for place, layer in enumerate(layers)]
            labels = [None if layer is None else volume_from_layer(layer) for layer in own]
        except InputError as problem:
            self.files.say(str(problem), error=True)
            return
        if own and own[0] is not None and labels[0] is not None:
            states[0] = replace(states[0], labels=labels[0].path)

        def done(written: list[Any]) -> None:
            for state, layer, mark in zip(written, layers, own, strict=True):
                remember_file(layer, state.image)
                if mark is not None:
                    remember_file(mark, state.labels)
            self.files.say(f"Saved {path.name}.")

        self.files.start(
            lambda progress: save_states(path, states, images, labels, progress),
            done,
            "Saving states",
        )

    def _own_labels(self, place: int, image: Any) -> Labels | None:
        own = self.states.labels_of(image)
        return self.labels.layer if own is None and place == 0 else own

    # --- the study

    def _ask_study(self) -> None:
        start = str(remembered().value(_FOLDER, ""))
        folder = QFileDialog.getExistingDirectory(self, "Folder of a study", start)
        if folder:
            remembered().setValue(_FOLDER, folder)
            self.open_study(Path(folder))

    def open_study(self, folder: Path) -> None:
        """Show a saved study: what it came to, as long as no other is run."""

        def read(progress: Progress) -> Study:
            from napari_battery.states.study_files import read_study

            progress.begin(1, "Reading the study")
            return read_study(folder)

        def done(study: Study) -> None:
            if self._session.viewer is None:
                return
            LAST[self._session] = ReopenedStudy(self._session, study)
            self.form.set_value(study.settings)
            self.results.rules.form.set_value(study.rules)
            self.results.show_last(new=True)
            self._later.start()
            self.files.say(f"Opened the study in {folder.name}.")

        self.files.start(read, done, "Reading the study")

    def run(self) -> None:
        """Measure what is not measured yet, and compare the states."""
        session = self._session
        try:
            settings = self.form.value()
            same = self.later.currentText() == _SAME
            inputs, radial = state_inputs(session, self.states, self.labels.layer, settings, same)
            background = self.results.noise.given
        except ValidationError as problem:
            self.runner.say(explain(problem, StudySettings), error=True)
            return
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return
        label_settings = labels_wanted(self.labels.layer)
        rules = self.results.rules.value()
        before = [session.history(one.labels_layer).state for one in inputs if one.labels_layer]

        def step(progress: Progress) -> Measured:
            from napari_battery.widgets.highlight import warm_up

            found = measure(inputs, settings, radial, label_settings, background, progress)
            warm_up(inputs[0].labels.dtype)  # type: ignore[union-attr]
            return found

        def done(measured: Measured) -> None:
            now = [session.history(one.labels_layer).state for one in inputs if one.labels_layer]
            if any(a is not b for a, b in zip(before, now, strict=True)):
                raise InputError("Labels were corrected while they were measured: run again.")
            self._measured(measured, inputs, settings, rules)

        self.runner.start(step, done, "Comparing states")

    def _measured(
        self, measured: Measured, inputs: list[StateInput], settings: StudySettings, rules: Any
    ) -> None:
        if self._session.viewer is None:
            return
        analyses = add_measured(self._session, measured, inputs, self.states)
        shown = ShownStudy(self._session, measured, analyses, settings, rules)
        before = LAST.get(self._session)
        if before is not None and before.maps is not None:
            shown.maps.adopt(before.maps)
        LAST[self._session] = shown
        self.results.show_last(new=True)
        self._later.start()  # once the results have taken their room
        taken = sum(one.result is not None for one in inputs)
        if taken:
            self.runner.say(
                f"{self.runner.message.text()} {taken} finished radial analyses were taken over."
            )

    def _repeats_changed(self, repeats: tuple[tuple[str, str], ...]) -> None:
        shown = LAST.get(self._session)
        if shown is None:
            return
        try:
            shown.set_settings(shown.study.settings, repeats)
        except InputError as problem:
            self.results.noise.said.say(str(problem), "warning")
            return
        self.results.show_last()

    def _settings_changed(self) -> None:
        """Tabulate the study anew with other settings; no voxel is looked at."""
        shown = LAST.get(self._session)
        if shown is None or self.runner.busy:
            return
        settings = self.form.value()
        if settings.matching != shown.study.settings.matching:
            self.results.stale_because("other matching is wanted: run the study again")
            return
        try:
            shown.set_settings(settings)
        except InputError as problem:
            self.runner.say(str(problem), error=True)
            return
        self.runner.say("")
        self.results.show_last()

    def _normalise(self, wanted: bool) -> None:
        way = "two-point" if wanted else "none"
        self.form.set_value(self.form.value().model_copy(update={"normalise": way}))
