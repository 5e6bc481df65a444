"""The settings of the phases in sections, each showing only what has a meaning just now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.section import Section

__all__ = ["PhasesForm"]

_SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Denoising and smoothing": (
        "What is done against noise: before the thresholds, and to the phases by their "
        "neighbours (Markov random field)",
        ("denoise", "denoise_size", "smoothing_weight"),
    ),
    "Binder at particle edges": (
        "The blur of an edge has the grey levels of binder; here that shell is taken off",
        ("binder_shell",),
    ),
    "Cleaning the active material": (
        "What is mended in the active material afterwards",
        ("closing_radius", "fill_holes", "opening_radius", "minimum_volume"),
    ),
}
"""Heading: what it is for, its fields."""

_WITH_LEVELS = ("manual", "hysteresis")


class PhasesForm(QWidget):
    """`PhaseSettings`: the method above, the rest folded away under headings."""

    def __init__(self) -> None:
        super().__init__()
        self.form = SettingsForm(PhaseSettings)
        self.method = self.form.part(
            "method", "n_phases", "active", "level_1", "level_2", "local_radius", "local_offset"
        )
        self.sections: dict[str, Section] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for title, (tooltip, fields) in _SECTIONS.items():
            section = Section(
                title,
                self.form.part(*fields),
                tooltip=tooltip,
                key=f"Segment phases/{title}",
            )
            self.sections[title] = section
            column.addWidget(section)
        column.addWidget(self.form)
        self.form.changed.connect(self.show_fields)
        self.show_fields()

    def show_fields(self) -> None:
        """Show the fields that the method uses."""
        settings, form = self.form.value(), self.form
        method = settings.method
        trained = method == "classifier"
        three = settings.n_phases == 3 and method not in ("local", "hysteresis")
        form.show_field("n_phases", not trained)
        form.show_field("active", not trained)
        form.show_field("level_1", method in _WITH_LEVELS)
        form.show_field("level_2", method == "hysteresis" or (method == "manual" and three))
        form.show_field("local_radius", method == "local")
        form.show_field("local_offset", method == "local")
        form.show_field("denoise", not trained)
        form.show_field("denoise_size", not trained and settings.denoise != "none")
        form.show_field("smoothing_weight", method != "hysteresis")
        self.sections["Binder at particle edges"].setVisible(three and not trained)

    def set_levels(self, levels: Sequence[float]) -> None:
        """Use these grey levels: as local offset, hysteresis, or else manual levels."""
        rows, method = self.form.rows, self.form.value().method
        if method == "local":
            rows["local_offset"].set_value(-levels[0])
            return
        for name, level in zip(("level_1", "level_2"), levels, strict=False):
            rows[name].set_value(level)
        if method not in _WITH_LEVELS:
            rows["method"].set_value("manual")

    def fit_editors(self, low: float, high: float) -> None:
        """Give grey levels as many decimals as an image from `low` to `high` needs."""
        decimals = max(1, 3 - math.floor(math.log10(max(high - low, 1e-12))))
        for name in ("level_1", "level_2", "local_offset"):
            editor: Any = self.form.rows[name].editor
            editor.setDecimals(decimals)
