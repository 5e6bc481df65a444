"""Which part of the training images only checks: nothing of it is ever trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from napari_battery.errors import InputError
from napari_battery.settings import Settings, setting
from napari_battery.superres.part import CUBIC_REACH, part_of
from napari_battery.superres.training_image import TrainingImage

__all__ = ["SplitSettings", "cut_gap", "split"]


class SplitSettings(Settings):
    """How training images are divided into training and validation."""

    by: Literal["region", "group"] = setting(
        "region",
        "What is kept for validation: a slab of every image, or whole samples.",
        title="Split by",
    )
    share: float = setting(
        0.2, "Share that is kept for validation.", title="Validation", gt=0, le=0.5, step=0.05
    )
    patch: int = setting(128, "Side of a patch.", unit="voxels", ge=1)
    slices: int = setting(1, "Neighbouring slices that the network reads.", ge=1)
    halo: int = setting(0, "The network's halo in the plane.", unit="voxels", ge=0)
    seed: int = setting(0, "Seed of the choice of samples.", ge=0)


def split(
    images: Sequence[TrainingImage], settings: SplitSettings
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Divide images into training and validation that share no voxel, nor read the same ones.

    By region, a slab at the far end of each image's best axis is kept for validation. Patches
    lie wholly within their part, and between the parts as many voxels are left out as the
    network's halo (along z its slices) and the cubic interpolation of the low-resolution scan
    reach: even run over its whole part, the network reads nothing made of the other's voxels.

    Parameters
    ----------
    images : sequence of TrainingImage
        Those of one group must have one shape to be split by region: they are cut alike.
    settings : SplitSettings

    Returns
    -------
    train, validation : list of TrainingImage
        By region, views of the images' arrays.

    Raises
    ------
    InputError
        If an image is too small for two parts that hold a patch each, one sample has images of
        several shapes, or there is only one sample to split by; if two images of one file
        would have the same voxels in both parts.
    """
    if not images:
        raise InputError("There are no images to train on.")
    if settings.by == "group":
        train, validation = _by_group(images, settings)
        _check_apart(train, validation)
        return train, validation
    shapes: dict[str, tuple[int, ...]] = {}
    for image in images:
        if shapes.setdefault(image.group, image.shape) != image.shape:
            raise InputError(
                f"The sample “{image.group}” has images of the shapes {shapes[image.group]} and "
                f"{image.shape}, which may show the same place: split by sample, or give images "
                "of different places different sample names."
            )
    # one sample is cut at one place, also where its images were degraded by several ratios
    ratios = {
        group: max(image.ratio for image in images if image.group == group) for group in shapes
    }
    parts = [_cut(image, ratios[image.group], settings) for image in images]
    train, validation = [part for part, _ in parts], [part for _, part in parts]
    _check_apart(train, validation)
    return train, validation


def cut_gap(axis: int, ratio: float, settings: SplitSettings) -> int:
    """Voxels that must lie between training and validation along an axis (0 is z)."""
    reach = settings.slices - 1 if axis == 0 else settings.halo
    return reach + math.ceil(2 * CUBIC_REACH * ratio)


def _cut(
    image: TrainingImage, ratio: float, settings: SplitSettings
) -> tuple[TrainingImage, TrainingImage]:
    best: tuple[float, int, int, int] | None = None
    least = (settings.slices, settings.patch, settings.patch)
    fits = all(n >= side for n, side in zip(image.shape, least, strict=True))
    # within the plane rather than along z, where neighbouring slices are alike
    for axis in (2, 1, 0):
        n = image.shape[axis]
        kept = max(least[axis], round(settings.share * n))
        train = n - kept - cut_gap(axis, ratio, settings)
        if fits and train >= least[axis] and (best is None or train / n > best[0]):
            best = (train / n, axis, train, n - kept)
    if best is None:
        raise InputError(
            f"“{image.name}” ({image.shape} voxels) is too small to be cut into a training and a "
            f"validation part that hold {settings.slices} slices of {settings.patch} × "
            f"{settings.patch} each: make the patch smaller, or split by sample."
        )
    _, axis, stop, start = best

    def part(along: slice) -> TrainingImage:
        return part_of(image, (slice(None),) * axis + (along,))

    return part(slice(0, stop)), part(slice(start, None))


def _check_apart(train: Sequence[TrainingImage], validation: Sequence[TrainingImage]) -> None:
    """Refuse two images of one file, under different names say, that share high voxels."""
    for kept in validation:
        for image in train:
            one, other = (i.provenance.get("high") or {} for i in (image, kept))
            sha = one.get("fingerprint")
            if not sha or sha != other.get("fingerprint"):
                continue
            boxes = zip(one.get("box", []), other.get("box", []), strict=True)
            if all(a < d and c < b for (a, b), (c, d) in boxes):
                raise InputError(
                    f"“{image.name}” of the sample “{image.group}” and “{kept.name}” of "
                    f"“{kept.group}” show the same part of {one.get('name')}, which would train "
                    "and validate: give both the same sample name, or leave one out."
                )


def _by_group(
    images: Sequence[TrainingImage], settings: SplitSettings
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    sizes: dict[str, int] = {}
    for image in images:
        sizes[image.group] = sizes.get(image.group, 0) + math.prod(image.shape)
    if len(sizes) < 2:
        raise InputError(
            f"All images are of the sample “{images[0].group}”: to split by sample, images of two "
            "samples or more are needed; split by region instead."
        )
    names = sorted(sizes)
    order = np.random.default_rng(settings.seed).permutation(len(names))
    wanted = settings.share * sum(sizes.values())
    kept: set[str] = set()
    for k in order[:-1]:
        kept.add(names[k])
        if sum(sizes[name] for name in kept) >= wanted:
            break
    return (
        [image for image in images if image.group not in kept],
        [image for image in images if image.group in kept],
    )
