"""Transport of a coarser scan as it would be on finer voxels: from two of its own grids."""

from __future__ import annotations

import math

import numpy as np

from napari_battery.errors import InputError
from napari_battery.microstructure.extrapolation import extrapolated_diffusivity
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Value
from napari_battery.microstructure.phases import PORE
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

__all__ = ["DIFFUSION", "diffusion_at", "voxel_um"]

DIFFUSION = "diffusion"
"""Name of the metric whose numbers hang on the voxel size itself."""


def voxel_um(sample: Sample) -> float:
    """Edge of a sample's voxel in µm, the geometric mean of an anisotropic one."""
    return float(np.prod(sample.voxel_size_um) ** (1 / len(sample.voxel_size_um)))


def diffusion_at(
    sample: Sample, size_um: float, settings: MicrostructureSettings, progress: Progress
) -> list[Value]:
    """Numbers of the metric `DIFFUSION` as they would be on voxels of another size.

    Parameters
    ----------
    sample : Sample
        With a phase called "pore".
    size_um : float
        Edge of those voxels in µm.
    settings, progress
        As of the metric; a binder blocks.

    Returns
    -------
    list of Value
        κ is extrapolated (`microstructure.extrapolation`); D_eff/D₀ is ε/κ. An axis too short
        for two grids is left out. NaN where the coarser of the two grids does not percolate.
    """
    pores, found = sample.phases.mask(PORE), []
    for axis in settings.axes(sample.axes):
        try:
            one = extrapolated_diffusivity(pores, sample.voxel_size_um, axis, settings, progress)
        except InputError:
            continue
        total, open_part = one.factor_at(size_um), one.factor_at(size_um, percolating=True)
        # a line through two noisy points may end where no medium is
        total, open_part = (v if v >= 1 or math.isnan(v) else math.nan for v in (total, open_part))
        numbers = {
            "relative_diffusivity": one.fine.fraction_total / total,
            "tortuosity_factor": total,
            "tortuosity_factor_percolating": open_part,
            "tortuosity": math.sqrt(total),
            "tortuosity_percolating": math.sqrt(open_part),
        }
        how = f"extrapolated from two grids to {size_um:.4g} µm"
        found += [Value(name, value, PORE, axis, how) for name, value in numbers.items()]
    return found
