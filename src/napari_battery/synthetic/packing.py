"""Packings of touching spheres with log-normal diameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress

__all__ = ["lognormal_diameters", "pack_spheres"]

_ROUNDS = 60
_STEPS = 15


def lognormal_diameters(
    total_volume: float, median: float, spread: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw log-normal diameters until their spheres fill a volume.

    Parameters
    ----------
    total_volume : float
        Volume to fill, in the cube of the unit of `median`.
    median, spread : float
        Median of the diameters and standard deviation of their logarithm. Draws beyond
        2.5 standard deviations are pulled back to there.
    rng : Generator
        Source of randomness.

    Returns
    -------
    (n,) float64 array
        Diameters, largest first; at least one.
    """
    expected = total_volume / (np.pi / 6 * median**3)
    z = np.clip(rng.standard_normal(int(2 * expected) + 16), -2.5, 2.5)
    diameters = median * np.exp(spread * z)
    n = int(np.searchsorted(np.cumsum(np.pi / 6 * diameters**3), total_volume))
    return np.sort(diameters[: max(n, 1)])[::-1]


def pack_spheres(
    radii: NDArray[np.float64],
    box: tuple[float, ...],
    rng: np.random.Generator,
    progress: Progress = SILENT,
) -> NDArray[np.float64]:
    """Place spheres in a periodic box so that they touch and hardly overlap.

    Spheres start at random and are pushed apart until they no longer overlap; those
    that pushed each other stay in contact.

    Parameters
    ----------
    radii : (n,) array
        Radii, in the unit of `box`.
    box : tuple of float
        Edges of the box. Below about 0.6 of its volume may be filled.
    rng : Generator
        Source of randomness.
    progress : Progress
        Advanced once per round.

    Returns
    -------
    (n, 3) float64 array
        Centres within the box.
    """
    from scipy.spatial import cKDTree

    edges = np.asarray(box, float)
    centres: NDArray[np.float64] = rng.random((len(radii), len(edges))) * edges
    progress.begin(_ROUNDS, "Packing particles")
    reach = min(2.2 * float(radii.max()), 0.49 * float(edges.min()))
    for done in range(_ROUNDS):
        centres = np.where((wrapped := centres % edges) < edges, wrapped, 0.0)
        pairs = cKDTree(centres, boxsize=edges).query_pairs(reach, output_type="ndarray")
        apart = centres[pairs[:, 0]] - centres[pairs[:, 1]]
        apart -= edges * np.round(apart / edges)
        touch = radii[pairs].sum(axis=1)
        pairs = pairs[(apart**2).sum(axis=1) < (1.3 * touch) ** 2]
        # The order of the pairs must not depend on the tree, or sums would differ in the last bit.
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        i, j = pairs[:, 0], pairs[:, 1]
        touch = radii[i] + radii[j]
        worst = 0.0
        for _ in range(_STEPS):
            apart = centres[i] - centres[j]
            apart -= edges * np.round(apart / edges)
            distance = np.maximum(np.sqrt((apart**2).sum(axis=1)), 1e-9)
            overlap = np.maximum(touch - distance, 0)
            worst = float((overlap / touch).max(initial=0))
            push = apart * (0.3 * overlap / distance)[:, None]
            for axis in range(len(edges)):
                centres[:, axis] += np.bincount(i, push[:, axis], len(radii))
                centres[:, axis] -= np.bincount(j, push[:, axis], len(radii))
        if worst < 0.005:
            progress.advance(_ROUNDS - done)
            break
        progress.advance()
    packed: NDArray[np.float64] = centres % edges
    return packed
