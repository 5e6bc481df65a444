"""Metrics of transport through the pores: effective diffusivity, tortuosity factor and τ."""

from __future__ import annotations

import numpy as np

from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Found, Metric, Quantity, Value
from napari_battery.microstructure.phases import BINDER, PORE
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

__all__ = ["DIFFUSION"]


def _diffusion(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure import diffusivity

    phases, size = sample.phases, sample.voxel_size_um
    pores = phases.mask(PORE)
    through_binder = settings.binder_conductivity > 0 and BINDER in phases.codes
    phase = f"{PORE} + {BINDER}" if through_binder else PORE
    found = Found()
    for axis in settings.axes(sample.axes):
        if through_binder:
            medium = pores.astype(np.float32)
            medium[phases.mask(BINDER)] = settings.binder_conductivity
            one = diffusivity.effective_conductivity(medium, size, axis, settings, progress)
        else:
            one = diffusivity.effective_diffusivity(pores, size, axis, settings, progress)
        how = f"finite volumes, residual < {settings.tolerance:g}"
        if through_binder:
            how += f", binder conducts {settings.binder_conductivity:g}"
        if one.relative_diffusivity == 0:
            how = "nothing percolates"
        total, percolating = f"{how}; ε total", f"{how}; ε percolating"
        found.values.extend(
            [
                Value("relative_diffusivity", one.relative_diffusivity, phase, axis, how),
                Value("tortuosity_factor", one.factor_total, phase, axis, total),
                Value(
                    "tortuosity_factor_percolating", one.factor_percolating, phase, axis,
                    percolating,
                ),
                Value("tortuosity", one.tortuosity_total, phase, axis, total),
                Value(
                    "tortuosity_percolating", one.tortuosity_percolating, phase, axis, percolating
                ),
            ]
        )  # fmt: skip
    return found


DIFFUSION = Metric(
    "diffusion",
    "Effective diffusivity, tortuosity factor and τ",
    {
        "relative_diffusivity": Quantity(
            "D_eff / D₀", "", "Effective over free diffusivity, the “transport efficiency”"
        ),
        "tortuosity_factor": Quantity("κ, ε total", "", "Tortuosity factor ε·D₀/D_eff, all pores"),
        "tortuosity_factor_percolating": Quantity(
            "κ, ε percolating", "", "Tortuosity factor ε·D₀/D_eff, pores that lead through"
        ),
        "tortuosity": Quantity("τ = √κ, ε total", "", "√κ; no ratio of path lengths"),
        "tortuosity_percolating": Quantity(
            "τ = √κ, ε percolating", "", "√κ of pores that lead through; no ratio of path lengths"
        ),
    },
    _diffusion,
    needs="pore",
    per_axis=True,
    heavy=True,
)
