"""What has to be known of a whole image before any part of it is parted into phases."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, lazily, working_dtype
from napari_battery.errors import InputError
from napari_battery.io.lazy import Window
from napari_battery.labelling.grey_histogram import grey_histogram
from napari_battery.labelling.phases_measure import margin, measured
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.labelling.thresholds import Method, levels_of_histogram
from napari_battery.lengths import in_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["PhaseModel", "enough", "prepare_phases"]

_BINS = 65_536
Array = NDArray[np.float64]
Histogram = tuple[Array, Array, Array, Array]


@dataclass(frozen=True)
class PhaseModel:
    """Levels between the classes of an image, and how the classes' grey levels scatter."""

    image: Any
    """The array it is about."""
    region: Any
    settings: PhaseSettings
    """In voxels."""
    levels: tuple[float, ...]
    """Rising; a voxel whose measure is above a level is of the next class."""
    means: tuple[float, ...]
    """Mean grey level of each class, from dark to bright."""
    sigma: float
    """Standard deviation of the grey levels within classes, before any smoothing."""
    fill: float
    """Mean grey level, taken for voxels that have none."""
    histogram: Histogram
    """Of the measure: levels, counts, and per level the sum of grey levels and squares."""

    def histogram_serves(self, image: Volume, settings: PhaseSettings) -> bool:
        """Whether the image need not be looked at again for these settings (in voxels)."""
        return (
            self.image is image.data
            and self.region is image.region
            and _looking(self.settings) == _looking(settings)
        )


def _looking(settings: PhaseSettings) -> tuple[Any, ...]:
    """What the histogram depends on."""
    if settings.method == "classifier":
        return "none", 0, 0
    size = settings.denoise_size if settings.denoise != "none" else 0
    radius = settings.local_radius if settings.method == "local" else 0
    return settings.denoise, size, radius


def prepare_phases(
    image: Volume,
    settings: PhaseSettings,
    progress: Progress = SILENT,
    model: PhaseModel | None = None,
) -> PhaseModel:
    """Find levels and classes from the smoothed histogram of the image's region.

    Parameters
    ----------
    image : Volume
        2-D or 3-D grey levels; read in blocks.
    settings : PhaseSettings
        With a classifier, there are no levels and no means.
    progress : Progress
        Advanced per block.
    model : PhaseModel, optional
        From an earlier call; the image is looked at again only where the settings of the
        smoothing, or the local threshold's, have changed.

    Returns
    -------
    PhaseModel

    Raises
    ------
    InputError
        If the image has no contrast, levels are missing or not rising, or the method cannot
        part its histogram.
    """
    scaled = in_voxels(settings, image)
    given = _given(scaled)
    if model is not None and model.histogram_serves(image, scaled):
        histogram, fill = model.histogram, model.fill
    else:
        histogram, fill = _histogram(image, scaled, progress)
    values, counts, sums, squares = histogram
    if scaled.method == "classifier":
        return PhaseModel(image.data, image.region, scaled, (), (), 1.0, fill, histogram)
    try:
        levels = given or _found(values, counts, scaled, _is_exact(image, scaled))
    except InputError as error:
        raise InputError(f"“{image.name}”: {error}") from None
    means, sigma = _scatter(values, counts, sums, squares, levels)
    return PhaseModel(image.data, image.region, scaled, levels, means, sigma, fill, histogram)


def enough(image: Volume, settings: PhaseSettings) -> PhaseModel | None:
    """A model without the smoothed histogram, where all that is needed is in the settings.

    Returns
    -------
    PhaseModel or None
        Levels as given, no means, the unsmoothed histogram; None where more is needed.
    """
    scaled = in_voxels(settings, image)
    is_field = scaled.smoothing_weight > 0 and scaled.method != "hysteresis"
    levels = _given(scaled)
    if not levels or is_field or (scaled.binder_shell > 0 and len(levels) == 2):
        return None
    histogram, fill = _raw_histogram(image)
    return PhaseModel(image.data, image.region, scaled, levels, (), 1.0, fill, histogram)


def _given(settings: PhaseSettings) -> tuple[float, ...]:
    """Levels that the settings themselves hold; none where they are to be found."""
    if settings.method == "local":
        _only_two(settings, "The local threshold")
        return (-settings.local_offset,)
    if settings.method not in ("manual", "hysteresis"):
        return ()
    if settings.method == "hysteresis":
        _only_two(settings, "Hysteresis")
    needed = 1 if settings.method == "manual" and settings.n_phases == 2 else 2
    levels = (settings.level_1, settings.level_2)[:needed]
    if any(level is None for level in levels):
        if settings.method == "hysteresis":
            return ()
        missing = " and ".join(f"level {i + 1}" for i, v in enumerate(levels) if v is None)
        raise InputError(
            f"{settings.n_phases} phases by manual levels need {missing}: give a grey level."
        )
    rising = cast(tuple[float, ...], levels)
    if needed == 2 and rising[0] >= rising[1]:
        raise InputError(
            f"Level 1 ({rising[0]:g}) must be below level 2 ({rising[1]:g}): exchange them."
        )
    return rising


