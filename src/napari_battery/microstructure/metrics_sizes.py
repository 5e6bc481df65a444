"""Metrics of size and shape: particles by their labels, phases by local thickness."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Curve, Found, Metric, Quantity, Value
from napari_battery.microstructure.phases import ACTIVE, PORE
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

if TYPE_CHECKING:
    from napari_battery.microstructure.sizes import SizeDistribution

__all__ = ["LOCAL_THICKNESS", "PARTICLE_SIZES", "SHAPES", "SHAPE_DETAILS"]

_TENTHS = ("d10", "d50", "d90", "mean", "std")
_FEWEST_BINS, _MOST_BINS = 8, 40
_SHAPES = {
    "sphericity": ("Sphericity", "Area of the ball of the same volume / area; 1 for a ball"),
    "circularity": ("Circularity", "4π·area / perimeter²; 1 for a circle (2-D)"),
    "aspect_ratio": ("Aspect ratio", "Long / short axis of the ellipsoid of the same moments"),
    "elongation": ("Elongation", "Middle / long axis of that ellipsoid"),
    "flatness": ("Flatness", "Short / middle axis of that ellipsoid"),
    "roughness": ("Roughness", "Surface area / that of this ellipsoid"),
}
_DETAILS = {
    "solidity": ("Solidity", "Volume / that of the convex hull"),
    "void_fraction": ("Internal void fraction", "Voids closed in by the particle / particle"),
}


def _particles(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.shapes import label_sizes
    from napari_battery.microstructure.sizes import Weighting, sizes_from_table

    assert sample.labels is not None
    table = label_sizes(sample.labels, sample.voxel_size_um, progress)
    rule = settings.cut_particles
    found = Found()
    weightings: tuple[Weighting, Weighting] = ("number", "volume")
    for weighting in weightings:
        sizes = sizes_from_table(table, weighting, rule, sample.shape)
        how = f"{weighting}-weighted, particles cut by a face: {rule}"
        found.values.extend(_summed(sizes, f"particle_{weighting}", ACTIVE, how))
        found.curves.extend(_curve(sizes, f"particle_sizes_{weighting}", ACTIVE))
    found.values.append(Value("n_particles", sizes.n_particles, ACTIVE, method=how))
    found.values.append(Value("n_cut_particles", sizes.n_cut, ACTIVE, method="labels at a face"))
    if sizes.n_particles == 0:
        found.notes.append(f"all {sizes.n_cut} particles are cut by a face: no size is known.")
    return found


def _summed(sizes: SizeDistribution, stem: str, phase: str, how: str) -> list[Value]:
    summary = sizes.summary()
    return [Value(f"{stem}_{name}", summary[f"{name}_um"], phase, method=how) for name in _TENTHS]


def _curve(sizes: SizeDistribution, name: str, phase: str) -> list[Curve]:
    n = sizes.n_particles or len(sizes.diameters_um)
    if not n:
        return []
    bins = min(max(math.isqrt(n), _FEWEST_BINS), _MOST_BINS)
    return [Curve(name, sizes.histogram(bins), phase)]


def _local(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.sizes import pore_sizes

    found = Found()
    how = "local thickness: largest ball inside the phase that covers a voxel, by volume"
    for phase in (PORE, ACTIVE):
        if phase not in sample.phases.codes:
            continue
        mask = sample.phases.mask(phase)
        if mask.all():
            found.notes.append(f"{phase} fills the volume: nothing bounds its thickness.")
            continue
        sizes = pore_sizes(mask, sample.voxel_size_um, progress)
        found.values.extend(_summed(sizes, "local_thickness", phase, how))
        name = "pore_sizes" if phase == PORE else f"local_thickness_{phase}"
        found.curves.extend(_curve(sizes, name, phase))
    return found


def _shapes(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.shapes import label_shapes

    assert sample.labels is not None
    return _means(label_shapes(sample.labels, sample.voxel_size_um, progress), list(_SHAPES))


def _details(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.shape_details import label_details

    assert sample.labels is not None
    return _means(label_details(sample.labels, sample.voxel_size_um, progress), list(_DETAILS))


def _means(table: pd.DataFrame, names: list[str]) -> Found:
    """Means over the particles that no face cuts."""
    whole = table[~table["touches_border"].astype(bool)]
    how = f"mean over {len(whole)} whole particles, {len(table) - len(whole)} cut left out"
    values = []
    for name in names:
        if name in whole:
            numbers = whole[name].to_numpy(np.float64)
            numbers = numbers[np.isfinite(numbers)]
            mean = float(numbers.mean()) if len(numbers) else math.nan
            values.append(Value(name, mean, ACTIVE, method=how))
    return Found(values)


def _quantities(stem: str, title: str, by: str) -> dict[str, Quantity]:
    words = {"mean": "mean", "std": "SD"}
    return {
        f"{stem}_{name}": Quantity(
            f"{title}, {words.get(name, name.upper())}",
            "µm",
            f"{words.get(name, name.upper())} of the diameter, {by}",
        )
        for name in _TENTHS
    }


PARTICLE_SIZES = Metric(
    "particle_sizes",
    "Particle sizes",
    {
        **_quantities("particle_number", "Particle diameter (number)", "every particle once"),
        **_quantities("particle_volume", "Particle diameter (volume)", "particles by volume"),
        "n_particles": Quantity("Particles", "", "Particles that count for the sizes"),
        "n_cut_particles": Quantity("Particles cut", "", "Particles cut by a face of the volume"),
    },
    _particles,
    needs="labels",
)
LOCAL_THICKNESS = Metric(
    "local_thickness",
    "Pore sizes and solid sizes by local thickness",
    _quantities("local_thickness", "Local thickness", "voxels of the phase by their ball"),
    _local,
    heavy=True,
)
SHAPES = Metric(
    "shapes",
    "Shapes of particles",
    {name: Quantity(title, "", text) for name, (title, text) in _SHAPES.items()},
    _shapes,
    needs="labels",
)
SHAPE_DETAILS = Metric(
    "shape_details",
    "Solidity and internal voids of particles",
    {name: Quantity(title, "", text) for name, (title, text) in _DETAILS.items()},
    _details,
    needs="labels",
    heavy=True,
)
