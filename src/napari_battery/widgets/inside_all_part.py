"""All particles at once: run, put the columns beside the analyses, save the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import ref

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.volume import Volume
from napari_battery.widgets.inside_results import LAST, LookedInside, put_beside
from napari_battery.widgets.listening import listen
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.running import StepRunner
from napari_battery.widgets.session import Session

__all__ = ["AllParticles", "Inputs"]

Inputs = tuple[Any, list[tuple[str, Any]], Volume, list[Volume], InsideSettings]
"""Labels layer, states with their layers, both as volumes, settings."""


class AllParticles(QWidget):
    """Look inside all particles.

    Parameters
    ----------
    session : Session
        Whose analyses get the columns.
    inputs : callable
        Answers what is chosen; raises ValueError where something is missing.
    """

    finished = Signal()

    def __init__(self, session: Session, inputs: Callable[[], Inputs]) -> None:
        super().__init__()
        self._session, self._inputs = session, inputs
        self.runner = StepRunner(
            "Look inside all particles",
            "Register and compare every particle in every state; no layer is changed",
        )
        self.summary = Notice()
        self.save_button = QPushButton("Save table…")
        self.save_button.setToolTip("One row per particle and state as CSV; what made it beside it")
        column = QVBoxLayout(self)
        for widget in (self.runner, self.summary, self.save_button):
            column.addWidget(widget)
        self.runner.clicked.connect(self.run)
        self.save_button.clicked.connect(self._ask_and_save)
        looked = LAST.get(session)
        labels = None if looked is None else looked.layers[0]()
        self._watched: list[Any] = []
        if labels is not None:
            self._watch(session.history(labels))
        self.show_last()

    def _watch(self, history: Any) -> None:
        """Say when the labels that were looked into are edited."""
        if history not in self._watched:
            self._watched.append(history)
            listen(self, self._edited, history.changed)

    def _edited(self, *_: Any) -> None:
        self.show_last()

    def run(self) -> None:
        """Look inside all particles of the chosen labels."""
        try:
            labels_layer, states, labels, images, settings = self._inputs()
        except ValueError as problem:  # InputError, or settings that do not go together
            self.runner.say(str(problem), error=True)
            return

        history = self._session.history(labels_layer)
        as_given = history.state

        def step(progress: Progress) -> Any:
            from napari_battery.provenance import provenance
            from napari_battery.states.inside_all import inside_all

            found = inside_all(labels, images, settings, progress)
            return found, provenance("inside", settings, [labels, *images])

        def done(result: Any) -> None:
            found, made = result
            layers = tuple(ref(x) for x in (labels_layer, *(image for _, image in states)))
            looked = LookedInside(found, settings, layers, made, labels.is_assumed, as_given)
            LAST[self._session] = looked
            later = list(zip(found.noise, [image for _, image in states[1:]], strict=True))
            names = put_beside(self._session, labels_layer, later, found.table)
            self._watch(history)
            self.show_last(names)
            self.finished.emit()

        self.runner.start(step, done, "Finding particles")

    def show_last(self, names: list[str] | None = None) -> None:
        """Say what the last run found."""
        looked = LAST.get(self._session)
        self.save_button.setEnabled(looked is not None)
        if looked is None:
            self.summary.say("")
            return
        table = looked.found.table
        lines = []
        for state, rows in table.groupby("state", sort=False):
            known = rows[rows["change_mean"].notna()]
            fell, rose = (known[c].mean() for c in ("fell_share", "rose_share"))
            lines.append(
                f"{state}: {len(known):,} of {len(rows):,} particles compared; of their cores "
                f"{fell:.2%} fell and {rose:.2%} rose by more than {looked.settings.k_sigma:g} σ "
                f"(noise alone: {rows['expected_share'].iloc[0]:.2%} each)."
            )
        if names:
            told = ", ".join(f"“{name}”" for name in names)
            lines.append(f"The columns are in the table and the maps of {told}.")
        elif names is not None:
            lines.append(
                "Run a radial analysis of these labels, then this again, to see the columns in "
                "the results table and on maps."
            )
        if looked.stale(self._session):
            lines.insert(0, "Out of date: the labels were edited since.")
        self.summary.say("\n".join(lines), "warning" if looked.stale(self._session) else "plain")

    def _ask_and_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save what changed inside particles", "inside.csv", "CSV (*.csv)"
        )
        if path:
            self.save(Path(path))

    def save(self, path: Path) -> None:
        """Write the table, and what made it beside it."""
        try:
            LAST[self._session].save(path)
        except (InputError, OSError) as error:
            self.runner.say(f"Cannot write {path}: {error}", error=True)
            return
        self.runner.say(f"Saved {path.name}, with what made it beside it.")
