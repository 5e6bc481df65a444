"""Settings of a study of several states: what is measured, and which particles count."""

from __future__ import annotations

from typing import Literal

from napari_battery.labelling.consistency import ConsistencySettings, as_published
from napari_battery.settings import Settings, setting

__all__ = ["StudyRules", "StudySettings", "published_rules"]


class StudySettings(Settings):
    """What is measured of every particle in every state, and how sure it is."""

    matching: Literal["labels", "populations"] = setting(
        "labels",
        "Labels: a particle has the same label in every state, and its change is measured. "
        "Populations: different pieces of electrode, compared as wholes, without ΔĪ.",
    )
    exclude_layers: int = setting(
        5,
        "Outer layers left out of the core mean: they hold the phase-contrast rim and the partial "
        "volume. GREAT2 leaves out 5.",
        title="Exclude outer layers",
        unit="layers",
        ge=0,
        le=1000,
    )
    false_discovery_rate: float = setting(
        0.05,
        "Share of false ones among the particles called significant (Benjamini–Hochberg), within "
        "each state.",
        gt=0,
        le=0.99,
        step=0.01,
    )
    n_sigma: float = setting(
        5.0,
        "Critical value of the tests between states, as standard deviations of a normal "
        "distribution. GREAT2 takes 5.",
        title="Critical value",
        unit="σ",
        gt=0,
        le=10,
        step=0.5,
    )
    background_sigma: float | None = setting(
        None,
        "Standard deviation of the noise in one voxel; automatic: measured in the background of "
        "every state.",
        title="Noise σ_bg",
        unit="grey level",
        gt=0,
    )
    correlated_noise: bool = setting(
        True,
        "Take the correlation of neighbouring voxels' noise into SEM: σ·√(V/n), V the noise's "
        "correlation volume. Off: σ/√n as published, which holds for white noise only.",
        title="Correlated noise",
    )
    repeat_floor: bool = setting(
        True,
        "Add what a repeated scan of one state differed by beyond its noise to SEM_Δ, where "
        "there is one.",
        title="Repeat-scan floor",
    )
    normalise: Literal["none", "offset", "gain", "two-point"] = setting(
        "none",
        "Bring the greys of every state to those of the reference by their peaks: offset (adds) "
        "and gain (multiplies) from the peak of empty space; two-point also from that of solid, "
        "which takes the mean change of all particles away and leaves differences between them.",
        title="Grey normalisation",
    )


class StudyRules(ConsistencySettings):
    """Which particles count: the rules of consistency, and two more of the study."""

    smallest: bool = setting(
        True,
        "Leave out the particles of the smallest volumes in the reference, as GREAT2 does: few "
        "voxels are left of their cores, and they are most often merged or missed.",
        title="Smallest volumes",
    )
    smallest_share: float = setting(
        0.25,
        "Part of the particles that are the smallest, of those that no face of the volume cuts. "
        "GREAT2: the smallest quartile.",
        gt=0,
        le=0.99,
        step=0.05,
    )
    core: bool = setting(
        True,
        "Leave out particles of which nothing is left without the outer layers in any state.",
        title="No core left",
    )


def published_rules() -> StudyRules:
    """The rules of GREAT2: missing, border, neighbours of missing ones, smallest quartile."""
    return StudyRules(**as_published().model_dump())
