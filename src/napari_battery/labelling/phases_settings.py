"""Settings of the phases: pore, active material and binder from grey levels."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import LENGTH, VOLUME, Settings, length_unit, setting

__all__ = ["PHASE_CODES", "PhaseSettings"]

PHASE_CODES = {"pore": 0, "active": 1, "binder": 2}
"""What a voxel of each phase holds in the result."""


class PhaseSettings(Settings):
    """How an image is parted into phases."""

    length_unit: Literal["voxels", "um"] = length_unit()
    n_phases: int = setting(
        2,
        "2: pore and active material; 3: pore, carbon-binder and active material. "
        "A classifier has phases of its own.",
        title="Number of phases",
        ge=2,
        le=3,
    )
    active: Literal["brightest", "darkest"] = setting(
        "brightest", "Which grey levels are the active material; binder lies next to it."
    )
    denoise: Literal["gaussian", "median", "none"] = setting(
        "gaussian", "Smoothing before the thresholds, which are found from the smoothed image."
    )
    denoise_size: float = setting(
        1.0,
        "Sigma of the Gaussian, or radius of the median's box.",
        unit=LENGTH,
        gt=0,
        le=1000,
        step=0.5,
    )
    method: Literal[
        "otsu",
        "multi-otsu",
        "li",
        "yen",
        "triangle",
        "minimum",
        "manual",
        "local",
        "hysteresis",
        "classifier",
    ] = setting(
        "otsu",
        "How phases are told apart: grey levels found from the histogram (Otsu's also for three "
        "phases) or given; each voxel against the mean around it (local); sure voxels and what "
        "hangs on them (hysteresis); or a classifier trained on scribbles.",
    )
    level_1: float | None = setting(
        None,
        "Manual: the lowest grey level of the second darkest phase. Hysteresis: what hangs on "
        "sure voxels is on their side of it; empty: found by multi-Otsu.",
        title="Level 1",
        unit="grey level",
    )
    level_2: float | None = setting(
        None,
        "Manual, three phases: the lowest grey level of the brightest. Hysteresis: voxels beyond "
        "it are sure; empty: found by multi-Otsu.",
        title="Level 2",
        unit="grey level",
    )
    local_radius: float = setting(
        15.0,
        "Half the edge of the box whose mean is the local threshold; larger than the particles.",
        unit=LENGTH,
        gt=0,
        le=10_000,
        step=1,
    )
    local_offset: float = setting(
        0.0,
        "Subtracted from the local mean; more makes the brighter phase larger.",
        unit="grey level",
    )
    smoothing_weight: float = setting(
        0.75,
        "Weight of neighbours of the same phase (Markov random field): more gives smoother "
        "phases without specks; 0: off. Not used by hysteresis.",
        ge=0,
        le=20,
        step=0.25,
    )
    binder_shell: float = setting(
        0.0,
        "Binder no thicker than this around active material is taken for the blur of its edge "
        "and shared between active and pore; 0: kept.",
        title="Remove binder shell up to",
        unit=LENGTH,
        ge=0,
        le=1000,
        step=0.5,
    )
    closing_radius: float = setting(
        0.0,
        "Closes gaps and cracks of the active material that a ball of this radius does not fit "
        "into.",
        unit=LENGTH,
        ge=0,
        le=10_000,
        step=0.5,
    )
    fill_holes: bool = setting(
        False, "Fill holes that lie wholly inside the active material, pores within it too."
    )
    opening_radius: float = setting(
        0.0,
        "Takes off what a ball of this radius does not fit into: specks and thin bridges of the "
        "active material.",
        unit=LENGTH,
        ge=0,
        le=10_000,
        step=0.5,
    )
    minimum_volume: float = setting(
        0.0,
        "Islands of active material smaller than this are given to the phase around them "
        "(in 2-D, areas).",
        unit=VOLUME,
        ge=0,
        step=10,
    )
