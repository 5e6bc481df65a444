"""Free the particles' shifts from the pull of neighbours that moved otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_battery.registration.particle_boxes import Boxes

__all__ = ["free_of_neighbours"]

_ROUNDS = 4
"""Neighbours pull by a tenth of how much further they went: more rounds change nothing."""
_FURTHEST = 1.0
"""Shortest edges; about the edges' blur. A neighbour that went further pulls no more."""
_UNSURE = 0.5
"""Standard deviation of a pull over what first order says of it."""


def free_of_neighbours(
    boxes: Boxes,
    spacing: NDArray[np.float64],
    found: NDArray[np.float64],
    pulled: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> None:
    """Take from each shift what its neighbours' motion relative to it added.

    Parameters
    ----------
    boxes : Boxes
        The n particles.
    spacing : (3,) float64
        Voxel edges, in units of the shortest.
    found : (n, N_FOUND) float64
        What `register_box` found; shifts and their variance are changed.
    pulled : sequence of n (numbers, pulls)
        Each particle's neighbours, as `followed` returns them.

    Notes
    -----
    To first order a shift found is the true one plus Σ L_j (d_j − d), over neighbours j with
    pulls L_j (`neighbours_pull`), d being how the matter at the contact goes. Particles that
    grow by the share g about their centres c add g (c − c_j) to d − d_j. Neighbours that were
    not followed are taken to go with the particle. To the variance is added half of each
    neighbour's pull, squared, and what the neighbour's own variance makes of it.
    """
    from napari_battery.registration._kernels_particle_fit import DONE

    count = [len(numbers) for numbers, _ in pulled]
    if not sum(count):
        return
    one = np.repeat(np.arange(len(found)), count)
    other = np.searchsorted(boxes.labels, np.concatenate([numbers for numbers, _ in pulled]))
    pulls = np.concatenate([pull for _, pull in pulled])
    both = (found[one, 0] == DONE) & (found[other, 0] == DONE)
    one, other, pulls = one[both], other[both], pulls[both]
    growth = (found[one, 15] + found[other, 15])[:, None] / 2
    apart = growth * (boxes.centroids[other] - boxes.centroids[one]) * spacing
    first = found[:, 1:4].copy()
    for _ in range(_ROUNDS):
        ahead = found[other, 1:4] - found[one, 1:4] - apart
        length = np.linalg.norm(ahead, axis=1, keepdims=True)
        pull = np.einsum("nab,nb->na", pulls, ahead)
        taken = pull / np.maximum(length / _FURTHEST, 1)
        found[:, 1:4] = first
        np.subtract.at(found[:, 1:4], one, taken)
    rows, columns = np.triu_indices(3)
    variance = found[:, 4:10][:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3)
    more = _UNSURE**2 * pull[:, :, None] * pull[:, None, :]
    more += pulls @ variance[other] @ pulls.transpose(0, 2, 1)
    np.add.at(found[:, 4:10], one, more[:, rows, columns])
