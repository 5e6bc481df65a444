"""A made-up cycled electrode of the GREAT2 paper's four states, with its truth."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.synthetic.packing import lognormal_diameters, pack_spheres
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

STATES = (("pristine", ""), ("4.0 V", "charge"), ("4.4 V", "charge"), ("2.5 V", "discharge"))
"""Name and direction of each state, in the order of the scans."""

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

_SLAB = 16
_PRESSED = 0.98
"""Distance of particles that push each other over the sum of their radii: contacts are small
flat faces, not points."""


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


@dataclass(frozen=True, eq=False)
class _Particles:
    """The particles in one state; lengths in voxels."""

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    axes: NDArray[np.float64]
    amplitudes: NDArray[np.float64]
    greys: NDArray[np.float64]
    centre_changes: NDArray[np.float64]


def synthetic_electrode(
    settings: ElectrodeSettings = ElectrodeSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> SyntheticElectrode:
    """Make an electrode of touching rounded particles, scanned in four states.

    Cracks too small to see darken the cores by a known amount that differs between
    particles and grows towards the current collector (the far end of x); they partly
    heal. Images have partial volume, blur, a bright phase-contrast rim and correlated
    noise. The same settings give the same voxels on every machine's every run.

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

    References
    ----------
    Jones et al., "Demonstrating faster multi-label grey-level analysis for crack
    detection in ex-situ & operando micro-CT images of NMC electrode".
    """
    rng = np.random.default_rng(settings.seed)
    shape = (settings.size_z, settings.size_y, settings.size_x)
    pristine = _pristine_particles(settings, shape, rng, progress)
    changes = _core_changes(settings, pristine, shape, rng)
    shifts = _shifts(settings, len(pristine.radii), rng)

    states, tables = [], []
    for index, (name, direction) in enumerate(STATES):
        particles = _cycled(settings, pristine, changes[index], shifts[index], index)
        progress.begin(-(-shape[0] // _SLAB), f"Making the scan {name}")
        grey, labels, sums, counts = _scan(settings, particles, shape, index, progress)
        states.append(_state(settings, name, direction, grey, labels))
        tables.append(
            _truth_table(
                settings, name, direction, particles, changes[index], shifts[index], labels, sums,
                counts,
            )
        )  # fmt: skip
    truth = pd.concat(tables, ignore_index=True)
    truth["touches_border"] = truth.groupby("label")["touches_border"].transform("any")
    return SyntheticElectrode(states, truth[list(TRUTH_COLUMNS)], settings)


def write_truth(path: str | os.PathLike[str], electrode: SyntheticElectrode) -> None:
    """Write the truth table as CSV."""
    write_table(Path(path), electrode.truth)


def _pristine_particles(
    settings: ElectrodeSettings,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    progress: Progress,
) -> _Particles:
    """Pack particles in a periodic box; those that a face cuts appear on both sides, as two."""
    box = np.asarray(shape, float)
    diameters = lognormal_diameters(
        (1 - settings.void_fraction) * float(box.prod()),
        settings.median_diameter_um / settings.voxel_size_um,
        settings.diameter_spread,
        rng,
    )
    radii = diameters / 2
    centres = pack_spheres(_PRESSED * radii, shape, rng, progress)
    steps = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    centres = (centres[None] + steps * box).reshape(-1, 3)
    radii = np.tile(radii, len(steps))
    outside = np.maximum(np.maximum(-0.5 - centres, centres - (box - 0.5)), 0)
    # A cap thinner than a fifth of the radius may hold no voxel at all: such are left out.
    inside = np.sqrt((outside**2).sum(axis=1)) < 0.8 * radii
    centres, radii = centres[inside], radii[inside]
    order = np.lexsort(centres.T[::-1])
    centres, radii = centres[order], radii[order]

    n = len(radii)
    axes = rng.standard_normal((n, 3, 3))
    axes /= np.linalg.norm(axes, axis=2, keepdims=True)
    # The mean square of P_l over a sphere is 1/(2l+1): shares of the three orders add up to one.
    share = np.array([0.6, 0.3, 0.1]) * (2 * np.array([2, 3, 4]) + 1) / 3
    draws = np.clip(rng.standard_normal((n, 3, 3)), -2, 2)
    amplitudes = settings.roughness * draws * np.sqrt(share)
    greys = settings.particle_grey + settings.particle_grey_spread * rng.standard_normal(n)
    return _Particles(centres, radii, axes, amplitudes, greys, np.zeros(n))


def _darkening(settings: ElectrodeSettings) -> tuple[float, ...]:
    return (0.0, settings.darkening_4_0, settings.darkening_4_4, settings.darkening_2_5)


def _core_changes(
    settings: ElectrodeSettings,
    particles: _Particles,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Change of each core's mean grey level, (states, particles)."""
    n = len(particles.radii)
    spread = settings.darkening_spread
    factor = rng.gamma(1 / spread**2, spread**2, n) if spread > 0 else np.ones(n)
    along_x = np.clip(particles.centres[:, 2] / shape[2], 0, 1)
    factor = factor * (1 + settings.collector_gradient * (2 * along_x - 1))
    changes = np.array([-mean * factor for mean in _darkening(settings)])
    changes[1:] += settings.change_scatter * rng.standard_normal((len(STATES) - 1, n))
    return changes


