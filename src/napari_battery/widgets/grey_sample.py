"""A sample of a stack's grey values, small enough to draw and ask at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["GreySample", "sample_grey"]

_VOXELS = 4_000_000
_PLANES = 24
_BINS = 256


@dataclass(frozen=True, eq=False)
class GreySample:
    """Sorted finite grey values, and how many bins draw them.

    Parameters
    ----------
    values : 1-D array
        Sorted; at least one.
    whole : bool
        Whether every voxel is in it.
    """

    values: NDArray[Any]
    whole: bool

    @property
    def low(self) -> float:
        return float(self.values[0])

    @property
    def high(self) -> float:
        return float(self.values[-1])

    def fraction_below(self, value: float) -> float:
        """Fraction of voxels that are darker than `value`."""
        return float(np.searchsorted(self.values, value, "left") / self.values.size)

    def fraction_above(self, value: float) -> float:
        """Fraction of voxels that are brighter than `value`."""
        return 1.0 - float(np.searchsorted(self.values, value, "right") / self.values.size)

    def percentile(self, percent: float) -> float:
        """Grey value below which `percent` of the voxels are."""
        return float(np.percentile(self.values, percent, method="nearest"))

    def histogram(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Counts and bin edges; integers get bins of whole grey levels, so none is empty."""
        low, high = self.low, self.high
        if np.issubdtype(self.values.dtype, np.integer):
            width = max(1.0, np.ceil((high - low + 1) / _BINS))
            edges = np.arange(low - 0.5, high + 0.5 + width, width)
        else:
            edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
        counts, edges = np.histogram(self.values, edges)
        return counts, edges


def sample_grey(volume: Volume, progress: Progress = SILENT) -> GreySample:
    """Grey values of a volume inside its region, at most about four million of them.

    Whole planes spread over the first axis are read, so that a stack on the disk is read
    in few places; within them voxels are taken on a regular grid.

    Raises
    ------
    InputError
        If there is no finite grey value.
    """
    planes = np.unique(np.linspace(0, volume.shape[0] - 1, _PLANES).astype(int))
    if volume.ndim == 2 or np.prod(volume.shape) <= _VOXELS:
        planes = np.arange(volume.shape[0])
    per_plane = int(np.prod(volume.shape[1:]))
    stride = max(1, round((planes.size * per_plane / _VOXELS) ** (1 / max(volume.ndim - 1, 1))))
    inner = (slice(None, None, stride),) * (volume.ndim - 1)
    parts = []
    progress.begin(planes.size, "Reading grey values")
    for plane in planes.tolist():
        values = np.asarray(volume.data[plane][inner])
        if volume.region is not None:
            values = values[np.asarray(volume.region[plane][inner], dtype=bool)]
        parts.append(values.ravel())
        progress.advance()
    values = np.concatenate(parts)
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if np.issubdtype(values.dtype, np.floating):
        values = values[np.isfinite(values)]
    if values.size == 0:
        raise InputError(f"“{volume.name}” has no finite grey value inside its region.")
    values.sort()
    return GreySample(values, whole=planes.size == volume.shape[0] and stride == 1)
