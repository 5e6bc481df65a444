"""Regions to analyse, as masks: a box, a polygon, a cylinder, the electrode without air."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.settings import Settings, setting
from napari_battery.volume import Volume

__all__ = [
    "ElectrodeRegionSettings",
    "box_region",
    "cylinder_region",
    "electrode_region",
    "polygon_region",
]

Mask = NDArray[np.bool_]

_COARSE_VOXELS = 8e6
"""The electrode's outline is worked out on no more voxels than this: seconds, not minutes."""


class ElectrodeRegionSettings(Settings):
    """How the electrode is told from the air around it."""

    particles: Literal["brighter", "darker"] = setting(
        "brighter", "Whether the particles are brighter or darker than pores and air"
    )
    smoothing_voxels: float = setting(
        2.0, "Width (σ) of the smoothing against noise", title="Smoothing", unit="voxels", ge=0
    )
    closing_voxels: float | None = setting(
        None,
        "Half the width of gaps between particles that still count as inside; empty: one and a "
        "half times the radius of the largest particles",
        title="Closing",
        unit="voxels",
        ge=0,
    )


def box_region(volume: Volume, box: Sequence[tuple[int, int]]) -> Volume:
    """The voxels of a box.

    Parameters
    ----------
    volume : Volume
        On whose grid.
    box : sequence of (start, stop)
        In voxels, half open, one pair per axis.

    Returns
    -------
    Volume
        bool, on the grid of `volume`; made to be its ``region``.

    Raises
    ------
    InputError
        If the region is empty, or has another number of axes.
    """
    _check_axes(volume, len(box))
    spans = [slice(max(0, int(a)), max(0, int(b))) for a, b in box]
    plane = np.zeros(volume.shape[-2:], np.bool_)
    plane[tuple(spans[-2:])] = True
    words = ", ".join(
        f"{a} {s.start}–{s.stop - 1}" for a, s in zip(volume.axes, spans, strict=True)
    )
    depth = spans[0] if volume.ndim == 3 else slice(None)
    return _region(volume, _through(volume, plane, depth), f"Box: {words} (voxels).")


def cylinder_region(
    volume: Volume,
    centre: tuple[float, float],
    radius: float | tuple[float, float],
    *,
    axis: int = 0,
    extent: tuple[int, int] | None = None,
) -> Volume:
    """The voxels in a cylinder along one axis (in 2-D: in a circle).

    Parameters
    ----------
    volume : Volume
        On whose grid.
    centre : (float, float)
        Of the circle, in voxels, on the two axes across (y and x for axis 0).
    radius : float or (float, float)
        In voxels; two for an ellipse, as unequal voxels need.
    axis : int
        0, 1, 2 for a cylinder along z, y, x.
    extent : (start, stop), optional
        Along the axis, in voxels, half open; None is all.

    Returns
    -------
    Volume
        bool, on the grid of `volume`.

    Raises
    ------
    InputError
        If the region is empty.
    """
    radii = np.broadcast_to(np.asarray(radius, dtype=float), 2)
    if not (radii > 0).all():
        raise InputError(f"The radius of the cylinder is {radius}; it must be above 0.")
    across = volume.shape if volume.ndim == 2 else tuple(np.delete(volume.shape, axis).tolist())
    first, second = np.ogrid[: across[0], : across[1]]
    circle = ((first - centre[0]) / radii[0]) ** 2 + ((second - centre[1]) / radii[1]) ** 2 <= 1
    along = slice(None) if extent is None else slice(max(0, extent[0]), max(0, extent[1]))
    direction = volume.axes[axis] if volume.ndim == 3 else "z"
    words = f"Cylinder along {direction}, centre {centre}, radius {radius} voxels."
    return _region(volume, _through(volume, circle, along, axis), words)


