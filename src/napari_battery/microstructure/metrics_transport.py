"""Metrics of transport through the pores: effective diffusivity, tortuosity factor and τ."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Found, Metric, Quantity, Value
from napari_battery.microstructure.phases import BINDER, PORE
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import Progress

if TYPE_CHECKING:
    from napari_battery.microstructure.diffusivity import Diffusivity

__all__ = ["DIFFUSION", "PATHS", "THICKNESS"]


def _diffusion(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure import diffusivity

    phases, size = sample.phases, sample.voxel_size_um
    pores = phases.mask(PORE)
    solve: Callable[..., Diffusivity] = diffusivity.effective_diffusivity
    medium: NDArray[Any] = pores
    through_binder = settings.binder_conductivity > 0 and BINDER in phases.codes
    phase = f"{PORE} + {BINDER}" if through_binder else PORE
    if through_binder:
        solve, medium = diffusivity.effective_conductivity, pores.astype(np.float32)
        medium[phases.mask(BINDER)] = settings.binder_conductivity
    found, failed = Found(), list[str]()
    for axis in settings.axes(sample.axes):
        try:
            one = solve(medium, size, axis, settings, progress)
        except InputError as error:  # too thin along one axis: the others go on
            failed.append(str(error))
            continue
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
        if settings.extrapolate:
            found.values.extend(_extrapolated(medium, size, one, phase, settings, solve, progress))
    if failed and not found.values:
        raise InputError(" ".join(failed))
    found.notes.extend(failed)
    return found


def _extrapolated(
    medium: NDArray[Any],
    size: tuple[float, ...],
    fine: Diffusivity,
    phase: str,
    settings: MicrostructureSettings,
    solve: Callable[..., Diffusivity],
    progress: Progress,
) -> list[Value]:
    """κ in the limit of small voxels, from this grid and every second voxel of it."""
    from napari_battery.microstructure.diffusivity import LEAST_VOXELS
    from napari_battery.microstructure.extrapolation import Extrapolation, every_second

    even = medium[tuple(slice(0, n - n % 2 if n > 1 else n) for n in medium.shape)]
    rare = every_second(even)
    if min(rare.shape) < LEAST_VOXELS:
        return []
    coarse = solve(rare, size, fine.axis, settings, progress)
    both = Extrapolation(float(np.prod(size) ** (1 / len(size))), fine, coarse)
    h = both.voxel_um
    total = f"2 κ({h:.3g} µm) − κ({2 * h:.3g} µm)"
    through = f"{total}; ε percolating"
    return [
        Value("tortuosity_factor_extrapolated", both.factor_total, phase, fine.axis, total),
        Value(
            "tortuosity_factor_percolating_extrapolated",
            both.factor_at(0.0, percolating=True),
            phase,
            fine.axis,
            through,
        ),
    ]


def _paths(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.geodesic import path_tortuosity

    pores, found = sample.phases.mask(PORE), Found()
    for axis in settings.axes(sample.axes):
        one = path_tortuosity(pores, sample.voxel_size_um, axis, progress)
        how = f"fast marching, mean over {one.reached:.1%} of the outlet's pores"
        found.values.append(Value("path_tortuosity", one.mean, PORE, axis, how))
        sd = "SD over the outlet's pores"
        found.values.append(Value("path_tortuosity_sd", one.sd, PORE, axis, sd))
    return found


def _thickness(sample: Sample, settings: MicrostructureSettings, progress: Progress) -> Found:
    from napari_battery.microstructure.thickness import electrode_thickness

    axis = settings.thickness_axis
    if axis not in sample.axes:
        return Found()
    solid = ~sample.phases.mask(PORE)
    one = electrode_thickness(solid, sample.voxel_size_um, axis, settings.thickness_bridge_um)
    how = f"outermost solid voxels of {one.covered:.1%} of the columns"
    found = Found(
        [
            Value("electrode_thickness", one.mean_um, "", axis, how),
            Value("electrode_thickness_sd", one.sd_um, "", axis, "SD over columns"),
        ]
    )
    if one.cut > 0.01:
        found.notes.append(
            f"{one.cut:.0%} of the electrode's columns reach both faces along {axis}: its "
            "thickness is that of the volume at least."
        )
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
        "tortuosity_factor_extrapolated": Quantity(
            "κ₀, ε total", "", "κ in the limit of small voxels, 2κ(h) − κ(2h)"
        ),
        "tortuosity_factor_percolating_extrapolated": Quantity(
            "κ₀, ε percolating", "", "The same with ε of pores that lead through"
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
PATHS = Metric(
    "path_tortuosity",
    "Geometric path-length tortuosity",
    {
        "path_tortuosity": Quantity(
            "Path length / thickness",
            "",
            "Mean geodesic distance through the pores from face to face / straight distance; "
            "neither κ nor √κ",
        ),
        "path_tortuosity_sd": Quantity(
            "Path length / thickness, SD", "", "Its standard deviation over the outlet"
        ),
    },
    _paths,
    needs="pore",
    per_axis=True,
    heavy=True,
)
THICKNESS = Metric(
    "electrode_thickness",
    "Electrode thickness",
    {
        "electrode_thickness": Quantity(
            "Electrode thickness", "µm", "Mean over columns, from the outermost solid voxels"
        ),
        "electrode_thickness_sd": Quantity(
            "Electrode thickness, SD", "µm", "Standard deviation over columns"
        ),
    },
    _thickness,
    needs="pore",
    in_regions=False,
)
