"""Settings of the figures of an operando study."""

from __future__ import annotations

from typing import Literal

from napari_battery.settings import Settings, setting

__all__ = ["StatesFigureSettings"]


class StatesFigureSettings(Settings):
    """What the figures of states show."""

    se_multiple: float | None = setting(
        None,
        "Standard errors that bars and bands reach; automatic: as in the GREAT2 paper, 2 for "
        "profiles, 3 for means, 1 for parts of the electrode",
        title="Error bars ±",
        unit="SE",
        gt=0,
        le=10,
        step=0.5,
    )
    error: Literal["SES", "SE_tot"] = setting(
        "SES",
        "SES: sampling error σ/√n of a mean, the calibrated one. SE_tot: with the published "
        "measurement error, a root mean square over particles, which overstates the error of "
        "the mean",
        title="Standard error",
    )
    profile_value: Literal["normalised_max", "normalised_surface", "mean"] = setting(
        "normalised_max",
        "What profiles show: (g − g₁)/(max g − g₁) as in the GREAT2 paper, g/g₁ as in GRAPES, or "
        "the grey level g. Particles with flat shells have no normalised profile",
        title="Profiles of",
    )
    profile_axis: Literal["depth_um", "relative_radius"] = setting(
        "depth_um",
        "What profiles are drawn over: depth, or radius over full radius",
        title="Profiles over",
    )
    size_tiles: int = setting(
        4, "Size classes that profiles choose from; 1: particles of every size", ge=1, le=100
    )
    size_tile: int | None = setting(
        None,
        "Which size class profiles show, from 1 (the smallest); automatic: the largest",
        title="Size class",
        ge=1,
        le=100,
    )
    depth_axis: Literal["z", "y", "x"] = setting(
        "z", "Axis across the electrode, along which its depth counts", title="Depth along"
    )
    collector_side: Literal["low", "high"] = setting(
        "low",
        "At which end of that axis the current collector lies: depth counts from there",
        title="Collector at its end",
    )
    collector_at: float | None = setting(
        None,
        "Position of the current collector along the axis, in µm (voxels while their size is "
        "unknown); automatic: the outermost centroid",
        title="Collector position",
    )
    position_tiles: int = setting(4, "Parts by distance from the collector", ge=2, le=10)
    depth_bins: int = setting(10, "Rows of the heat map by depth", ge=2, le=50)
    conditions: str = setting(
        "",
        "Conditions whose share is drawn, joined by ;. Such as “4.4 V < pristine” (core mean; "
        "darker), “volume_um3: 2.5 V > 4.4 V”, or a condition in one state, "
        "“4.4 V: q_value < 0.05”. Empty: as in the GREAT2 paper",
    )
    interval: Literal["Wilson", "Clopper-Pearson"] = setting(
        "Wilson",
        "Binomial interval of shares: Wilson score, or Clopper–Pearson, never too narrow",
    )
    confidence: float = setting(0.95, "Confidence of that interval", ge=0.5, le=0.9999, step=0.01)
    components: Literal["one", "two"] = setting(
        "one", "Normal distributions fitted to the core means of each state", title="Normal fits"
    )
    scatter_x: str = setting(
        "", "Column over which particles are drawn; empty: their size", title="Over"
    )
    scatter_y: str = setting(
        "", "Column that is drawn; empty: the change of the core mean", title="Column"
    )
    scatter_state: str = setting(
        "", "State whose values are drawn; empty: the last", title="In state"
    )
    significance: float = setting(
        0.05,
        "False discovery rate (Benjamini–Hochberg q) below which a change counts as significant",
        gt=0,
        le=0.5,
        step=0.01,
    )
