"""Cupping: what beam hardening and uneven light add to grey levels, slowly over the image."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, working_dtype
from napari_battery.errors import InputError
from napari_battery.filters.filter import (
    Filter,
    Findings,
    per_slice_setting,
    sigmas,
)
from napari_battery.io.lazy import Window
from napari_battery.prepare import sampled_grey
from napari_battery.progress import Progress
from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.volume import Volume

__all__ = ["CUPPING", "CuppingSettings"]

_PER_SIGMA = 4
"""Grid points per standard deviation: between them, linear interpolation serves (to 1 %)."""
_AUTOMATIC = 8
_NO_SLOPE = 0.01
_THRESHOLD_VOXELS = 2**20


class CuppingSettings(Settings):
    """A wide Gaussian fit to one phase, taken out of the image."""

    sigma: float | None = setting(
        None,
        "Standard deviation of the Gaussian, several particles wide; empty: an eighth of a slice.",
        unit=LENGTH,
        gt=0,
        step=10,
    )
    phase: Literal["brighter", "darker", "all"] = setting(
        "brighter",
        "Voxels the background is taken from: one phase (by Otsu's threshold), so that its amount "
        "has no part in it, or all.",
    )
    correction: Literal["divide", "subtract"] = setting(
        "divide", "Divide by the background (beam hardening, flat field), or subtract it (haze)."
    )
    per_slice: bool = per_slice_setting()
    length_unit: Literal["voxels", "um"] = length_unit()


def _find(image: Volume, settings: CuppingSettings, progress: Progress) -> Findings:
    """Find the background on a coarse grid, in one pass."""
    sigma = settings.sigma or float(np.mean(image.shape[-2:])) / _AUTOMATIC
    widths = sigmas(image, sigma, settings.per_slice)
    cells = tuple(max(1, int(width / _PER_SIGMA)) for width in widths)
    threshold = None if settings.phase == "all" else _threshold(image)
    sums, counts = _coarse(image, cells, threshold, settings.phase, progress)
    n = counts.sum()
    if n == 0:
        raise InputError(
            f"“{image.name}” has no voxel of the {settings.phase} phase; take the background from "
            "all voxels."
        )
    mean = float(sums.sum() / n)
    centres = [_centres(n, cell) for n, cell in zip(image.shape, cells, strict=True)]
    background = _wide_fit(sums, counts, centres, cells, widths, mean)
    low, high = float(background.min()), float(background.max())
    if settings.correction == "divide" and low <= 0:
        raise InputError(
            f"The background of “{image.name}” falls to {low:g}, and cannot be divided by; "
            "subtract it instead."
        )
    numbers = {"background_mean": mean, "background_low": low, "background_high": high}
    numbers |= {} if threshold is None else {"threshold": threshold}
    return Findings(numbers, data=(background, centres))


def _threshold(image: Volume) -> float:
    """Otsu's threshold of about a million voxels of the region."""
    from skimage.filters import threshold_otsu

    sample = sampled_grey(image, _THRESHOLD_VOXELS)
    if sample.size == 0 or sample.min() == sample.max():
        raise InputError(
            f"“{image.name}” has a single grey level where it was sampled; no phase stands out. "
            "Take the background from all voxels."
        )
    return float(threshold_otsu(sample))


