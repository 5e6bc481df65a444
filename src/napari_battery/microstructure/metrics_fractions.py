"""Metrics of how much there is: volume fractions, porosity, profiles."""

from __future__ import annotations

from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Curve, Found, Metric, Quantity, Value
from napari_battery.microstructure.phases import PORE
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

__all__ = ["FRACTIONS", "POROSITY", "PROFILES"]

_COUNTED = "voxels counted"


def _fractions(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.fractions import phase_fractions

    shares = phase_fractions(sample.phases.data, sample.phases.codes)
    return Found([Value("volume_fraction", v, k, method=_COUNTED) for k, v in shares.items()])


def _porosity(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.fractions import porosity

    found = porosity(sample.phases.mask(PORE))
    joined = "voxels joined through faces"
    values = [
        Value("porosity_total", found.total, PORE, method=_COUNTED),
        Value("porosity_open", found.open, PORE, method=joined),
        Value("porosity_closed", found.closed, PORE, method=joined),
    ]
    for axis in settings.axes(sample.axes):
        values.append(Value("porosity_percolating", found.percolating[axis], PORE, axis, joined))
    return Found(values)


def _profiles(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.fractions import fraction_profile

    found = Found()
    phases = sample.phases
    for axis in settings.axes(sample.axes):
        table = fraction_profile(phases.data, phases.codes, sample.voxel_size_um, axis)
        for name, one in table.groupby("phase", sort=False):
            sd = float(one["fraction"].std(ddof=0))
            found.values.append(
                Value("profile_sd", sd, str(name), axis, "SD over planes of one voxel")
            )
            curve = one[["position_um", "fraction"]].reset_index(drop=True)
            found.curves.append(Curve("profiles", curve, str(name), axis))
    return found


FRACTIONS = Metric(
    "volume_fractions",
    "Volume fractions",
    {"volume_fraction": Quantity("Volume fraction", "", "Voxels of the phase / all voxels")},
    _fractions,
)
POROSITY = Metric(
    "porosity",
    "Porosity",
    {
        "porosity_total": Quantity("Porosity, total", "", "Volume fraction of all pores"),
        "porosity_open": Quantity(
            "Porosity, open", "", "Of pores that lead to any face of the volume"
        ),
        "porosity_closed": Quantity("Porosity, closed", "", "Of pores that lead to no face"),
        "porosity_percolating": Quantity(
            "Porosity, percolating", "", "Of pores that lead from face to face along the axis"
        ),
    },
    _porosity,
    needs="pore",
    per_axis=True,
)
PROFILES = Metric(
    "profiles",
    "Profiles along each axis",
    {
        "profile_sd": Quantity(
            "SD along the axis", "", "Standard deviation of the phase's fraction between planes"
        )
    },
    _profiles,
    per_axis=True,
    in_regions=False,
)
