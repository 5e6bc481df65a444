"""Labels of particles: threshold, clean, markers, watershed."""

from napari_battery.labelling.label import label_particles
from napari_battery.labelling.mask import (
    clean_mask,
    foreground_mask,
    smoothed_distance,
    threshold_value,
)
from napari_battery.labelling.quality import match_labels
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.stages import STAGES, Stages
from napari_battery.labelling.watershed import find_markers, watershed

__all__ = [
    "STAGES",
    "LabelSettings",
    "Stages",
    "clean_mask",
    "find_markers",
    "foreground_mask",
    "label_particles",
    "match_labels",
    "smoothed_distance",
    "threshold_value",
    "watershed",
]
