"""A made-up electrode scanned twice, its particles moved by a known amount in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.synthetic.particles import Particles, pristine_particles
from napari_battery.synthetic.scan import scan
from napari_battery.synthetic.settings import ElectrodeSettings
from napari_battery.volume import Volume

__all__ = ["Motion", "moved_electrode"]


@dataclass(frozen=True)
class Motion:
    """What happens to the particles between the reference and a later state; in voxels.

    Parameters
    ----------
    drift : float
        Standard deviation, per axis, of each particle's own displacement.
    jump_share, jump : float
        Part of the particles that jump further, and the standard deviation per axis.
    shift : float
        Length of a displacement that all particles share: what registration left.
    growth : float
        Growth of the radii over the radii.
    """

    drift: float = 0.0
    jump_share: float = 0.0
    jump: float = 0.0
    shift: float = 0.0
    growth: float = 0.0


def moved_electrode(
    settings: ElectrodeSettings, motions: Sequence[Motion], progress: Progress = SILENT
) -> list[tuple[Volume, Volume]]:
    """Scan an electrode before and after each of several motions.

    Particles may run into each other; then a flat face midway divides them.

    Parameters
    ----------
    settings : ElectrodeSettings
        Size, particles, contrast and noise; its own drift, swelling and darkening are unused.
    motions : sequence of Motion
        Each starts from the reference.
    progress : Progress
        Advanced once per slab of slices.

    Returns
    -------
    list of (image, labels)
        The reference first. uint8 grey levels with noise of their own each, and int32 true
        labels; a particle has one number throughout.
    """
    shape = (settings.size_z, settings.size_y, settings.size_x)
    rng = np.random.default_rng(settings.seed)
    particles = pristine_particles(settings, shape, rng, progress)
    result = []
    for k, motion in enumerate([Motion(), *motions]):
        now = replace(
            particles,
            centres=particles.centres + _displacements(motion, len(particles.radii), rng),
            radii=particles.radii * (1 + motion.growth),
        )
        own_noise = settings.model_copy(update={"seed": settings.seed + 1000 * k})
        result.append(_scanned(own_noise, now, shape, f"state {k}", progress))
    return result


def _displacements(motion: Motion, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    drift = motion.drift * rng.standard_normal((n, 3))
    jumps = rng.random(n) < motion.jump_share
    drift[jumps] += motion.jump * rng.standard_normal((int(jumps.sum()), 3))
    return drift + motion.shift * np.array([2.0, -1.0, 2.0]) / 3


def _scanned(
    settings: ElectrodeSettings,
    particles: Particles,
    shape: tuple[int, ...],
    state: str,
    progress: Progress,
) -> tuple[Volume, Volume]:
    grey, truth, _, _ = scan(settings, particles, shape, 0, progress)
    made = provenance("synthetic", settings, [])
    image, labels = (
        Volume(
            data,
            (settings.voxel_size_um,) * 3,
            name=f"{state} {kind} (synthetic)",
            voxel_size_source="synthetic setting",
            metadata={"synthetic": True, "kind": kind, "state": state, "made": made},
        )
        for data, kind in ((grey, "image"), (truth, "labels"))
    )
    return image, labels
