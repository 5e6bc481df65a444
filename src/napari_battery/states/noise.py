"""The noise of a scan: its standard deviation, and over how many voxels it is correlated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.states.background import (
    Background,
    is_occupied,
    propose_background,
    voxels_far,
)
from napari_battery.volume import Volume

__all__ = ["Background", "Noise", "measure_noise", "propose_background", "repeat_floor"]

_LAG = 6
_FADED = 0.05
"""Correlation along an axis that counts as none."""


@dataclass(frozen=True)
class Noise:
    """Noise of one scan.

    Parameters
    ----------
    sigma : float
        Standard deviation in one voxel (σ_bg), grey levels.
    correlation_voxels : float
        Correlation volume V: the mean of n voxels is as uncertain as that of n/V independent
        ones. At least 1.
    background_mean : float
        Mean grey level of the background.
    n_voxels : int
        Voxels looked at.
    source : str
        Whether the background was given or proposed.
    """

    sigma: float
    correlation_voxels: float
    background_mean: float
    n_voxels: int
    source: str


def measure_noise(image: Volume, background: Background, labels: Volume | None = None) -> Noise:
    """Measure the noise in the background of a scan.

    Parameters
    ----------
    image : Volume
        Grey levels as they are measured in particles (resampled, say). NaN is left out.
    background : Background
        Where to look.
    labels : Volume, optional
        Labels of this state: where its particles lie near, a proposed background is left out.

    Raises
    ------
    InputError
        If fewer than 100 voxels are left.

    Notes
    -----
    σ and correlations are about a plane fitted to the grey levels of the whole background, so
    that a slow trend of the reconstruction is no noise. V is the sum of the noise's
    autocorrelation over lags up to where it has faded below 0.05 along each axis.
    """
    parts = list(_parts(image, background, labels))
    count = sum(int(part.known.sum()) for part in parts)
    if count < 100:
        raise InputError(
            f"The background of “{image.name}” holds {count} voxels with a grey level, too few to "
            "measure noise in: draw a larger region, or give σ_bg."
        )
    mean, plane = _plane(parts, image.shape)
    squares = 0.0
    products = np.zeros((2 * _LAG + 1,) * image.ndim)
    pairs = np.zeros_like(products)
    for part in parts:
        rest = np.where(part.known, part.grey - _on_plane(part, plane, image.shape), 0.0)
        squares += float((rest**2).sum())
        products += _lagged(rest)
        pairs += _lagged(part.known.astype(np.float64))
    sigma = float(np.sqrt(squares / (count - len(plane))))
    volume = _correlation_volume(products, pairs, count / len(plane))
    return Noise(sigma, volume, mean, count, background.source)


class _Part(NamedTuple):
    """Grey levels of one box of the background, and which of them are known."""

    start: tuple[int, ...]
    grey: NDArray[np.float64]
    known: NDArray[np.bool_]


def _parts(image: Volume, background: Background, labels: Volume | None) -> Iterator[_Part]:
    """The boxes of the background that may be looked at."""
    for box in background.boxes:
        where = tuple(slice(a, b) for a, b in box)
        grey = np.asarray(image.data[where], np.float64)
        known = np.isfinite(grey)
        if image.region is not None:
            known &= np.asarray(image.region[where], bool)
        if background.mask is not None:
            margin = background.margin_voxels
            far = None if labels is None or margin == 0 else voxels_far(labels, box, margin)
            known &= background.mask if far is None else far
        elif labels is not None and background.margin_voxels and is_occupied(labels, box):
            continue
        if known.any():
            yield _Part(tuple(a for a, _ in box), np.where(known, grey, 0.0), known)


def _columns(part: _Part, shape: tuple[int, ...]) -> list[NDArray[np.float64]]:
    """1 and the place along each axis, of all voxels of a part, for the fit of a plane."""
    places = [
        (np.arange(n) + start) / whole - 0.5
        for n, start, whole in zip(part.grey.shape, part.start, shape, strict=True)
    ]
    ones = np.ones(part.grey.shape)
    grids = np.meshgrid(*places, indexing="ij", sparse=True)
    return [ones, *(ones * grid for grid in grids)]


def _plane(parts: Sequence[_Part], shape: tuple[int, ...]) -> tuple[float, NDArray[np.float64]]:
    """Mean grey level of all parts, and the coefficients of the plane through them."""
    n = len(shape) + 1
    left, right = np.zeros((n, n)), np.zeros(n)
    for part in parts:
        design = np.stack([column[part.known] for column in _columns(part, shape)])
        left += design @ design.T
        right += design @ part.grey[part.known]
    plane = np.asarray(np.linalg.lstsq(left, right, rcond=1e-10)[0], np.float64)
    return float(right[0] / left[0, 0]), plane


def _on_plane(
    part: _Part, plane: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    pairs = zip(plane, _columns(part, shape), strict=True)
    return np.asarray(sum(factor * column for factor, column in pairs))


def _lagged(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of products of values a lag apart, for lags of up to `_LAG` voxels either way."""
    from scipy.fft import irfftn, next_fast_len, rfftn

    size = [next_fast_len(n + _LAG, real=True) for n in values.shape]
    axes = tuple(range(values.ndim))
    spectrum = rfftn(values, size, axes=axes)
    sums = irfftn(np.abs(spectrum) ** 2, size, axes=axes)
    lags = np.arange(-_LAG, _LAG + 1)
    return np.asarray(sums[np.ix_(*[lags % n for n in size])])


