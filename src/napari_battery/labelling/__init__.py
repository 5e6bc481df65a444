"""Labels of particles: threshold, clean, markers, watershed; the same through every state."""

from napari_battery.labelling.consistency import (
    RULES,
    ConsistencySettings,
    as_published,
    check_consistency,
    ledger,
    particle_reasons,
    recommended,
)
from napari_battery.labelling.contacts import contacts_table
from napari_battery.labelling.label import label_particles
from napari_battery.labelling.mask import (
    clean_mask,
    foreground_mask,
    smoothed_distance,
    threshold_value,
)
from napari_battery.labelling.overlap import match_independent
from napari_battery.labelling.pieces import pieces
from napari_battery.labelling.propagate import Propagation, propagate_labels
from napari_battery.labelling.propagate_settings import PropagateSettings
from napari_battery.labelling.quality import match_labels
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.stages import STAGES, Stages
from napari_battery.labelling.watershed import find_markers, watershed

__all__ = [
    "RULES",
    "STAGES",
    "ConsistencySettings",
    "LabelSettings",
    "PropagateSettings",
    "Propagation",
    "Stages",
    "as_published",
    "check_consistency",
    "clean_mask",
    "contacts_table",
    "find_markers",
    "foreground_mask",
    "label_particles",
    "ledger",
    "match_independent",
    "match_labels",
    "particle_reasons",
    "pieces",
    "propagate_labels",
    "recommended",
    "smoothed_distance",
    "threshold_value",
    "watershed",
]
