"""Settings of the first labelling: threshold, clean, distance, markers, watershed."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import Settings, setting

__all__ = ["LabelSettings"]


class LabelSettings(Settings):
    """How particles are found in one image.

    Lengths count voxels, of anisotropic voxels the shortest edge, so that they serve
    whether or not the voxel size is known.
    """

    denoise: Literal["gaussian", "median", "none"] = setting(
        "gaussian", "Smoothing before the threshold; grey levels are measured unsmoothed."
    )
    denoise_size_voxels: float = setting(
        1.0,
        "Sigma of the Gaussian, or radius of the median's box.",
        title="Denoise size",
        unit="voxels",
        gt=0,
        le=10,
        step=0.5,
    )
    particles: Literal["brighter", "darker"] = setting(
        "brighter", "Whether particles are brighter or darker than what surrounds them."
    )
    threshold: Literal["otsu", "manual"] = setting(
        "otsu", "Grey level that parts particles from the rest: found by Otsu's method, or given."
    )
    manual_threshold: float | None = setting(
        None, "The grey level, where the threshold is manual.", unit="grey level"
    )
    fill_holes: bool = setting(True, "Fill holes that lie wholly inside the particles.")
    minimum_volume_voxels: int = setting(
        100,
        "Islands of fewer voxels are removed (pixels in 2-D).",
        title="Minimum volume",
        unit="voxels",
        ge=0,
    )
    distance_smoothing_voxels: float = setting(
        1.0,
        "Gaussian sigma for the distance map; more gives fewer particles.",
        title="Distance smoothing",
        unit="voxels",
        ge=0,
        le=20,
        step=0.5,
    )
    marker_depth_voxels: float = setting(
        0.5,
        "How far the distance map must dip between two centres for them to be two particles; "
        "more gives fewer.",
        title="Marker depth",
        unit="voxels",
        gt=0,
        le=50,
        step=0.25,
    )
    drop_border: bool = setting(
        False,
        "Leave out particles cut by a face of the image or of its region.",
        title="Drop cut particles",
    )
