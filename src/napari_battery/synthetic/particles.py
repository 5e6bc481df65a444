"""The particles of the synthetic electrode, and what happens to them from state to state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import Progress
from napari_battery.synthetic.packing import lognormal_diameters, pack_spheres
from napari_battery.synthetic.settings import ElectrodeSettings

__all__ = [
    "STATES",
    "Particles",
    "core_changes",
    "cycled",
    "displacements_um",
    "pristine_particles",
]

STATES = (("pristine", ""), ("4.0 V", "charge"), ("4.4 V", "charge"), ("2.5 V", "discharge"))
"""Name and direction of each state, in the order of the scans."""

_PRESSED = 0.98
"""Distance of particles that push each other over the sum of their radii: contacts are small
flat faces, not points."""


@dataclass(frozen=True, eq=False)
class Particles:
    """The particles in one state; lengths in voxels."""

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    axes: NDArray[np.float64]
    amplitudes: NDArray[np.float64]
    greys: NDArray[np.float64]
    centre_changes: NDArray[np.float64]


def pristine_particles(
    settings: ElectrodeSettings,
    shape: tuple[int, ...],
    rng: np.random.Generator,
    progress: Progress,
) -> Particles:
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
    return Particles(centres, radii, axes, amplitudes, greys, np.zeros(n))


def _darkening(settings: ElectrodeSettings) -> tuple[float, ...]:
    return (0.0, settings.darkening_4_0, settings.darkening_4_4, settings.darkening_2_5)


def core_changes(
    settings: ElectrodeSettings,
    particles: Particles,
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


def displacements_um(
    settings: ElectrodeSettings, n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Displacement of each particle since the first state in µm, (states, particles, 3)."""
    shifts = np.zeros((len(STATES), n, 3))
    steps = settings.drift_um * rng.standard_normal((len(STATES) - 1, n, 3))
    whole = settings.shift_um * rng.uniform(-1, 1, (len(STATES) - 1, 1, 3))
    shifts[1:] = np.cumsum(steps, axis=0) + whole
    return shifts


def cycled(
    settings: ElectrodeSettings,
    pristine: Particles,
    changes: NDArray[np.float64],
    shifts_um: NDArray[np.float64],
    state: int,
) -> Particles:
    """The particles in a later state."""
    darkening = _darkening(settings)
    growth = settings.swelling * darkening[state] / darkening[2] if darkening[2] else 0.0
    radii = pristine.radii * (1 + growth)
    # The change falls off as 1 − (r/R)²; over a core of radius cR that averages 1 − 0.6 c².
    core = np.maximum(1 - settings.core_layers / radii, 0)
    return Particles(
        pristine.centres + shifts_um / settings.voxel_size_um,
        radii,
        pristine.axes,
        pristine.amplitudes,
        pristine.greys,
        changes / (1 - 0.6 * core**2),
    )
