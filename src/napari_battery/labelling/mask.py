"""From grey levels to a clean mask of the particles and its distance map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling.settings import LabelSettings
from napari_battery.lengths import in_voxels, spacing_voxels
from napari_battery.volume import Volume

__all__ = [
    "clean_mask",
    "foreground_mask",
    "smoothed_distance",
    "threshold_value",
]

_BINS = 4096
_PART = 2**18


def threshold_value(image: Volume, settings: LabelSettings = LabelSettings()) -> float:  # noqa: B008
    """Grey level that parts particles from the rest.

    Otsu's method on the unsmoothed grey levels of the image's region: exact for 8- and
    16-bit images, with 4,096 bins for others. NaN and infinite voxels are left out. The
    value lies midway between the two grey levels it parts.

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

    References
    ----------
    Otsu, "A threshold selection method from gray-level histograms" (1979).
    """
    if settings.threshold == "manual":
        if settings.manual_threshold is None:
            raise InputError("The threshold is manual, but no grey level is given: give one.")
        return settings.manual_threshold
    if settings.threshold != "otsu":
        from napari_battery.labelling.thresholds import threshold_levels

        return threshold_levels(image, settings.threshold)[0]
    values, counts = _histogram(image)
    if len(values) < 2:
        raise InputError(
            f"“{image.name}” has the one grey level {values[0]:g} everywhere; "
            "a threshold needs an image with contrast."
        )
    below = np.cumsum(counts)
    weighted = np.cumsum(counts * values)
    above = below[-1] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = weighted / below - (weighted[-1] - weighted) / above
        between = (below * above * apart**2)[:-1]
    split = int(np.argmax(between))
    return float((values[split] + values[split + 1]) / 2)


def foreground_mask(
    image: Volume,
    threshold: float,
    settings: LabelSettings = LabelSettings(),  # noqa: B008
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

    Returns
    -------
    bool array
        True in particles; False at NaN voxels and outside the region.
    """
    settings = in_voxels(settings, image)
    grey, finite = _finite_grey(image)
    grey = _denoised(grey, settings, spacing_voxels(image))
    mask: NDArray[np.bool_] = (
        grey > threshold if settings.particles == "brighter" else (grey < threshold)
    )
    if finite is not None:
        mask &= finite
    if image.region is not None:
        mask &= np.asarray(image.region, bool)
    return mask


def clean_mask(
    mask: NDArray[np.bool_],
    settings: LabelSettings = LabelSettings(),  # noqa: B008
    region: NDArray[np.bool_] | None = None,
    spacing: tuple[float, ...] | None = None,
) -> NDArray[np.bool_]:
    """Close gaps, fill enclosed holes, open, and remove small islands (joined by faces).

    Parameters
    ----------
    mask : bool array
        From `foreground_mask`; not changed.
    settings : LabelSettings
        Lengths in voxels; uses `closing_radius`, `fill_holes`, `opening_radius` and
        `minimum_volume`.
    region : bool array, optional
        Nothing is filled outside it.
    spacing : tuple of float, optional
        Voxel edges in units of the shortest, see `spacing_voxels`; cubes otherwise.

    Returns
    -------
    bool array
    """
    from napari_battery.labelling.cleaning import closing, fill_holes, opening, remove_islands

    cleaned = mask
    if settings.closing_radius > 0:
        cleaned = closing(cleaned, settings.closing_radius, spacing)
        if region is not None:
            cleaned &= region
    if settings.fill_holes:
        cleaned = fill_holes(cleaned, region)
    if settings.opening_radius > 0:
        cleaned = opening(cleaned, settings.opening_radius, spacing)
    if settings.minimum_volume > 1:
        cleaned = remove_islands(cleaned, settings.minimum_volume)
    return cleaned.copy() if cleaned is mask else cleaned


