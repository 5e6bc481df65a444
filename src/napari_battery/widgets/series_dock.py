"""Dock "Align states": all states of a series onto the first, and particles between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.viewer import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
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
from napari_battery.registration.settings import RegisterSettings
from napari_battery.volume import Volume
from napari_battery.widgets.align_place import move_layers
from napari_battery.widgets.align_step import move_with_companions
from napari_battery.widgets.closing import delete_when_closed
from napari_battery.widgets.forms import SettingsForm, remembered
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.scrolling import fill_scrolling
from napari_battery.widgets.section import Section
from napari_battery.widgets.series_overlay import SeriesOverlay
from napari_battery.widgets.series_particles import ParticlesPart
from napari_battery.widgets.series_resample import SeriesResample
from napari_battery.widgets.series_results import save_series, state_rows, warnings_html
from napari_battery.widgets.series_states import SeriesStates
from napari_battery.widgets.series_table import SeriesTable, StateRow
from napari_battery.widgets.session import Session
from napari_battery.widgets.undo import UndoButton

if TYPE_CHECKING:
    from napari_battery.registration.series import Series

__all__ = ["SeriesDock", "last_aligned"]

_TO = {
    "first": ("the first", "Every state directly onto the first one"),
    "previous": ("the one before", "Each onto the one before it: for states that change much"),
    "mean": ("their mean", "Onto the mean of those aligned so far: for noisy states"),
}
_START = {
    "nothing": ("searching", "The whole field is searched for where they fit"),
    "current": ("where they lie", "From where the layers lie now"),
}


@dataclass(eq=False)
class _Aligned:
    """The series last aligned in a window; it outlives the dock."""

    rows: list[StateRow]
    layers: list[Any]
    """Weak references to the states' images."""
    series: Series
    made: dict[str, Any]
    take_back: Callable[[], None]
    """Brings all layers back to where they were."""
    notes: list[str]
    assumed: bool
    """Whether lengths rest on an assumed voxel size."""
    before: _Aligned | None
    """The alignment that this one went on from."""


_LAST: WeakKeyDictionary[Session, _Aligned] = WeakKeyDictionary()


def last_aligned(session: Session) -> list[Any]:
    """Images of the series last aligned in a window, in order; those deleted since are left out."""
    aligned, viewer = _LAST.get(session), session.viewer
    if aligned is None or viewer is None:
        return []
    return [layer() for layer in aligned.layers if layer() in viewer.layers]