def _correlation_volume(
    products: NDArray[np.float64], pairs: NDArray[np.float64], n_per_fitted: float
) -> float:
    zero = (_LAG,) * products.ndim
    if not products[zero] > 0:
        return 1.0  # no noise at all
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.where(pairs > 0.5, products / pairs, 0.0)
    correlation /= correlation[zero]
    near, n_lags = [], 1
    for axis in range(products.ndim):
        along = np.moveaxis(correlation, axis, -1)[zero[1:]][_LAG + 1 :]
        faded = np.flatnonzero(along < _FADED)
        far = min(int(faded[0]) + 1, _LAG) if len(faded) else _LAG
        near.append(slice(_LAG - far, _LAG + far + 1))
        n_lags *= 2 * far + 1
    # what was fitted takes its share of the sum away
    volume = correlation[tuple(near)].sum() / (1 - min(n_lags / n_per_fitted, 0.5))
    return float(max(volume, 1.0))


def repeat_floor(
    table: pd.DataFrame, repeats: Sequence[tuple[str, str]], names: Sequence[str]
) -> tuple[float, float]:
    """What repeated scans of one state differ by, beyond the noise of the images.

    Parameters
    ----------
    table : DataFrame
        Particles by state, with ``sem``.
    repeats : sequence of (str, str)
        States that were scanned twice.
    names : sequence of str
        All states.

    Returns
    -------
    floor : float
        Standard deviation between particles of the difference, less what the noise explains;
        grey levels; 0 where noise explains it all, NaN without repeats.
    offset : float
        Largest mean difference in size: no mean change smaller than this is to be trusted.

    Raises
    ------
    InputError
        If a state is not known.
    """
    floors, offsets = [], []
    for first, second in repeats:
        for name in (first, second):
            if name not in names:
                raise InputError(
                    f"There is no state “{name}” that could be a repeat; the states are "
                    f"{', '.join(names)}."
                )
        a, b = (table[(table["state"] == name).to_numpy()] for name in (first, second))
        whole = ~(a["touches_border"].to_numpy(bool) | b["touches_border"].to_numpy(bool))
        difference = b["core_mean"].to_numpy() - a["core_mean"].to_numpy()
        noise = np.hypot(a["sem"].to_numpy(), b["sem"].to_numpy())
        known = whole & np.isfinite(difference)
        if known.sum() < 3:
            raise InputError(
                f"“{first}” and “{second}” share {int(known.sum())} whole particles with cores; "
                "three at least are needed for a repeat-scan floor."
            )
        offsets.append(float(difference[known].mean()))
        spread = float(difference[known].var(ddof=1))
        explained = float(np.nan_to_num(noise[known] ** 2).mean())
        floors.append(max(spread - explained, 0.0))
    if not floors:
        return float("nan"), float("nan")
    return float(np.sqrt(np.mean(floors))), max(offsets, key=abs)
