"""The settings of the labelling in sections, each showing only what has a meaning just now."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_battery.labelling import LabelSettings
from napari_battery.widgets.forms import SettingsForm
from napari_battery.widgets.section import Section

__all__ = ["LabelForm"]

_SECTIONS: dict[str, tuple[bool, str, tuple[str, ...]]] = {
    "Threshold": (
        True,
        "Which voxels are particles",
        ("denoise", "denoise_size", "particles", "threshold", "manual_threshold"),
    ),
    "Cleaning": (
        False,
        "What is mended in the mask before particles are parted",
        ("opening_radius", "closing_radius", "fill_holes", "minimum_volume"),
    ),
    "Splitting": (
        True,
        "How touching particles are parted",
        (
            "method",
            "distance_smoothing",
            "markers",
            "marker_depth",
            "marker_distance",
            "compactness",
        ),
    ),
    "Afterwards": (
        False,
        "What is done with the parted particles",
        ("merge_neck", "drop_border"),
    ),
}
"""Heading: whether it is open at first, what it is for, its fields."""

_WATERSHED = ("markers", "compactness")
_MERGE_NECK = 0.9


class LabelForm(QWidget):
    """`LabelSettings` under four headings, the unit of lengths above them."""

    def __init__(self) -> None:
        super().__init__()
        self.form = SettingsForm(LabelSettings)
        self.sections: dict[str, Section] = {}
        self._from_mask = False
        # shown once it is switched on, which None says nothing about
        merge: Any = self.form.rows["merge_neck"].editor
        merge.setValue(merge.value() or _MERGE_NECK)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        for title, (is_open, tooltip, fields) in _SECTIONS.items():
            section = Section(
                title,
                self.form.part(*fields),
                is_open=is_open,
                tooltip=tooltip,
                key=f"Label particles/{title}",
            )
            self.sections[title] = section
            column.addWidget(section)
        self.form.changed.connect(self._show_fields)
        self._show_fields()

    def settings(self) -> LabelSettings:
        """What the form holds.

        Raises
        ------
        ValidationError
            If fields do not go together; the form says why.
        """
        return self.form.value()

    def set_from_mask(self, from_mask: bool) -> None:
        """Hide the threshold where particles are marked already."""
        self._from_mask = from_mask
        self._show_fields()

    def _show_fields(self) -> None:
        form = self.form
        try:
            settings = form.value()
        except ValidationError:  # the form says why
            settings = LabelSettings()
        self.sections["Threshold"].setVisible(not self._from_mask)
        form.show_field("manual_threshold", settings.threshold == "manual")
        form.show_field("denoise_size", settings.denoise != "none")
        watershed = settings.method == "watershed"
        for name in _WATERSHED:
            form.show_field(name, watershed)
        # merging by necks measures widths in the distance map, whoever parted the particles
        form.show_field("distance_smoothing", watershed or settings.merge_neck is not None)
        form.show_field("marker_depth", watershed and settings.markers == "h-maxima")
        form.show_field("marker_distance", watershed and settings.markers == "peaks")
