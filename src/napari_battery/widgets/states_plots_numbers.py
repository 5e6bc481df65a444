"""The numbers of subsets side by side: means with errors, a test of two states, n needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_battery.errors import InputError
from napari_battery.files import write_json
from napari_battery.states.frames import Frames
from napari_battery.states.subsets import Subset
from napari_battery.tables import column_title, write_table
from napari_battery.widgets.forms import remembered
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.states_question import StatesQuestion
from napari_battery.widgets.states_table import PlainTable, number, with_error

__all__ = ["NumbersPart"]

_AFTER_MS = 100
"""After the figure: it comes first."""
_STATES = {
    "State": "In order; the first is the reference",
    "Subset": "Those ticked above",
    "n": "Particles that count",
    "Ī ± SES": "Mean core grey level (grey levels), and its sampling error σ/√n: the calibrated "
    "error of the mean",
    "ΔĪ ± SES": "Mean change of the same particles since the first state (grey levels), and its "
    "sampling error",
    "z": "Mean change over its sampling error; of populations: Z of the means",
    "SEM": "Measurement error of Ī as published (grey levels): root mean square over particles",
    "SE_tot": "Error of Ī as published (grey levels): adds SEM to SES, so overstates the error "
    "of the mean",
    "SE_tot Δ": "Error of ΔĪ_prist as published (grey levels); overstates in the same way",
    "n needed": "So many particles (of populations: in each state) show the change asked for below",
}
_TESTS = {
    "Subset": "Those ticked above",
    "Test of": "The same particles' changes; or the means of two populations, as published",
    "n": "Sample sizes: of the state compared with, and of the state compared",
    "Difference ± SE": "Second mean less the first, and its standard error (grey levels)",
    "z": "Difference over its standard error",
    "critical": "Value that z must pass (“darker”: fall below)",
    "beyond": "Whether z lies beyond it, so that “no difference” is rejected",
    "p": "p-value of z",
}
_OF = {"changes": "same particles", "means": "means"}


class NumbersPart(QWidget):
    """Numbers of the ticked subsets; worked out only while they are seen."""

    def __init__(self, made: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._made = made
        self._study: Any = None
        self._frames: Frames | None = None
        self._subsets: list[Subset] = []
        self._is_stale = False
        self.states: pd.DataFrame | None = None
        """``tables.STATES_BY_SUBSET`` of what is shown."""
        self.tests: pd.DataFrame | None = None
        """``tables.TESTS_BY_SUBSET`` of what is shown."""
        self.states_table = PlainTable(tuple(_STATES), tuple(_STATES.values()))
        self.tests_table = PlainTable(tuple(_TESTS), tuple(_TESTS.values()))
        self.ask = StatesQuestion()
        self.copy_button, self.save_button = QPushButton("Copy"), QPushButton("Save CSV …")
        self.said = Notice()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_AFTER_MS)
        self._later.timeout.connect(self.work_out)
        self.ask.sigmas.setToolTip("Critical value of the test, and standard errors of that change")
        self.copy_button.setToolTip("Both tables, tab by tab, as spreadsheets take them")
        self.save_button.setToolTip("Both tables as CSV, and how they were made")
        self._lay_out()
        for combo in self.ask.combos:
            combo.activated.connect(self._asked)
        for spin in self.ask.spins:
            spin.valueChanged.connect(self._asked)
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(self._ask_save)

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.addWidget(QLabel("To see"), 0, 0)
        grid.addLayout(self.ask.wish(), 0, 1)
        grid.addWidget(QLabel("Test"), 1, 0)
        grid.addLayout(self.ask.pair(), 1, 1)
        grid.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.addWidget(self.states_table)
        column.addLayout(grid)
        column.addWidget(self.tests_table)
        column.addWidget(self.said)
        column.addLayout(buttons)

    def show_for(self, study: Any, frames: Frames | None, subsets: Sequence[Subset]) -> None:
        """Show the numbers of these subsets, soon after the figure."""
        if study is not self._study and frames is not None:
            self._offer(frames, study)
        self._study, self._frames, self._subsets = study, frames, list(subsets)
        self._asked()

    def _offer(self, frames: Frames, study: Any) -> None:
        """The states of a study; those chosen stay chosen."""
        self.ask.offer(frames.states, len(frames.states) - 1)
        self.ask.sigmas.blockSignals(True)
        self.ask.sigmas.setValue(study.settings.n_sigma)
        self.ask.sigmas.blockSignals(False)

    def _asked(self, *_: Any) -> None:
        self._is_stale = True
        if self.isVisible():
            self._later.start()

    def showEvent(self, event: Any) -> None:  # noqa: N802 (Qt's name)
        """Work out what has changed meanwhile."""
        super().showEvent(event)
        if self._is_stale:
            self._later.start()

    def work_out(self) -> None:
        """Work the numbers out, now."""
        from napari_battery.states.by_subset import compare_by_subset, states_by_subset

        study, frames = self._study, self._frames
        self._is_stale = False
        self.states = self.tests = None
        self.said.say("")
        first, second = self.ask.states
        if frames is not None:
            n_sigma = self.ask.sigmas.value()
            try:
                self.states = states_by_subset(
                    study, frames, self._subsets, change=self.ask.change.value(), n_sigma=n_sigma
                )
                if first == second:
                    self.said.say("Choose two different states to test.")
                else:
                    asked = self.ask.alternative.currentData()
                    self.tests = compare_by_subset(
                        study, frames, self._subsets, [(first, second)], asked, n_sigma
                    )
            except InputError as problem:
                self.said.say(str(problem), "warning")
        self._show()

    def _show(self) -> None:
        known = self.states is not None
        self.states_table.show_rows([] if self.states is None else _state_rows(self.states))
        self.tests_table.show_rows([] if self.tests is None else _test_rows(self.tests))
        self.copy_button.setEnabled(known)
        self.save_button.setEnabled(known)

    # out

    def copy(self) -> None:
        """Put both tables on the clipboard, whole, tab by tab."""
        shown = [table for table in (self.states, self.tests) if table is not None]
        texts = [
            table.rename(columns=column_title).to_csv(sep="\t", index=False, lineterminator="\n")
            for table in shown
        ]
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n".join(texts))

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write the numbers to a CSV file, the tests and the provenance beside it.

        Raises
        ------
        InputError
            If there are none, or they cannot be written there.
        """
        path = Path(path).with_suffix(".csv")
        if self.states is None:
            raise InputError("There are no numbers to save yet.")
        files = [path]
        write_table(path, self.states)
        if self.tests is not None:
            files.append(path.with_name(f"{path.stem}-tests.csv"))
            write_table(files[-1], self.tests)
        files.append(path.with_name(f"{path.name}.provenance.json"))
        write_json(files[-1], self._made())
        return files

    def _ask_save(self) -> None:
        folder = Path(str(remembered().value("folders/figures", "")))
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save numbers", str(folder / "states_by_subset.csv"), "CSV (*.csv)"
        )
        if not chosen:
            return
        remembered().setValue("folders/figures", str(Path(chosen).parent))
        try:
            files = self.save(chosen)
        except (InputError, OSError) as error:
            self.said.say(str(error), "error")
        else:
            self.said.say(f"Saved {' and '.join(file.name for file in files[:-1])}.")


