"""Settings of the labelling: threshold, clean, distance, markers, watershed, merge."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import LENGTH, VOLUME, Settings, length_unit, setting

__all__ = ["LabelSettings"]


class LabelSettings(Settings):
    """How particles are found in one image, or parted in one mask."""

    length_unit: Literal["voxels", "um"] = length_unit()
    denoise: Literal["gaussian", "median", "none"] = setting(
        "gaussian", "Smoothing before the threshold; grey levels are measured unsmoothed."
    )
    denoise_size: float = setting(
        1.0,
        "Sigma of the Gaussian, or radius of the median's box.",
        unit=LENGTH,
        gt=0,
        le=1000,
        step=0.5,
    )
    particles: Literal["brighter", "darker"] = setting(
        "brighter", "Whether particles are brighter or darker than what surrounds them."
    )
    threshold: Literal["otsu", "li", "yen", "triangle", "minimum", "manual"] = setting(
        "otsu",
        "Grey level that parts particles from the rest: found from the histogram by a method, "
        "or given.",
    )
    manual_threshold: float | None = setting(
        None, "The grey level, where the threshold is manual.", unit="grey level"
    )
    opening_radius: float = setting(
        0.0,
        "Takes off what a ball of this radius does not fit into: specks and thin bridges.",
        unit=LENGTH,
        ge=0,
        le=10_000,
        step=0.5,
    )
    closing_radius: float = setting(
        0.0,
        "Closes gaps and cracks that a ball of this radius does not fit into.",
        unit=LENGTH,
        ge=0,
        le=10_000,
        step=0.5,
    )
    fill_holes: bool = setting(True, "Fill holes that lie wholly inside the particles.")
    minimum_volume: float = setting(
        100.0,
        "Islands smaller than this are removed (in 2-D, areas).",
        unit=VOLUME,
        ge=0,
        step=10,
    )
    method: Literal["watershed", "snow"] = setting(
        "watershed",
        "How touching particles are parted: by the watershed set up below, or by the SNOW "
        "algorithm of PoreSpy, which sets itself up and is many times slower.",
    )
    distance_smoothing: float = setting(
        1.0,
        "Gaussian sigma for the distance map; more gives fewer particles.",
        unit=LENGTH,
        ge=0,
        le=1000,
        step=0.5,
    )
    markers: Literal["h-maxima", "peaks"] = setting(
        "h-maxima",
        "What makes a particle's centre: a peak of the distance map that stands out by the marker "
        "depth, or one with no higher peak within the marker distance.",
    )
    marker_depth: float = setting(
        0.5,
        "How far the distance map must dip between two centres for them to be two particles; "
        "more gives fewer.",
        unit=LENGTH,
        gt=0,
        le=10_000,
        step=0.25,
    )
    marker_distance: float = setting(
        5.0,
        "Smallest distance between two centres; more gives fewer particles.",
        unit=LENGTH,
        gt=0,
        le=10_000,
        step=0.5,
    )
    compactness: float = setting(
        0.0,
        "Above 0, boundaries also keep equal distances from the centres, the more the larger it "
        "is: more regular particles. Slower.",
        ge=0,
        le=1000,
        step=0.1,
    )
    merge_neck: float | None = setting(
        None,
        "Neighbours are merged where their neck is wider than this part of the smaller one's "
        "width (0.9, say); empty: never.",
        title="Merge above neck ratio",
        gt=0,
        le=1,
        step=0.05,
    )
    drop_border: bool = setting(
        False,
        "Leave out particles cut by a face of the image or of its region.",
        title="Drop cut particles",
    )
