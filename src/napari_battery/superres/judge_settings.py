"""Settings of judging a super-resolution."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import Settings, setting
from napari_battery.superres.settings import Quality

__all__ = ["JudgeSettings"]


class JudgeSettings(Settings):
    """Where and how predictions are compared with a real high-resolution scan."""

    region_size: int = setting(
        40,
        "Least edge of a region: the overlap is cut evenly into blocks of this size or a little "
        "more. It should exceed the grain of the structure, for regions count as independent.",
        unit="voxels of the high scan",
        ge=16,
    )
    most_regions: int = setting(
        100, "Of more regions so many are drawn, by the seed.", title="Regions at most", ge=2
    )
    mend: bool = setting(
        False,
        "Take the residual shift that is measured between the scans out first, the same for "
        "every method.",
        title="Mend the residual shift",
    )
    crack: int | None = setting(
        None, "Value of cracks in the labels.", title="Value of cracks", ge=1
    )
    crack_threshold: float | None = setting(
        None,
        "Grey level of the high scan below which a voxel counts as dark; Otsu's of the high "
        "scan in all regions by default.",
        unit="grey level",
    )
    crack_tolerance: int = setting(
        1,
        "How far from its place a crack still counts as found.",
        unit="voxels of the high scan",
        ge=0,
        le=5,
    )
    quality: Quality = setting(
        "normal",
        "normal: networks see each slice once; best: mirrored and turned in eight ways, and the "
        "mean is taken, which takes eight times as long; better: in two ways.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "Of the networks' arithmetic; auto takes bfloat16 where the processor has it."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto", "Where networks run; auto takes a graphics card if there is one."
    )
    resamples: int = setting(4000, "Resamples of the bootstrap over regions.", ge=200, le=100_000)
    confidence: float = setting(0.95, "Coverage of the intervals.", gt=0.5, le=0.999)
    seed: int = setting(2026, "Start of the random numbers.", ge=0)
