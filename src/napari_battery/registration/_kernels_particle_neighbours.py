"""How much neighbours that move otherwise pull at a particle's shift, to first order.

An image of particles is taken as a sum of theirs, each a blurred label: blur and phase-contrast
rim are linear. A neighbour that goes elsewhere changes the grey level near the contact by its
own share's gradient, and the fit answers with a shift of the particle.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numba
import numpy as np

from napari_battery.registration._kernels_particle_fit import inverse_of

__all__ = ["neighbours_pull"]

_BLURS = 3
"""Widths of the blurred labels that an image is composed of: σ = 1, 1.4 and 2 voxels. Their
differences make a rim."""


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _blurred(box: Any) -> Any:
    """Binomial filter 1 4 6 4 1 along each axis (σ = 1 voxel); the faces' voxels go on outside."""
    a, b, c = np.float32(0.0625), np.float32(0.25), np.float32(0.375)
    nz, ny, nx = box.shape
    here, there = box, np.empty_like(box)
    if nz > 1:
        for z in range(nz):
            p, q = here[max(z - 2, 0)], here[max(z - 1, 0)]
            r, s = here[min(z + 1, nz - 1)], here[min(z + 2, nz - 1)]
            m, t = here[z], there[z]
            for y in range(ny):
                for x in range(nx):
                    t[y, x] = c * m[y, x] + b * (q[y, x] + r[y, x]) + a * (p[y, x] + s[y, x])
        here, there = there, np.empty_like(box)
    for z in range(nz):
        for y in range(ny):
            p, q = here[z, max(y - 2, 0)], here[z, max(y - 1, 0)]
            r, s = here[z, min(y + 1, ny - 1)], here[z, min(y + 2, ny - 1)]
            m, t = here[z, y], there[z, y]
            for x in range(nx):
                t[x] = c * m[x] + b * (q[x] + r[x]) + a * (p[x] + s[x])
    result = np.empty_like(box)
    for z in range(nz):
        for y in range(ny):
            m, t = there[z, y], result[z, y]
            for x in range(2, nx - 2):
                t[x] = c * m[x] + b * (m[x - 1] + m[x + 1]) + a * (m[x - 2] + m[x + 2])
            for x in range(nx):
                if 2 <= x < nx - 2:
                    continue
                t[x] = (
                    c * m[x]
                    + b * (m[max(x - 1, 0)] + m[min(x + 1, nx - 1)])
                    + a * (m[max(x - 2, 0)] + m[min(x + 2, nx - 1)])
                )
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _shares(labels: Any, places: Any, columns: Any, weight: Any) -> Any:
    """Amplitudes of the blurred labels that the fixed image's grey levels are composed of."""
    n = 1 + _BLURS
    first = _blurred((labels != 0).astype(np.float32))
    second = _blurred(first)
    third = _blurred(_blurred(second))
    products, sums, row = np.zeros((n, n)), np.zeros(n), np.ones(n)
    for i in range(len(places)):
        if weight[i] == 0:
            continue
        z, y, x = int(places[i, 0]), int(places[i, 1]), int(places[i, 2])
        row[1], row[2], row[3] = first[z, y, x], second[z, y, x], third[z, y, x]
        for p in range(n):
            sums[p] += row[p] * columns[i, 0]
            for q in range(n):
                products[p, q] += row[p] * row[q]
    for p in range(n):
        products[p, p] *= 1 + 1e-5  # the blurred labels are much alike
    inverse = np.empty((n, n))
    if not inverse_of(products, inverse):
        return np.zeros(_BLURS)
    return np.dot(inverse, sums)[1:]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def neighbours_pull(
    labels: Any, own: int, places: Any, columns: Any, weight: Any, influence: Any, spacing: Any,
    numbers: Any, pulls: Any,
) -> int:  # fmt: skip
    """Find by how much each neighbour's motion relative to the particle shifts its fit.

    Parameters
    ----------
    labels : (z, y, x) integer array
        All particles in the fixed box.
    own : int
        The particle's label.
    places, columns, weight
        The voxels of the fit, what they are fitted by, and their weights.
    influence : (3, k) float64
        From sums over the columns to the shift: rows of the inverse normal matrix.
    spacing : (3,) float64
        Voxel edges, in units of the shortest.
    numbers : (m,) int64
        Receives the neighbours' labels; further ones are left out.
    pulls : (m, 3, 3) float64
        Receives by how much the shift found grows per unit that the neighbour goes beyond
        the particle.

    Returns
    -------
    int
        Number of neighbours.
    """
    if not ((labels != 0) & (labels != own)).any():
        return 0
    nz, ny, nx = labels.shape
    axes = 2 if nz == 1 else 3
    felt = np.zeros((3, nz, ny, nx), np.float32)
    for i in range(len(places)):
        if weight[i] == 0:
            continue
        z, y, x = int(places[i, 0]), int(places[i, 1]), int(places[i, 2])
        for a in range(3 - axes, 3):
            value = 0.0
            for p in range(columns.shape[1]):
                value += influence[a, p] * columns[i, p]
            felt[a, z, y, x] = value * weight[i]
    shares = _shares(labels, places, columns, weight).astype(np.float32)
    for a in range(3 - axes, 3):
        # blurring is symmetric: rather than each neighbour, blur what the fit feels
        first = _blurred(felt[a])
        second = _blurred(first)
        third = _blurred(_blurred(second))
        felt[a] = shares[0] * first + shares[1] * second + shares[2] * third
    pulls[:] = 0
    n_near, last, k = 0, own, -1
    for z in range(0 if nz == 1 else 1, nz if nz == 1 else nz - 1):
        for y in range(1, ny - 1):
            for x in range(1, nx - 1):
                label = labels[z, y, x]
                if label == 0 or label == own:
                    continue
                if label != last:
                    k = 0
                    while k < n_near and numbers[k] != label:
                        k += 1
                    last = label
                    if k == n_near and k < len(numbers):
                        numbers[k] = label
                        n_near += 1
                if k == len(numbers):
                    continue
                for a in range(3 - axes, 3):
                    if nz > 1:
                        pulls[k, a, 0] += (felt[a, z - 1, y, x] - felt[a, z + 1, y, x]) / 2
                    pulls[k, a, 1] += (felt[a, z, y - 1, x] - felt[a, z, y + 1, x]) / 2
                    pulls[k, a, 2] += (felt[a, z, y, x - 1] - felt[a, z, y, x + 1]) / 2
    for b in range(3):
        pulls[:n_near, :, b] /= spacing[b]
    return n_near
