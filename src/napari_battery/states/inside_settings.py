"""Settings of the look inside single particles."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import LENGTH, Settings, length_unit, setting

__all__ = ["InsideSettings"]


class InsideSettings(Settings):
    """How a particle is compared with its pristine self, voxel by voxel."""

    length_unit: Literal["voxels", "um"] = length_unit()
    smoothing: float = setting(
        1.0,
        "Sigma of the Gaussian that smooths every state's crop before they are subtracted; "
        "0 smooths nothing.",
        unit=LENGTH,
        ge=0,
        le=100,
        step=0.25,
    )
    exclude_layers: int = setting(
        5,
        "Outer layers left out: they hold the phase-contrast rim and the partial volume. "
        "GREAT2 leaves out 5.",
        title="Exclude outer layers",
        unit="layers",
        ge=0,
        le=1000,
    )
    k_sigma: float = setting(
        3.0,
        "A voxel counts as fallen or risen where its grey level changed by more than this many "
        "times the noise of the smoothed difference.",
        title="Threshold k",
        unit="σ",
        gt=0,
        le=20,
        step=0.5,
    )
    register_again: bool = setting(
        True,
        "Register each particle's crop to the pristine one, to a part of a voxel; otherwise the "
        "states are taken to lie where they are.",
        title="Register each particle",
    )
    largest_shift: float = setting(
        6.0,
        "How far a particle may have gone along each axis, beyond the alignment of the stacks.",
        unit=LENGTH,
        gt=0,
        le=1000,
        step=1,
    )
    margin: float = setting(
        3.0,
        "How far around the particle voxels are shown, and those of the void help to register it.",
        unit=LENGTH,
        ge=1,
        le=1000,
        step=1,
    )
    noise: float | None = setting(
        None,
        "Standard deviation of the noise of the smoothed difference; automatic estimates it in "
        "the cores, from second differences over a distance that the noise does not reach.",
        title="Noise σ",
        unit="grey level",
        gt=0,
    )
