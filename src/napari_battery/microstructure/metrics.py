"""The metrics that can be chosen, in order of worth."""

from __future__ import annotations

from napari_battery.microstructure.metric import Metric
from napari_battery.microstructure.metrics_fractions import FRACTIONS, POROSITY, PROFILES
from napari_battery.microstructure.metrics_sizes import (
    LOCAL_THICKNESS,
    PARTICLE_SIZES,
    SHAPE_DETAILS,
    SHAPES,
)
from napari_battery.microstructure.metrics_structure import CHORDS, CONTACTS, TWO_POINT
from napari_battery.microstructure.metrics_surfaces import SURFACES
from napari_battery.microstructure.metrics_transport import DIFFUSION, PATHS, THICKNESS

__all__ = ["METRICS"]

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        FRACTIONS,
        POROSITY,
        DIFFUSION,
        PATHS,
        PARTICLE_SIZES,
        LOCAL_THICKNESS,
        SURFACES,
        SHAPES,
        SHAPE_DETAILS,
        CONTACTS,
        THICKNESS,
        PROFILES,
        CHORDS,
        TWO_POINT,
    )
}
