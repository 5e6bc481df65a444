"""The mean of the states aligned so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["GroupMean"]

_SLAB_BYTES = 1 << 26


class GroupMean:
    """Mean grey level of several states on the first one's grid, a state at a time.

    Parameters
    ----------
    first : Volume
        Read once; a voxel that is not finite, or outside the region, is missing.
    progress : Progress
        Advanced per slab.
    """

    def __init__(self, first: Volume, progress: Progress = SILENT) -> None:
        self._grid = first
        self._mean = np.full(first.shape, np.nan, np.float32)
        self._count = np.zeros(first.shape, np.uint16)
        self.add(first.data, progress, first.region)

    def add(self, data: Any, progress: Progress = SILENT, region: Any | None = None) -> None:
        """Take in an array on the first state's grid; NaN is missing.

        Parameters
        ----------
        data : array
            Read slab by slab.
        progress : Progress
            Advanced per slab.
        region : boolean array, optional
            What counts.
        """
        rows = max(1, _SLAB_BYTES // max(1, 4 * int(np.prod(self._mean.shape[1:]))))
        starts = range(0, len(self._mean), rows)
        progress.begin(len(starts), "Adding to the mean")
        for start in starts:
            part = slice(start, min(start + rows, len(self._mean)))
            grey = np.array(data[part], np.float32)
            if region is not None:
                grey[~np.asarray(region[part], bool)] = np.nan
            self._take(part, grey)
            progress.advance()

    def _take(self, part: slice, grey: NDArray[np.float32]) -> None:
        there = np.isfinite(grey)
        count, mean = self._count[part], self._mean[part]
        count += there
        fresh = there & (count == 1)
        mean[fresh] = grey[fresh]
        more = there & ~fresh
        mean[more] += (grey[more] - mean[more]) / count[more]

    def volume(self) -> Volume:
        """The mean so far, NaN where nothing is known."""
        return self._grid.like(self._mean, "the mean of the states", region=None)
