"""Surface area and perimeter from counts of neighbour pairs (Cauchy–Crofton)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["area_per_crossing", "length_per_crossing", "perimeter", "surface_area"]

_DIRECTIONS = {
    "x": [(0, 0, 1)],
    "y": [(0, 1, 0)],
    "z": [(1, 0, 0)],
    "xy": [(0, 1, 1), (0, 1, -1)],
    "xz": [(1, 0, 1), (1, 0, -1)],
    "yz": [(1, 1, 0), (1, -1, 0)],
    "xyz": [(1, 1, 1), (1, 1, -1), (1, -1, 1), (1, -1, -1)],
}


@lru_cache(maxsize=32)
def _weights_3d(size: tuple[float, float, float]) -> NDArray[np.float64]:
    """Share of all directions that lies nearest to each of the seven kinds (sums to 1)."""
    from scipy.spatial import SphericalVoronoi

    half = np.array([d for kind in _DIRECTIONS.values() for d in kind]) * np.array(size)
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    areas = SphericalVoronoi(np.vstack([half, -half])).calculate_areas() / (4 * np.pi)
    each = areas[:13] + areas[13:]
    starts = np.cumsum([0] + [len(kind) for kind in _DIRECTIONS.values()])[:-1]
    return np.asarray(np.add.reduceat(each, starts))


def surface_area(
    volumes: NDArray[np.int64], pairs: NDArray[np.int64], voxel_size: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Surface areas from intersections along the 13 directions of a voxel's neighbours.

    Parameters
    ----------
    volumes : (n,) int64
        Voxels of each particle.
    pairs : (n, 7) int64
        Pairs of neighbours along x, y, z, xy, xz, yz, xyz that both belong to it.
    voxel_size : tuple of float
        Voxel edges z, y, x in µm; they need not be equal.

    Returns
    -------
    (n,) float64
        Areas in µm².

    Notes
    -----
    Each line through a particle enters and leaves it; the mean number of crossings per
    line, weighted by the share of the sphere that each direction stands for (its Voronoi
    cell), gives the area (Lang, Ohser & Hilfer 2001; Lehmann & Legland 2012). The seams of
    the weights make it exact for no shape but good to 1 % for spheres of 10 voxels radius.
    """
    counts = np.array([len(kind) for kind in _DIRECTIONS.values()])
    crossings = 2 * (volumes[:, None] * counts - pairs)
    return _weighted(crossings, area_per_crossing(voxel_size))


def area_per_crossing(voxel_size: tuple[float, float, float]) -> NDArray[np.float64]:
    """Area in µm² that one change between neighbours stands for, see `surface_area`.

    Parameters
    ----------
    voxel_size : tuple of float
        Voxel edges z, y, x in µm.

    Returns
    -------
    (7,) float64
        For neighbours along x, y, z, xy, xz, yz and xyz.
    """
    weights = _weights_3d(voxel_size)
    counts = np.array([len(kind) for kind in _DIRECTIONS.values()])
    lengths = np.array([np.linalg.norm(np.array(k[0]) * voxel_size) for k in _DIRECTIONS.values()])
    return np.asarray(2 * weights / counts * np.prod(voxel_size) / lengths)


def perimeter(
    areas: NDArray[np.int64], pairs: NDArray[np.int64], voxel_size: tuple[float, float]
) -> NDArray[np.float64]:
    """Perimeters in µm of 2-D particles from the four directions x, y and both diagonals.

    Parameters are those of `surface_area`, in pixels; only pairs along x, y, xy count.
    """
    crossings = 2 * (areas[:, None] * np.array([1, 1, 2]) - pairs[:, [0, 1, 3]])
    return _weighted(crossings, length_per_crossing(voxel_size))


def length_per_crossing(voxel_size: tuple[float, float]) -> NDArray[np.float64]:
    """Length in µm that one change between neighbours along x, y, xy stands for in 2-D."""
    height, width = voxel_size
    diagonal = np.hypot(height, width)
    slope = np.arctan2(height, width)
    # Each direction stands for the angles nearer to it than to the next one.
    weights = np.array([slope, np.pi / 2 - slope, np.pi / 2]) / np.pi
    counts = np.array([1, 1, 2])
    lengths = np.array([width, height, diagonal])
    return np.asarray(np.pi / 2 * weights / counts * height * width / lengths)


def _weighted(
    crossings: NDArray[np.int64], per_crossing: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum over directions, to the same last digit however many particles there are.

    A matrix product rounds differently by the number of rows, and a table brought up to
    date row by row would differ from one made at once.
    """
    total = np.zeros(len(crossings))
    for k, weight in enumerate(per_crossing):
        total += crossings[:, k] * weight
    return total
