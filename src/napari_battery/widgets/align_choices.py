"""What can be chosen in the Align stacks dock beside the settings of the alignment."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QSizePolicy

from napari_battery.widgets.forms import remembered

__all__ = [
    "FINE",
    "LANDMARKS",
    "METRICS",
    "MODES",
    "OFF",
    "STARTS",
    "choices_of",
    "form_layout",
]

FINE = (
    "levels",
    "finest",
    "samples",
    "iterations",
    "smallest_overlap",
    "rotation_search_deg",
    "seed",
)
"""Settings of the alignment that are folded away."""
METRICS = {"correlation": "Correlation", "mutual-information": "Mutual information (nats)"}

OFF = "off"
LANDMARKS = "landmarks"
STARTS: dict[str, tuple[str, str]] = {
    "nothing": ("Anywhere: search", "By correlation; the stacks may lie anywhere"),
    "current": (
        "Where it lies now",
        "Also after it was dragged, moved to landmarks or by a transform",
    ),
    LANDMARKS: ("Landmarks", "Where the pairs marked under Landmarks put it"),
}
MODES: dict[str, tuple[str, str]] = {
    "blend": ("Colours", "Fixed magenta, moving green; grey where they agree"),
    "checkerboard": ("Checkerboard", "Tiles of the fixed and of the moving stack in turn"),
    "swipe": ("Swipe", "Fixed on the left of a line that can be dragged, moving on its right"),
    "difference": ("Difference", "Fixed less moving; grey where they agree"),
    "flicker": ("Flicker", "Both in turn: what is not aligned jumps"),
    "fixed": ("Fixed only", "The fixed stack alone"),
    "moving": ("Moving only", "The moving stack alone, resampled where it lies now"),
    OFF: ("Off: layers as they are", "napari draws a tilted stack wrongly in 2-D slices"),
}
"""Value, what the person reads, and its tooltip."""


def form_layout() -> QFormLayout:
    """An empty form whose fields take the dock's width."""
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def choices_of(choices: dict[str, tuple[str, str]], key: str, tooltip: str) -> QComboBox:
    """A drop-down whose choice is remembered under `key`."""
    box = QComboBox()
    for name, (title, says) in choices.items():
        box.addItem(title, name)
        box.setItemData(box.count() - 1, says, Qt.ItemDataRole.ToolTipRole)
    box.setToolTip(tooltip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setCurrentIndex(max(box.findData(str(remembered().value(key, ""))), 0))
    box.currentIndexChanged.connect(lambda _: remembered().setValue(key, box.currentData()))
    return box
