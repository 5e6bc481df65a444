"""Bring labels and image together: one grid, a known voxel size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.progress import Progress
from napari_battery.resample import onto_grid
from napari_battery.volume import Volume

__all__ = ["match_inputs", "match_lazily", "share_voxel_size"]


def match_inputs(
    labels: Volume, image: Volume, progress: Progress
) -> tuple[Volume, Volume, list[str]]:
    """Labels and image on the labels' grid, and what had to be done for that.

    Where shapes agree and one voxel size is unknown, or only assumed while the other is
    known, the better known one serves both. Where the grids differ the image is resampled.

    Raises
    ------
    InputError
        If no voxel size is known, shapes differ while one is unknown, the two do not
        overlap, or one is 2-D and the other 3-D.
    """
    labels, image, notes = _checked(labels, image)
    if labels.same_grid(image):
        return labels, image, notes
    resampled = onto_grid(replace(image, region=None), labels, progress)
    if image.region is not None:
        inside = onto_grid(replace(image, data=image.region, region=None), labels, progress, 0)
        resampled = replace(resampled, region=inside.data > 0.5)  # NaN beyond the image
    return labels, resampled, [_resampled_note(labels, image)]


def match_lazily(labels: Volume, image: Volume) -> tuple[Volume, Volume, list[str]]:
    """Match labels and image as `match_inputs` does, but resample only what is read, when it is.

    Raises
    ------
    InputError
        As `match_inputs`; images that nowhere overlap have no data instead.
    """
    labels, image, notes = _checked(labels, image)
    if labels.same_grid(image):
        return labels, image, notes
    for volume in (labels, image):
        volume.known_voxel_size_um()

    def read_of(source: Volume, order: int) -> LazyArray:
        def read(window: Window) -> NDArray[np.float32]:
            shape = tuple(s.stop - s.start for s in window)
            size = labels.known_voxel_size_um()
            starts = [s.start * edge for s, edge in zip(window, size, strict=True)]
            origin = tuple(a + b for a, b in zip(labels.origin_um, starts, strict=True))
            part = np.broadcast_to(np.float32(np.nan), shape)
            try:
                there = replace(labels, data=part, region=None, origin_um=origin)
                return np.asarray(onto_grid(source, there, order=order).data)
            except InputError:  # no overlap with this part
                return part

        return LazyArray(labels.shape, np.float32, read)

    plain = replace(image, region=None)
    resampled = labels.like(read_of(plain, 1), image.name, region=None)
    if image.region is not None:
        inside = read_of(replace(plain, data=image.region), 0)
        region = LazyArray(labels.shape, np.bool_, lambda window: inside[window] > 0.5)
        resampled = replace(resampled, region=region)
    return labels, resampled, [_resampled_note(labels, image)]


def _checked(labels: Volume, image: Volume) -> tuple[Volume, Volume, list[str]]:
    """The better known voxel size for both, and what to say about it."""
    if labels.ndim != image.ndim:
        raise InputError(
            f"The labels “{labels.name}” have {labels.ndim} axes {labels.shape}, the image "
            f"“{image.name}” {image.ndim} {image.shape}; both must be 2-D or both 3-D."
        )
    if 0 in labels.shape:
        raise InputError(f"The labels “{labels.name}” have no voxels (shape {labels.shape}).")
    labels, image, notes = share_voxel_size(labels, image)
    if labels.shape == image.shape:
        labels.known_voxel_size_um()
    return labels, image, notes


def _resampled_note(labels: Volume, image: Volume) -> str:
    return (
        f"“{image.name}” lies on another grid than “{labels.name}” and was resampled onto it "
        "linearly: that smooths noise, so standard deviations are too small."
    )


def share_voxel_size(labels: Volume, image: Volume) -> tuple[Volume, Volume, list[str]]:
    """The better known voxel size for both, where shapes agree, and what to say about it."""
    known = _how_known(labels) - _how_known(image)
    if labels.shape != image.shape or known == 0:
        return labels, image, []
    if known < 0:
        return _on_grid_of(labels, image), image, [_borrowed("labels", labels, image)]
    return labels, _on_grid_of(image, labels), [_borrowed("image", image, labels)]


def _how_known(volume: Volume) -> int:
    """0 for no voxel size, 1 for an assumed one, 2 for a known one."""
    return 0 if volume.voxel_size_um is None else 1 if volume.is_assumed else 2


def _on_grid_of(volume: Volume, other: Volume) -> Volume:
    return replace(
        volume,
        voxel_size_um=other.voxel_size_um,
        voxel_size_source=other.voxel_size_source,
        origin_um=other.origin_um,
        affine=other.affine,
    )


def _borrowed(kind: str, without: Volume, of: Volume) -> str:
    size = " × ".join(f"{v:g}" for v in of.known_voxel_size_um())
    source = "" if of.voxel_size_source == "unknown" else f", {of.voxel_size_source}"
    of_kind = "image" if kind == "labels" else "labels"
    lacking = "no voxel size" if without.voxel_size_um is None else "only an assumed voxel size"
    return (
        f"The {kind} “{without.name}” ha{'ve' if kind == 'labels' else 's'} {lacking}; that of the "
        f"{of_kind} “{of.name}” was used ({size} µm{source})."
    )
