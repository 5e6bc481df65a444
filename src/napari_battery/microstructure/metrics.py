"""The metrics that can be chosen, in order of worth."""

from __future__ import annotations

from napari_battery.microstructure.metric import Metric
from napari_battery.microstructure.metrics_fractions import FRACTIONS, POROSITY, PROFILES
from napari_battery.microstructure.metrics_transport import DIFFUSION

__all__ = ["METRICS"]

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (FRACTIONS, POROSITY, DIFFUSION, PROFILES)
}
