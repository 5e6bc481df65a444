"""Cut a volume into equal sub-regions, and say how their values spread."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["FEWEST_VOXELS", "Spread", "boxes", "spread"]

FEWEST_VOXELS = 8
"""No sub-region has a shorter edge: its walls would be most of it."""


class Spread(NamedTuple):
    """Mean and spread of a metric over sub-regions."""

    mean: float
    sd: float
    """ddof 1; NaN for fewer than two."""
    ci_low: float
    """Of the mean, by Student's t; NaN for fewer than two."""
    ci_high: float
    n: int
    """Sub-regions with a finite value."""
    n_infinite: int


def boxes(
    shape: Sequence[int], axes: Sequence[str], splits: int, split_axes: str
) -> list[tuple[slice, ...]]:
    """Boxes of equal size that tile a volume; up to ``splits − 1`` last voxels are left over.

    Parameters
    ----------
    shape : sequence of int
        Voxels per axis.
    axes : sequence of str
        Name of each axis.
    splits : int
        Parts along each axis in `split_axes`.
    split_axes : str
        Axes that are parted, as "zyx" or "yx".

    Returns
    -------
    list of tuple of slice
        In the order of z, y, x. Empty if a part would be shorter than `FEWEST_VOXELS`.
    """
    spans = []
    for length, axis in zip(shape, axes, strict=True):
        parts = splits if axis in split_axes else 1
        edge = length // parts
        if parts > 1 and edge < FEWEST_VOXELS:
            return []
        spans.append([slice(i * edge, (i + 1) * edge) for i in range(parts)])
    return list(itertools.product(*spans))


def spread(values: ArrayLike, confidence: float = 0.95) -> Spread:
    """Mean, standard deviation and interval of the mean over sub-regions.

    Infinite values (nothing percolates) are counted and left out of the mean; NaN is left out.

    Parameters
    ----------
    values : array_like
        One per sub-region.
    confidence : float
        Of Student's interval, which takes the sub-regions as independent.
    """
    given = np.asarray(values, np.float64)
    infinite = int(np.isinf(given).sum())
    finite = given[np.isfinite(given)]
    n = len(finite)
    if n == 0:
        return Spread(np.inf if infinite else np.nan, np.nan, np.nan, np.nan, 0, infinite)
    mean = float(finite.mean())
    if n == 1:
        return Spread(mean, np.nan, np.nan, np.nan, 1, infinite)
    from scipy.stats import t

    sd = float(finite.std(ddof=1))
    half = float(t.ppf((1 + confidence) / 2, n - 1)) * sd / np.sqrt(n)
    return Spread(mean, sd, mean - half, mean + half, n, infinite)
