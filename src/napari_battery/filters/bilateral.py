"""Bilateral filter: the mean of near voxels of like grey."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, working_dtype
from napari_battery.filters.filter import (
    Filter,
    Findings,
    per_slice_setting,
    sigmas,
)
from napari_battery.filters.noise import find_noise, noise_setting
from napari_battery.filters.similar import similar_mean
from napari_battery.io.lazy import Window
from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.volume import Volume

__all__ = ["BILATERAL", "BilateralSettings"]

_REACH = 2.5
"""Standard deviations of distance beyond which voxels have no part (weight below 4 %)."""
_CUT = 8.0
"""Voxels of another grey by more than four standard deviations have no part."""


class BilateralSettings(Settings):
    """Weights by distance and by difference of grey."""

    sigma: float = setting(
        1.5, "Standard deviation of the weights by distance.", unit=LENGTH, gt=0, le=10, step=0.25
    )
    strength: float = setting(
        2.5,
        "Standard deviation of the weights by difference of grey, over the noise's.",
        gt=0,
        le=20,
        step=0.1,
    )
    noise: float | None = noise_setting()
    per_slice: bool = per_slice_setting()
    length_unit: Literal["voxels", "um"] = length_unit()


def _bilateral(image: Volume, settings: BilateralSettings, found: Findings) -> BlockStep:
    spread = settings.strength * found.numbers["noise_sigma"]
    lengths = sigmas(image, settings.sigma, settings.per_slice)
    halo = tuple(math.floor(_REACH * length) for length in lengths)
    away = np.zeros([1] * image.ndim)
    for axis, (reach, length) in enumerate(zip(halo, lengths, strict=True)):
        steps = np.arange(-reach, reach + 1) / (length or 1)
        away = away + np.expand_dims(steps**2, [i for i in range(image.ndim) if i != axis])
    near = np.where(away <= _REACH**2, np.exp(-away / 2), 0)

    def run(grey: NDArray[Any], _: Window) -> NDArray[Any]:
        return similar_mean(grey, (0,) * image.ndim, near, 0.0, math.sqrt(2) * spread, _CUT)

    return BlockStep(run, halo, working_dtype(image.dtype), 2**20)


BILATERAL = Filter(
    "bilateral",
    "Bilateral",
    BilateralSettings,
    "Smooths like a Gaussian, but only among voxels of like grey: edges stay.",
    _bilateral,
    find_noise,
    ("noise",),
)
