"""Tortuosity factors of a coarser scan as they would be on finer voxels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from napari_battery.microstructure.metric import Value
from napari_battery.microstructure.sample import Sample

__all__ = ["DIFFUSION", "at_voxel_size", "voxel_um"]

DIFFUSION = "diffusion"
"""Name of the metric whose numbers hang on the voxel size itself."""

_LIMIT = "_extrapolated"
_FACTORS = {
    "tortuosity_factor": "tortuosity",
    "tortuosity_factor_percolating": "tortuosity_percolating",
}


def voxel_um(sample: Sample) -> float:
    """Edge of a sample's voxel in µm, the geometric mean of an anisotropic one."""
    return float(np.prod(sample.voxel_size_um) ** (1 / len(sample.voxel_size_um)))


def at_voxel_size(values: Sequence[Value], own_um: float, size_um: float) -> list[Value]:
    """Numbers of the metric `DIFFUSION` as they would be on voxels of another size.

    Parameters
    ----------
    values : sequence of Value
        As measured, the limits of small voxels among them (see
        `microstructure.extrapolation`).
    own_um, size_um : float
        Edge of a voxel in µm: as measured, and wanted.

    Returns
    -------
    list of Value
        κ(H) = κ₀ + (κ(h) − κ₀)·H/h, with κ₀ the limit; τ = √κ; D_eff/D₀ by the ratio of the
        factors. Where the limit is unknown (an axis too short for two grids) or a line through
        two points ends below 1, where no medium is, NaN.
    """
    found = {(v.metric, v.axis): v for v in values}
    told = dict(found)
    how = f"extrapolated from two grids to {size_um:.4g} µm"
    for (name, axis), value in found.items():
        if name not in _FACTORS:
            continue
        limit = found.get((name + _LIMIT, axis))
        factor = math.nan if limit is None else _between(value.value, limit.value, size_um / own_um)
        told[name, axis] = value._replace(value=factor, method=how)
        root = _FACTORS[name]
        if (root, axis) in found:
            told[root, axis] = found[root, axis]._replace(value=math.sqrt(factor), method=how)
        if name == "tortuosity_factor" and ("relative_diffusivity", axis) in found:
            before = found["relative_diffusivity", axis]
            scaled = 0.0 if math.isinf(factor) else before.value * value.value / factor
            told["relative_diffusivity", axis] = before._replace(value=scaled, method=how)
    return list(told.values())


def _between(own: float, limit: float, share: float) -> float:
    if math.isinf(own):
        return math.inf
    factor = limit + (own - limit) * share
    return factor if factor >= 1 else math.nan
