"""Smoothing of classes by a Markov random field: neighbours tend to be of one class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOWHERE", "PER_UNIT", "SWEEPS", "energy", "gaussian_costs", "quantised", "smooth"]

NOWHERE = 255
"""Class of voxels that are left out and count as nobody's neighbour."""
PER_UNIT = 1024
"""Steps per unit of cost: costs are integers, so that the energy is exact."""
SWEEPS = 8
"""A voxel is reached from at most ``2 × SWEEPS`` voxels away."""

_LARGEST = 65_535


def smooth(
    classes: NDArray[np.uint8],
    costs: NDArray[np.uint16],
    weight: float,
    spacing: tuple[float, ...],
    parity: int = 0,
) -> int:
    """Lower the energy of a classification voxel by voxel, in place.

    Iterated conditional modes: each voxel takes the class that costs least beside its face
    neighbours of the moment. Voxels whose indices sum to an even number go first, then the
    odd ones. No two of a kind are neighbours, so that the order among them does not matter
    and the result does not depend on how a volume is cut into blocks.

    Parameters
    ----------
    classes : (z, y, x) or (y, x) uint8 array
        Changed in place; `NOWHERE` stays.
    costs : classes' shape + (n_classes,) uint16 array
        Cost of each class, in steps of 1 / `PER_UNIT`, see `gaussian_costs`.
    weight : float
        Cost of a pair of face neighbours of different classes, at a distance of 1.
    spacing : tuple of float
        Distance of neighbours along each axis, the shortest 1; farther ones count less.
    parity : int
        Sum of the indices, in the whole volume, of this block's first voxel.

    Returns
    -------
    int
        Voxels changed in the last sweep.

    References
    ----------
    Besag, "On the statistical analysis of dirty pictures" (1986).
    """
    if classes.ndim == 2:
        return smooth(classes[None], costs[None], weight, (1.0, *spacing), parity)
    from napari_battery.labelling._field import half_sweep

    weights = _weights(weight, spacing)
    due = np.ones(classes.shape, bool)
    changed = 0
    for _ in range(SWEEPS):
        changed = sum(half_sweep(classes, costs, weights, parity + k, due) for k in (0, 1))
        if changed == 0:
            break
    return changed


def energy(
    classes: NDArray[np.uint8],
    costs: NDArray[np.uint16],
    weight: float,
    spacing: tuple[float, ...],
) -> int:
    """What `smooth` lowers: all voxels' costs and all unequal pairs' weights, in steps."""
    inside = classes != NOWHERE
    chosen = np.where(inside, classes, 0)[..., None]
    own = np.take_along_axis(costs, chosen, axis=-1)[..., 0]
    total = int(own[inside].sum(dtype=np.int64))
    for axis, pair in enumerate(_weights(weight, spacing)):
        a = np.take(classes, range(classes.shape[axis] - 1), axis)
        b = np.take(classes, range(1, classes.shape[axis]), axis)
        total += int(pair) * int(((a != b) & (a != NOWHERE) & (b != NOWHERE)).sum())
    return total


def gaussian_costs(grey: NDArray[Any], means: NDArray[Any], sigma: float) -> NDArray[np.uint16]:
    """Cost of each class at each voxel where grey levels scatter around the classes' means.

    Parameters
    ----------
    grey : array
        Grey levels with their noise.
    means : (n_classes,) array
        Mean grey level of each class.
    sigma : float
        Standard deviation of the noise. One for all classes: estimated class by class from a
        first classification it comes out wrong, since each class lost its tails.

    Returns
    -------
    grey's shape + (n_classes,) uint16 array
        ``(grey − mean)² / 2 sigma²`` above the best class's, in steps of 1 / `PER_UNIT`.
    """
    from napari_battery.labelling._field import gaussian

    costs = np.empty((*grey.shape, len(means)), np.uint16)
    flat = costs.reshape(-1, len(means))
    gaussian(grey.ravel(), np.asarray(means, float), PER_UNIT / (2 * sigma**2), flat)
    return costs


def quantised(probabilities: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Cost of each class from its probability (last axis), above the best class's."""
    least = np.exp(np.float32(-_LARGEST / PER_UNIT))
    costs = -np.log(np.maximum(probabilities, least))
    costs -= costs.min(axis=-1, keepdims=True)
    steps: NDArray[np.uint16] = np.minimum(np.rint(costs * PER_UNIT), _LARGEST).astype(np.uint16)
    return steps


def _weights(weight: float, spacing: tuple[float, ...]) -> NDArray[np.int64]:
    return np.rint(PER_UNIT * weight / np.asarray(spacing)).astype(np.int64)