class SeriesDock(QWidget):
    """Align states: bring the scans of a series onto one another, and see how well."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        delete_when_closed(self)
        self._session = Session.of(napari_viewer)
        viewer = self._session.viewer
        self.states = SeriesStates(viewer)
        self.form = SettingsForm(RegisterSettings)
        self.form.show_field("start", False)
        self.to = _combo(_TO, "series/to", "Which state each is brought onto")
        self.start = _combo(_START, "series/start", "Where the alignment of the second begins")
        self.labels_too = QCheckBox("Labels and filtered images go along")
        self.labels_too.setChecked(True)
        self.labels_too.setToolTip(
            "Layers on a state's grid that were made from its image, or it from them, move with it"
        )
        self.runner = StepRunner(
            "Align states", "Move the layers; nothing is resampled, and Undo brings all back"
        )
        self.undo_button = UndoButton()
        self.summary, self.warnings = Notice(), Notice()
        self.warnings.setTextFormat(Qt.TextFormat.RichText)
        self.table = SeriesTable()
        self.overlay = SeriesOverlay(self, viewer)
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("The table as CSV, and every transform as JSON beside it")
        self.resample = SeriesResample(viewer, lambda: self.states.states)
        self.particles = ParticlesPart(self._session)
        self._results = QWidget()
        self._lay_out()

        self.states.changed.connect(self._describe)
        self.runner.clicked.connect(self.run)
        self.runner.busy_changed.connect(self._describe)
        self.table.chosen.connect(self._compare)
        self.save_button.clicked.connect(self._ask_and_save)
        listen(self, self._describe, viewer.layers.events.removed)
        self.undo_button.refused.connect(lambda text: self.runner.say(text, error=True))
        self._describe()
        self._show()
        earlier = []
        aligned = _LAST.get(self._session)
        while aligned is not None:
            earlier.append(aligned)
            aligned = aligned.before
        for one in reversed(earlier):
            self._offer_undo(one)

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.states)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Onto", self.to)
        top.addRow("Start by", self.start)
        column.addLayout(top)
        how = QWidget()
        QVBoxLayout(how).addWidget(self.form)
        column.addWidget(
            Section(
                "How states are aligned",
                how,
                tooltip="Kind of transform, metric, resolutions",
                key="series how",
            )
        )
        column.addWidget(self.labels_too)
        column.addWidget(self.runner)
        column.addWidget(self.summary)
        results = QVBoxLayout(self._results)
        results.setContentsMargins(0, 0, 0, 0)
        buttons = QHBoxLayout()
        buttons.addWidget(self.undo_button)
        buttons.addWidget(self.save_button)
        for widget in (self.table, self.warnings, self.overlay):
            results.addWidget(widget)
        column.addWidget(self._results)
        column.addLayout(buttons)
        column.addWidget(
            Section(
                "Resample",
                self.resample,
                tooltip="Write the states anew on the first one's grid",
                key="series resample",
            )
        )
        column.addWidget(
            Section(
                "Particles",
                self.particles,
                tooltip="How far each particle went between two aligned states",
                key="series particles",
            )
        )
        column.addStretch(1)
        fill_scrolling(self, content)
        self.setMinimumSize(300, 260)

    def _describe(self, *_: Any) -> None:
        self.runner.run_button.setEnabled(len(self.states.states) > 1 and not self.runner.busy)

    # --- the step

    def run(self) -> None:
        """Align the ticked states."""
        states = self.states.states
        if len(states) < 2:
            self.runner.say("Tick two states or more.", error=True)
            return
        layers = [layer for _, layer in states]
        try:
            volumes = [_named(volume_from_layer(layer), name) for name, layer in states]
            settings = self.form.value().model_copy(update={"start": self.start.currentData()})
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return
        to: Any = self.to.currentData()

        def step(progress: Progress) -> tuple[Series, dict[str, Any]]:
            from napari_battery.provenance import provenance
            from napari_battery.registration.series import register_series

            series = register_series(volumes, settings, to, progress)
            return series, provenance("register-series", settings, volumes, series.notes)

        def done(result: tuple[Series, dict[str, Any]]) -> None:
            self._aligned(*result, layers, volumes)

        self.overlay.forget()  # the processors are needed
        self.runner.start(step, done, "Aligning states")

    def _aligned(
        self, series: Series, made: dict[str, Any], layers: list[Any], volumes: list[Volume]
    ) -> None:
        viewer = self._session.viewer
        if viewer is None:
            return
        restores: list[Callable[[], None]] = []

        def take_back() -> None:
            while restores:  # one that refuses, and those before it, are still to be taken back
                restores[-1]()
                restores.pop()

        notes = list(series.notes)
        try:
            for layer, volume, transform in zip(layers, volumes, series.transforms, strict=True):
                if transform is None or np.array_equal(
                    transform.matrix, np.eye(len(transform.matrix))
                ):
                    continue
                problem = self._not_as_it_was(layer, volume)
                if problem:
                    notes.append(problem)
                    continue
                how: dict[str, Any] = {"by": "register-series", "quality": dict(transform.quality)}
                matrix, unit = transform.matrix, transform.unit or "um"
                if self.labels_too.isChecked():
                    restore = move_with_companions(viewer, layer, matrix, unit, **how)
                else:
                    restore = move_layers([layer], matrix, unit, **how)
                restores.append(restore)
        except Exception:
            take_back()
            raise
        rows = state_rows(series, volumes)
        weak = [ref(layer) for layer in layers]
        assumed = any(volume.is_assumed for volume in volumes)
        before = _LAST.get(self._session)
        aligned = _Aligned(rows, weak, series, made, take_back, notes, assumed, before)
        _LAST[self._session] = aligned
        self._offer_undo(aligned)
        self.particles.choose(*layers[:2])
        self._show()

    def _not_as_it_was(self, layer: Any, volume: Volume) -> str:
        """What happened to a layer while it was being aligned, if anything."""
        if layer not in self._session.viewer.layers:
            return f"“{volume.name}” was deleted meanwhile."
        if not volume.same_grid(volume_from_layer(layer)):
            return f"“{volume.name}” was moved meanwhile and stays where it is now."
        return ""

    def _offer_undo(self, aligned: _Aligned) -> None:
        self.undo_button.push("the alignment", lambda: self._take_back(aligned))

    def _take_back(self, aligned: _Aligned) -> None:
        aligned.take_back()
        if aligned.before is None:
            _LAST.pop(self._session, None)
        else:
            _LAST[self._session] = aligned.before
        self._show()
        self.runner.say("Taken back: the layers lie where they were.")

    # --- results

    def _show(self) -> None:
        aligned = _LAST.get(self._session)
        self._results.setVisible(aligned is not None)
        self.save_button.setEnabled(aligned is not None)
        self.overlay.forget()
        if aligned is None:
            self.summary.say("")
            return
        failed = sum(bool(row.failure) for row in aligned.rows)
        n = len(aligned.rows) - 1
        text = f"{n - failed} of {n} states aligned; click a row to compare."
        text += " Lengths rest on an assumed voxel size." if aligned.assumed else ""
        self.summary.say(text, "warning" if failed else "plain")
        self.table.show_rows(aligned.rows)
        self.warnings.say(warnings_html(aligned.rows, aligned.notes))

    def _compare(self, row: int) -> None:
        aligned = _LAST.get(self._session)
        viewer = self._session.viewer
        if aligned is None or viewer is None or not 0 <= row < len(aligned.layers):
            return
        fixed, moving = aligned.layers[0](), aligned.layers[row]()
        if row and fixed in viewer.layers and moving in viewer.layers:
            self.overlay.show_pair(fixed, moving)
            self.particles.choose(fixed, moving)
        else:
            self.overlay.forget()

    # --- saving

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the alignment", "series.csv", "CSV (*.csv)"
        )
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the table, and every transform beside it."""
        aligned = _LAST[self._session]
        names = [row.state for row in aligned.rows]
        try:
            n = save_series(path, aligned.series, names, aligned.made)
        except (InputError, OSError) as error:
            self.runner.say(f"Cannot write {path}: {error}", error=True)
            return
        self.runner.say(f"Saved {path.name}, with {n} transforms beside it.")


def _named(volume: Volume, state: str) -> Volume:
    return replace(volume, metadata={**volume.metadata, "state": state})


def _combo(ways: dict[str, tuple[str, str]], key: str, tooltip: str) -> QComboBox:
    """A drop-down whose choice is remembered."""
    combo = QComboBox()
    for name, (title, about) in ways.items():
        combo.addItem(title, name)
        combo.setItemData(combo.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
    combo.setToolTip(tooltip)
    stored = combo.findData(str(remembered().value(key, "")))
    combo.setCurrentIndex(max(stored, 0))
    combo.currentIndexChanged.connect(lambda: remembered().setValue(key, combo.currentData()))
    return combo
