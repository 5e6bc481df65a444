"""What a radial analysis returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from napari_battery.radial.settings import RadialSettings

__all__ = ["RadialResult"]


@dataclass(frozen=True, eq=False)
class RadialResult:
    """Tables of one radial analysis.

    Parameters
    ----------
    particles : DataFrame
        One row per label, in ascending order; columns ``tables.PARTICLES_3D`` or ``_2D``.
    layers : DataFrame
        One row per label and layer, sorted by both; columns ``tables.LAYERS``.
    shells : DataFrame or None
        One row per label and shell, where asked for; columns ``tables.SHELLS``.
    settings : RadialSettings
        The settings it ran with.
    provenance : dict
        How it was made, fit for JSON.
    notes : tuple of str
        What the person should know (smoothed image, resampled grid, left-out voxels, …).
    voxel_size_um : tuple of float
        Voxel size the lengths were computed with, in µm.
    assumed_voxel_size : bool
        Whether that voxel size was only assumed.
    """

    particles: pd.DataFrame
    layers: pd.DataFrame
    settings: RadialSettings
    provenance: dict[str, Any]
    notes: tuple[str, ...] = ()
    shells: pd.DataFrame | None = None
    voxel_size_um: tuple[float, ...] = field(default=(1.0, 1.0, 1.0))
    assumed_voxel_size: bool = False
