"""Size distributions of particles and of pores: by number, by volume, and their percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_battery.errors import InputError
from napari_battery.microstructure._checks import binary, edges
from napari_battery.microstructure.local_thickness import local_thickness
from napari_battery.progress import SILENT, Progress

__all__ = [
    "CutRule",
    "SizeDistribution",
    "Weighting",
    "particle_sizes",
    "pore_sizes",
    "sizes_from_table",
    "sizes_from_thickness",
]

Weighting = Literal["number", "volume"]
CutRule = Literal["exclude", "correct", "include"]
"""What becomes of particles that a face of the volume cuts.

exclude : they are left out, and their number is said. Large particles are cut more often, so
    that the sizes come out somewhat small where the volume is few particles wide.
correct : left out, and each particle counts by the inverse of the chance that a particle of
    its box lies whole in the volume (Lantuéjoul, "On the estimation of mean values in
    individual analysis of particles", Microscopica Acta S4, 1980).
include : they count with what is seen of them.
"""

_STEPS = 1000
"""Steps per voxel edge in which thicknesses are told apart."""


@dataclass(frozen=True, eq=False)
class SizeDistribution:
    """Diameters and how much each counts.

    Parameters
    ----------
    diameters_um : (n,) float64 array
        Ascending.
    weights : (n,) float64 array
        They sum to 1.
    weighting : {"number", "volume"}
        Whether each particle counts once, or by its volume (in 2-D by its area).
    n_particles : int
        Particles that count; 0 for pores, which are none.
    n_cut : int
        Particles cut by a face of the volume.
    cut_rule : {"exclude", "correct", "include"}
        What became of those.
    """

    diameters_um: NDArray[np.float64]
    weights: NDArray[np.float64]
    weighting: Weighting
    n_particles: int = 0
    n_cut: int = 0
    cut_rule: CutRule = "exclude"

    def percentiles(self, percent: ArrayLike) -> NDArray[np.float64]:
        """Diameters (µm) below which these percentages lie: D10, D50, D90; NaN if empty.

        The cumulative curve goes straight from one diameter to the next; at a diameter it
        holds half of what that diameter itself counts.
        """
        wanted = np.asarray(percent, float)
        if self.diameters_um.size == 0:
            return np.full(wanted.shape, np.nan)
        middle = np.cumsum(self.weights) - self.weights / 2
        return np.asarray(np.interp(wanted / 100, middle, self.diameters_um))

    @property
    def mean_um(self) -> float:
        """Mean diameter in µm."""
        return float(self.diameters_um @ self.weights) if self.diameters_um.size else np.nan

    @property
    def std_um(self) -> float:
        """Standard deviation of the diameters in µm."""
        if self.diameters_um.size == 0:
            return np.nan
        return float(np.sqrt((self.diameters_um - self.mean_um) ** 2 @ self.weights))

    def summary(self) -> dict[str, float]:
        """D10, D50, D90, mean and standard deviation in µm, and the numbers of particles."""
        d10, d50, d90 = (float(d) for d in self.percentiles([10, 50, 90]))
        return {
            "d10_um": d10, "d50_um": d50, "d90_um": d90,
            "mean_um": self.mean_um, "std_um": self.std_um,
            "n_particles": self.n_particles, "n_cut": self.n_cut,
        }  # fmt: skip

    def cumulative(self) -> pd.DataFrame:
        """The cumulative curve: ``diameter_um, fraction_below``."""
        return pd.DataFrame(
            {"diameter_um": self.diameters_um, "fraction_below": np.cumsum(self.weights)}
        )

    def histogram(self, bins: int = 40) -> pd.DataFrame:
        """Density over equal bins from 0: ``diameter_um`` (middle), ``density_per_um``."""
        if self.diameters_um.size == 0:
            return pd.DataFrame({"diameter_um": [], "density_per_um": []}, dtype=float)
        ends = np.linspace(0, self.diameters_um[-1] * (1 + 1e-9), bins + 1)
        share, _ = np.histogram(self.diameters_um, ends, weights=self.weights)
        width = ends[1] - ends[0]
        return pd.DataFrame(
            {"diameter_um": (ends[:-1] + ends[1:]) / 2, "density_per_um": share / width}
        )


def sizes_from_table(
    particles: pd.DataFrame,
    weighting: Weighting = "volume",
    cut_rule: CutRule = "exclude",
    volume_shape: Sequence[int] | None = None,
) -> SizeDistribution:
    """Size distribution of particles that were measured before.

    Parameters
    ----------
    particles : DataFrame
        Columns ``equivalent_diameter_um``, ``volume_um3`` (in 2-D ``area_um2``) and
        ``touches_border``; for ``"correct"`` also ``bbox_z0`` to ``bbox_x1``.
    weighting : {"number", "volume"}
        How much each particle counts.
    cut_rule : {"exclude", "correct", "include"}
        What to do with particles cut by a face, see `CutRule`.
    volume_shape : sequence of int, optional
        Voxels of the volume along its axes; for ``"correct"``.

    Raises
    ------
    InputError
        If a column is missing that it needs.
    """
    size_name = "volume_um3" if "volume_um3" in particles else "area_um2"
    missing = [
        name
        for name in ("equivalent_diameter_um", size_name, "touches_border")
        if name not in particles
    ]
    if missing:
        raise InputError(
            f"The table of particles has no column {', '.join(missing)}; measure the labels first."
        )
    diameter = particles["equivalent_diameter_um"].to_numpy(float)
    size = particles[size_name].to_numpy(float)
    cut = particles["touches_border"].to_numpy(bool)
    known = np.isfinite(diameter) & np.isfinite(size) & (size > 0)
    kept = known if cut_rule == "include" else known & ~cut
    weights = size if weighting == "volume" else np.ones(len(size))
    if cut_rule == "correct":
        weights = weights * _rarity(particles, volume_shape)
    order = np.flatnonzero(kept)[np.argsort(diameter[kept], kind="stable")]
    some = weights[order]
    return SizeDistribution(
        diameter[order], some / some.sum() if some.size else some, weighting,
        int(kept.sum()), int((known & cut).sum()), cut_rule,
    )  # fmt: skip


def _rarity(particles: pd.DataFrame, shape: Sequence[int] | None) -> NDArray[np.float64]:
    """How many particles of each one's box there are for one that lies whole in the volume."""
    if shape is None:
        raise InputError("To correct for cut particles, the shape of the volume must be known.")
    axes = "zyx"[3 - len(shape) :]
    names = [f"bbox_{axis}{end}" for axis in axes for end in (0, 1)]
    missing = [name for name in names if name not in particles]
    if missing:
        raise InputError(
            f"To correct for cut particles, the table needs {', '.join(missing)}; choose to "
            "exclude them instead."
        )
    chance = np.ones(len(particles))
    for axis, length in zip(axes, shape, strict=True):
        box = particles[f"bbox_{axis}1"].to_numpy(float) - particles[f"bbox_{axis}0"]
        if length > 1:
            # places of the box that touch neither face
            chance *= np.clip(length - 1 - box.to_numpy(float), 1, None) / length
    return 1 / chance


def particle_sizes(
    labels: NDArray[Any],
    voxel_size_um: Sequence[float],
    weighting: Weighting = "volume",
    cut_rule: CutRule = "exclude",
    progress: Progress = SILENT,
) -> SizeDistribution:
    """Size distribution of labelled particles by their equivalent diameter.

    Parameters
    ----------
    labels : (nz, ny, nx) or (ny, nx) integer array
        0 outside particles.
    voxel_size_um : sequence of float
        Voxel edges in µm along the array's axes.
    weighting, cut_rule
        As in `sizes_from_table`.
    progress : Progress
        Advanced per block of planes.

    Raises
    ------
    InputError
        If they are no labels.
    """
    from napari_battery.microstructure.shapes import label_sizes

    table = label_sizes(labels, voxel_size_um, progress)
    return sizes_from_table(table, weighting, cut_rule, np.shape(labels))


def pore_sizes(
    mask: NDArray[Any], voxel_size_um: Sequence[float], progress: Progress = SILENT
) -> SizeDistribution:
    """Size distribution of a phase by volume, from its local thickness.

    Parameters are those of `local_thickness`; each voxel counts with its thickness, so that
    D50 is the diameter of the balls that fill half of the phase and no more.
    """
    return sizes_from_thickness(local_thickness(mask, voxel_size_um, progress), mask, voxel_size_um)


def sizes_from_thickness(
    thickness: NDArray[np.float32], mask: NDArray[Any], voxel_size_um: Sequence[float]
) -> SizeDistribution:
    """Size distribution from a map of local thickness (µm), over the voxels of a mask."""
    inside = np.asarray(thickness)[binary(mask)]
    if inside.size == 0:
        return SizeDistribution(np.empty(0), np.empty(0), "volume")
    step = min(edges(voxel_size_um, np.ndim(mask))) / _STEPS
    counts = np.bincount(np.rint(inside / step).astype(np.int64))
    some = np.flatnonzero(counts)
    diameters = np.asarray(some * step, np.float64)
    return SizeDistribution(diameters, np.asarray(counts[some] / inside.size), "volume")