def _coarse(
    image: Volume,
    cells: tuple[int, ...],
    threshold: float | None,
    phase: str,
    progress: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of grey levels, and numbers of voxels, of the phase in each cell of a grid."""
    starts = [np.arange(0, n, cell) for n, cell in zip(image.shape, cells, strict=True)]
    sums, counts = (np.zeros([len(s) for s in starts]) for _ in range(2))
    progress.begin(len(starts[0]), "Measuring the background")
    for k, start in enumerate(starts[0]):
        rows = slice(int(start), min(int(start) + cells[0], image.shape[0]))
        grey = np.asarray(image.data[rows]).astype(np.float64)
        there = np.isfinite(grey)
        if threshold is not None:
            there &= grey > threshold if phase == "brighter" else grey <= threshold
        if image.region is not None:
            there &= np.asarray(image.region[rows], bool)
        grey[~there] = 0
        for total, part in ((sums, grey), (counts, there.astype(np.float64))):
            coarse = part.sum(axis=0)
            for axis, s in enumerate(starts[1:]):
                coarse = np.add.reduceat(coarse, s, axis=axis)
            total[k] = coarse
        progress.advance()
    return sums, counts


def _wide_fit(
    sums: NDArray[np.float64],
    counts: NDArray[np.float64],
    centres: list[NDArray[np.float64]],
    cells: tuple[int, ...],
    widths: tuple[float, ...],
    mean: float,
) -> NDArray[np.float64]:
    """Level of a plane fitted around each grid point with Gaussian weights.

    A plane, since the weighted mean alone is off by the slope at the volume's faces, where
    cupping is steepest. `mean` where no voxel is near.
    """
    from scipy.ndimage import gaussian_filter

    spread = tuple(width / cell for width, cell in zip(widths, cells, strict=True))

    def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smoothed: NDArray[np.float64] = gaussian_filter(values, spread, mode="constant")
        return smoothed

    axes = [axis for axis, n in enumerate(counts.shape) if n > 1 and widths[axis] > 0]
    # in standard deviations, from the middle: well-conditioned numbers
    at = {
        axis: np.expand_dims(
            (centres[axis] - centres[axis].mean()) / widths[axis],
            [other for other in range(counts.ndim) if other != axis],
        )
        for axis in axes
    }
    weight, total = smooth(counts), smooth(sums - mean * counts)
    first = {k: smooth(counts * at[k]) for k in axes}
    left = np.empty((*counts.shape, 1 + len(axes), 1 + len(axes)))
    right = np.empty((*counts.shape, 1 + len(axes), 1))
    left[..., 0, 0], right[..., 0, 0] = weight, total
    for i, k in enumerate(axes, 1):
        left[..., 0, i] = left[..., i, 0] = first[k] - at[k] * weight
        right[..., i, 0] = smooth((sums - mean * counts) * at[k]) - at[k] * total
        for j, m in enumerate(axes, 1):
            second = smooth(counts * at[k] * at[m]) - at[k] * first[m] - at[m] * first[k]
            left[..., i, j] = second + at[k] * at[m] * weight
        # where voxels lie to one side only, rather no slope than a wild one
        left[..., i, i] += _NO_SLOPE * weight
    near = weight > 1e-6 * weight.max()
    level = np.full(counts.shape, mean)
    level[near] += np.linalg.solve(left[near], right[near])[..., 0, 0]
    return level


def _centres(n: int, cell: int) -> NDArray[np.float64]:
    starts = np.arange(0, n, cell)
    return (starts + np.minimum(starts + cell, n) - 1) / 2


def _cupping(image: Volume, settings: CuppingSettings, found: Findings) -> BlockStep:
    background, centres = found.data
    mean = found.numbers["background_mean"]

    def run(grey: NDArray[Any], window: Window) -> NDArray[Any]:
        here = _interpolated(background, centres, window)
        if settings.correction == "divide":
            result: NDArray[Any] = grey * (mean / here)
        else:
            result = grey - (here - mean)
        return result

    return BlockStep(run, (0,) * image.ndim, working_dtype(image.dtype))


def _interpolated(
    coarse: NDArray[np.float64], centres: list[NDArray[np.float64]], window: Window
) -> NDArray[np.float64]:
    """The background in a window, linear between the grid's points, even beyond the outermost."""
    for axis, (centre, w) in enumerate(zip(centres, window, strict=True)):
        at = np.interp(np.arange(w.start, w.stop), centre, np.arange(len(centre)))
        low = np.floor(at).astype(np.intp)
        high = np.minimum(low + 1, len(centre) - 1)
        share = (at - low).reshape([-1 if i == axis else 1 for i in range(coarse.ndim)])
        coarse = np.take(coarse, low, axis) * (1 - share) + np.take(coarse, high, axis) * share
    return coarse


CUPPING = Filter(
    "cupping",
    "Cupping / background",
    CuppingSettings,
    "Evens out grey levels that fall or rise slowly across the image: beam hardening, uneven "
    "light.",
    _cupping,
    _find,
    ("sigma", "phase", "correction", "per_slice"),
)
