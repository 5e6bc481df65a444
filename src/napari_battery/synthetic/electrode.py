"""A made-up cycled electrode of the GREAT2 paper's four states, with its truth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.synthetic.particles import (
    STATES,
    Particles,
    core_changes,
    cycled,
    displacements_um,
    pristine_particles,
)
from napari_battery.synthetic.scan import scan
from napari_battery.synthetic.settings import ElectrodeSettings
from napari_battery.tables import write_table
from napari_battery.volume import Volume

__all__ = [
    "STATES",
    "TRUTH_COLUMNS",
    "State",
    "SyntheticElectrode",
    "synthetic_electrode",
    "write_truth",
]

TRUTH_COLUMNS = {
    "label": "Number of the particle, the same in every state",
    "state": "Name of the state",
    "direction": "charge, discharge or empty",
    "radius_um": "Mean radius in this state",
    "centre_z_um": "Centre of the particle in this state, in the world",
    "centre_y_um": "Centre of the particle in this state, in the world",
    "centre_x_um": "Centre of the particle in this state, in the world",
    "shift_z_um": "Displacement of the centre since the first state",
    "shift_y_um": "Displacement of the centre since the first state",
    "shift_x_um": "Displacement of the centre since the first state",
    "volume_voxels": "Voxels of the true label",
    "volume_um3": "The same in µm³",
    "grey": "Grey level of the particle's material before any change",
    "core_change": "Change of the core's mean grey level since the first state, as drawn",
    "core_grey": "Mean noise-free grey level of the core (with PSF and rim)",
    "core_voxels": "Voxels of the core: deeper than the outer layers",
    "touches_border": "Whether the true label touches a face of the volume in any state",
}
"""What each column of `SyntheticElectrode.truth` holds."""


@dataclass(frozen=True, eq=False)
class State:
    """One scan of the synthetic electrode.

    Parameters
    ----------
    name, direction : str
        "4.0 V" and "charge", say.
    image : Volume
        uint8 grey levels.
    labels : Volume
        int32 true labels of this state; a particle has one number in all states.
    """

    name: str
    direction: str
    image: Volume
    labels: Volume


@dataclass(frozen=True, eq=False)
class SyntheticElectrode:
    """The four scans and what is true of them.

    Parameters
    ----------
    states : list of State
        In the order of the scans; the first is pristine.
    truth : DataFrame
        One row per label and state; columns `TRUTH_COLUMNS`.
    settings : ElectrodeSettings
        What it was made with.
    """

    states: list[State]
    truth: pd.DataFrame
    settings: ElectrodeSettings


def synthetic_electrode(
    settings: ElectrodeSettings = ElectrodeSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> SyntheticElectrode:
    """Make an electrode of touching rounded particles, scanned in four states.

    Cracks too small to see darken the cores by a known amount that differs between
    particles and grows towards the current collector (the far end of x); they partly
    heal. Images have partial volume, blur, a bright phase-contrast rim and correlated
    noise. The same settings give the same voxels again; between machines and library
    versions they may differ in the last bit of their arithmetic.

    Parameters
    ----------
    settings : ElectrodeSettings
        Defaults follow the paper; each says where it comes from.
    progress : Progress
        Advanced once per slab of slices; cancels within one.

    Returns
    -------
    SyntheticElectrode
        uint8 images, int32 labels, and the truth. All metadata say ``synthetic=True``.

    Raises
    ------
    InputError
        If the volume is smaller than a particle.

    References
    ----------
    Jones et al., "Demonstrating faster multi-label grey-level analysis for crack
    detection in ex-situ & operando micro-CT images of NMC electrode".
    """
    rng = np.random.default_rng(settings.seed)
    shape = (settings.size_z, settings.size_y, settings.size_x)
    diameter = settings.median_diameter_um / settings.voxel_size_um
    if diameter > min(shape):
        raise InputError(
            f"Particles of {settings.median_diameter_um:g} µm are {diameter:.0f} voxels wide, but "
            f"the electrode's shortest side has only {min(shape)}; make it larger."
        )
    pristine = pristine_particles(settings, shape, rng, progress)
    changes = core_changes(settings, pristine, shape, rng)
    shifts = displacements_um(settings, len(pristine.radii), rng)

    states, tables = [], []
    for index, (name, direction) in enumerate(STATES):
        particles = cycled(settings, pristine, changes[index], shifts[index], index)
        image, labels, core_grey, core_voxels = scan(settings, particles, shape, index, progress)
        states.append(_state(settings, name, direction, image, labels))
        table = _truth_table(settings, particles, shifts[index], labels)
        table = table.assign(
            state=name,
            direction=direction,
            core_change=changes[index],
            core_grey=core_grey,
            core_voxels=core_voxels,
        )
        tables.append(table)
    truth = pd.concat(tables, ignore_index=True)
    truth["touches_border"] = truth.groupby("label")["touches_border"].transform("any")
    return SyntheticElectrode(states, truth[list(TRUTH_COLUMNS)], settings)


def write_truth(path: str | os.PathLike[str], electrode: SyntheticElectrode) -> None:
    """Write the truth table as CSV."""
    write_table(Path(path), electrode.truth)


def _state(
    settings: ElectrodeSettings,
    name: str,
    direction: str,
    image: NDArray[np.uint8],
    labels: NDArray[np.int32],
) -> State:
    made = provenance("synthetic", settings, [])

    def volume(data: NDArray[Any], kind: str, title: str) -> Volume:
        return Volume(
            data,
            (settings.voxel_size_um,) * 3,
            # napari's layer list shows some 26 characters: the state must be among them.
            name=f"{name} {title} (synthetic)",
            voxel_size_source="synthetic setting",
            metadata={
                "synthetic": True, "kind": kind, "state": name, "direction": direction,
                "made": made,
            },
        )  # fmt: skip

    return State(name, direction, volume(image, "image", "scan"), volume(labels, "labels", "truth"))


def _truth_table(
    settings: ElectrodeSettings,
    particles: Particles,
    shifts_um: NDArray[np.float64],
    labels: NDArray[np.int32],
) -> pd.DataFrame:
    """Geometry of each particle in one state."""
    n = len(particles.radii)
    voxel = settings.voxel_size_um
    voxels = _voxels(labels, n)
    table = {
        "label": np.arange(1, n + 1),
        "radius_um": particles.radii * voxel,
        "volume_voxels": voxels,
        "volume_um3": voxels * voxel**3,
        "grey": particles.greys,
        "touches_border": _touches_border(labels, n),
    }
    for axis, letter in enumerate("zyx"):
        table[f"centre_{letter}_um"] = particles.centres[:, axis] * voxel
        table[f"shift_{letter}_um"] = shifts_um[:, axis]
    return pd.DataFrame(table)


def _voxels(labels: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Voxels of each label; slice by slice, since bincount widens its input."""
    counts = np.zeros(n + 1, np.int64)
    for plane in labels:
        counts += np.bincount(plane.ravel(), minlength=n + 1)
    return counts[1:]


def _touches_border(labels: NDArray[np.int32], n: int) -> NDArray[np.bool_]:
    border = np.zeros(n + 1, bool)
    for axis in range(labels.ndim):
        for face in (0, -1):
            border[labels.take(face, axis=axis)] = True
    return border[1:]
