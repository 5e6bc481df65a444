"""What is measured of a microstructure, in which parts of it, and with which error bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from napari_battery.microstructure.settings import TransportSettings
from napari_battery.settings import setting

__all__ = ["MicrostructureSettings"]


class MicrostructureSettings(TransportSettings):
    """Metrics, directions, sub-regions and thresholds."""

    metrics: str = setting(
        "all",
        "Names of the metrics, with commas between; “all”, or “light” for those that take "
        "seconds, not minutes",
        title="Metrics",
    )
    directions: Literal["all", "z", "y", "x"] = setting(
        "all", "Axes along which transport and profiles are measured", title="Directions"
    )
    splits: int = setting(
        2,
        "Sub-regions per axis: 2 makes 8 of a volume. Their spread is the error bar. 1 measures "
        "the whole only.",
        title="Sub-regions per axis",
        ge=1,
        le=8,
    )
    split_axes: Literal["zyx", "yx", "zx", "zy"] = setting(
        "zyx",
        "Axes that sub-regions part; leave out the electrode's thickness where each is to reach "
        "from the collector to the separator",
        title="Split along",
    )
    most_splits: int = setting(
        4,
        "The light metrics are measured again with ever more sub-regions per axis, up to this: "
        "whether their spread shrinks says whether the volume is representative. 1 leaves it out.",
        title="Most sub-regions per axis",
        ge=1,
        le=8,
    )
    heavy_in_regions: bool = setting(
        True,
        "Also measure the metrics that take minutes (transport, pore sizes) in sub-regions; "
        "they take about as long again",
        title="Heavy metrics in sub-regions",
    )
    wanted_relative_sd: float = setting(
        0.05,
        "A volume represents a metric when volumes of its size differ by less than this share "
        "of the mean",
        title="Wanted relative spread",
        gt=0,
        le=1,
        step=0.01,
    )
    threshold_delta: float | None = setting(
        None,
        "Grey images are measured again with each threshold moved down and up by this; "
        "automatic is 5 % of the distance between the mean grey levels on its two sides. 0 leaves "
        "it out.",
        title="Threshold ±",
        unit="grey level",
        ge=0,
    )
    binder_conductivity: float = setting(
        0.0,
        "Diffusivity of the binder relative to the pores'; 0 is a binder that blocks",
        title="Binder's diffusivity",
        ge=0,
        le=1,
        step=0.05,
    )
    extrapolate: bool = setting(
        True,
        "Also solve on every second voxel and extrapolate κ to small voxels: walls of voxels are "
        "longer than smooth ones",
        title="Extrapolate κ",
    )
    cut_particles: Literal["exclude", "correct", "include"] = setting(
        "exclude",
        "Particles cut by a face of the volume: leave them out, leave them out and weigh the "
        "others by how rarely one of their size lies whole inside, or count them as they are",
        title="Cut particles",
    )
    thickness_axis: Literal["z", "y", "x"] = setting(
        "z", "Axis across the electrode, for its thickness", title="Thickness along"
    )
    thickness_bridge_um: float = setting(
        0.0,
        "Pores that open to the electrode's surface are bridged over this width",
        title="Bridge pores of",
        unit="µm",
        ge=0,
    )

    def axes(self, names: Sequence[str]) -> list[str]:
        """Which of a volume's axes are measured along."""
        return [name for name in names if self.directions in ("all", name)]
