"""The metrics that can be chosen, in order of worth."""

from __future__ import annotations

from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Found, Metric, Quantity, Value
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

__all__ = ["METRICS"]


def _fractions(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    masks = {name: sample.phases.mask(name) for name in sample.phases.codes}
    return Found(
        [
            Value("volume_fraction", float(mask.mean()), phase=name, method="voxels counted")
            for name, mask in masks.items()
        ]
    )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "volume_fractions",
            "Volume fractions",
            {"volume_fraction": Quantity("Volume fraction", "", "Voxels of the phase / all")},
            _fractions,
        ),
    )
}
