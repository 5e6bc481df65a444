"""Non-local means: every voxel becomes the mean of those whose surroundings look alike."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import BlockStep, working_dtype
from napari_battery.filters.filter import Filter, Findings, per_slice_setting, radii
from napari_battery.filters.noise import find_noise, noise_setting
from napari_battery.filters.similar import similar_mean
from napari_battery.io.lazy import Window
from napari_battery.settings import LENGTH, Settings, length_unit, setting
from napari_battery.volume import Volume

__all__ = ["NONLOCAL_MEANS", "NonLocalMeansSettings"]

_CUT = 5.0
"""Patches less alike than this exponent have no weight (as in scikit-image)."""


class NonLocalMeansSettings(Settings):
    """Mean of voxels in similar surroundings."""

    strength: float = setting(
        0.8, "Filter parameter h over the noise's standard deviation.", gt=0, le=10, step=0.1
    )
    noise: float | None = noise_setting()
    patch_radius: float = setting(
        2.0, "How far the surroundings that are compared reach.", unit=LENGTH, gt=0, le=5, step=1
    )
    search_distance: float = setting(
        3.0, "How far away similar voxels are looked for.", unit=LENGTH, gt=0, le=20, step=1
    )
    per_slice: bool = per_slice_setting()
    length_unit: Literal["voxels", "um"] = length_unit()


def _nonlocal_means(image: Volume, settings: NonLocalMeansSettings, found: Findings) -> BlockStep:
    sigma = found.numbers["noise_sigma"]
    patch = radii(image, settings.patch_radius, settings.per_slice)
    search = radii(image, settings.search_distance, settings.per_slice)
    near = np.ones([2 * s + 1 for s in search])

    def run(grey: NDArray[Any], _: Window) -> NDArray[Any]:
        return similar_mean(grey, patch, near, sigma, settings.strength * sigma, _CUT)

    halo = tuple(p + s for p, s in zip(patch, search, strict=True))
    return BlockStep(run, halo, working_dtype(image.dtype), 2**20)


NONLOCAL_MEANS = Filter(
    "non-local-means",
    "Non-local means",
    NonLocalMeansSettings,
    "Removes noise and keeps edges and fine structure; the strongest, and the slowest.",
    _nonlocal_means,
    find_noise,
    ("noise",),
)