def polygon_region(volume: Volume, polygons: ArrayLike | Mapping[int, ArrayLike]) -> Volume:
    """The voxels in a polygon through all slices, or in one that changes from slice to slice.

    Between slices with a polygon the outline is interpolated by its signed distance
    (Raya and Udupa, IEEE Trans. Med. Imaging 9, 32, 1990), so polygons need neither
    the same number of corners nor an order. Beyond the first and last the outline stays.

    Parameters
    ----------
    volume : Volume
        On whose grid.
    polygons : (n, 2) array or mapping from slice number to (n, 2) array
        Corners (y, x) in voxels.

    Returns
    -------
    Volume
        bool, on the grid of `volume`.

    Raises
    ------
    InputError
        If a polygon has fewer than three corners or the region is empty.
    """
    if not isinstance(polygons, Mapping):
        plane = _inside(volume, polygons)
        return _region(volume, _through(volume, plane, slice(None)), "Polygon through all slices.")
    if not polygons:
        raise InputError("There is no polygon; draw at least one.")
    drawn = sorted(polygons)
    planes = [_inside(volume, polygons[z]) for z in drawn]
    if volume.ndim == 2 or len(drawn) == 1:
        return _region(
            volume, _through(volume, planes[0], slice(None)), "Polygon through all slices."
        )
    distances = [_signed_distance(plane) for plane in planes]
    mask = np.empty(volume.shape, np.bool_)
    for z in range(volume.shape[0]):
        after = min(max(int(np.searchsorted(drawn, z)), 1), len(drawn) - 1)
        z0, z1 = drawn[after - 1], drawn[after]
        t = min(max((z - z0) / (z1 - z0), 0.0), 1.0)
        mask[z] = (1 - t) * distances[after - 1] + t * distances[after] < 0
    words = f"Polygons on slices {', '.join(map(str, drawn))}, interpolated between."
    return _region(volume, mask, words)


