"""Dock "Track through states": the reference's labels in every later state, and which to trust."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari.layers import Image, Labels
from napari.viewer import ViewerModel
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings
from napari_battery.labelling.consistency import (
    ConsistencySettings,
    as_published,
    ledger,
    particle_reasons,
    recommended,
)
from napari_battery.labelling.propagate import PropagateSettings, Propagation
from napari_battery.progress import Progress
from napari_battery.volume import Volume
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.highlight import warm_up
from napari_battery.widgets.layers import add_volume, is_overlay, volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.result_file import ResultFile
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session
from napari_battery.widgets.track_ledger import Ledger
from napari_battery.widgets.track_map import ReasonMap
from napari_battery.widgets.track_masks import dock_settings, recorded_settings, was_mask_given
from napari_battery.widgets.track_reference import may_be_reference, reference_meant
from napari_battery.widgets.track_series import LAST, Series
from napari_battery.widgets.track_states import StateList, is_phases

__all__ = ["TrackDock"]

_OWN = "own"
_PRESETS: dict[str, ConsistencySettings] = {
    "recommended": recommended(),
    "as published (GREAT2)": as_published(),
}
_AS_REFERENCE, _AS_DOCK = "as the reference was labelled", "as set in Label particles"


class TrackDock(QWidget):
    """Carry labels into later states, and see which particles keep their number for sure."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = Session.of(napari_viewer)
        viewer = self._session.viewer
        self.reference = LayerChooser(
            viewer,
            Labels,
            "Labels of the first (pristine) state; their numbers are kept in all later ones",
            may_be_reference,
        )
        self._by_hand: Labels | None = None
        self.states = StateList(viewer)
        self.masks = QComboBox()
        self.masks.addItems([_AS_REFERENCE, _AS_DOCK])
        self.masks.setToolTip("Threshold, cleaning and smoothing for the later states")
        self.masks_note = Notice()
        self.missing = Notice()
        self.form = SettingsForm(PropagateSettings)
        self.preset = QComboBox()
        self.preset.addItems([*_PRESETS, _OWN])
        for combo in (self.masks, self.preset):  # their texts must not widen a narrow dock
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(8)
        self.preset.setToolTip(
            "Recommended: ours. As published: missing, border, neighbours of missing ones. "
            "Each rule is a switch below"
        )
        self.rules = SettingsForm(ConsistencySettings)
        self.target = ResultFile("tracked")
        self.runner = StepRunner(
            "Track particles", "Make a Labels layer for each later state; existing ones stay"
        )
        self.summary = Notice()
        self.ledger = Ledger()
        self.notes = QPlainTextEdit()
        self.notes.setReadOnly(True)
        self.notes.setMaximumHeight(90)
        self.notes.setToolTip("What to know about this series")
        self.save_button = QPushButton("Save tables…")
        self.save_button.setToolTip(
            "Particles by state with their reasons, contacts, and the ledger, as CSV"
        )
        self.next_button = QPushButton("Radial analysis…")
        self.next_button.setToolTip("Go on: grey level of each particle in each state")
        self._lay_out()
        for widget in (self.notes, self.save_button, self.next_button):
            widget.hide()

        self.reference.activated.connect(self._chosen_by_hand)
        self.reference.layer_changed.connect(self._reference_chosen)
        self.states.changed.connect(self._describe)
        self.masks.currentIndexChanged.connect(self._describe)
        self.form.changed.connect(self._method_changed)
        self.preset.activated.connect(self._preset_chosen)
        self.rules.changed.connect(self._rules_changed)
        self.runner.clicked.connect(self.run)
        self.ledger.chosen.connect(self._colour)
        self.save_button.clicked.connect(self._ask_and_save)
        self.next_button.clicked.connect(lambda: open_dock(viewer, "Radial analysis"))
        layers = viewer.layers.events
        listen(self, self._layers_changed, layers.inserted, layers.removed)
        self._show_preset()
        self._method_changed()
        self.reference.choose(reference_meant(viewer))
        self._reference_chosen()
        if self._session in LAST:
            self._follow_edits()
            self._check()

    def _lay_out(self) -> None:
        grow = QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        top = QFormLayout()
        top.setFieldGrowthPolicy(grow)
        top.addRow("Reference", self.reference)
        column.addLayout(top)
        column.addWidget(self.states)
        how = QWidget()
        lines = QVBoxLayout(how)
        masks = QFormLayout()
        masks.setFieldGrowthPolicy(grow)
        masks.addRow("Masks", self.masks)
        lines.addWidget(self.form)
        lines.addLayout(masks)
        lines.addWidget(self.masks_note)
        column.addWidget(
            Section("How labels are carried", how, tooltip="Method, and the later states' masks")
        )
        rules = QWidget()
        lines = QVBoxLayout(rules)
        preset = QFormLayout()
        preset.setFieldGrowthPolicy(grow)
        preset.addRow("Preset", self.preset)
        lines.addLayout(preset)
        lines.addWidget(self.rules)
        column.addWidget(
            Section("Rules", rules, tooltip="Which particles are trusted; changed at once")
        )
        target = QFormLayout()
        target.setFieldGrowthPolicy(grow)
        target.addRow("Result", self.target)
        column.addLayout(target)
        for widget in (self.missing, self.runner, self.summary, self.ledger, self.notes):
            column.addWidget(widget)
        buttons = QHBoxLayout()
        buttons.addWidget(self.save_button)
        buttons.addWidget(self.next_button)
        column.addLayout(buttons)
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumSize(300, 260)

    # --- choosing

    def _chosen_by_hand(self, index: int) -> None:
        self._by_hand = self.reference.layer

    def _layers_changed(self, event: Any) -> None:
        viewer, layer = self._session.viewer, event.value
        kept = self._by_hand is not None and self._by_hand is self.reference.layer
        new = event.type == "inserted" and isinstance(layer, Labels) and not is_overlay(layer)
        if viewer is not None and new and not kept and not self.runner.busy:
            self.reference.refresh()
            self.reference.choose(reference_meant(viewer))
        self._describe()

    def _reference_chosen(self) -> None:
        self.states.set_reference(self.reference.layer)
        self._describe()

    def _describe(self, *_: Any) -> None:
        reference = self.reference.layer
        settings, where = self._label_settings()
        threshold: Any = settings.manual_threshold
        if settings.threshold != "manual" or threshold is None:
            threshold = f"by {settings.threshold} in each state"
        else:
            threshold = f"{threshold:g} in each state"
        text = f"Threshold {threshold}, {settings.particles}."
        if self.states.states and all(is_phases(layer) for _, layer in self.states.states):
            text, where = "The active phase of each state is its mask.", ""
        self.masks_note.say(text)
        missing = ""
        if reference is None:
            missing = "Open or make a Labels layer of the first state first."
        elif not self.states.states:
            missing = "Open and tick the images of later states."
        # its place is in a section that may be folded
        self.missing.say(missing or where, "plain" if missing or not where else "warning")
        self.runner.run_button.setEnabled(not missing and not self.runner.busy)

    def _label_settings(self) -> tuple[LabelSettings, str]:
        reference = self.reference.layer
        if self.masks.currentText() == _AS_DOCK or reference is None:
            return dock_settings(), ""
        recorded = recorded_settings(reference)
        if recorded is not None:
            text = f"“{reference.name}” was labelled from a mask or phases; tick phases of each "
            text += "state, or its grey levels are thresholded."
            return recorded, text if was_mask_given(reference) else ""
        text = f"“{reference.name}” does not tell how it was labelled: the masks of later states "
        text += "are made with the settings of Label particles."
        return dock_settings(), text

    def _method_changed(self) -> None:
        overlap = self.form.value().method == "overlap"
        self.states.offer_labels(overlap)
        self.form.show_field("core_depth", not overlap or self.form.value().cross_check)

    def _preset_chosen(self, *_: Any) -> None:
        preset = _PRESETS.get(self.preset.currentText())
        if preset is not None:
            self.rules.set_value(preset)

    def _show_preset(self) -> None:
        rules = self.rules.value()
        for name in self.rules.rows:
            if name.endswith("_limit"):
                self.rules.show_field(name, getattr(rules, name.removesuffix("_limit")))
        name = next((name for name, preset in _PRESETS.items() if preset == rules), _OWN)
        self.preset.setCurrentText(name)

    def _rules_changed(self) -> None:
        self._show_preset()
        if self._session in LAST:
            self._check()

    # --- the step

    def run(self) -> None:
        """Track the particles of the reference through the ticked states."""
        reference, states = self.reference.layer, self.states.states
        if reference is None or not states:
            self.runner.say("Choose the reference's labels and tick a later state.", error=True)
            return
        try:
            first = volume_from_layer(reference)
            images = [_named(volume_from_layer(layer), name, layer) for name, layer in states]
            settings, rules = self.form.value(), self.rules.value()
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return
        self._by_hand = reference  # it stays, whatever is made of it
        label_settings, _ = self._label_settings()
        given = self.target.paths(images, "int32")
        out = [path for path in given if path is not None]
        tracked_state = self._session.history(reference).state

        def step(progress: Progress) -> Propagation:
            from napari_battery.labelling import propagate_labels

            result = propagate_labels(
                first, images, settings, label_settings, progress, rules, out or None
            )
            warm_up(first.dtype)  # in this thread, so that the map does not wait
            return result

        def done(result: Propagation) -> None:
            self._tracked(result, reference, tracked_state, [layer for _, layer in states])

        self.runner.start(step, done, "Tracking particles")

    def _tracked(
        self, result: Propagation, reference: Labels, tracked_state: object, layers: list[Any]
    ) -> None:
        viewer = self._session.viewer
        if viewer is None:
            return
        if reference not in viewer.layers:
            raise InputError(
                f"“{reference.name}” was deleted while its particles were tracked; "
                "nothing was added."
            )
        before = LAST.get(self._session)
        shown = before.map if before is not None else ReasonMap(viewer)
        history, name = self._session.history(reference), reference.name
        series = Series(history, tracked_state, result, shown, name=name)
        for labels, image in zip(result.labels, layers, strict=True):
            named = labels.like(labels.data, f"{reference.name}, {labels.metadata['state']}")
            named = replace(named, path=labels.path)
            named.metadata.update(labels.metadata)
            layer = add_volume(viewer, named, labels=True, visible=False)
            series.add_layer(labels.metadata["state"], layer)
            if image in viewer.layers:  # above its own image
                viewer.layers.move(viewer.layers.index(layer), viewer.layers.index(image) + 1)
        LAST[self._session] = series
        self._follow_edits()
        self._check()
        written = [str(labels.path) for labels in result.labels if labels.path is not None]
        if written:
            self.runner.say(f"Written to {', '.join(written)}.")

    def _follow_edits(self) -> None:
        """Say so when the reference is corrected after it was tracked."""
        listen(self, self._reference_edited, LAST[self._session].history.changed)

    def _reference_edited(self, history: Any) -> None:
        series = LAST.get(self._session)
        if series is not None and series.history is history:
            series.map.refresh()
            self._say_summary(series)

    def _check(self) -> None:
        """Apply the rules of the form to the series, and show what they leave."""
        tracked = LAST[self._session]
        tracked.check(self.rules.value())
        self._say_summary(tracked)
        self.ledger.show_table(tracked.table)
        notes = tracked.result.notes
        self.notes.setPlainText("\n".join(f"• {note}" for note in notes))
        self.notes.setVisible(bool(notes))
        self.save_button.show()
        self.next_button.setVisible(hasattr(self._session.viewer, "window"))
        self._colour()

    def _say_summary(self, series: Series) -> None:
        kept = series.table.drop_duplicates("label")["kept"]
        names = " → ".join(series.result.states)
        text = f"{int(kept.sum()):,} of {len(kept):,} particles of “{series.name}” kept through "
        text = f"{text}{names}. {series.stale}".strip()
        self.summary.say(text, "warning" if series.stale else "plain")

    def _colour(self, *_: Any) -> None:
        tracked = LAST.get(self._session)
        viewer = self._session.viewer
        if tracked is None or viewer is None or tracked.reference not in viewer.layers:
            return
        made = {**tracked.result.made, "rules": self.rules.value().model_dump(mode="json")}
        reasons = particle_reasons(tracked.table)
        tracked.map.show(tracked.reference, reasons, self.ledger.now, made)

    # --- saving

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the particles by state", "particles_by_state.csv", "CSV (*.csv)"
        )
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the table, and contacts and ledger beside it."""
        from napari_battery.files import write_json
        from napari_battery.tables import write_table

        tracked = LAST[self._session]
        made = {**tracked.result.made, "rules": self.rules.value().model_dump(mode="json")}
        made["notes"] = [*made["notes"], *filter(None, [tracked.stale])]
        try:
            write_table(path, tracked.table)
            write_table(path.with_name(f"{path.stem}_contacts.csv"), tracked.result.contacts)
            write_table(path.with_name(f"{path.stem}_ledger.csv"), ledger(tracked.table))
            write_json(path.with_name(f"{path.name}.provenance.json"), made)
        except OSError as error:
            self.runner.say(f"Cannot write {path}: {error}", error=True)
            return
        self.runner.say(f"Saved {path.name}, with contacts and ledger beside it.")


def _named(volume: Volume, state: str, layer: Any) -> Volume:
    metadata = {**volume.metadata, "state": state}
    if not (isinstance(layer, Image) or is_phases(layer)):
        metadata["kind"] = "labels"
    return replace(volume, metadata=metadata)
