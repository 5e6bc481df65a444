"""The scan of the particles in one state: image, true labels, and what is true of the cores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import Progress
from napari_battery.synthetic.particles import STATES, Particles
from napari_battery.synthetic.settings import ElectrodeSettings

__all__ = ["noise_free", "noise_of", "scan"]

_SLAB = 16


def scan(
    settings: ElectrodeSettings,
    particles: Particles,
    shape: tuple[int, ...],
    state: int,
    progress: Progress,
) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]:
    """Scan the particles of one state.

    Parameters
    ----------
    settings : ElectrodeSettings
        Optics, contrast and noise.
    particles : Particles
        The particles in this state.
    shape : tuple of int
        Shape of the volume.
    state : int
        Index of the state; each has its own noise.
    progress : Progress
        Advanced once per slab of slices.

    Returns
    -------
    image : uint8 array
        Grey levels.
    labels : int32 array
        True labels, from 1.
    core_grey : (n,) float64 array
        Mean noise-free grey level of each particle's core; NaN where it has none.
    core_voxels : (n,) int64 array
        Voxels of each core.
    """
    image = np.empty(shape, np.uint8)
    labels = np.empty(shape, np.int32)

    def slab(z0: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        grey = np.empty((min(_SLAB, shape[0] - z0), *shape[1:]), np.float32)
        sums, counts = _render(settings, particles, z0, grey, labels[z0 : z0 + _SLAB])
        grey += noise_of(settings, shape, state, z0, len(grey))
        np.clip(np.rint(grey, out=grey), 0, 255, out=grey)
        image[z0 : z0 + _SLAB] = grey
        return sums, counts

    sums = np.zeros(len(particles.radii) + 1)
    counts = np.zeros(len(particles.radii) + 1, np.int64)
    progress.begin(-(-shape[0] // _SLAB), f"Making the scan {STATES[state][0]}")
    for slab_sums, slab_counts in _in_threads(slab, range(0, shape[0], _SLAB)):
        sums += slab_sums
        counts += slab_counts
        progress.advance()
    with np.errstate(invalid="ignore"):
        return image, labels, sums[1:] / counts[1:], counts[1:]


def noise_free(
    settings: ElectrodeSettings,
    particles: Particles,
    shape: tuple[int, ...],
    progress: Progress,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Grey levels without noise and true labels of the particles; parameters as of `scan`."""
    grey = np.empty(shape, np.float32)
    labels = np.empty(shape, np.int32)

    def slab(z0: int) -> None:
        part = slice(z0, z0 + _SLAB)
        _render(settings, particles, z0, grey[part], labels[part])

    progress.begin(-(-shape[0] // _SLAB), "Rendering the particles")
    for _ in _in_threads(slab, range(0, shape[0], _SLAB)):
        progress.advance()
    return grey, labels


def _render(
    settings: ElectrodeSettings,
    particles: Particles,
    z0: int,
    grey: NDArray[np.float32],
    labels: NDArray[np.int32],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Render a slab that begins at slice z0; returns sums and voxels of the cores."""
    from napari_battery.synthetic.render import FAR, edge_table, nearest_surfaces, shade

    psf, width = (um / settings.voxel_size_um for um in (settings.psf_um, settings.rim_width_um))
    sharp, wide = edge_table(psf), edge_table(width)
    height = float((sharp - wide).max())
    rim = settings.rim_grey / height if height > 1e-3 else 0.0
    margin = min(3.5 * max(psf, width, 0.5), 16.0)
    size = grey.shape
    first, second = np.full(size, FAR, np.float32), np.full(size, FAR, np.float32)
    first_id, second_id = np.zeros(size, np.int32), np.zeros(size, np.int32)
    relative = np.zeros(size, np.float32)
    sums = np.zeros(len(particles.radii) + 1)
    counts = np.zeros(len(particles.radii) + 1, np.int64)
    nearest_surfaces(
        z0, particles.centres, particles.radii, particles.axes, particles.amplitudes, margin,
        first, second, first_id, second_id, relative,
    )  # fmt: skip
    shade(
        first, second, first_id, second_id, relative, particles.greys,
        particles.centre_changes, settings.void_grey, sharp, wide, rim,
        float(settings.core_layers), grey, labels, sums, counts,
    )  # fmt: skip
    return sums, counts


def _in_threads(work: Any, items: range) -> Iterator[Any]:
    """Results of `work`, in order, from a few threads; a break-off drops what has not begun."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        try:
            yield from pool.map(work, items)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def noise_of(
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
