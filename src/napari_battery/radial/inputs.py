"""Bring labels and image together: one grid, a known voxel size."""

from __future__ import annotations

from dataclasses import replace

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.resample import onto_grid
from napari_battery.volume import Volume

__all__ = ["match_inputs", "share_voxel_size"]


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
    if labels.same_grid(image):
        return labels, image, notes
    resampled = onto_grid(replace(image, region=None), labels, progress)
    if image.region is not None:
        inside = onto_grid(replace(image, data=image.region, region=None), labels, progress, 0)
        resampled = replace(resampled, region=inside.data > 0.5)  # NaN beyond the image
    note = (
        f"“{image.name}” lies on another grid than “{labels.name}” and was resampled onto it "
        "linearly: that smooths noise, so standard deviations are too small."
    )
    return labels, resampled, [note]


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
