"""Synthetic packs of touching ellipsoids with their true labels, for the benchmarks."""

from __future__ import annotations

import numba
import numpy as np

from napari_battery.synthetic.packing import lognormal_diameters, pack_spheres

VOID_GREY, SOLID_GREY = 60.0, 170.0
BLUR = 0.7
"""Sigma of the point spread, in voxels."""
NOISE = 22.0
"""Standard deviation of the noise: a fifth of the contrast."""


def pack(
    size: int, void: float = 0.45, diameter: float = 29.0, noise: float = NOISE, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Pack a cube with touching ellipsoids.

    Parameters
    ----------
    size : int
        Edge in voxels.
    void : float
        Part of the volume that is void, 0.3 to 0.7. Particles are packed to a void of 0.4
        at least and then grown into each other, so that contacts get wider as it falls.
    diameter : float
        Median diameter in voxels; log-normal with a spread of 0.25.
    noise : float
        Standard deviation of the (white) noise, in grey levels of a contrast of 110.

    Returns
    -------
    image : uint8 array
    truth : int32 array
        True labels; a voxel within two particles belongs to the one whose surface is farther.
    """
    rng = np.random.default_rng(seed)
    diameters = lognormal_diameters(size**3 * min(1 - void, 0.6), diameter, 0.25, rng)
    radii = diameters / 2
    centres = pack_spheres(radii, (size,) * 3, rng)
    axes = np.exp(0.08 * rng.standard_normal((len(radii), 3)))
    axes /= axes.prod(axis=1)[:, None] ** (1 / 3)
    turns = np.linalg.qr(rng.standard_normal((len(radii), 3, 3)))[0]
    low, high = 0.9, 1.25
    for _ in range(12):  # the growth that leaves the void asked for, by halving
        growth = (low + high) / 2
        depth, truth = _render(size, centres, radii * growth, axes, turns, rng)
        low, high = (growth, high) if (truth == 0).mean() > void else (low, growth)
        if high - low < 0.001:
            break
    image = np.empty(truth.shape, np.uint8)
    grey = depth
    np.clip(grey + np.float32(0.5), 0, 1, out=grey)
    grey *= np.float32(SOLID_GREY - VOID_GREY)
    grey += np.float32(VOID_GREY)
    from scipy import ndimage

    ndimage.gaussian_filter(grey, BLUR, output=grey)
    for k, plane in enumerate(grey):
        plane += np.float32(noise) * rng.standard_normal(plane.shape, np.float32)
        image[k] = np.clip(np.rint(plane), 0, 255)
    return image, truth


def _render(size, centres, radii, axes, turns, rng):
    depth = np.full((size,) * 3, -9, np.float32)
    truth = np.zeros((size,) * 3, np.int32)
    matrices = turns / (radii[:, None] * axes)[:, None, :]  # to the unit sphere, transposed
    reach = radii * axes.max(axis=1)
    _paint(depth, truth, centres, radii, matrices, reach)
    return depth, truth


@numba.njit(cache=True)
def _paint(depth, truth, centres, radii, matrices, reach):
    n = np.array(depth.shape)
    for p in range(len(radii)):
        c, m = centres[p], matrices[p]
        low = np.maximum(np.floor(c - reach[p] - 2).astype(np.int64), 0)
        high = np.minimum(np.ceil(c + reach[p] + 3).astype(np.int64), n)
        for z in range(low[0], high[0]):
            for y in range(low[1], high[1]):
                for x in range(low[2], high[2]):
                    dz, dy, dx = z - c[0], y - c[1], x - c[2]
                    a = dz * m[0, 0] + dy * m[1, 0] + dx * m[2, 0]
                    b = dz * m[0, 1] + dy * m[1, 1] + dx * m[2, 1]
                    e = dz * m[0, 2] + dy * m[1, 2] + dx * m[2, 2]
                    d = (1 - np.sqrt(a * a + b * b + e * e)) * radii[p]
                    if d > depth[z, y, x]:
                        depth[z, y, x] = d
                        if d > 0:
                            truth[z, y, x] = p + 1
