"""One particle's crop in two states on one grid: shifted to a part of a voxel, and smoothed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.lengths import spacing_voxels
from napari_battery.radial.layers import LayerRule
from napari_battery.registration.particle_crops import (
    Crops,
    Group,
    fixed_on,
    labels_on,
    moving_on,
)
from napari_battery.volume import Volume

__all__ = ["Smoothing", "layer_rule", "layers_of", "smoothed_pair", "taps", "wider"]

_REACH = 3.0
"""Sigmas up to which the Gaussian counts."""
_LEAST_SIGMA = 0.05
_FINE = 32
"""Steps per voxel of the interpolation's kernel when it is smoothed."""


@dataclass(frozen=True)
class Smoothing:
    """A Gaussian in voxels along z, y, x; a 2-D image is not smoothed along z.

    Parameters
    ----------
    sigmas : (3,) float64 array
    reach : (3,) int64 array
        Voxels beside a voxel that its value is made of.
    """

    sigmas: NDArray[np.float64]
    reach: NDArray[np.int64]

    @classmethod
    def of(cls, sigma: float, volume: Volume) -> Smoothing:
        """Of a sigma in units of the shortest voxel edge."""
        deep = 3 - volume.ndim
        sigmas = sigma / np.array((1.0,) * deep + spacing_voxels(volume))
        sigmas[:deep] = 0
        reach = np.ceil(_REACH * sigmas).astype(np.int64) + 2
        reach[:deep] = 0
        return cls(sigmas, reach)

    def kernels(self, fraction: NDArray[np.float64]) -> list[NDArray[np.float32]]:
        """Taps along z, y, x that also look up values a fraction of a voxel further on."""
        return [
            taps(sigma, part, reach)
            for sigma, part, reach in zip(self.sigmas, fraction, self.reach.tolist(), strict=True)
        ]


def taps(sigma: float, fraction: float, reach: int) -> NDArray[np.float32]:
    """Weights of a voxel and its neighbours: cubic interpolation, then a Gaussian.

    Parameters
    ----------
    sigma : float
        Of the Gaussian, in voxels; 0 only interpolates.
    fraction : float
        How far from the voxel the value is looked up, −½ to ½.
    reach : int
        Neighbours on each side.

    Notes
    -----
    Interpolated by R. Keys' cubic (IEEE Trans. ASSP 29, 1981, 1153), which keeps parabolas: on
    its own, what the Gaussian does to a crop does not depend on where between voxels it is
    looked up, nor does its noise once sigma is about one voxel.
    """
    if not reach:
        return np.ones(1, np.float32)
    at = np.arange(-reach, reach + 1, dtype=np.float64) - fraction
    if sigma > _LEAST_SIGMA:
        u = np.arange(-2 * _FINE, 2 * _FINE + 1, dtype=np.float64) / _FINE
        weights = np.exp(-0.5 * ((at[:, None] - u) / sigma) ** 2) @ _cubic(u)
    else:
        weights = _cubic(at)
    result: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return result


def _cubic(x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    a = np.abs(x)
    near = 1.5 * a**3 - 2.5 * a**2 + 1
    far = -0.5 * a**3 + 2.5 * a**2 - 4 * a + 2
    return np.where(a <= 1, near, np.where(a < 2, far, 0.0))


def wider(crops: Crops, smoothing: Smoothing) -> Crops:
    """What is held around a particle for its smoothed crop, beyond what it is followed by."""
    return replace(crops, margin=crops.margin + smoothing.reach)


def smoothed_pair(
    crops: Crops,
    group: Group,
    window: NDArray[np.int64],
    shift: NDArray[np.float64],
    smoothing: Smoothing,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Grey levels of both states on a window of the fixed grid, smoothed alike.

    Parameters
    ----------
    crops, group
        The two states.
    window : (2, 3) int64 array
        First voxel and one past the last; it may reach beyond the image.
    shift : (3,) float64 array
        Where the particle went, in voxels: the later state is looked up that much further on.
    smoothing : Smoothing

    Returns
    -------
    fixed, moving : float32 arrays
        Of the window's shape; NaN where there is no data.
    """
    from napari_battery.states._kernels_inside import smooth_crop

    wide = window + np.stack([-smoothing.reach, smoothing.reach])
    whole = np.round(shift).astype(np.int64)
    fixed = smooth_crop(fixed_on(crops, group, wide), *smoothing.kernels(np.zeros(3)))
    moving = smooth_crop(moving_on(crops, group, wide + whole), *smoothing.kernels(shift - whole))
    return fixed, moving


def layer_rule(volume: Volume) -> LayerRule:
    """GREAT2's layers; of voxels of unknown size, by their number."""
    return LayerRule(volume.voxel_size_um or (1.0,) * volume.ndim, None)


def layers_of(
    crops: Crops, group: Group, box: NDArray[np.int64], label: int, rule: LayerRule
) -> NDArray[np.uint16]:
    """Layer of each voxel of a particle in its box, from 1 at the surface; 0 outside."""
    from napari_battery.radial._kernels_depth import layers_any

    labels = labels_on(crops, group, box)
    nz, ny, nx = labels.shape
    masks = np.zeros((nz, ny + 1, nx + 1), np.uint8)
    masks[:, :ny, :nx] = labels == labels.dtype.type(label)
    layers = np.zeros(masks.shape, np.uint16)
    plane = (ny + 1) * (nx + 1)
    room = nz * plane + 2 * (plane + nx + 3)
    boxes = np.array([[0, 0, 0, nz, ny, nx]], np.int64)
    layers_any(
        masks.reshape(-1), boxes, np.zeros(1, np.int64), rule.is_flat, rule.weights,
        layers.reshape(-1), np.zeros(room), np.zeros(room),
    )  # fmt: skip
    return np.ascontiguousarray(layers[:, :ny, :nx])
