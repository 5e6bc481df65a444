"""Metrics of how things are arranged: contacts, chord lengths, two-point correlation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Curve, Found, Metric, Quantity, Value
from napari_battery.microstructure.phases import ACTIVE, PORE
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

__all__ = ["CHORDS", "CONTACTS", "TWO_POINT"]

_MOST_BINS = 40
_PART_OF_EDGE = 4
"""Correlations reach over the shortest edge of the volume / this: the rest has few pairs."""


def _contacts(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.contacts import contacts

    assert sample.labels is not None
    found = contacts(sample.labels, sample.voxel_size_um, progress)
    whole = found.particles[~found.particles["touches_border"]]
    how = f"faces shared, over {len(whole)} whole particles"
    extent = float(np.prod(sample.shape) * np.prod(sample.voxel_size_um))
    name = "contact_area_um2" if sample.labels.ndim == 3 else "contact_length_um"
    area = float(found.pairs[name].sum()) / extent
    curves = []
    if len(whole):
        counts = np.bincount(whole["coordination"].to_numpy(np.int64))
        share = pd.DataFrame(
            {"coordination": np.arange(len(counts)), "fraction": counts / counts.sum()}
        )
        curves.append(Curve("coordination", share, ACTIVE))
    return Found(
        [
            Value("coordination", found.mean_coordination, ACTIVE, method=how),
            Value("contact_area_per_volume", area, ACTIVE, method="Crofton"),
        ],
        curves,
    )


def _chords(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.chords import chord_lengths

    found = Found()
    for phase in sample.phases.codes:
        mask = sample.phases.mask(phase)
        for axis in settings.axes(sample.axes):
            one = chord_lengths(mask, sample.voxel_size_um, axis, progress)
            how = f"{int(one.counts.sum())} whole chords, {one.n_cut} cut left out"
            found.values.append(Value("mean_chord", one.mean_um, phase, axis, how))
            intercept = "twice the way inside / number of ends (Underwood)"
            found.values.append(
                Value("mean_intercept", one.mean_intercept_um, phase, axis, intercept)
            )
            if one.counts.sum():
                table = one.distribution().histogram(min(len(one.lengths_um), _MOST_BINS))
                found.curves.append(
                    Curve("chords", table.rename(columns={"diameter_um": "length_um"}), phase, axis)
                )
    return found


def _two_point(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.two_point import two_point_correlation

    found, size = Found(), sample.voxel_size_um
    edges = [n * edge for n, edge in zip(sample.shape, size, strict=True)]
    reach = max(min(edges) / _PART_OF_EDGE, 2 * max(size))
    how = f"Fourier transform, distances up to {reach:.4g} µm"
    for phase in (PORE, ACTIVE):
        if phase not in sample.phases.codes:
            continue
        one = two_point_correlation(sample.phases.mask(phase), size, reach, progress)
        length = one.correlation_length_um
        found.values.append(Value("correlation_length", length, phase, method=how))
        found.values.append(Value("decay_length", one.decay_length_um, phase, method=how))
        curve = one.radial[["distance_um", "correlation"]].reset_index(drop=True)
        if np.isfinite(curve["correlation"]).any():
            found.curves.append(Curve("two_point", curve, phase))
    return found


CONTACTS = Metric(
    "contacts",
    "Contacts and coordination number",
    {
        "coordination": Quantity("Coordination number", "", "Mean number of particles touched"),
        "contact_area_per_volume": Quantity(
            "Contact area / volume", "1/µm", "Area between particles per volume of the whole"
        ),
    },
    _contacts,
    needs="labels",
)
CHORDS = Metric(
    "chords",
    "Chord lengths",
    {
        "mean_chord": Quantity("Mean chord", "µm", "Mean length of whole chords along the axis"),
        "mean_intercept": Quantity(
            "Mean intercept", "µm", "Mean chord without the bias of those that faces cut"
        ),
    },
    _chords,
    per_axis=True,
)
TWO_POINT = Metric(
    "two_point",
    "Two-point correlation",
    {
        "correlation_length": Quantity(
            "Correlation length", "µm", "Integral of the correlation up to its first zero"
        ),
        "decay_length": Quantity("Decay length", "µm", "Where the correlation falls to 1/e"),
    },
    _two_point,
    heavy=True,
)