def smoothed_distance(
    mask: NDArray[np.bool_],
    settings: LabelSettings = LabelSettings(),  # noqa: B008
    spacing: tuple[float, ...] | None = None,
) -> NDArray[np.float32]:
    """Depth of each voxel below the mask's surface, smoothed.

    The faces of the volume count as inside, so that cut particles are not parted there.

    Parameters
    ----------
    mask : bool array
        2-D or 3-D.
    settings : LabelSettings
        Uses `distance_smoothing`.
    spacing : tuple of float, optional
        Voxel edges in units of the shortest, see `spacing_voxels`; cubes otherwise.

    Returns
    -------
    float32 array
        Depth in voxels (shortest edges).
    """
    import edt
    from scipy import ndimage

    spacing = spacing or (1.0,) * mask.ndim
    distance: NDArray[np.float32] = edt.edt(
        np.ascontiguousarray(mask),
        anisotropy=spacing,
        black_border=False,
    )
    # A volume without background has no surface; edt then answers infinity.
    distance[~np.isfinite(distance)] = float(max(mask.shape))
    if settings.distance_smoothing > 0:
        sigmas = [settings.distance_smoothing / edge for edge in spacing]
        distance = ndimage.gaussian_filter(distance, sigmas, truncate=3, mode="nearest")
    return distance


def _histogram(image: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Occurring grey levels (or bin centres) and how often each occurs, in the region."""
    grey = np.asarray(image.data)
    flat = grey.ravel() if image.region is None else grey[np.asarray(image.region, bool)]
    if flat.dtype == bool:
        flat = flat.view(np.uint8)
    if flat.dtype.kind in "ui" and flat.dtype.itemsize <= 2:
        low = int(np.iinfo(flat.dtype).min)
        n_levels = int(np.iinfo(flat.dtype).max) - low + 1
        counts = np.zeros(n_levels, np.int64)
        if (
            low == 0 and flat.dtype.isnative
        ):  # without the GIL, so that a window stays alive meanwhile
            from napari_battery.labelling._flood import count_levels

            count_levels(flat, counts)
            counts[0] = flat.size - counts.sum()
        else:  # in parts: bincount widens its input to eight bytes per voxel
            for start in range(0, flat.size, _PART):
                part = flat[start : start + _PART].astype(np.intp)
                counts += np.bincount(part - low, minlength=n_levels)
        values = np.arange(n_levels, dtype=float) + low
    else:
        finite = flat[np.isfinite(flat)] if flat.dtype.kind == "f" else flat
        if finite.size == 0 or finite.min() == finite.max():
            values, counts = finite[:1].astype(float), np.array([finite.size])[: finite.size]
        else:
            counts, edges = np.histogram(finite, bins=_BINS)
            values = (edges[:-1] + edges[1:]) / 2
    seen = counts > 0
    if not seen.any():
        where = "" if image.region is None else " inside its region"
        raise InputError(f"“{image.name}” has no voxel with a grey level{where}.")
    return values[seen], counts[seen].astype(float)


def _finite_grey(image: Volume) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Grey levels with NaN and infinity made the mean, and where they were not; None if nowhere."""
    grey = np.asarray(image.data)
    if grey.dtype.kind != "f":
        return grey, None
    finite = np.isfinite(grey)
    if finite.all():
        return grey, None
    mean = grey.mean(where=finite, dtype=float) if finite.any() else 0.0
    return np.where(finite, grey, grey.dtype.type(mean)), finite


def _denoised(
    grey: NDArray[Any], settings: LabelSettings, spacing: tuple[float, ...]
) -> NDArray[Any]:
    from scipy import ndimage

    if grey.dtype == bool:
        grey = grey.view(np.uint8)
    if settings.denoise == "gaussian":
        sigmas = [settings.denoise_size / edge for edge in spacing]
        # float32 holds 8- and 16-bit levels exactly; wider ones need float64.
        output = np.float32 if grey.dtype.itemsize <= 2 else np.float64
        if grey.dtype == np.float32:
            output = np.float32
        smooth: NDArray[Any] = ndimage.gaussian_filter(grey, sigmas, output=output, truncate=3)
        return smooth
    if settings.denoise == "median":
        sizes = [2 * max(round(settings.denoise_size / edge), 0) + 1 for edge in spacing]
        median: NDArray[Any] = ndimage.median_filter(grey, sizes)
        return median
    return grey
