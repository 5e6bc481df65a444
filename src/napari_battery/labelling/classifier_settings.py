"""Settings of the pixel classifier: what it looks at, and how it learns."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import LENGTH, Settings, length_unit, setting

__all__ = ["ClassifierSettings"]


class ClassifierSettings(Settings):
    """A random forest on what the image looks like around each voxel, at several scales."""

    length_unit: Literal["voxels", "um"] = length_unit()
    smallest_scale: float = setting(
        1.0,
        "Sigma of the finest Gaussian that features are made from.",
        unit=LENGTH,
        gt=0,
        le=1000,
        step=0.5,
    )
    n_scales: int = setting(
        4,
        "Number of scales, each twice the one before; more see farther and take longer.",
        title="Number of scales",
        ge=1,
        le=6,
    )
    gradient: bool = setting(True, "Use the steepness of grey levels: edges.")
    laplacian: bool = setting(True, "Use the Laplacian of the Gaussian: blobs and gaps.")
    difference: bool = setting(
        True, "Use differences between scales: brighter or darker than around."
    )
    hessian: bool = setting(
        True, "Use the Hessian's eigenvalues: cracks, fibres and sheets of any direction."
    )
    per_slice: bool = setting(
        False,
        "Look at each slice by itself: for slices far apart, or of different brightness.",
        title="Per slice",
    )
    match_grey: bool = setting(
        True,
        "Count grey levels between those that 1 % and 99 % of an image's voxels stay below, so "
        "that the classifier serves images of other brightness and contrast.",
        title="Match grey scales",
    )
    n_trees: int = setting(
        50, "Number of trees; more are a little better and slower.", title="Trees", ge=1, le=500
    )
    max_depth: int = setting(
        12, "Questions a tree asks at most; fewer generalise more.", title="Depth", ge=1, le=30
    )
    samples_per_phase: int = setting(
        20_000, "Scribbled voxels of a phase beyond this number are left out, at random.", ge=10
    )
    seed: int = setting(0, "Seed of all that is random: the same scribbles, the same forest.", ge=0)
