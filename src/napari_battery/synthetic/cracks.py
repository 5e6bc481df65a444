"""Thin planar gaps in made-up particles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.synthetic.particles import Particles
from napari_battery.synthetic.settings import ElectrodeSettings

__all__ = ["cut_cracks"]

_SPREAD = 0.33
"""Standard deviation of ln(width)."""
_OFF_CENTRE = 0.3
"""Largest distance of a crack's plane from the particle's centre, over the radius."""
_REACH = (0.5, 0.9)
"""Radius of a crack over that of its particle."""


def cut_cracks(
    grey: NDArray[np.float32],
    labels: NDArray[np.int32],
    particles: Particles,
    settings: ElectrodeSettings,
    share: float,
    width_um: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Cut a round flat gap into some of the particles, blurred and averaged as their surfaces.

    Parameters
    ----------
    grey : (z, y, x) float32 array
        Noise-free grey levels; changed in place.
    labels : (z, y, x) int32 array
        The particles.
    particles : Particles
        Their geometry, in voxels.
    settings : ElectrodeSettings
        Grey levels, PSF and voxel size.
    share : float
        Share of the particles that get one.
    width_um : float
        Median width of the gaps.
    rng : Generator
        Source of randomness.

    Returns
    -------
    (z, y, x) uint8 array
        1 in voxels of the particle that hold part of the gap's middle plane, or whose centre
        lies in the gap.
    """
    truth = np.zeros(grey.shape, np.uint8)
    voxel = settings.voxel_size_um
    for p, radius in enumerate(particles.radii):
        normal = rng.standard_normal(3)
        normal /= np.linalg.norm(normal)
        offset, reach = rng.uniform(-_OFF_CENTRE, _OFF_CENTRE), rng.uniform(*_REACH)
        width = width_um / voxel * np.exp(_SPREAD * np.clip(rng.standard_normal(), -2, 2))
        if rng.random() >= share:
            continue
        centre = particles.centres[p]
        box = tuple(slice(max(0, int(c - radius) - 1), max(0, int(c + radius) + 2)) for c in centre)
        own = labels[box] == p + 1
        if not own.any():
            continue
        starts = np.array([b.start for b in box])[:, None, None, None]
        place = np.indices(own.shape) + starts - centre[:, None, None, None]
        across = np.tensordot(normal, place, 1) - offset * radius
        along = np.sqrt(np.maximum((place**2).sum(axis=0) - (across + offset * radius) ** 2, 0))
        gap = _slab(across, width, settings.psf_um / voxel)
        gap *= _slab(along, 2 * reach * radius, settings.psf_um / voxel)
        part = grey[box]
        part[own] -= (gap * (part - settings.void_grey))[own].astype(np.float32)
        # half a voxel's extent along the normal: the plane then passes through the voxel
        half = max(width / 2, 0.5 * float(np.abs(normal).max()))
        truth[box][own & (np.abs(across) <= half) & (along <= reach * radius)] = 1
    return truth


def _slab(distance: NDArray[np.float64], width: float, sigma: float) -> NDArray[np.float64]:
    """Share of a slab about 0 at some distances, blurred and averaged over the voxel."""
    from scipy.special import ndtr

    total = np.sqrt(sigma**2 + 1 / 12)
    return np.asarray(ndtr((width / 2 - distance) / total) - ndtr((-width / 2 - distance) / total))
