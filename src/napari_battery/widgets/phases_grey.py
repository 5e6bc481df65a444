"""The grey levels of a whole image, counted once: bars, thresholds and phases' fractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.grey_histogram import grey_histogram
from napari_battery.labelling.thresholds import Method, levels_of_histogram
from napari_battery.volume import Volume

__all__ = ["GreyLevels", "count_grey"]

_BARS = 256
_TAIL = 1e-4
"""Share of the voxels at either end that may lie beyond the drawn bars of a wide range."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GreyLevels:
    """How often each grey level occurs in an image's region.

    Parameters
    ----------
    values, counts : (n,) float64 array
        From `grey_histogram`.
    whole : bool
        Whether grey levels are whole numbers.
    """

    values: Array
    counts: Array
    whole: bool

    def levels(self, method: Method, n_classes: int) -> tuple[float, ...]:
        """Thresholds by a method, see `threshold_levels`."""
        return levels_of_histogram(self.values, self.counts, method, n_classes, self.whole)

    def fractions(self, levels: Sequence[float]) -> list[float]:
        """Share of the voxels in each band between rising levels, from dark to bright."""
        upto = np.searchsorted(self.values, levels, side="right")
        below = np.concatenate([[0.0], np.cumsum(self.counts)])
        ends = below[np.concatenate([[0], upto, [len(self.values)]])]
        shares: list[float] = (np.diff(ends) / ends[-1]).tolist()
        return shares

    def bars(self) -> tuple[Array, Array]:
        """At most about 256 bars and their edges; of a wide range the rare ends are cut off."""
        values, counts = self.values, self.counts
        step = float(values[1] - values[0]) if len(values) > 1 else 1.0
        if len(values) > _BARS:
            share = np.cumsum(counts) / counts.sum()
            first = int(np.searchsorted(share, _TAIL))
            last = int(np.searchsorted(share, 1 - _TAIL))
            values, counts = values[first : last + 1], counts[first : last + 1]
        per_bar = -(-len(values) // _BARS)
        n = -(-len(values) // per_bar)
        padded = np.zeros(n * per_bar)
        padded[: len(counts)] = counts
        edges = values[0] + step * (np.arange(n + 1) * per_bar - 0.5)
        return padded.reshape(n, per_bar).sum(axis=1), edges


def count_grey(image: Volume) -> GreyLevels:
    """Count the grey levels of an image's region; NaN and infinity are left out.

    Raises
    ------
    InputError
        If no voxel has a finite grey level.
    """
    values, counts = grey_histogram(image)
    return GreyLevels(values, counts, image.dtype.kind in "iub")
