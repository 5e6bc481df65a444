"""From grey levels to a clean mask of the particles and its distance map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling.depth import smoothed_distance
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.labelling.settings import LabelSettings
from napari_battery.labelling.thresholds import threshold_levels
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = [
    "clean_mask",
    "foreground_mask",
    "smoothed_distance",
    "threshold_value",
]

_PART = 2**21


def threshold_value(image: Volume, settings: LabelSettings = LabelSettings()) -> float:  # noqa: B008
    """Grey level that parts particles from the rest.

    From the unsmoothed grey levels of the image's region, NaN and infinite voxels left out;
    see `napari_battery.labelling.thresholds`.

    Parameters
    ----------
    image : Volume
        Grey levels of any type.
    settings : LabelSettings
        Uses `threshold` and `manual_threshold`.

    Returns
    -------
    float
        Voxels above it are the brighter class.

    Raises
    ------
    InputError
        If the image has one grey level only or no finite one, or a manual threshold is
        wanted but not given.
    """
    if settings.threshold == "manual":
        if settings.manual_threshold is None:
            raise InputError("The threshold is manual, but no grey level is given: give one.")
        return settings.manual_threshold
    return threshold_levels(image, settings.threshold)[0]


def foreground_mask(
    image: Volume,
    threshold: float,
    settings: LabelSettings = LabelSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> NDArray[np.bool_]:
    """Denoise, and mark what lies beyond the threshold, within the image's region.

    Parameters
    ----------
    image : Volume
        Grey levels of any type.
    threshold : float
        From `threshold_value`.
    settings : LabelSettings
        Uses `denoise`, `denoise_size` and `particles`.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    bool array
        True in particles; False at NaN voxels and outside the region.
    """
    settings = in_voxels(settings, image)
    grey = np.asarray(image.data)
    mean = _finite_mean(grey)
    mask = np.empty(image.shape, bool)
    planes = grey if image.ndim == 3 else grey[None]
    out = mask if image.ndim == 3 else mask[None]

    def read(k: int) -> NDArray[Any]:
        plane: NDArray[Any] = planes[k]
        if mean is not None:
            plane = np.where(np.isfinite(plane), plane, plane.dtype.type(mean))
        return plane.view(np.uint8) if plane.dtype == np.bool_ else plane

    beyond = np.greater if settings.particles == "brighter" else np.less
    progress.begin(len(planes), "Finding the particles' mask")
    for k, plane in enumerate(_denoised(read, planes, settings, spacing_voxels(image))):
        beyond(plane, threshold, out=out[k])
        if mean is not None:
            out[k] &= np.isfinite(planes[k])
        if image.region is not None:
            out[k] &= np.asarray(image.region if image.ndim == 2 else image.region[k], bool)
        progress.advance()
    return mask


def clean_mask(
    mask: NDArray[np.bool_],
    settings: LabelSettings | PhaseSettings = LabelSettings(),  # noqa: B008
    region: NDArray[np.bool_] | None = None,
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.bool_]:
    """Close gaps, fill enclosed holes, open, and remove small islands (joined by faces).

    Parameters
    ----------
    mask : bool array
        From `foreground_mask`; not changed.
    settings : LabelSettings or PhaseSettings
        Lengths in voxels; uses `closing_radius`, `fill_holes`, `opening_radius` and
        `minimum_volume`.
    region : bool array, optional
        Nothing is filled outside it.
    spacing : tuple of float, optional
        Voxel edges in units of the shortest, see `spacing_voxels`; cubes otherwise.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    bool array
    """
    from napari_battery.labelling.cleaning import closing, fill_holes, opening, remove_islands

    cleaned = mask
    if settings.closing_radius > 0:
        cleaned = closing(cleaned, settings.closing_radius, spacing, progress)
        if region is not None:
            cleaned &= region
    if settings.fill_holes:
        cleaned = fill_holes(cleaned, region, progress)
    if settings.opening_radius > 0:
        cleaned = opening(cleaned, settings.opening_radius, spacing, progress)
    if settings.minimum_volume > 1:
        cleaned = remove_islands(cleaned, settings.minimum_volume, progress)
    return cleaned.copy() if cleaned is mask else cleaned


def _finite_mean(grey: NDArray[Any]) -> float | None:
    """Mean of the finite grey levels, to stand for the others; None where all are finite."""
    if grey.dtype.kind != "f":
        return None
    total, n = 0.0, 0
    for plane in grey:
        finite = np.isfinite(plane)
        total += float(plane.sum(where=finite, dtype=float))
        n += int(np.count_nonzero(finite))
    return None if n == grey.size else total / max(n, 1)


def _denoised(
    read: Callable[[int], NDArray[Any]],
    planes: NDArray[Any],
    settings: LabelSettings,
    spacing: tuple[float, ...],
) -> Iterator[NDArray[Any]]:
    """Planes, smoothed as the settings say."""
    shape = planes.shape
    edges = (1.0, *spacing)[-3:]
    if settings.denoise == "gaussian":
        from napari_battery.labelling._smooth import smoothed_planes

        sigmas = tuple(settings.denoise_size / edge for edge in edges)
        # float32 holds 8- and 16-bit levels exactly; wider ones need float64
        narrow = planes.dtype.itemsize <= 2 or planes.dtype == np.float32
        kind = np.float32 if narrow else np.float64
        return smoothed_planes(read, shape, sigmas, "reflect", kind)
    if settings.denoise == "median":
        radii = [max(round(settings.denoise_size / edge), 0) for edge in edges]
        return _median_planes(read, shape, radii)
    return (read(k) for k in range(len(planes)))


def _median_planes(
    read: Callable[[int], NDArray[Any]], shape: tuple[int, ...], radii: list[int]
) -> Iterator[NDArray[Any]]:
    from scipy import ndimage

    step = max(1, _PART // (shape[1] * shape[2]))
    for start in range(0, shape[0], step):
        low, high = max(start - radii[0], 0), min(start + step + radii[0], shape[0])
        part = np.stack([read(k) for k in range(low, high)])
        median = ndimage.median_filter(part, [2 * radius + 1 for radius in radii])
        yield from median[start - low : start - low + step]