def _shifts(settings: ElectrodeSettings, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Displacement of each particle since the first state in µm, (states, particles, 3)."""
    shifts = np.zeros((len(STATES), n, 3))
    steps = settings.drift_um * rng.standard_normal((len(STATES) - 1, n, 3))
    whole = settings.shift_um * rng.uniform(-1, 1, (len(STATES) - 1, 1, 3))
    shifts[1:] = np.cumsum(steps, axis=0) + whole
    return shifts


def _cycled(
    settings: ElectrodeSettings,
    pristine: _Particles,
    changes: NDArray[np.float64],
    shifts_um: NDArray[np.float64],
    state: int,
) -> _Particles:
    """The particles in a later state."""
    darkening = _darkening(settings)
    growth = settings.swelling * darkening[state] / darkening[2] if darkening[2] else 0.0
    radii = pristine.radii * (1 + growth)
    # The change falls off as 1 − (r/R)²; over a core of radius cR that averages 1 − 0.6 c².
    core = np.maximum(1 - settings.core_layers / radii, 0)
    return _Particles(
        pristine.centres + shifts_um / settings.voxel_size_um,
        radii,
        pristine.axes,
        pristine.amplitudes,
        pristine.greys,
        changes / (1 - 0.6 * core**2),
    )


def _scan(
    settings: ElectrodeSettings,
    particles: _Particles,
    shape: tuple[int, ...],
    state: int,
    progress: Progress,
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]:
    """Image, labels, and per label the sum and number of noise-free core voxels."""
    from napari_battery.synthetic.render import FAR, edge_table, nearest_surfaces, shade

    psf, width = (um / settings.voxel_size_um for um in (settings.psf_um, settings.rim_width_um))
    sharp, wide = edge_table(psf), edge_table(width)
    height = float((sharp - wide).max())
    rim = settings.rim_grey / height if height > 1e-3 else 0.0
    margin = min(3.5 * max(psf, width, 0.5), 16.0)
    image = np.empty(shape, np.uint8)
    labels = np.empty(shape, np.int32)

    def slab(z0: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        size = (min(_SLAB, shape[0] - z0), *shape[1:])
        first, second = np.full(size, FAR, np.float32), np.full(size, FAR, np.float32)
        first_id, second_id = np.zeros(size, np.int32), np.zeros(size, np.int32)
        relative = np.zeros(size, np.float32)
        grey = np.empty(size, np.float32)
        sums = np.zeros(len(particles.radii) + 1)
        counts = np.zeros(len(particles.radii) + 1, np.int64)
        nearest_surfaces(
            z0, particles.centres, particles.radii, particles.axes, particles.amplitudes, margin,
            first, second, first_id, second_id, relative,
        )  # fmt: skip
        shade(
            first, second, first_id, second_id, relative, particles.greys,
            particles.centre_changes, settings.void_grey, sharp, wide, rim,
            float(settings.core_layers), grey, labels[z0 : z0 + _SLAB], sums, counts,
        )  # fmt: skip
        grey += _noise(settings, shape, state, z0, size[0])
        np.clip(np.rint(grey, out=grey), 0, 255, out=grey)
        image[z0 : z0 + _SLAB] = grey
        return sums, counts

    sums = np.zeros(len(particles.radii) + 1)
    counts = np.zeros(len(particles.radii) + 1, np.int64)
    for slab_sums, slab_counts in _in_threads(slab, range(0, shape[0], _SLAB)):
        sums += slab_sums
        counts += slab_counts
        progress.advance()
    return image, labels, sums, counts


def _in_threads(work: Any, items: range) -> Iterator[Any]:
    """Results of `work`, in order, from a few threads; a break-off drops what has not begun."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        try:
            yield from pool.map(work, items)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _noise(
    settings: ElectrodeSettings, shape: tuple[int, ...], state: int, z0: int, depth: int
) -> NDArray[np.float32]:
    """Correlated noise of some slices, the same whatever slices are asked for together."""
    noise = np.empty((depth + 2, shape[1] + 2, shape[2] + 2), np.float32)
    for k in range(depth + 2):
        rng = np.random.default_rng([settings.seed, state, z0 + k])
        rng.standard_normal(out=noise[k], dtype=np.float32)
    weight = np.float32(settings.noise_correlation)
    for axis in range(3):
        middle, before, after = (
            noise[(slice(None),) * axis + (part,)]
            for part in (slice(1, -1), slice(None, -2), slice(2, None))
        )
        noise = middle + weight * (before + after)
    return noise * np.float32(settings.noise / (1 + 2 * float(weight) ** 2) ** 1.5)


def _state(
    settings: ElectrodeSettings,
    name: str,
    direction: str,
    grey: NDArray[np.uint8],
    labels: NDArray[np.int32],
) -> State:
    made = provenance("synthetic", settings, [])

    def volume(data: NDArray[Any], kind: str, title: str) -> Volume:
        return Volume(
            data,
            (settings.voxel_size_um,) * 3,
            name=f"Cycled electrode, {name}, {title} (synthetic)".replace(", image", ""),
            voxel_size_source="synthetic setting",
            metadata={
                "synthetic": True, "kind": kind, "state": name, "direction": direction,
                "made": made,
            },
        )  # fmt: skip

    return State(
        name, direction, volume(grey, "image", "image"), volume(labels, "labels", "true labels")
    )


def _truth_table(
    settings: ElectrodeSettings,
    name: str,
    direction: str,
    particles: _Particles,
    changes: NDArray[np.float64],
    shifts_um: NDArray[np.float64],
    labels: NDArray[np.int32],
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> pd.DataFrame:
    n = len(particles.radii)
    voxel = settings.voxel_size_um
    voxels = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    border = np.zeros(n + 1, bool)
    for axis in range(3):
        for face in (0, -1):
            border[np.unique(labels.take(face, axis=axis))] = True
    with np.errstate(invalid="ignore"):
        core_grey = sums[1:] / counts[1:]
    table = {
        "label": np.arange(1, n + 1),
        "state": name,
        "direction": direction,
        "radius_um": particles.radii * voxel,
        "volume_voxels": voxels,
        "volume_um3": voxels * voxel**3,
        "grey": particles.greys,
        "core_change": changes,
        "core_grey": core_grey,
        "core_voxels": counts[1:],
        "touches_border": border[1:],
    }
    for axis, letter in enumerate("zyx"):
        table[f"centre_{letter}_um"] = particles.centres[:, axis] * voxel
        table[f"shift_{letter}_um"] = shifts_um[:, axis]
    return pd.DataFrame(table)
