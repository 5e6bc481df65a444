"""The noise of a smoothed difference: how large, and over how many voxels it is correlated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_battery.states.inside_grey import Smoothing

__all__ = ["Noise", "estimate_noise", "expected_share", "independent_voxels"]

_MAD = 1.482602218505602
"""Standard deviation over median absolute deviation, of a normal distribution."""
_BEYOND = 4.0
"""Sigmas of the smoothing beyond which its noise is hardly correlated (e⁻⁴ = 0.02)."""
_OWN = 2
"""Voxels that the scan's own noise reaches in addition."""
_FEWEST = 200
_FEW_CORES = 8
"""Below this many cores the correlation is no less than what smoothing makes of white noise."""
_LEAST_INDEPENDENT = 3.0
_LEAST_SPREAD = 1.5
_MOST_PARTNERS = 400


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise of the smoothed difference of two states.

    Parameters
    ----------
    sigma : float
        Standard deviation, in grey levels; NaN where it could not be told.
    correlation : tuple of 3 float64 arrays
        Correlation along z, y, x by distance in voxels, from 0.
    source : str
        How it was found, in words.
    """

    sigma: float
    correlation: tuple[NDArray[np.float64], ...]
    source: str

    @property
    def correlation_voxels(self) -> float:
        """Voxels that count as one, far from any face."""
        return float(np.prod([2 * rho.sum() - 1 for rho in self.correlation]))

    def given(self, sigma: float | None) -> Noise:
        """The same correlation with a standard deviation that the person gave."""
        return self if sigma is None else replace(self, sigma=sigma, source="given")


def estimate_noise(
    cores: Iterable[tuple[NDArray[np.float32], NDArray[np.uint8]]], smoothing: Smoothing
) -> Noise:
    """Noise from the cores of some particles.

    Parameters
    ----------
    cores : iterable of (difference, inside)
        Smoothed differences (z, y, x), and which voxels are core.
    smoothing : Smoothing
        What they were smoothed by.

    Returns
    -------
    Noise

    Notes
    -----
    Second differences ``a − 2 b + c`` of voxels that lie so far apart that the noise of one
    does not reach the next have a variance of 6 σ². What a particle changed by varies little
    along a line, or as a parabola does, which each particle's and axis's own median takes off;
    what is left, cracks, is rare, and the median absolute deviation does not see it. At shorter
    distances l they have σ² (6 − 8 ρ(l) + 2 ρ(2 l)), which gives the correlation ρ. Where cores
    are too small for three voxels in a line, first differences (2 σ²) serve, and where even two
    do not fit, the spread about each core's own mean, of variance σ² (1 − 1/n) for n voxels that
    are as good as independent; what a change varies within a core adds to it.
    """
    held = list(cores)
    lags = _lags(smoothing)
    joined = _white_voxels(smoothing)
    for order, factor, what in ((2, 6.0, "second"), (1, 2.0, "first")):
        spread = _spread(held, lags, order, joined)
        if spread is not None:
            sigma = spread / math.sqrt(factor)
            correlation = _correlations(held, lags, order, sigma, joined)
            if len(held) < _FEW_CORES:
                white = _of_white_noise(smoothing, lags)
                correlation = tuple(map(np.maximum, correlation, white))
            n = len(held)
            of = "this particle alone" if n == 1 else f"{n} particles"
            return Noise(sigma, correlation, f"{what} differences in the core of {of}")
    smoothed = Noise(1.0, _of_white_noise(smoothing, lags), "")
    sigma = _spread_about_means(held, smoothed)
    if not np.isfinite(sigma):
        return replace(smoothed, sigma=sigma, source="unknown")
    source = "spread about the means of cores, which are too small for differences"
    return replace(smoothed, sigma=sigma, source=source)


def expected_share(k_sigma: float) -> float:
    """Share of voxels that normal noise alone takes beyond k σ on one side."""
    return 0.5 * math.erfc(k_sigma / math.sqrt(2))


def independent_voxels(
    group: NDArray[np.uint16], counts: NDArray[np.int64], noise: Noise
) -> NDArray[np.float64]:
    """How many voxels of each group are as good as independent: σ²/n is their mean's variance.

    Parameters
    ----------
    group : (z, y, x) uint16 array
        Group of each voxel, from 1; 0 for none.
    counts : (n_groups + 1,) int64 array
        Voxels of each.
    noise : Noise
        Whose correlation counts.
    """
    from napari_battery.states._kernels_inside import joined_pairs

    pairs = joined_pairs(group, counts, _MOST_PARTNERS, *noise.correlation)
    with np.errstate(invalid="ignore", divide="ignore"):
        n: NDArray[np.float64] = counts**2 / np.maximum(pairs, counts)
    n[counts == 0] = 0
    return n


def _spread_about_means(
    held: list[tuple[NDArray[np.float32], NDArray[np.uint8]]], white: Noise
) -> float:
    """Standard deviation of the noise from cores of any size; NaN where there is too little."""
    squares, freedom, n_values = 0.0, 0.0, 0
    for values, core in held:
        inside = (core > 0) & np.isfinite(values)
        n = int(inside.sum())
        counts = np.array([0, n], np.int64)
        independent = float(independent_voxels(inside.astype(np.uint16), counts, white)[1])
        if independent < _LEAST_SPREAD:
            continue
        squares += n * float(values[inside].var(dtype=np.float64))
        freedom += n * (1 - 1 / independent)
        n_values += n
    return math.sqrt(squares / freedom) if n_values >= _FEWEST else math.nan


def _lags(smoothing: Smoothing) -> list[int]:
    """Distance along z, y, x beyond which noise is taken to be independent; 0 in a single slice."""
    return [
        math.ceil(_BEYOND * sigma) + _OWN if reach else 0
        for sigma, reach in zip(smoothing.sigmas, smoothing.reach, strict=True)
    ]


def _spread(
    held: list[tuple[NDArray[np.float32], NDArray[np.uint8]]],
    lags: list[int],
    order: int,
    joined: float,
) -> float | None:
    """Robust standard deviation of differences along all axes; None where they are too few."""
    parts = [
        part
        for axis, lag in enumerate(lags)
        if lag
        for part in _differences(held, axis, lag, order, joined)
    ]
    every = np.concatenate(parts or [np.zeros(0, np.float32)])
    return _MAD * float(np.median(np.abs(every))) if len(every) >= _FEWEST else None


def _differences(
    held: list[tuple[NDArray[np.float32], NDArray[np.uint8]]],
    axis: int,
    lag: int,
    order: int,
    joined: float,
) -> list[NDArray[np.float32]]:
    """Differences in each core, less their median, which takes one of few independent ones."""
    from napari_battery.states._kernels_inside import second_differences

    parts = []
    for values, inside in held:
        room = np.empty(values.size, np.float32)
        n = second_differences(values, inside, axis, lag, order, room)
        independent = n / joined
        if independent > _LEAST_INDEPENDENT:
            loss = math.sqrt(independent / (independent - 1))
            parts.append(loss * (room[:n] - np.median(room[:n])))
    return parts


def _correlations(
    held: list[tuple[NDArray[np.float32], NDArray[np.uint8]]],
    lags: list[int],
    order: int,
    sigma: float,
    joined: float,
) -> tuple[NDArray[np.float64], ...]:
    found = []
    for axis, most in enumerate(lags):
        rho = np.zeros(2 * most + 1)
        rho[0] = 1
        for lag in range(most - 1, 0, -1):
            parts = _differences(held, axis, lag, order, joined)
            every = np.concatenate(parts or [np.zeros(0, np.float32)])
            if not len(every) or not sigma > 0:
                continue
            ratio = (_MAD * float(np.median(np.abs(every))) / sigma) ** 2
            value = (6 - ratio + 2 * rho[2 * lag]) / 8 if order == 2 else 1 - ratio / 2
            rho[lag] = min(max(value, -0.2), 1)
        found.append(rho[: max(most, 1)])
    return tuple(found)


def _white_voxels(smoothing: Smoothing) -> float:
    """Voxels that smoothing joins to one, were they independent before: (4π)^½ σ along an axis."""
    return float(np.prod(np.maximum(math.sqrt(4 * math.pi) * smoothing.sigmas, 1)))


def _of_white_noise(smoothing: Smoothing, lags: list[int]) -> tuple[NDArray[np.float64], ...]:
    """Correlation that the smoothing alone gives."""
    found = []
    for sigma, most in zip(smoothing.sigmas, lags, strict=True):
        lag = np.arange(max(most, 1))
        found.append(np.exp(-0.25 * (lag / max(sigma, 0.3)) ** 2))
    return tuple(found)