def _only_two(settings: PhaseSettings, what: str) -> None:
    if settings.n_phases != 2:
        raise InputError(
            f"{what} parts two phases, not {settings.n_phases}: choose two, or another method."
        )


def _found(values: Array, counts: Array, settings: PhaseSettings, exact: bool) -> tuple[float, ...]:
    if settings.method != "hysteresis":
        method = cast(Method, settings.method)
        return levels_of_histogram(values, counts, method, settings.n_phases, exact)
    low, high = levels_of_histogram(values, counts, "multi-otsu", 3, exact)
    low = low if settings.level_1 is None else settings.level_1
    high = high if settings.level_2 is None else settings.level_2
    if low >= high:
        raise InputError(
            f"level 1 ({low:g}) is not below level 2 ({high:g}), of which multi-Otsu found the "
            "one not given: give both."
        )
    return low, high


def _is_exact(image: Volume, settings: PhaseSettings) -> bool:
    return settings.denoise == "none" and image.dtype.kind in "iub" and image.dtype.itemsize <= 2


def _histogram(
    image: Volume, settings: PhaseSettings, progress: Progress
) -> tuple[Histogram, float]:
    """Histogram of the measure, and the mean grey level."""
    if _looking(settings) == ("none", 0, 0):
        progress.begin(1, f"Counting grey levels: {image.name}")
        found = _raw_histogram(image)
        progress.advance()
        return found
    return _measured_histogram(image, settings, progress)


def _raw_histogram(image: Volume) -> tuple[Histogram, float]:
    values, counts = grey_histogram(image)
    mean = float(values @ counts / counts.sum())
    return (values, counts, counts * values, counts * values**2), mean


def _measured_histogram(
    image: Volume, settings: PhaseSettings, progress: Progress
) -> tuple[Histogram, float]:
    from napari_battery.labelling._histogram import count_pairs

    raw, fill = _raw_histogram(image)
    low, high = float(raw[0][0]), float(raw[0][-1])
    if low == high:
        return raw, fill
    if settings.method == "local":
        low, high = low - high, high - low
    working = working_dtype(image.dtype)
    # what is thresholded and what is averaged, side by side
    pair = np.dtype([("smooth", working), ("noisy", working)])

    def run(block: NDArray[Any], window: Window) -> NDArray[Any]:
        result = np.empty([w.stop - w.start for w in window], pair)
        result["smooth"], result["noisy"] = measured(block, image, settings, fill)
        if block.dtype.kind == "f":
            reach = margin(image, settings)
            inner = tuple(slice(m, n - m) for m, n in zip(reach, block.shape, strict=True))
            result["smooth"][~np.isfinite(block[inner])] = np.nan
        return result

    step = BlockStep(run, margin(image, settings), pair)
    pairs = lazily(step, image.data, progress, f"Counting grey levels: {image.name}")
    totals = np.zeros((3, _BINS))
    per_value = _BINS / (high - low)
    for start in range(0, image.shape[0], pairs.chunks[0]):
        rows = slice(start, start + pairs.chunks[0])
        part = pairs[rows]
        inside = np.zeros(0, bool)
        if image.region is not None:
            inside = np.asarray(image.region[rows], bool).ravel()
        smooth, noisy = part["smooth"].ravel(), part["noisy"].ravel()
        count_pairs(smooth, noisy, inside, low, per_value, totals)
    seen = np.flatnonzero(totals[0])
    occurring = slice(seen[0], seen[-1] + 1)
    centres: Array = np.add(low, (np.arange(_BINS) + 0.5) / per_value)
    counts, sums, squares = totals[:, occurring]
    return (centres[occurring], counts, sums, squares), fill


def _scatter(
    values: Array, counts: Array, sums: Array, squares: Array, levels: tuple[float, ...]
) -> tuple[tuple[float, ...], float]:
    """Mean of each class and the standard deviation within classes."""
    cuts = np.concatenate([[0], np.searchsorted(values, levels, side="right"), [len(values)]])
    n, total, square = (
        np.array([part[a:b].sum() for a, b in pairwise(cuts)]) for part in (counts, sums, squares)
    )
    # a class without voxels is expected at the middle of its band
    edges = np.concatenate([[values[0]], levels, [values[-1]]])
    means = np.where(n > 0, total / np.maximum(n, 1), (edges[:-1] + edges[1:]) / 2)
    within = square.sum() - (means * total)[n > 0].sum()
    step = values[1] - values[0] if len(values) > 1 else 1.0
    # without any scatter, half a level: costs are divided by it
    sigma = max(float(np.sqrt(max(within, 0) / n.sum())), 0.5 * float(step))
    return tuple(float(mean) for mean in means), sigma
