"""Effective diffusivity and tortuosity factor of a phase, or of several that conduct."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._checks import binary, checked_axis, edges
from napari_battery.microstructure._solution import Solution, solve
from napari_battery.microstructure.percolation import percolating_part
from napari_battery.microstructure.settings import TransportSettings
from napari_battery.progress import SILENT, Progress

__all__ = ["LEAST_VOXELS", "Diffusivity", "effective_conductivity", "effective_diffusivity"]

LEAST_VOXELS = 3
"""Voxels that there must be along the axis of transport."""


@dataclass(frozen=True)
class Diffusivity:
    """Transport through a volume along one axis.

    The tortuosity factor κ = ε·D₀/D_eff depends on what ε counts: with dead ends and closed
    pores (total) or without pores that do not lead through (percolating). Of several phases
    that conduct, ε·D₀ is the mean of the local conductivity. τ = √κ (Tjaden et al., Current
    Opinion in Chemical Engineering 12, 2016); neither is a ratio of path lengths.
    """

    axis: str
    relative_diffusivity: float
    """D_eff/D₀, "transport efficiency": 0 where nothing percolates."""
    fraction_total: float
    """ε of all that conducts."""
    fraction_percolating: float
    """ε of what leads from face to face."""
    iterations: int
    residual: float
    """Norm of the residual, against that of the start (a straight ramp)."""
    imbalance: float
    """Difference between what flows in and what flows out, against their mean."""

    @property
    def factor_total(self) -> float:
        """κ with ε total; infinite where nothing percolates."""
        return self._factor(self.fraction_total)

    @property
    def factor_percolating(self) -> float:
        """κ with ε of the percolating part; infinite where nothing percolates."""
        return self._factor(self.fraction_percolating)

    @property
    def tortuosity_total(self) -> float:
        """τ = √κ with ε total."""
        return math.sqrt(self.factor_total)

    @property
    def tortuosity_percolating(self) -> float:
        """τ = √κ with ε of the percolating part."""
        return math.sqrt(self.factor_percolating)

    def _factor(self, fraction: float) -> float:
        return fraction / self.relative_diffusivity if self.relative_diffusivity else math.inf


def effective_diffusivity(
    mask: NDArray[Any],
    voxel_size_um: Sequence[float],
    axis: str = "z",
    settings: TransportSettings = TransportSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> Diffusivity:
    """Steady diffusion through one phase between two faces; the sides are closed.

    The concentration is 1 on the first face and 0 on the last; the balance of every voxel
    (seven-point, finite volumes) is solved by conjugate gradients with a multigrid
    preconditioner, in single precision with sums in double. D_eff comes from the
    dissipation, whose error is second order in that of the concentration. Only what
    percolates is solved. At 256³ voxels about 0.5 GB are needed.

    Parameters
    ----------
    mask : (Z, Y, X) or (Y, X) array of bool
        The phase that conducts. Voxels are joined through their faces.
    voxel_size_um : sequence of float
        Edges of a voxel, one per axis; only their ratios count.
    axis : str
        Direction of transport: "z", "y" or "x".
    settings : TransportSettings
        Tolerance and device.
    progress : Progress
        Advanced as the residual falls; cancels within one sweep.

    Returns
    -------
    Diffusivity
        D_eff = 0 and κ = ∞ where nothing percolates.

    Raises
    ------
    InputError
        If the mask is not one, is thinner than `LEAST_VOXELS` along the axis, or the
        solution does not reach the tolerance.
    """
    mask = binary(mask)
    number = checked_axis(mask.shape, axis, LEAST_VOXELS, "Diffusion")
    size = edges(voxel_size_um, mask.ndim)
    through = percolating_part(mask, axis)
    total = float(np.count_nonzero(mask) / mask.size)
    percolating = float(np.count_nonzero(through) / mask.size)
    if percolating == 0:
        return Diffusivity(axis, 0.0, total, 0.0, 0, 0.0, 0.0)
    solved = _solved(through, size, number, settings, progress)
    return _named(axis, solved, total, percolating)


def effective_conductivity(
    conductivity: NDArray[Any],
    voxel_size_um: Sequence[float],
    axis: str = "z",
    settings: TransportSettings = TransportSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> Diffusivity:
    """As `effective_diffusivity`, through several phases that conduct differently.

    Two neighbours conduct as half a voxel of each in series. The results are in units of
    the conductivity that counts as 1: give pores 1 and a binder that lets 5 % through 0.05.

    Parameters
    ----------
    conductivity : (Z, Y, X) or (Y, X) array of float
        Conductivity, or diffusivity × porosity, of every voxel; 0 where nothing conducts.
        Single precision carries ratios of up to about a million.
    voxel_size_um, axis, settings, progress
        As for `effective_diffusivity`.

    Returns
    -------
    Diffusivity
        ``fraction_total`` and ``fraction_percolating`` are means of the conductivity over
        the volume, all and of the percolating part.

    Raises
    ------
    InputError
        As `effective_diffusivity`; and if a conductivity is negative or no number.
    """
    given = np.asarray(conductivity)
    if given.ndim not in (2, 3) or given.size == 0:
        raise InputError(f"Conductivities of shape {given.shape}; 2 or 3 axes are needed.")
    if not (given.min() >= 0 and np.isfinite(given.max())):
        raise InputError("A conductivity is negative or no number; 0 is what does not conduct.")
    number = checked_axis(given.shape, axis, LEAST_VOXELS, "Diffusion")
    size = edges(voxel_size_um, given.ndim)
    through = percolating_part(given > 0, axis)
    total = float(given.mean(dtype=np.float64))
    if not through.any():
        return Diffusivity(axis, 0.0, total, 0.0, 0, 0.0, 0.0)
    percolating = float(given.sum(dtype=np.float64, where=through) / given.size)
    largest = float(given.max())
    kept = np.where(through, given / np.asarray(largest, given.dtype), 0).astype(np.float32)
    solved = _solved(kept, size, number, settings, progress)
    found = replace(solved, relative_diffusivity=solved.relative_diffusivity * largest)
    return _named(axis, found, total, percolating)


def _solved(
    medium: NDArray[Any],
    size: tuple[float, ...],
    number: int,
    settings: TransportSettings,
    progress: Progress,
) -> Solution:
    """Solve with the axis of transport first; a slice is a volume of one plane."""
    if medium.ndim == 2:
        medium, size, number = medium[None], (min(size), *size), number + 1
    turned = np.ascontiguousarray(np.moveaxis(medium, number, 0))
    edge = [size[number], *(s for k, s in enumerate(size) if k != number)]
    # conductance of a face, against that of a face across the axis of transport
    nominal = (1.0, (edge[0] / edge[1]) ** 2, (edge[0] / edge[2]) ** 2)
    return solve(turned, nominal, settings, progress)


def _named(axis: str, solved: Solution, total: float, percolating: float) -> Diffusivity:
    return Diffusivity(
        axis=axis,
        relative_diffusivity=solved.relative_diffusivity,
        fraction_total=total,
        fraction_percolating=percolating,
        iterations=solved.iterations,
        residual=solved.residual,
        imbalance=solved.imbalance,
    )
