"""Settings of the alignment of two images."""

from __future__ import annotations

from typing import Literal

from napari_battery.registration.transform import Kind
from napari_battery.settings import Settings, setting

__all__ = ["RegisterSettings"]


class RegisterSettings(Settings):
    """How a moving image is brought onto a fixed one."""

    kind: Kind = setting(
        "rigid",
        "What may change: the place; also the orientation (rigid); also one magnification "
        "(similarity, for images of different voxel sizes); also shear (affine).",
        title="Transform",
    )
    metric: Literal["correlation", "mutual-information"] = setting(
        "correlation",
        "What is made large: the correlation of the grey levels, or, where the contrast is "
        "another one (inverted, another modality), their mutual information.",
    )
    start: Literal["nothing", "current", "transform"] = setting(
        "nothing",
        "Where to start: from nothing (the whole field is searched), from where the images lie "
        "now, or from the transform given.",
        title="Start from",
    )
    rotation_search_deg: float | None = setting(
        None,
        "Largest rotation that is searched for where the start from nothing finds no match "
        "without (rotations of some 10° need none); empty: all of them; 0: none.",
        title="Rotation search",
        unit="°",
        ge=0,
        le=180,
    )
    levels: int = setting(
        3, "Number of resolutions, from coarse to fine; each halves the spacing.", ge=1, le=6
    )
    finest: int | None = setting(
        None,
        "Spacing of the finest resolution in voxels (of the coarser image); empty: 1 for small "
        "images, 2 for large ones.",
        title="Finest resolution",
        unit="voxels",
        ge=1,
        le=16,
    )
    samples: int = setting(
        200_000,
        "Largest number of voxels that are compared in a resolution.",
        unit="voxels",
        ge=1000,
        le=10_000_000,
        step=10_000,
    )
    iterations: int = setting(30, "Largest number of steps in a resolution.", ge=1, le=1000)
    smallest_overlap: float = setting(
        0.2,
        "Smallest share of the smaller field of view that must lie in the other image.",
        ge=0.01,
        le=1,
        step=0.05,
    )
    engine: Literal["own", "SimpleITK"] = setting(
        "own", "Own Gauss–Newton steps, or SimpleITK's gradient descent as a cross-check."
    )
    seed: int = setting(0, "Seed of the choice of the compared voxels.", ge=0)
