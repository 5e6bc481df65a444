"""Chord lengths: how long lines along an axis stay inside a phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.microstructure._checks import axis_number, binary, edges
from napari_battery.microstructure.sizes import SizeDistribution, Weighting
from napari_battery.progress import SILENT, Progress

__all__ = ["Chords", "chord_lengths"]

_BLOCK_VOXELS = 1 << 22


@dataclass(frozen=True, eq=False)
class Chords:
    """Chords of a phase along one axis.

    Parameters
    ----------
    axis : str
        "z", "y" or "x".
    lengths_um : (n,) float64 array
        Lengths that occur, ascending.
    counts : (n,) int64 array
        Whole chords of each length.
    n_cut : int
        Chords that a face of the volume cuts; they are left out, as their length is unknown.
    mean_intercept_um : float
        Twice the way inside the phase over the number of its ends: the mean chord without
        the bias that long chords are cut more often (Underwood, Quantitative Stereology,
        1970). NaN where no line leaves the phase.
    """

    axis: str
    lengths_um: NDArray[np.float64]
    counts: NDArray[np.int64]
    n_cut: int
    mean_intercept_um: float

    @property
    def mean_um(self) -> float:
        """Mean of the whole chords in µm; NaN if there is none."""
        n = self.counts.sum()
        return float(self.lengths_um @ self.counts / n) if n else np.nan

    def distribution(self, weighting: Weighting = "number") -> SizeDistribution:
        """Lengths as a distribution: each chord once, or ("volume") by its length."""
        weights = self.counts * (self.lengths_um if weighting == "volume" else 1.0)
        total = max(float(weights.sum()), np.finfo(float).tiny)
        return SizeDistribution(
            self.lengths_um,
            np.asarray(weights / total),
            weighting,
            int(self.counts.sum()),
            self.n_cut,
        )

    def table(self) -> pd.DataFrame:
        """``length_um, n_chords, density_per_um``: per length between two voxel edges."""
        step = self.lengths_um[0] if self.lengths_um.size else np.nan
        if self.lengths_um.size > 1:
            step = np.diff(self.lengths_um).min()
        density = self.counts / max(self.counts.sum(), 1) / step
        return pd.DataFrame(
            {"length_um": self.lengths_um, "n_chords": self.counts, "density_per_um": density}
        )


def chord_lengths(
    mask: NDArray[Any],
    voxel_size_um: Sequence[float],
    axis: str,
    progress: Progress = SILENT,
) -> Chords:
    """Chords of a phase along an axis.

    Parameters
    ----------
    mask : (nz, ny, nx) or (ny, nx) bool array
        The phase.
    voxel_size_um : sequence of float
        Voxel edges in µm along the array's axes.
    axis : str
        "z", "y" or "x".
    progress : Progress
        Advanced per block of lines.

    Raises
    ------
    InputError
        If there is no such axis, or the mask is no mask.
    """
    inside = binary(mask)
    number = axis_number(axis, inside.ndim)
    edge = edges(voxel_size_um, inside.ndim)[number]
    lines = np.moveaxis(inside, number, -1)
    if lines.ndim == 2:
        lines = lines[None]
    n = lines.shape[-1]
    counts, n_cut, n_ends = np.zeros(n + 1, np.int64), 0, 0
    step = max(1, _BLOCK_VOXELS // (lines.shape[1] * n))
    progress.begin(-(-len(lines) // step), f"Chords along {axis}")
    for first in range(0, len(lines), step):
        block = np.ascontiguousarray(lines[first : first + step]).reshape(-1, n)
        begins, ends = _runs(block)
        whole = (begins > 0) & (ends < n)
        counts += np.bincount((ends - begins)[whole], minlength=n + 1)
        n_cut += int(np.count_nonzero(~whole))
        n_ends += int(np.count_nonzero(begins > 0) + np.count_nonzero(ends < n))
        progress.advance()
    some = np.flatnonzero(counts)
    intercept = 2 * edge * np.count_nonzero(inside) / n_ends if n_ends else np.nan
    lengths = np.asarray(some * edge, np.float64)
    return Chords(axis, lengths, counts[some], n_cut, float(intercept))


def _runs(lines: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and past-last place of every run of every line."""
    padded = np.zeros((lines.shape[0], lines.shape[1] + 2), np.int8)
    padded[:, 1:-1] = lines
    change = np.diff(padded, axis=1)
    width = change.shape[1]
    begins, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return begins % width, ends % width
