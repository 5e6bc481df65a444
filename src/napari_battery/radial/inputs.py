"""Bring labels and image together: one grid, a known voxel size."""

from __future__ import annotations

from dataclasses import replace

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.resample import onto_grid
from napari_battery.volume import Volume

__all__ = ["match_inputs"]


def match_inputs(
    labels: Volume, image: Volume, progress: Progress
) -> tuple[Volume, Volume, list[str]]:
    """Labels and image on the labels' grid, and what had to be done for that.

    Where shapes agree and only one voxel size is known, it serves both. Where the grids
    differ the image is resampled.

    Raises
    ------
    InputError
        If no voxel size is known, shapes differ while one is unknown, the two do not
        overlap, or one is 2-D and the other 3-D.
    """
    if labels.ndim != image.ndim:
        raise InputError(
            f"The labels “{labels.name}” have {labels.ndim} axes {labels.shape}, the image "
            f"“{image.name}” {image.ndim} {image.shape}; both must be 2-D or both 3-D."
        )
    if 0 in labels.shape:
        raise InputError(f"The labels “{labels.name}” have no voxels (shape {labels.shape}).")
    if labels.shape == image.shape and None in (labels.voxel_size_um, image.voxel_size_um):
        if labels.voxel_size_um is None and image.voxel_size_um is not None:
            placed = replace(
                labels,
                voxel_size_um=image.voxel_size_um,
                voxel_size_source=image.voxel_size_source,
                origin_um=image.origin_um,
                affine=image.affine,
            )
            return placed, image, [_borrowed(labels, image)]
        labels.known_voxel_size_um()
        placed = replace(
            image,
            voxel_size_um=labels.voxel_size_um,
            voxel_size_source=labels.voxel_size_source,
            origin_um=labels.origin_um,
            affine=labels.affine,
        )
        return labels, placed, [_borrowed(image, labels)]
    if labels.same_grid(image):
        return labels, image, []
    resampled = onto_grid(image, labels, progress)
    note = (
        f"“{image.name}” lies on another grid than “{labels.name}” and was resampled onto it "
        "linearly: that smooths noise, so standard deviations are too small."
    )
    return labels, resampled, [note]


def _borrowed(without: Volume, of: Volume) -> str:
    size = " × ".join(f"{v:g}" for v in of.known_voxel_size_um())
    return f"“{without.name}” has no voxel size; that of “{of.name}” was used ({size} µm)."
