"""The mean over regions and what it is worth: a bootstrap interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["FEWEST", "bootstrap_interval"]

FEWEST = 5
"""Regions below which no interval is given: too few to tell how they spread."""

_CHUNK = 1 << 21


def bootstrap_interval(
    values: ArrayLike, resamples: int, seed: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of the mean by the studentised bootstrap (bootstrap-t).

    With a dozen regions the plain percentile interval is too short (it covers about 89 %
    where it says 95); this one divides each resampled mean by its own standard error.

    Parameters
    ----------
    values : (n,) array
        One per region; regions are taken for independent.
    resamples : int
        Resamples with replacement.
    seed : int
        Start of the random numbers.
    confidence : float
        Coverage aimed at.

    Returns
    -------
    low, high : float
        NaN with fewer than `FEWEST` values, or where one is not finite.

    References
    ----------
    Efron & Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 12.5.
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    if n < FEWEST or not np.isfinite(x).all():
        return float("nan"), float("nan")
    mean, error = x.mean(), x.std(ddof=1) / np.sqrt(n)
    if error <= 1e-12 * max(1e-300, np.abs(x).max()):
        return float(mean), float(mean)
    rng = np.random.default_rng(seed)
    t = np.empty(resamples)
    step = max(1, _CHUNK // n)
    for start in range(0, resamples, step):
        drawn = x[rng.integers(0, n, (min(step, resamples - start), n))]
        spread = drawn.std(axis=1, ddof=1) / np.sqrt(n)
        # all draws the same region: infinitely far off, whichever side
        with np.errstate(divide="ignore", invalid="ignore"):
            t[start : start + step] = (drawn.mean(axis=1) - mean) / spread
    t[np.isnan(t)] = 0
    tail = (1 - confidence) / 2
    # "inverted_cdf" takes values as they are: between two infinite ones nothing is averaged
    first, last = np.quantile(t, [tail, 1 - tail], method="inverted_cdf")
    return float(mean - last * error), float(mean - first * error)
