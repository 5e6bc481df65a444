"""Settings of the synthetic electrode, and where each default comes from.

"Paper" is Jones et al., "Demonstrating faster multi-label grey-level analysis for crack
detection in ex-situ & operando micro-CT images of NMC electrode" (GREAT2), case study 2.
"""

from __future__ import annotations

from napari_battery.settings import Settings, setting

__all__ = ["ElectrodeSettings"]


class ElectrodeSettings(Settings):
    """What the made-up electrode and its four scans are like."""

    size_z: int = setting(192, "Slices (our choice).", title="Size z", unit="voxels", ge=8)
    size_y: int = setting(352, "Rows (our choice).", title="Size y", unit="voxels", ge=8)
    size_x: int = setting(
        352,
        "Columns (our choice); the current collector lies at the far end of x (paper, fig. 9).",
        title="Size x",
        unit="voxels",
        ge=8,
    )
    voxel_size_um: float = setting(
        0.325, "Voxel edge (paper, section 2.1: 325 nm).", title="Voxel size", unit="µm", gt=0
    )
    median_diameter_um: float = setting(
        10.3,
        "Median of the log-normal diameters; with the spread below the mean volume is the "
        "25,300 voxels of the paper's section 2.3.",
        unit="µm",
        gt=0,
    )
    diameter_spread: float = setting(
        0.3, "Standard deviation of ln(diameter) (our choice).", ge=0, le=0.6
    )
    void_fraction: float = setting(
        0.45,
        "Share of the volume that is not active material (our choice; the paper's electrode "
        "is not calendered).",
        ge=0.42,
        le=0.95,
    )
    roughness: float = setting(
        0.05,
        "Departure from a sphere: rms of the radius over its mean (our choice).",
        ge=0,
        le=0.1,
    )
    particle_grey: float = setting(
        174.41,
        "Mean grey level of pristine particles (paper, section 3.1: 174.41).",
        unit="grey level",
        ge=0,
        le=255,
    )
    particle_grey_spread: float = setting(
        11.08,
        "Standard deviation of the grey level between particles (paper, section 3.1: 11.08).",
        unit="grey level",
        ge=0,
    )
    void_grey: float = setting(
        100.0,
        "Grey level of pores, binder and electrolyte (our choice; not stated in the paper). "
        "Contrast over noise is then 5, less than in the real sand sample.",
        unit="grey level",
        ge=0,
        le=255,
    )
    noise: float = setting(
        14.0,
        "Standard deviation of the noise in one voxel (our choice; the paper gives the formula "
        "for its effect, not its value).",
        unit="grey level",
        ge=0,
    )
    noise_correlation: float = setting(
        0.25,
        "Weight of each neighbouring voxel, per axis, in the noise of a voxel: reconstruction "
        "correlates neighbours (our choice).",
        ge=0,
        le=0.5,
    )
    psf_um: float = setting(
        0.325,
        "Gaussian sigma of the blur of optics and reconstruction; averaging over the voxel comes "
        "on top (our choice: one voxel, not stated in the paper).",
        title="PSF sigma",
        unit="µm",
        ge=0,
    )
    rim_grey: float = setting(
        25.0,
        "Height of the bright phase-contrast rim inside a flat surface; it is as dark outside. "
        "None where particles touch (our choice).",
        unit="grey level",
        ge=0,
    )
    rim_width_um: float = setting(
        0.6,
        "Gaussian sigma of the rim's decay; with the default it is gone five voxels below the "
        "surface, the layers the paper leaves out (fig. 9b). Above the PSF's sigma.",
        unit="µm",
        gt=0,
    )
    darkening_4_0: float = setting(
        1.41,
        "Mean drop of the core's grey level at 4.0 V (paper, section 3.1: 174.41 − 173.00).",
        title="Darkening at 4.0 V",
        unit="grey level",
    )
    darkening_4_4: float = setting(
        3.0,
        "Mean drop of the core's grey level at 4.4 V (fig. 8 is only described in the text we "
        "have: our choice within 1–3 levels).",
        title="Darkening at 4.4 V",
        unit="grey level",
    )
    darkening_2_5: float = setting(
        2.0,
        "Mean drop that is left at 2.5 V after discharge, partly healed (our choice within "
        "1–3 levels).",
        title="Darkening at 2.5 V",
        unit="grey level",
    )
    darkening_spread: float = setting(
        1.0,
        "Standard deviation of the darkening between particles over its mean; it follows a gamma "
        "law. With gradient and scatter the change at 4.0 V then varies by 2.06 levels, "
        "√(11.27² − 11.08²) of the paper's section 3.1.",
        ge=0,
        le=2,
    )
    change_scatter: float = setting(
        1.4,
        "Further change of a particle's core in each state, of either sign (see the spread).",
        unit="grey level",
        ge=0,
    )
    collector_gradient: float = setting(
        0.5,
        "Darkening grows along x from 1 − this to 1 + this times its mean, towards the current "
        "collector (direction: paper, fig. 9; size: our choice).",
        ge=0,
        le=1,
    )
    core_layers: int = setting(
        5,
        "Outer voxels that are not core (paper, fig. 9b: 5).",
        title="Outer layers that are not core",
        unit="voxels",
        ge=0,
    )
    drift_um: float = setting(
        0.1,
        "Standard deviation, per axis and state, of each particle's own further displacement "
        "(our choice; the paper says it is little).",
        title="Particle drift",
        unit="µm",
        ge=0,
    )
    shift_um: float = setting(
        0.1,
        "Largest displacement, per axis, of a whole state: what registration left (our choice).",
        title="Shift of a state",
        unit="µm",
        ge=0,
    )
    swelling: float = setting(
        0.005,
        "Growth of the radius over the radius at 4.4 V; in the other states in proportion to "
        "their mean darkening (our choice).",
        ge=-0.05,
        le=0.05,
    )
    seed: int = setting(2026, "Start of the random numbers.", ge=0)
