"""Taking off the shell of binder that blur makes around active material."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.cleaning import farther

__all__ = ["shell_margin", "without_shell"]


def shell_margin(thickness: float, spacing: tuple[float, ...]) -> NDArray[np.int64]:
    """Voxels beyond a block that `without_shell` depends on, per axis."""
    return np.array([math.ceil(2 * thickness / edge) + 1 for edge in spacing])


def without_shell(
    classes: NDArray[np.uint8],
    smoothed: NDArray[Any],
    means: tuple[float, ...],
    thickness: float,
    spacing: tuple[float, ...],
    is_active_last: bool,
) -> None:
    """Share binder that is no more than an edge's blur between active material and pore.

    Where active material meets pore, blur passes through the grey levels of binder. Binder
    farther than `thickness` from active material is no such shell, nor is binder within
    `thickness` of that. The rest goes to the side of the edge that it is on.

    Parameters
    ----------
    classes : uint8 array
        0, 1, 2 from dark to bright, 1 the binder, or `NOWHERE`; changed in place.
    smoothed : array
        Grey levels.
    means : three floats
        Mean grey level of each class.
    thickness : float
        In the unit of `spacing`.
    spacing : tuple of float
        Voxel edges.
    is_active_last : bool
        Whether class 2, not 0, is the active material.
    """
    binder = classes == 1
    active = classes == (2 if is_active_last else 0)
    deep = binder & farther(~active, thickness, spacing)
    shell = binder & farther(~deep, thickness, spacing)
    middle = (means[0] + means[2]) / 2
    classes[shell] = np.where(smoothed[shell] > middle, 2, 0)
