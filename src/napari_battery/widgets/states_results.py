"""What a study came to: warnings first, then the states, and the parts to look closer."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.widgets.layers import is_map
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.section import Section
from napari_battery.widgets.session import Session
from napari_battery.widgets.states_greys import GreysPart
from napari_battery.widgets.states_maps import MapsPart
from napari_battery.widgets.states_noise import NoisePart
from napari_battery.widgets.states_rules import RulesPart, study_reasons
from napari_battery.widgets.states_shown import LAST, ReopenedStudy, ShownStudy
from napari_battery.widgets.states_table import StatesTable
from napari_battery.widgets.states_tests import TestsPart
from napari_battery.widgets.track_map import ReasonMap

__all__ = ["ResultsPart"]

_PUBLISHED = (
    "± SES, the calibrated error of a mean. SE_tot is as published: its SEM is a root mean square "
    "over particles, which does not fall with n, so it overstates the error of the mean."
)


class ResultsPart(QWidget):
    """The window's study; empty until there is one."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        viewer = session.viewer
        self._reasons = ReasonMap(viewer)
        self._followed: list[Any] = []
        self.warnings, self.stale, self.about = Notice(), Notice(), Notice()
        self.notes = QPlainTextEdit()
        self.notes.setReadOnly(True)
        self.notes.setMaximumHeight(90)
        self.notes.setToolTip("What to know about this study")
        self.warnings.setTextFormat(Qt.TextFormat.RichText)
        self.table = StatesTable()
        self.published = Notice(_PUBLISHED)
        self.greys = GreysPart(viewer)
        self.noise = NoisePart(viewer)
        self.rules = RulesPart()
        self.tests = TestsPart()
        self.maps = MapsPart(viewer)
        self.save_button = QPushButton("Save study …")
        self.save_button.setToolTip("All tables as CSV and how they were made, into a folder")
        self.plots_button = QPushButton("State plots …")
        self.plots_button.setToolTip("Open the figures of this study")
        self.particle_button = QPushButton("Inside a particle …")
        self.particle_button.setToolTip("Open one particle in every state")
        self._content = QWidget()
        self._lay_out()
        self.rules.changed.connect(self._rules_changed)
        self.rules.chosen.connect(self._show_reasons)
        self.save_button.clicked.connect(self._ask_save)
        self.plots_button.clicked.connect(lambda: open_dock(viewer, "State plots"))
        self.particle_button.clicked.connect(lambda: open_dock(viewer, "Inside a particle"))

    def _lay_out(self) -> None:
        inner = QVBoxLayout(self._content)
        inner.setContentsMargins(0, 0, 0, 0)
        for widget in (self.warnings, self.stale, self.about, self.table, self.published):
            inner.addWidget(widget)
        sections = (
            ("Comparability", self.greys, "Whether grey levels mean the same in all states", True),
            ("Rules and ledger", self.rules, "Which particles count, and why others do not", False),
            ("Tests", self.tests, "z-test of two states; how many particles are needed", False),
            ("Maps", self.maps, "ΔĪ_prist of every state on one scale", True),
        )
        for title, content, tooltip, is_open in sections:
            inner.addWidget(
                Section(
                    title, content, is_open=is_open, tooltip=tooltip, key=f"states {title.lower()}"
                )
            )
        inner.addWidget(self.notes)
        buttons = QHBoxLayout()
        for button in (self.plots_button, self.particle_button):
            buttons.addWidget(button)
        inner.addLayout(buttons)
        inner.addWidget(self.save_button)  # beside them it would be cut in a narrow dock
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._content)

    def show_last(self, *, new: bool = False) -> None:
        """Show the window's study as it is now."""
        shown = LAST.get(self._session)
        self._content.setVisible(shown is not None)
        if shown is None:
            return
        self._follow(shown)
        study = shown.study
        self.warnings.say(_warnings_html(study.warnings))
        self.stale_because(shown.stale)
        self.about.say(_about(study))
        self.table.show_summary(study.summary)
        self.notes.setPlainText("\n".join(f"• {note}" for note in study.notes))
        self.notes.setVisible(bool(study.notes))
        self.greys.show_study(study)
        self.noise.show_study(study, shown.background, shown.reference if new else None)
        self.rules.show_study(study)
        self.tests.show_study(study)
        self.maps.follow(shown.maps)
        if shown.maps is None:
            self.noise.said.say("As saved with the study; where it was measured was not.")
            self.maps.said.say("Maps need the images and labels: run the study on them.")
        elif new and study.settings.matching == "labels":
            self.maps.show_maps()

    def stale_because(self, why: str) -> None:
        """Say that the study no longer fits, or nothing."""
        self.stale.say(f"Out of date: {why}." if why else "", "warning")

    def _follow(self, shown: ShownStudy | ReopenedStudy) -> None:
        """Say so when labels are corrected after the study."""
        for history in shown.histories:
            if not any(history is one for one in self._followed):
                self._followed.append(history)
                listen(self, self._labels_edited, history.changed)

    def _labels_edited(self, history: Any) -> None:
        shown = LAST.get(self._session)
        if shown is not None:
            self.stale_because(shown.stale)
            if shown.maps is not None:
                shown.maps.mark_stale(shown.stale)

    # --- rules

    def _rules_changed(self) -> None:
        shown = LAST.get(self._session)
        if shown is None:
            return
        try:
            shown.set_rules(self.rules.value())
        except InputError as problem:
            self.rules.said.say(str(problem), "warning")
            return
        self.show_last()

    def _show_reasons(self, chosen: str | None) -> None:
        """Colour the reference's particles by the rule that leaves them out."""
        shown = LAST.get(self._session)
        viewer = self._session.viewer
        if shown is None or shown.reference not in viewer.layers:
            return
        if shown.study.settings.matching != "labels":
            return  # a label is another particle in each state
        reasons = study_reasons(shown.study.particles)
        self._reasons.show(shown.reference, reasons, chosen, shown.study.made)
        for layer in viewer.layers:
            if is_map(layer):
                layer.visible = layer is self._reasons.layer

    # --- saving

    def _ask_save(self) -> None:
        folder, _ = QFileDialog.getSaveFileName(self, "Save the study into a new folder", "study")
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> None:
        """Write all tables and how they were made."""
        from napari_battery.states.study import write_study

        shown = LAST[self._session]
        study = shown.study
        if shown.stale:
            from dataclasses import replace

            study = replace(study, notes=[*study.notes, f"Out of date: {shown.stale}."])
        try:
            write_study(folder, study)
        except (InputError, OSError) as problem:
            self.about.say(str(problem), "error")
            return
        self.about.say(f"{_about(study)} Saved to {folder}.")


def _warnings_html(warnings: list[str]) -> str:
    if not warnings:
        return ""
    lines = "".join(
        f'<p style="color: #d9822b; font-weight: bold; margin: 3px 0">⚠ {html.escape(text)}</p>'
        for text in warnings
    )
    return lines


def _about(study: Any) -> str:
    matched = study.settings.matching == "labels"
    kept = study.particles.drop_duplicates("label") if matched else study.particles
    text = "Synthetic data. " if study.made.get("synthetic") else ""
    if study.made.get("assumed_voxel_size"):
        text += "Voxel size assumed. "
    text += f"{int(kept['kept'].sum()):,} of {len(kept):,} particles count"
    n = int(study.particles["significant"].sum()) if matched else 0
    rate = study.settings.false_discovery_rate
    return text + (f"; {n:,} significant changes (false-discovery rate {rate:g})." if n else ".")
