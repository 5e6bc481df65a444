"""Normal distributions fitted to values: one, or a mixture of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["NormalFit", "fit_normals", "normal_density"]

_ROUNDS = 500
_CLOSE = 1e-9
_LEAST_FOR_TWO = 10
_FINE = 400
"""Bins, at whose inner means many values are taken to lie: far finer than any distribution."""


@dataclass(frozen=True)
class NormalFit:
    """Normal distributions, by ascending mean."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
    bic: float
    """Bayesian information criterion; the smaller of two fits to the same values is better."""


def fit_normals(values: ArrayLike, components: int = 1) -> NormalFit:
    """Maximum-likelihood fit of one normal distribution, or of two by expectation maximisation.

    Parameters
    ----------
    values : (n,) array
        NaN is left out.
    components : int
        1 or 2; with fewer than 10 values, or all equal ones, it is 1.

    Returns
    -------
    NormalFit
        Standard deviations have ddof 0. A component narrower than 1/100 of the whole is
        kept from collapsing onto one value.
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if not x.size:
        nan = float("nan")
        return NormalFit((1.0,), (nan,), (nan,), nan)
    mean, sd = float(x.mean()), float(x.std())
    if components == 1 or x.size < _LEAST_FOR_TWO or sd == 0:
        log_likelihood = -x.size * (np.log(max(sd, 1e-300)) + 0.5 + 0.5 * np.log(2 * np.pi))
        return NormalFit((1.0,), (mean,), (sd,), float(2 * np.log(x.size) - 2 * log_likelihood))
    # a start at the quartiles finds two peaks, one with a narrow and a wide one other shapes
    starts = [
        (np.array([0.5, 0.5]), np.quantile(x, [0.25, 0.75]), np.array([sd / 2, sd / 2])),
        (np.array([0.8, 0.2]), np.array([mean + 0.1 * sd, mean - 0.1 * sd]),
         np.array([0.6 * sd, 1.8 * sd])),
        (np.array([0.9, 0.1]), np.quantile(x, [0.55, 0.03]), np.array([0.8 * sd, sd / 3])),
        (np.array([0.9, 0.1]), np.quantile(x, [0.45, 0.97]), np.array([0.8 * sd, sd / 3])),
    ]  # fmt: skip
    at, n = _gathered(x)
    fits = [_maximise(at, n, *start, floor=sd / 100) for start in starts]
    log_likelihood, weights, means, sds = max(fits, key=lambda fit: fit[0])
    order = np.argsort(means)
    return NormalFit(
        tuple(weights[order].tolist()),
        tuple(means[order].tolist()),
        tuple(sds[order].tolist()),
        float(5 * np.log(x.size) - 2 * log_likelihood),
    )


def _gathered(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and how often each is there; many are gathered in fine bins."""
    if x.size <= _FINE:
        return x, np.ones(x.size)
    place = ((x - x.min()) / np.ptp(x) * _FINE).astype(np.intp)
    n = np.bincount(place)
    total = np.bincount(place, x)
    return total[n > 0] / n[n > 0], n[n > 0].astype(np.float64)


def _maximise(
    x: NDArray[np.float64],
    count: NDArray[np.float64],
    weights: NDArray[np.float64],
    means: NDArray[np.float64],
    sds: NDArray[np.float64],
    floor: float,
) -> tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    before, log_likelihood = -np.inf, -np.inf
    for _ in range(_ROUNDS):
        scaled = (x[:, np.newaxis] - means) / sds
        logs = np.log(weights) - 0.5 * scaled**2 - np.log(sds) - 0.5 * np.log(2 * np.pi)
        total = np.logaddexp(logs[:, 0], logs[:, 1])
        log_likelihood = float((count * total).sum())
        if log_likelihood - before < _CLOSE * count.sum():
            break
        before = log_likelihood
        share = np.exp(logs - total[:, np.newaxis]) * count[:, np.newaxis]
        n = np.maximum(share.sum(axis=0), 1e-12)
        weights = n / n.sum()
        means = (share * x[:, np.newaxis]).sum(axis=0) / n
        variances = (share * (x[:, np.newaxis] - means) ** 2).sum(axis=0) / n
        sds = np.maximum(np.sqrt(variances), floor)
    return log_likelihood, weights, means, sds


def normal_density(fit: NormalFit, x: ArrayLike) -> NDArray[np.float64]:
    """Density of each component at x, (components, len(x)), each with its weight."""
    at = np.asarray(x, np.float64)
    weights, means, sds = (np.array(v)[:, np.newaxis] for v in (fit.weights, fit.means, fit.sds))
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = (at - means) / sds
        return np.asarray(weights * np.exp(-0.5 * scaled**2) / (sds * np.sqrt(2 * np.pi)))