def electrode_region(
    volume: Volume,
    settings: ElectrodeRegionSettings | None = None,
    progress: Progress = SILENT,
) -> Volume:
    """The electrode without the air around it; its pores are inside.

    Particles are told from pores and air by Otsu's threshold on the smoothed grey levels;
    specks are dropped; a morphological closing (a ball rolled around the electrode, into
    which gaps narrower than it are filled) joins the particles, the largest piece stays and
    its holes are filled. What the image's faces cut is taken to go on beyond them. Large
    volumes are worked out on a coarser grid.

    Parameters
    ----------
    volume : Volume
        Image; read slab by slab.
    settings : ElectrodeRegionSettings, optional
        Smoothing and closing; None is the defaults.
    progress : Progress
        Advanced per slab.

    Returns
    -------
    Volume
        bool, on the grid of `volume`.

    Raises
    ------
    InputError
        If the image has a single grey level.
    """
    settings = settings or ElectrodeRegionSettings()
    factor = max(1, round((np.prod(volume.shape) / _COARSE_VOXELS) ** (1 / volume.ndim)))
    coarse = _coarse_means(volume, factor, progress)
    if settings.particles == "darker":
        coarse = -coarse
    if coarse.min() == coarse.max():
        raise InputError(f"“{volume.name}” has a single grey level; no electrode stands out.")
    progress.begin(1, "Finding the outline")
    radius = None if settings.closing_voxels is None else settings.closing_voxels / factor
    body, radius = _body(coarse, settings.smoothing_voxels / factor, radius)
    index = (
        np.minimum(np.arange(n) // factor, m - 1)
        for n, m in zip(volume.shape, body.shape, strict=True)
    )
    progress.advance()
    note = f"The electrode, with gaps up to {2 * radius * factor:.0f} voxels wide."
    return _region(volume, body[np.ix_(*index)], note, settings)


def _coarse_means(volume: Volume, factor: int, progress: Progress) -> NDArray[np.float32]:
    """Means of blocks of `factor` voxels a side; the rest at the far faces is left out."""
    shape = tuple(max(1, n // factor) for n in volume.shape)
    sides = tuple(min(factor, n) for n in volume.shape)
    coarse = np.empty(shape, np.float32)
    pairs = [m for n, side in zip(shape[1:], sides[1:], strict=True) for m in (n, side)]
    progress.begin(shape[0], "Averaging")
    for i in range(shape[0]):
        slab = np.asarray(volume.data[i * sides[0] : (i + 1) * sides[0]])
        slab = slab[:, *(slice(0, n * side) for n, side in zip(shape[1:], sides[1:], strict=True))]
        blocks = np.nan_to_num(slab.astype(np.float32)).reshape(len(slab), *pairs)
        coarse[i] = blocks.mean(axis=(0, *range(2, 2 * volume.ndim, 2)))
        progress.advance()
    return coarse


def _body(grey: NDArray[np.float32], sigma: float, radius: float | None) -> tuple[Mask, float]:
    """The electrode and the radius it was closed with."""
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    smooth = ndimage.gaussian_filter(grey, sigma, mode="nearest")
    solid = smooth > threshold_otsu(smooth)
    depth = ndimage.distance_transform_edt(np.pad(solid, 1, mode="edge"))
    largest = float(np.percentile(depth[depth > 0], 99))  # touching ones reach deeper
    radius = 1.5 * largest if radius is None else radius
    solid = _pieces(solid, at_least=(largest / 2) ** grey.ndim)
    return ndimage.binary_fill_holes(_pieces(_closed(solid, radius))), radius


def _pieces(mask: Mask, at_least: float | None = None) -> Mask:
    """Connected pieces of so many voxels or more; the largest one where none is given."""
    from scipy import ndimage

    labels, n = ndimage.label(mask)
    if n < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = sizes >= min(sizes.max() if at_least is None else at_least, sizes.max())
    kept: Mask = keep[labels]
    return kept


def _closed(body: Mask, radius: float) -> Mask:
    """Closing by a ball; what the image's faces cut goes on beyond them."""
    from scipy import ndimage

    if radius < 1:
        return body
    width = int(np.ceil(radius)) + 1
    padded = np.pad(body, width, mode="edge")
    grown = ndimage.distance_transform_edt(~padded) <= radius
    if grown.all():
        return np.ones_like(body)
    shrunk = ndimage.distance_transform_edt(grown) > radius
    closed: Mask = shrunk[tuple(slice(width, -width) for _ in body.shape)]
    return closed


def _inside(volume: Volume, polygon: ArrayLike) -> Mask:
    from skimage.draw import polygon2mask

    corners = np.asarray(polygon, dtype=float)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise InputError(
            f"A polygon needs three corners (y, x) or more; this one has shape {corners.shape}."
        )
    mask: Mask = polygon2mask(volume.shape[-2:], corners)
    return mask


def _signed_distance(plane: Mask) -> NDArray[np.float32]:
    """Distance to the outline, negative inside."""
    from scipy.ndimage import distance_transform_edt

    if not plane.any():
        return np.full(plane.shape, float(max(plane.shape)), np.float32)
    outside = distance_transform_edt(~plane)
    inside = distance_transform_edt(np.pad(plane, 1))[1:-1, 1:-1]
    signed: NDArray[np.float32] = (outside - inside).astype(np.float32)
    return signed


def _through(volume: Volume, plane: Mask, along: slice, axis: int = 0) -> Mask:
    """A plane repeated along an axis; without memory of its own where it goes all through."""
    if volume.ndim == 2:
        return plane
    whole = np.broadcast_to(np.expand_dims(plane, axis), volume.shape)
    if along.indices(volume.shape[axis])[:2] == (0, volume.shape[axis]):
        return whole
    mask = np.zeros(volume.shape, np.bool_)
    part = tuple(along if i == axis else slice(None) for i in range(3))
    mask[part] = whole[part]
    return mask


def _check_axes(volume: Volume, n_axes: int) -> None:
    if n_axes != volume.ndim:
        raise InputError(
            f"The box has {n_axes} axes, “{volume.name}” has {volume.ndim}; they must be equal."
        )


def _region(volume: Volume, mask: Mask, note: str, settings: Settings | None = None) -> Volume:
    inside = np.count_nonzero(mask)
    if not inside:
        raise InputError(
            f"The region holds no voxel of “{volume.name}” (shape {volume.shape}). "
            "Draw it inside the image."
        )
    share = f"{inside / mask.size:.1%} of the image is inside."
    made = provenance("region", settings, [volume], [note, share])
    result = volume.like(mask, f"{volume.name} region")
    synthetic = bool(volume.metadata.get("synthetic", False))
    result.metadata.update({"kind": "region", "synthetic": synthetic, "made": made})
    return result
