"""Which particles of a study count: the rules as switches, and the ledger of what they leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QVBoxLayout, QWidget

from napari_battery.states.settings import StudyRules, published_rules
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.notice import Notice
from napari_battery.widgets.track_ledger import Ledger

__all__ = ["RulesPart", "study_reasons"]

_OWN = "own"
_PRESETS = {"recommended": StudyRules(), "as published (GREAT2)": published_rules()}
_BETWEEN = "; "


def study_reasons(particles: pd.DataFrame) -> pd.DataFrame:
    """Gather the reasons of a study's particles over the states.

    Returns
    -------
    DataFrame
        One row per label: ``label``, ``kept``, ``reason``, ``first_reason``, ``states``.
    """
    from napari_battery.states.ledger import left_out

    labels = np.unique(particles["label"].to_numpy())
    out = left_out(particles).set_index("label").reindex(labels)
    reason = out["reason"].fillna("").to_numpy(object)
    return pd.DataFrame(
        {
            "label": labels,
            "kept": reason == "",
            "reason": reason,
            "first_reason": [text.split(_BETWEEN)[0] for text in reason],
            "states": out["states"].fillna("").to_numpy(object),
        }
    )


class RulesPart(QWidget):
    """Switches of the rules; each counts anew at once, and switching back takes it back."""

    changed = Signal()
    """Other rules are set."""
    chosen = Signal(object)
    """Another row of the ledger is chosen; see `Ledger.chosen`."""

    def __init__(self) -> None:
        super().__init__()
        self.preset = QComboBox()
        self.preset.addItems([*_PRESETS, _OWN])
        self.preset.setToolTip(
            "Recommended: ours. As published: missing, border, neighbours of missing ones, "
            "smallest quartile. Each rule is a switch below"
        )
        self.preset.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.preset.setMinimumContentsLength(8)
        self.form = SettingsForm(StudyRules)
        self.ledger = Ledger()
        self.said = Notice()
        column = QVBoxLayout(self)
        column.addWidget(self.ledger)
        column.addWidget(self.said)
        top = QFormLayout()
        top.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        top.addRow("Preset", self.preset)
        column.addLayout(top)
        column.addWidget(self.form)
        self.preset.activated.connect(self._preset_chosen)
        self.form.changed.connect(self._rules_changed)
        self.ledger.chosen.connect(self.chosen)
        self._show_preset()

    def value(self) -> StudyRules:
        """The rules as switched."""
        return self.form.value()

    def show_study(self, study: Any) -> None:
        """Show what the rules leave of a study."""
        matched = study.settings.matching == "labels"
        table = study.particles
        kept = table.drop_duplicates("label") if matched else table
        n = int(kept["kept"].sum())
        self.ledger.show_counts(n, study.ledger)
        what = "particles" if matched else "particles, over all states"
        self.said.say(f"{n:,} of {len(kept):,} {what} count.")

    def _preset_chosen(self, *_: Any) -> None:
        preset = _PRESETS.get(self.preset.currentText())
        if preset is not None:
            self.form.set_value(preset)

    def _show_preset(self) -> None:
        rules = self.form.value()
        for name in self.form.rows:
            rule = name.removesuffix("_limit").removesuffix("_share")
            if rule != name:
                self.form.show_field(name, getattr(rules, rule))
        known = (name for name, preset in _PRESETS.items() if preset == rules)
        self.preset.setCurrentText(next(known, _OWN))

    def _rules_changed(self) -> None:
        self._show_preset()
        self.changed.emit()
