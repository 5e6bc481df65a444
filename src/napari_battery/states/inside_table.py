"""What changed inside each particle, as a table: one row per label and state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.registration.particle_boxes import Boxes
from napari_battery.registration.particle_crops import Crops, crops_of
from napari_battery.registration.particle_shifts import shifts_table
from napari_battery.states.inside_noise import Noise, expected_share, independent_voxels
from napari_battery.states.inside_settings import InsideSettings
from napari_battery.volume import Volume

__all__ = [
    "NO_CORE",
    "Change",
    "change_of",
    "crops_of_states",
    "inside_table",
    "not_moved",
    "state_names",
]

_LEAST_DATA = 0.5
"""Share of the core that must have data in both states."""


class Change(NamedTuple):
    """What changed in one core."""

    voxels: int = 0
    mean: float = np.nan
    se: float = np.nan
    std: float = np.nan
    independent: float = np.nan
    fell: float = np.nan
    rose: float = np.nan
    note: str = ""


NO_CORE = Change(note="no core left without the outer layers")


def state_names(images: Sequence[Volume]) -> list[str]:
    """Names of states: ``metadata["state"]``, or the volume's own; numbered where two are alike."""
    names: list[str] = []
    for image in images:
        add_name(names, image)
    return names


def add_name(names: list[str], image: Volume) -> str:
    """Add the name of one more state."""
    name = wanted = str(image.metadata.get("state") or image.name)
    k = 1
    while name in names:
        k += 1
        name = f"{wanted} ({k})"
    names.append(name)
    return name


def crops_of_states(
    labels: Volume, pristine: Volume, image: Volume, lengths: InsideSettings
) -> Crops:
    """Check that a state fits, with all lengths in voxels."""
    return crops_of(labels, pristine, image, lengths.margin, lengths.largest_shift)


def not_moved(n: int) -> NDArray[np.float64]:
    """What registration would have found, had every particle been where it was."""
    from napari_battery.registration._kernels_particle_fit import DONE
    from napari_battery.registration._kernels_particles import N_FOUND

    found = np.full((n, N_FOUND), np.nan)
    found[:, 0], found[:, 1:4] = DONE, 0.0
    return found


def change_of(
    difference: NDArray[np.float32], core: NDArray[np.uint8], noise: Noise, k_sigma: float
) -> Change:
    """Sum up the change of a core.

    Parameters
    ----------
    difference : (z, y, x) float32 array
        Smoothed; NaN where there is no data.
    core : (z, y, x) uint8 array
    noise : Noise
        Of the difference.
    k_sigma : float
        Fallen or risen are voxels that changed by more than this times the noise.
    """
    n_core = int(core.sum())
    if not n_core:
        return NO_CORE
    inside = (core > 0) & np.isfinite(difference)
    values = difference[inside].astype(np.float64)
    n = len(values)
    if n < _LEAST_DATA * n_core:
        return Change(n, note="too little of the core has data in both states")
    counts = np.array([0, n], np.int64)
    independent = float(independent_voxels(inside.astype(np.uint16), counts, noise)[1])
    sigma, fell, rose = noise.sigma, np.nan, np.nan
    if np.isfinite(sigma):
        fell = float((values < -k_sigma * sigma).mean())
        rose = float((values > k_sigma * sigma).mean())
    note = "" if np.isfinite(sigma) else "the noise could not be told from so few voxels"
    se = sigma / np.sqrt(independent)
    return Change(n, float(values.mean()), se, float(values.std()), independent, fell, rose, note)


def inside_table(
    boxes: Boxes,
    found: NDArray[np.float64],
    pristine: Volume,
    state: str,
    settings: InsideSettings,
    changes: Sequence[Change],
    noise: Noise,
) -> pd.DataFrame:
    """Put together the rows of one state.

    Parameters
    ----------
    boxes : Boxes
        The n particles.
    found : (n, N_FOUND) float64 array
        Where they went.
    pristine : Volume
        Whose grid they are on.
    state : str
        The later state's name.
    settings : InsideSettings
    changes : sequence of n Change
    noise : Noise
        Of this state's differences.

    Returns
    -------
    DataFrame
        Columns `tables.INSIDE`.
    """
    shifts = shifts_table(boxes, found, None, pristine, 12, 4.0)
    kept = [
        c for c in map(str, shifts) if c.startswith(("shift_z", "shift_y", "shift_x", "shift_sd"))
    ]
    table = shifts[["label", "touches_border", *kept, "correlation"]]
    table.insert(1, "state", state)
    table = table.assign(
        change_voxels=np.array([c.voxels for c in changes], np.int64),
        change_mean=[c.mean for c in changes],
        change_se=[c.se for c in changes],
        change_std=[c.std for c in changes],
        change_independent=[c.independent for c in changes],
        change_sigma=noise.sigma,
        fell_share=[c.fell for c in changes],
        rose_share=[c.rose for c in changes],
        expected_share=expected_share(settings.k_sigma),
        note=[note or c.note for note, c in zip(shifts["note"], changes, strict=True)],
    )
    return table.reset_index(drop=True)
