"""The noise of a scan: its standard deviation, and over how many voxels it is correlated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
    V is the sum of the noise's autocorrelation over lags up to where it has faded below 0.05
    along every axis, corrected for the mean taken off each box. σ is pooled over the boxes,
    each about its own mean.
    """
    squares = total = 0.0
    count = n_boxes = 0
    products: NDArray[np.float64] | None = None
    pairs: NDArray[np.float64] | None = None
    for grey, known in _parts(image, background, labels):
        n = int(known.sum())
        mean = float(grey[known].mean())
        rest = np.where(known, grey - mean, 0.0)
        squares += float((rest**2).sum())
        total += mean * n
        count += n
        n_boxes += 1
        ours, theirs = _lagged(rest), _lagged(known.astype(np.float64))
        products = ours if products is None else products + ours
        pairs = theirs if pairs is None else pairs + theirs
    if count < 100 or products is None or pairs is None:
        raise InputError(
            f"The background of “{image.name}” holds {count} voxels with a grey level, too few to "
            "measure noise in: draw a larger region, or give σ_bg."
        )
    sigma = float(np.sqrt(squares / max(count - n_boxes, 1)))
    volume = _correlation_volume(products, pairs, count / n_boxes)
    return Noise(sigma, volume, total / count, count, background.source)


def _parts(
    image: Volume, background: Background, labels: Volume | None
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Grey levels of each box of the background, and which of them are known."""
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
            yield np.where(known, grey, 0.0), known


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
    products: NDArray[np.float64], pairs: NDArray[np.float64], n_box: float
) -> float:
    zero = (_LAG,) * products.ndim
    if not products[zero] > 0:
        return 1.0  # no noise at all
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.where(pairs > 0.5, products / pairs, 0.0)
    correlation /= correlation[zero]
    along = np.zeros(_LAG)
    for axis in range(products.ndim):
        line = [*zero]
        for lag in range(1, _LAG + 1):
            line[axis] = _LAG + lag
            along[lag - 1] = max(along[lag - 1], correlation[tuple(line)])
    faded = np.flatnonzero(along < _FADED)
    far = min(int(faded[0]) + 1, _LAG) if len(faded) else _LAG
    near = (slice(_LAG - far, _LAG + far + 1),) * products.ndim
    n_lags = (2 * far + 1) ** products.ndim
    volume = float(correlation[near].sum()) / (1 - min(n_lags / n_box, 0.5))
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
