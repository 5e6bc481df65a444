"""The grey levels of a whole image, counted once: bars to draw, and the fraction of each band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["GreyLevels"]

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
        Evenly spaced grey levels and their voxels, as `grey_histogram` and
        `PhaseModel.histogram` have them.
    """

    values: Array
    counts: Array

    @property
    def low(self) -> float:
        return float(self.values[0])

    @property
    def high(self) -> float:
        return float(self.values[-1])

    def fractions(self, levels: Sequence[float]) -> list[float]:
        """Share of the voxels in each band between rising levels, from dark to bright."""
        upto = np.searchsorted(self.values, levels, side="right")
        below = np.concatenate([[0.0], np.cumsum(self.counts)])
        ends = below[np.concatenate([[0], upto, [len(self.values)]])]
        shares: list[float] = (np.diff(ends) / ends[-1]).tolist()
        return shares

    def bars(self) -> tuple[Array, Array]:
        """At most 256 bars and their edges; of a wide range the rare ends are cut off.

        No more bars than levels that occur: else those of a few, finely binned levels (a
        median's) would be drawn as a comb.
        """
        values, counts = self.values, self.counts
        step = float(values[1] - values[0]) if len(values) > 1 else 1.0
        if len(values) > _BARS:
            share = np.cumsum(counts) / counts.sum()
            first = int(np.searchsorted(share, _TAIL))
            last = int(np.searchsorted(share, 1 - _TAIL))
            values, counts = values[first : last + 1], counts[first : last + 1]
        n = min(_BARS, len(values))
        if len(values) > _BARS:
            n = max(min(n, int(np.count_nonzero(counts))), 1)
        per_bar = -(-len(values) // n)
        n = -(-len(values) // per_bar)
        padded = np.zeros(n * per_bar)
        padded[: len(counts)] = counts
        edges = values[0] + step * (np.arange(n + 1) * per_bar - 0.5)
        return padded.reshape(n, per_bar).sum(axis=1), edges
