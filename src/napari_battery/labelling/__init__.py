"""Phases and particles: threshold, clean, markers, watershed; labels through every state."""

from napari_battery.labelling.classifier import PixelClassifier, train_classifier
from napari_battery.labelling.classifier_file import load_classifier, save_classifier
from napari_battery.labelling.classifier_settings import ClassifierSettings
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
from napari_battery.labelling.phases import classify, segment_phases
from napari_battery.labelling.phases_model import PhaseModel, prepare_phases
from napari_battery.labelling.phases_settings import PHASE_CODES, PhaseSettings
from napari_battery.labelling.pieces import pieces
from napari_battery.labelling.propagate import Propagation, propagate_labels
from napari_battery.labelling.propagate_settings import PropagateSettings
from napari_battery.labelling.quality import match_labels
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.stages import STAGES, Stages
from napari_battery.labelling.thresholds import threshold_levels
from napari_battery.labelling.watershed import find_markers, watershed

__all__ = [
    "PHASE_CODES",
    "RULES",
    "STAGES",
    "ClassifierSettings",
    "ConsistencySettings",
    "LabelSettings",
    "PhaseModel",
    "PhaseSettings",
    "PixelClassifier",
    "PropagateSettings",
    "Propagation",
    "Stages",
    "as_published",
    "check_consistency",
    "classify",
    "clean_mask",
    "contacts_table",
    "find_markers",
    "foreground_mask",
    "label_particles",
    "ledger",
    "load_classifier",
    "match_independent",
    "match_labels",
    "particle_reasons",
    "pieces",
    "prepare_phases",
    "propagate_labels",
    "recommended",
    "save_classifier",
    "segment_phases",
    "smoothed_distance",
    "threshold_levels",
    "threshold_value",
    "train_classifier",
    "watershed",
]
