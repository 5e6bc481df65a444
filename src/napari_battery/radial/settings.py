"""Settings of the radial analysis."""

from __future__ import annotations

from napari_battery.settings import Settings, setting

__all__ = ["RadialSettings"]


class RadialSettings(Settings):
    """How particles are cut into radial layers and what their core is."""

    exclude_layers: int = setting(
        5,
        "Outer layers left out of the core mean: they hold the phase-contrast rim "
        "and the partial volume. GREAT2 leaves out 5.",
        title="Exclude outer layers",
        unit="layers",
        ge=0,
        le=1000,
    )
    layer_thickness_um: float | None = setting(
        None,
        "Thickness of a radial layer; automatic is the voxel size (of anisotropic voxels: "
        "the largest edge, so that no layer is empty).",
        title="Layer thickness",
        unit="µm",
        gt=0,
    )
    centroid_shells: bool = setting(
        False,
        "Also measure spherical shells by true distance from each particle's centroid outward.",
        title="Shells from the centroid",
    )
