"""What an image looks like to a network: grey levels, noise and spectrum on the target grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.superres.card import InputRange
from napari_battery.superres.greys import Greys
from napari_battery.superres.training_image import TrainingImage
from napari_battery.superres.upscale import Upscaler, target_grid
from napari_battery.volume import Volume

__all__ = ["SHARES", "InputStatistics", "input_ranges", "input_statistics", "statistics_of"]

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
_RINGS = 8
_SIDE = 192
"""Pixels of the windows that are looked at; smaller images are looked at whole."""
_SLICES = 6
_PER_SLICE = 4
_LEAST = 24
_QUARTILE = 0.31863936396437514
"""A quarter of the absolute values of unit noise lie below it."""


@dataclass(frozen=True)
class InputStatistics:
    """What one window of a slice looks like, in normalised grey levels on the target grid."""

    quantiles: dict[str, float]
    """Grey level below which each share of the pixels lies ("0.05")."""
    noise: float
    """Standard deviation of the noise left by interpolation; see `statistics_of`."""
    spectrum: tuple[float, ...]
    """log₁₀ of the share of the power in each of 8 rings, equally wide in frequency, from
    low to high: the last ends at the Nyquist frequency of the image before interpolation."""


def statistics_of(plane: NDArray[Any], ratio: float) -> InputStatistics | None:
    """Measure one window of a slice.

    The noise is the lower quartile of mixed differences between pixels two voxels of the
    low-resolution image apart (see `napari_battery.filters.noise.estimate_noise`); the
    spectrum is that of the window minus its mean under a Hann window.

    Parameters
    ----------
    plane : (rows, columns) array
        Normalised grey levels on the target grid; NaN where there is nothing.
    ratio : float
        Low over high voxel size.

    Returns
    -------
    InputStatistics or None
        None where less than half of the window holds grey levels, or it is constant or too
        small.
    """
    grey = np.asarray(plane, np.float64)
    good = np.isfinite(grey)
    lag = max(1, round(2 * ratio))
    if min(grey.shape) < max(_LEAST, 2 * lag) or good.mean() < 0.5 or np.ptp(grey[good]) == 0:
        return None
    quantiles = np.quantile(grey[good], SHARES)
    along = grey[lag:] - grey[:-lag]
    mixed = np.abs(along[:, lag:] - along[:, :-lag])
    mixed = mixed[np.isfinite(mixed)]
    noise = float(np.quantile(mixed, 0.25)) / (2 * _QUARTILE) if mixed.size else 0.0
    named = {str(s): float(q) for s, q in zip(SHARES, quantiles, strict=True)}
    return InputStatistics(named, noise, _spectrum(grey, good, ratio))


def input_statistics(
    image: Volume, voxel_size_um: tuple[float, ...], greys: Greys
) -> InputStatistics | None:
    """Medians over windows of evenly spaced slices of an image, as a network would see it.

    Parameters
    ----------
    image : Volume
        2-D or 3-D, of known voxel size.
    voxel_size_um : tuple of float
        Of the target grid.
    greys : Greys
        Of the image.

    Returns
    -------
    InputStatistics or None
        None if no window can be measured.
    """
    grid = target_grid(image, voxel_size_um)
    scaler = Upscaler(image, grid, greys)
    ratio = image.known_voxel_size_um()[-1] / grid.known_voxel_size_um()[-1]

    def planes() -> Iterable[NDArray[Any]]:
        for window in _windows(grid.shape):
            block: NDArray[Any] = scaler.block(window)
            gone = scaler.gone(window)
            if gone is not None:
                block[gone] = np.nan
            yield block.reshape(block.shape[-2:])

    found = [s for s in (statistics_of(plane, ratio) for plane in planes()) if s is not None]
    if not found:
        return None
    return InputStatistics(
        {key: float(np.median([s.quantiles[key] for s in found])) for key in found[0].quantiles},
        float(np.median([s.noise for s in found])),
        tuple(np.median([s.spectrum for s in found], axis=0).tolist()),
    )


def input_ranges(images: Iterable[TrainingImage]) -> InputRange:
    """Ranges over windows of the training images, for a model's card.

    Parameters
    ----------
    images : iterable of TrainingImage

    Returns
    -------
    InputRange
        Smallest and largest value of each number over windows of evenly spaced slices; empty
        if no window can be measured.
    """
    found = []
    for image in images:
        for window in _windows(image.low.shape):
            plane = image.low[window][0].astype(np.float64)
            if image.valid is not None:
                plane[~image.valid[window][0]] = np.nan
            found.append(statistics_of(plane, image.ratio))
    measured = [s for s in found if s is not None]
    if not measured:
        return InputRange()

    def span(values: Iterable[float]) -> tuple[float, float]:
        numbers = list(values)
        return float(min(numbers)), float(max(numbers))

    return InputRange(
        quantiles={key: span(s.quantiles[key] for s in measured) for key in measured[0].quantiles},
        noise=span(s.noise for s in measured),
        spectrum=tuple(span(s.spectrum[i] for s in measured) for i in range(_RINGS)),
    )


def _windows(shape: tuple[int, ...]) -> Iterable[tuple[slice, ...]]:
    """Windows of single slices, spread evenly over a volume and the middle of its slices."""
    height, width = shape[-2:]
    sides = [min(n, _SIDE) for n in (height, width)]
    places = []
    for n, side in zip((height, width), sides, strict=True):
        # neither the very corners, where round fields of view hold nothing, nor twice the same
        spare = n - side
        places.append(sorted({spare // 4, spare - spare // 4}))
    rows = np.unique(np.linspace(0, shape[0] - 1, _SLICES + 2)[1:-1].astype(int))
    for z in [None] if len(shape) == 2 else rows:
        for y in places[0]:
            for x in places[1]:
                plane = (slice(y, y + sides[0]), slice(x, x + sides[1]))
                yield plane if z is None else (slice(int(z), int(z) + 1), *plane)


def _spectrum(grey: NDArray[Any], good: NDArray[np.bool_], ratio: float) -> tuple[float, ...]:
    filled = np.where(good, grey, grey[good].mean()) - grey[good].mean()
    taper = np.outer(*[np.hanning(n + 2)[1:-1] for n in grey.shape])
    power = np.abs(np.fft.rfft2(filled * taper)) ** 2
    # every column but the first (and the last of an even width) stands for two
    power[:, 1 : (grey.shape[1] + 1) // 2] *= 2
    y, x = np.fft.fftfreq(grey.shape[0])[:, None], np.fft.rfftfreq(grey.shape[1])[None]
    ring = (np.hypot(y, x) * 2 * ratio * _RINGS).astype(int)
    inside = ring < _RINGS
    shares = np.bincount(ring[inside], power[inside], _RINGS)
    total = shares.sum()
    return tuple(np.log10(np.maximum(shares / total, 1e-12)).tolist())
