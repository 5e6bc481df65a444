"""The noise of a scan: its standard deviation, and over how many voxels it is correlated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["Background", "Noise", "measure_noise", "propose_background", "repeat_floor"]

Box = tuple[tuple[int, int], ...]

_COARSE_VOXELS = 4_000_000
_BOXES = 12
_LEAST_EDGE = 6
_LARGEST_EDGE = 48
_MARGIN = 5
"""Voxels kept from particles: their blur and rim reach some way out."""
_LAG = 6
_FADED = 0.05
"""Correlation along an axis that counts as none."""
_LARGEST_CROP = 160


@dataclass(frozen=True, eq=False)
class Background:
    """Where nothing but noise is seen.

    Parameters
    ----------
    boxes : tuple of boxes
        Each first voxel and one past the last, per axis, on the reference's grid.
    source : str
        "proposed" or "given".
    mask : bool array, optional
        Voxels that count, on the whole grid; None is all voxels of the boxes.
    """

    boxes: tuple[Box, ...]
    source: str = "given"
    mask: NDArray[np.bool_] | None = None

    @classmethod
    def of_mask(cls, mask: Any, source: str = "given") -> Background:
        """The voxels of a mask; of a wide one those about its middle.

        Raises
        ------
        InputError
            If it is empty.
        """
        mask = np.asarray(mask, bool)
        box = []
        for axis in range(mask.ndim):
            others = tuple(k for k in range(mask.ndim) if k != axis)
            filled = mask.any(axis=others)
            hit = np.flatnonzero(filled)
            if not len(hit):
                raise InputError("The background region is empty; draw one where nothing lies.")
            low, high = int(hit[0]), int(hit[-1]) + 1
            if high - low > _LARGEST_CROP:
                middle = int(np.median(hit))
                low = min(max(low, middle - _LARGEST_CROP // 2), high - _LARGEST_CROP)
                high = low + _LARGEST_CROP
            box.append((low, high))
        return cls((tuple(box),), source, mask)


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


def propose_background(labels: Volume, progress: Progress = SILENT) -> Background:
    """Find empty boxes far from all particles: the largest, and others that do not overlap.

    Parameters
    ----------
    labels : Volume
        Integers, 2-D or 3-D, 0 outside particles. What is outside its region is not empty.
    progress : Progress
        Advanced per block of planes.

    Returns
    -------
    Background
        Up to 12 cubes (squares) with edges of 6 to 48 voxels, the largest first, at least 5
        voxels from particles where there is room (a third of the way otherwise).

    Raises
    ------
    InputError
        If there is no room for any.

    Notes
    -----
    On a grid made coarser by whole blocks, any particle voxel filling its block; then the
    chessboard distance to the nearest filled block is half the edge of an empty cube.
    """
    from scipy.ndimage import distance_transform_cdt

    step = max(1, int(np.ceil((np.prod(labels.shape) / _COARSE_VOXELS) ** (1 / labels.ndim))))
    filled = np.pad(_coarse(labels, step, progress), 1, constant_values=True)
    distance = np.asarray(distance_transform_cdt(~filled, metric="chessboard"))
    free = np.argwhere(distance > 0)
    reach = distance[distance > 0].astype(np.int64)
    best = reach >= max(1, int(reach.max(initial=0)) // 3)
    free, reach = free[best] - 1, reach[best]
    boxes: list[Box] = []
    while len(free) and len(boxes) < _BOXES:
        k = int(np.argmax(reach))
        room = (2 * int(reach[k]) - 1) * step
        edge = min(room - 2 * min(_MARGIN, room // 6), _LARGEST_EDGE)
        if edge < _LEAST_EDGE:
            break
        half = edge // 2
        middle = free[k] * step + step // 2
        low = [int(max(0, m - half)) for m in middle]
        boxes.append(tuple((a, min(a + edge, n)) for a, n in zip(low, labels.shape, strict=True)))
        apart = np.abs(free - free[k]).max(axis=1) * step >= edge + step
        free, reach = free[apart], reach[apart]
    if not boxes:
        raise InputError(
            f"“{labels.name}” leaves no empty space of {_LEAST_EDGE} voxels away from particles to "
            "measure the noise in: draw a background region, or give σ_bg."
        )
    return Background(tuple(boxes), "proposed")


def _coarse(labels: Volume, step: int, progress: Progress) -> NDArray[np.bool_]:
    """Whether each block of step³ voxels holds any particle, or lies outside the region."""
    rows = range(0, labels.shape[0], step)
    progress.begin(len(rows), "Looking for empty space")
    planes = []
    for start in rows:
        some = slice(start, start + step)
        filled = np.asarray(labels.data[some]) != 0
        if labels.region is not None:
            filled |= ~np.asarray(labels.region[some], bool)
        whole = filled.any(axis=0)
        for axis in range(whole.ndim):
            starts = np.arange(0, whole.shape[axis], step)
            whole = np.logical_or.reduceat(whole, starts, axis=axis)
        planes.append(whole)
        progress.advance()
    return np.stack(planes)


def measure_noise(image: Volume, background: Background, labels: Volume | None = None) -> Noise:
    """Measure the noise in the background of a scan.

    Parameters
    ----------
    image : Volume
        Grey levels as they are measured in particles (resampled, say). NaN is left out.
    background : Background
        Where to look.
    labels : Volume, optional
        Labels of this state: boxes that a particle has moved into are left out.

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
            known &= background.mask[where]
        elif labels is not None and np.asarray(labels.data[where]).any():
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
