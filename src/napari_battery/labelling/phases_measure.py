"""What thresholds act on, in blocks: smoothed grey levels, or their excess over a local mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import working_dtype
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.lengths import spacing_voxels
from napari_battery.volume import Volume

__all__ = ["margin", "measured"]

_TRUNCATE = 3.0


def margin(image: Volume, settings: PhaseSettings) -> tuple[int, ...]:
    """Voxels beyond a block that its measure depends on, per axis; settings in voxels."""
    reach = np.zeros(image.ndim, int)
    if settings.denoise == "gaussian":
        reach += [int(_TRUNCATE * sigma + 0.5) for sigma in _sigmas(image, settings)]
    elif settings.denoise == "median":
        reach += _radii(image, settings.denoise_size)
    if settings.method == "local":
        reach += _radii(image, settings.local_radius)
    return tuple(int(n) for n in reach)


def measured(
    block: NDArray[Any], image: Volume, settings: PhaseSettings, fill: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """What is thresholded in a block, and the same with all its noise.

    Parameters
    ----------
    block : array
        Grey levels with `margin` on every side.
    image : Volume
        Where the block comes from; gives spacing and type.
    settings : PhaseSettings
        Lengths in voxels.
    fill : float
        Grey level to take where there is none (NaN, infinity).

    Returns
    -------
    smooth, noisy : arrays
        Without the margin: for thresholds, and for the random field, whose model of the
        noise needs grey levels that were not smoothed.
    """
    from scipy import ndimage

    grey = block.astype(working_dtype(image.dtype))
    if block.dtype.kind == "f":
        grey[~np.isfinite(grey)] = fill
    smooth = grey
    if settings.denoise == "gaussian":
        smooth = ndimage.gaussian_filter(grey, _sigmas(image, settings), truncate=_TRUNCATE)
    elif settings.denoise == "median":
        sizes = [2 * r + 1 for r in _radii(image, settings.denoise_size)]
        smooth = ndimage.median_filter(grey, sizes)
    if settings.method == "local":
        sizes = [2 * r + 1 for r in _radii(image, settings.local_radius)]
        mean = ndimage.uniform_filter(smooth, sizes)
        smooth = smooth - mean
        grey = grey - mean
    inner = tuple(
        slice(m, n - m) for m, n in zip(margin(image, settings), block.shape, strict=True)
    )
    return smooth[inner], grey[inner]


def _sigmas(image: Volume, settings: PhaseSettings) -> list[float]:
    return [settings.denoise_size / edge for edge in spacing_voxels(image)]


def _radii(image: Volume, radius: float) -> list[int]:
    return [max(round(radius / edge), 0) for edge in spacing_voxels(image)]
