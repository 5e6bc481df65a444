"""Tests between two states of a study, and how many particles a change needs to be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from napari_battery.errors import InputError
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.states_question import StatesQuestion
from napari_battery.widgets.states_table import number

__all__ = ["TestsPart"]


class TestsPart(QWidget):
    """Choose two states and read n, z and the critical value; ask for the n of a change."""

    __test__ = False  # for pytest, which takes the name for its own

    def __init__(self) -> None:
        super().__init__()
        self._study: Any = None
        self.ask = StatesQuestion()
        self.said = Notice()
        self.needed = Notice()
        self._lay_out()
        for combo in self.ask.combos:
            combo.activated.connect(self._test)
        for spin in self.ask.spins:
            spin.valueChanged.connect(self._count)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addLayout(self.ask.pair())
        column.addWidget(self.said)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("To see", self.ask.wish())
        column.addLayout(form)
        column.addWidget(self.needed)

    def show_study(self, study: Any) -> None:
        """Offer the states of a study; those chosen stay chosen."""
        self._study = study
        self.ask.offer([state.name for state in study.states], 1)
        self._test()

    def _test(self, *_: Any) -> None:
        from napari_battery.states.study import compare_states

        first, second = self.ask.states
        if self._study is None or not first:
            return
        if first == second:
            self.said.say("Choose two different states.")
            self._count()
            return
        try:
            tests = compare_states(self._study, first, second, self.ask.alternative.currentData())
        except InputError as problem:
            self.said.say(str(problem), "warning")
            self._count()
            return
        words = {"changes": "Same particles", "means": "Populations' means"}
        lines = [_line(words[kind], tests[kind]) for kind in words if kind in tests]
        self.said.say("\n".join(lines))
        self._count()

    def _count(self, *_: Any) -> None:
        from napari_battery.states.statistics import particles_needed

        first, second = self.ask.states
        if self._study is None or not first:
            return
        matched = self._study.settings.matching == "labels"
        spreads = self._spreads(first, second, matched and first != second)
        try:
            n = particles_needed(
                self.ask.change.value(), spreads[0], self.ask.sigmas.value(), spreads[1]
            )
        except InputError as problem:
            self.needed.say(str(problem), "warning")
            return
        if spreads[1] is None:
            text = f"{n:,} particles in both states (their changes scatter by {spreads[0]:.2f})."
        else:
            text = f"{n:,} particles per state (spread {spreads[0]:.2f} and {spreads[1]:.2f})."
        self.needed.say(text)

    def _spreads(self, first: str, second: str, matched: bool) -> tuple[float, float | None]:
        """Standard deviation of the changes; else those of both states."""
        table = self._study.particles
        rows = [table[(table["state"] == name).to_numpy()] for name in (first, second)]
        kept = [row.loc[row["kept"].to_numpy(bool), "core_mean"].to_numpy(float) for row in rows]
        if matched:
            changes = kept[1] - kept[0]
            changes = changes[np.isfinite(changes)]
            return (float(changes.std(ddof=1)) if changes.size > 1 else np.nan), None
        sds = [float(np.nanstd(k, ddof=1)) if np.isfinite(k).sum() > 1 else np.nan for k in kept]
        return sds[0], sds[1]


def _line(what: str, test: Any) -> str:
    n = f"n = {test.n_first:,}" if test.paired else f"n = {test.n_first:,} and {test.n_second:,}"
    beyond = "beyond" if test.is_rejected else "within"
    if test.alternative == "two-sided":
        critical = f"±{number(test.critical, 2)}"
    else:
        critical = number(test.critical, 2)
    return (
        f"{what}: {number(test.difference, 3)} ± {test.standard_error:.3f} grey levels, {n}, "
        f"z = {number(test.z, 2)} ({beyond} the critical {critical}, p = {test.p_value:.2g})"
    )
