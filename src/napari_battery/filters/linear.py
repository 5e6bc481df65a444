"""Filters that average: Gaussian, mean, and the unsharp mask made of the Gaussian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, working_dtype
from napari_battery.filters.filter import (
    Filter,
    Findings,
    missing,
    per_slice_setting,
    radii,
    sigmas,
)
from napari_battery.io.lazy import Window
from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.volume import Volume

__all__ = ["GAUSSIAN", "MEAN", "UNSHARP", "GaussianSettings", "MeanSettings", "UnsharpSettings"]

_TRUNCATE = 4.0


class GaussianSettings(Settings):
    """Weighted mean of the neighbourhood."""

    sigma: float = setting(
        1.0, "Standard deviation of the weights.", unit=LENGTH, gt=0, le=50, step=0.25
    )
    per_slice: bool = per_slice_setting()
    length_unit: Literal["voxels", "um"] = length_unit()


class MeanSettings(Settings):
    """Mean of a box around each voxel."""

    radius: float = setting(
        1.0, "Half the box's edge, without the middle voxel.", unit=LENGTH, gt=0, le=25, step=1
    )
    per_slice: bool = per_slice_setting()
    length_unit: Literal["voxels", "um"] = length_unit()


class UnsharpSettings(Settings):
    """The image plus a multiple of what a Gaussian takes away from it."""

    sigma: float = setting(
        1.5, "Standard deviation of the Gaussian.", unit=LENGTH, gt=0, le=50, step=0.25
    )
    amount: float = setting(
        0.6, "Share of the difference that is added; noise grows with it.", gt=0, le=20, step=0.1
    )
    per_slice: bool = per_slice_setting()
    length_unit: Literal["voxels", "um"] = length_unit()


def _gaussian(image: Volume, settings: GaussianSettings, _: Findings) -> BlockStep:
    return _averaging(image, _gaussian_weights(image, settings))


def _mean(image: Volume, settings: MeanSettings, _: Findings) -> BlockStep:
    reach = radii(image, settings.radius, settings.per_slice)
    return _averaging(image, [np.full(2 * r + 1, 1 / (2 * r + 1)) for r in reach])


def _unsharp(image: Volume, settings: UnsharpSettings, _: Findings) -> BlockStep:
    blur = _averaging(image, _gaussian_weights(image, settings))

    def run(grey: NDArray[Any], window: Window) -> NDArray[Any]:
        inner = grey[tuple(slice(h, n - h) for h, n in zip(blur.halo, grey.shape, strict=True))]
        sharp: NDArray[Any] = inner + settings.amount * (inner - blur.run(grey, window))
        return sharp

    return BlockStep(run, blur.halo, blur.dtype, blur.block_voxels)


def _gaussian_weights(
    image: Volume, settings: GaussianSettings | UnsharpSettings
) -> list[NDArray[np.float64]]:
    """Weights per axis, the same as scipy's gaussian_filter takes."""
    weights = []
    for sigma in sigmas(image, settings.sigma, settings.per_slice):
        reach = np.arange(-int(_TRUNCATE * sigma + 0.5), int(_TRUNCATE * sigma + 0.5) + 1)
        bell = np.exp(-0.5 * (reach / sigma) ** 2) if sigma > 0 else np.ones(1)
        weights.append(bell / bell.sum())
    return weights


def _averaging(image: Volume, weights: Sequence[NDArray[np.float64]]) -> BlockStep:
    """Weighted mean, axis after axis; missing voxels have no weight."""
    from scipy.ndimage import correlate1d

    halo = tuple(len(w) // 2 for w in weights)
    full = tuple(len(w) for w in weights)

    def along(grey: NDArray[Any]) -> NDArray[Any]:
        for axis, (w, h) in enumerate(zip(weights, halo, strict=True)):
            if h:
                inner = (slice(None),) * axis + (slice(h, -h),)
                grey = correlate1d(grey, w, axis)[inner]
        return grey

    def run(grey: NDArray[Any], _: Window) -> NDArray[Any]:
        gone = missing(grey)
        if gone is None:
            return along(grey)
        sums = along(np.where(gone, grey.dtype.type(0), grey))
        # exactly 1 where nothing is missing, so that far from a gap all is as without it
        there = along((~gone).astype(grey.dtype)) / along(np.ones(full, grey.dtype))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: NDArray[Any] = sums / there
        return mean

    return BlockStep(run, halo, working_dtype(image.dtype))


GAUSSIAN = Filter(
    "gaussian",
    "Gaussian",
    GaussianSettings,
    "Smooths noise and edges alike; fast, and its effect is known exactly.",
    _gaussian,
)
MEAN = Filter(
    "mean",
    "Mean",
    MeanSettings,
    "Mean of a box; the plainest smoothing.",
    _mean,
)
UNSHARP = Filter(
    "unsharp",
    "Unsharp mask",
    UnsharpSettings,
    "Makes edges steeper, and noise stronger: denoise first.",
    _unsharp,
)
