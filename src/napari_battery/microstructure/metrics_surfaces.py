"""Metrics of surfaces: of each phase, and between any two."""

from __future__ import annotations

from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Found, Metric, Quantity, Value
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

__all__ = ["SURFACES"]


def _surfaces(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.surfaces import (
        interface_areas,
        marching_cubes_area,
        surface_area,
    )

    phases, size, found = sample.phases, sample.voxel_size_um, Found()
    crofton = "Crofton, 13 directions" if len(size) == 3 else "Crofton"
    for phase in phases.codes:
        mask = phases.mask(phase)
        area = surface_area(mask, size, progress=progress)
        found.values.append(Value("surface_area_per_volume", area, phase, method=crofton))
        if len(size) == 3:
            facets = marching_cubes_area(mask, size, progress=progress)
            found.values.append(
                Value("marching_cubes_area_per_volume", facets, phase, method="marching cubes, ½")
            )
    if len(phases.codes) > 2:
        pairs = interface_areas(phases.data, phases.codes, size, progress=progress)
        for row in pairs.to_dict("records"):
            value, names = float(row["area_per_volume_per_um"]), f"{row['phase']}–{row['other']}"
            found.values.append(Value("interface_area_per_volume", value, names, method=crofton))
    return found


SURFACES = Metric(
    "surfaces",
    "Surface areas and interfaces",
    {
        "surface_area_per_volume": Quantity(
            "Surface / volume", "1/µm", "Surface of the phase per volume of the whole (Crofton)"
        ),
        "marching_cubes_area_per_volume": Quantity(
            "Surface / volume, marching cubes",
            "1/µm",
            "The same from facets: some 8 % too much on smooth shapes",
        ),
        "interface_area_per_volume": Quantity(
            "Interface / volume", "1/µm", "Area between two phases per volume of the whole"
        ),
    },
    _surfaces,
)
