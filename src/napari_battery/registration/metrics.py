"""How alike two images are: correlation and mutual information of paired grey levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "JointLevels", "correlation", "joint_levels", "mutual_information"]

BINS = 40
_PARZEN = 1.0
"""Standard deviation, in bins, of the Gaussian that the joint histogram is smoothed with."""

Levels = NDArray[np.floating[Any]]


def correlation(first: Levels, second: Levels) -> float:
    """Pearson's correlation of paired grey levels; 0 where either is constant.

    Parameters
    ----------
    first, second : (n,) arrays
        Grey levels of the same places; pairs whose second is NaN do not count.
    """
    # one thread: a product of vectors wakes a thread per core for what takes a tenth of one
    from napari_battery.registration._kernels_samples import moments

    _, _, _, aa, bb, ab = moments(first, second)
    norm = math.sqrt(aa * bb)
    return ab / norm if norm > 0 else 0.0


@dataclass(frozen=True)
class JointLevels:
    """Joint distribution of the grey levels of two images.

    Parameters
    ----------
    information : float
        Mutual information in nats.
    score : (bins, bins) array
        ∂/∂m ln p(f, m) / p(m) in bins, f along the first axis: how much more likely a pair
        becomes with a higher grey level of the second image.
    first_bin, second_bin : (n,) arrays
        Each pair's place in the histogram, in bins.
    per_bin : float
        Grey levels of the second image per bin.
    """

    information: float
    score: Levels
    first_bin: Levels
    second_bin: Levels
    per_bin: float

    def scores(self) -> Levels:
        """Each pair's ∂/∂m ln p(f, m) / p(m), m in grey levels; bilinear between bins."""
        i = np.minimum(self.first_bin.astype(np.int64), BINS - 2)
        j = np.minimum(self.second_bin.astype(np.int64), BINS - 2)
        u, v = self.first_bin - i, self.second_bin - j
        table = self.score
        low = table[i, j] * (1 - v) + table[i, j + 1] * v
        high = table[i + 1, j] * (1 - v) + table[i + 1, j + 1] * v
        return np.asarray((low * (1 - u) + high * u) / self.per_bin)


def joint_levels(
    first: Levels, second: Levels, limits: tuple[float, float, float, float]
) -> JointLevels:
    """Smoothed joint histogram of paired grey levels, and what follows from it.

    The mutual information of Viola & Wells (1997) and Mattes et al. (2003), the density
    estimated by a histogram smoothed with a Gaussian.

    Parameters
    ----------
    first, second : (n,) arrays
        Grey levels of the same places.
    limits : tuple of float
        Lowest and highest level of the first, then of the second image; what is beyond counts
        as lying there.
    """
    from scipy.ndimage import gaussian_filter

    low_a, high_a, low_b, high_b = limits
    per_a = max((high_a - low_a) / (BINS - 1), 1e-30)
    per_b = max((high_b - low_b) / (BINS - 1), 1e-30)
    a = np.clip((first - low_a) / per_a, 0, BINS - 1)
    b = np.clip((second - low_b) / per_b, 0, BINS - 1)
    place = np.round(a).astype(np.int64) * BINS + np.round(b).astype(np.int64)
    counts = np.bincount(place, minlength=BINS * BINS).reshape(BINS, BINS).astype(np.float64)
    joint = gaussian_filter(counts, _PARZEN, mode="nearest")
    # a hundredth of a count everywhere keeps logarithms of empty bins finite and flat
    joint = (joint + 0.01) / (joint + 0.01).sum()
    of_first, of_second = joint.sum(axis=1), joint.sum(axis=0)
    logs = np.log(joint) - np.log(of_second)
    information = float((joint * (logs - np.log(of_first)[:, None])).sum())
    return JointLevels(information, np.gradient(logs, axis=1), a, b, per_b)


def mutual_information(first: Levels, second: Levels) -> float:
    """Mutual information of paired grey levels in nats; of 2000 pairs or more to be of use."""
    if len(first) < 2:
        return 0.0
    limits = (first.min(), first.max(), second.min(), second.max())
    return joint_levels(first, second, limits).information