def _state_rows(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """State by state, so that subsets stand side by side."""
    rows: list[tuple[str, ...]] = []
    for state, of_state in table.groupby("state", sort=False):
        for row in of_state.to_dict("records"):
            needed = row["particles_needed"]
            rows.append(
                (
                    str(state),
                    str(row["subset"]),
                    f"{row['n']:,}",
                    with_error(row["mean"], row["ses_mean"]),
                    with_error(row["delta"], row["ses_delta"]) if row["delta"] else "",
                    number(row["z"], 1),
                    number(row["sem_mean"]),
                    number(row["se_tot_mean"]),
                    number(row["se_tot_delta"]) if row["delta"] else "",
                    f"{needed:,.0f}" if np.isfinite(needed) else "",
                )
            )
    return rows


def _test_rows(table: pd.DataFrame) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in table.to_dict("records"):
        if not np.isfinite(row["z"]):
            rows.append((str(row["subset"]), "", "too few", "", "", "", "", ""))
            continue
        first, second = int(row["n_first"]), int(row["n_second"])
        n = f"{first:,}" if row["of"] == "changes" else f"{first:,}, {second:,}"
        two_sided = row["alternative"] == "two-sided"
        rows.append(
            (
                str(row["subset"]),
                _OF[row["of"]],
                n,
                with_error(row["mean_difference"], row["standard_error"]),
                number(row["z"], 2),
                f"{'±' if two_sided else ''}{number(row['critical'], 1)}",
                "yes" if row["is_rejected"] else "no",
                f"{row['p_value']:.2g}",
            )
        )
    return rows
