"""Where to start when nothing is known: the best shift of all, by masked correlation.

Both images are brought to a coarse grid of cubic voxels along the world's axes; the
normalised correlation of what overlaps is computed for every shift at once by Fourier
transforms (Padfield, IEEE Trans. Image Process. 21, 2012). Fields of view of any two sizes and
masks go in as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.registration.pyramid import Level, corners

__all__ = ["Coarse", "Peak", "coarse", "coarse_spacing", "masked_correlation", "shifts"]

Array = NDArray[np.floating[Any]]

_LARGE, _SMALL, _MOST = 64, 32, 192
"""Voxels along an edge: of the larger field of view, at least of the smaller, at most."""


@dataclass(frozen=True, eq=False)
class Coarse:
    """An image on a coarse grid along the world's axes.

    Parameters
    ----------
    data : (z, y, x) float32 array
        NaN where there is no data.
    origin : (3,) array
        World coordinates of voxel (0, 0, 0).
    spacing : float
        Edge of a voxel in world units.
    """

    data: NDArray[np.float32]
    origin: Array
    spacing: float


@dataclass(frozen=True)
class Peak:
    """A shift worth trying.

    Parameters
    ----------
    shift : tuple of float
        What to add to the moving image's coordinates, in world units.
    correlation : float
        Of what then overlaps.
    """

    shift: tuple[float, ...]
    correlation: float


def extent(level: Level) -> Array:
    """Edges of the smallest box along the world's axes that holds an image: (3,)."""
    world = (level.matrix @ corners(level.data.shape))[:3]
    return np.asarray(np.ptp(world, axis=1) + np.abs(level.matrix[:3, :3]).sum(axis=1))


def coarse_spacing(fixed: Level, moving: Level) -> float:
    """A spacing at which all shifts can be tried: fine enough for the smaller field of view."""
    flat = fixed.data.shape[0] == 1
    sizes = [extent(level)[1:] if flat else extent(level) for level in (fixed, moving)]
    large, small = max(s.max() for s in sizes), min(s.max() for s in sizes)
    most, scale = (4 * _MOST, 4) if flat else (_MOST, 1)
    wanted = min(large / (_LARGE * scale), small / (_SMALL * scale))
    finest = max(float(level.spacing[1:].max()) for level in (fixed, moving))
    return float(max(finest, wanted, large / most))


def coarse(level: Level, spacing: float, turn: Array | None = None) -> Coarse:
    """Bring an image to a coarse grid.

    Parameters
    ----------
    level : Level
        About as fine as `spacing`.
    spacing : float
        Edge of the cubic voxels, in world units.
    turn : (4, 4) array, optional
        Map of the world to apply before.
    """
    from scipy.ndimage import affine_transform

    matrix = level.matrix if turn is None else turn @ level.matrix
    world = (matrix @ corners(level.data.shape))[:3]
    low = world.min(axis=1)
    shape = np.ceil(np.ptp(world, axis=1) / spacing - 1e-6).astype(int) + 1
    grid = np.diag([spacing, spacing, spacing, 1.0])
    grid[:3, 3] = low
    if level.data.shape[0] == 1:
        grid[0, 0], shape[0] = 1.0, 1
    to_index = np.linalg.solve(matrix, grid)
    good = np.isfinite(level.data)
    filled = np.where(good, level.data, np.float32(0))
    tiny = 1e-3  # centres on the outermost voxels may be off by rounding

    def at(data: NDArray[np.float32]) -> NDArray[np.float32]:
        out: NDArray[np.float32] = affine_transform(
            data, to_index[:3, :3], to_index[:3, 3], tuple(shape), np.float32, 1, mode="nearest"
        )
        return out

    data = at(filled)
    index = np.indices(tuple(shape), sparse=True)
    outside = np.zeros(tuple(shape), bool)
    for axis, n in enumerate(level.data.shape):
        where = to_index[axis, 3] + sum(to_index[axis, k] * index[k] for k in range(3))
        outside |= (where < -tiny) | (where > n - 1 + tiny)
    if not good.all():
        outside |= at(good.astype(np.float32)) < 0.999
    data[outside] = np.nan
    return Coarse(data, low, spacing)


def masked_correlation(
    fixed: NDArray[np.float32], moving: NDArray[np.float32]
) -> tuple[Array, Array]:
    """Correlation coefficient of what overlaps, for every whole shift.

    Parameters
    ----------
    fixed, moving : (z, y, x) float32 arrays
        NaN where there is no data.

    Returns
    -------
    correlation, overlap : arrays
        Entry s belongs to the shift ``s − (moving.shape − 1)`` of the moving image, in voxels;
        overlap counts the voxels. The correlation is 0 where nothing overlaps or is constant.
    """
    from scipy.fft import irfftn, next_fast_len, rfftn

    full = [a + b - 1 for a, b in zip(fixed.shape, moving.shape, strict=True)]
    fast = [next_fast_len(n, real=True) for n in full]
    part = tuple(slice(0, n) for n in full)

    def spectra(image: NDArray[np.float32]) -> list[NDArray[np.complex64]]:
        mask = np.isfinite(image)
        levels = image[mask]
        # float32 transforms keep their precision only about a mean of 0
        level, spread = (levels.mean(), levels.std()) if levels.size else (0.0, 1.0)
        unit = np.where(mask, (image - level) / max(spread, 1e-30), 0).astype(np.float32)
        return [rfftn(a, fast) for a in (mask.astype(np.float32), unit, unit * unit)]

    f_mask, f, f_square = spectra(fixed)
    m_mask, m, m_square = spectra(moving[::-1, ::-1, ::-1])

    def back(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
        out: NDArray[np.float32] = irfftn(spectrum, fast)[part]
        return out

    overlap = np.round(back(f_mask * m_mask))
    n = np.maximum(overlap, 1)
    f_sum, m_sum = back(f * m_mask), back(f_mask * m)
    covariance = back(f * m) - f_sum * m_sum / n
    f_variance = back(f_square * m_mask) - f_sum**2 / n
    m_variance = back(f_mask * m_square) - m_sum**2 / n
    product = np.maximum(f_variance, 0) * np.maximum(m_variance, 0)
    # below a thousandth of a unit variance per voxel there is rounding and nothing else
    enough = product > (1e-3 * n) ** 2
    result = np.where(enough, covariance / np.sqrt(np.where(enough, product, 1)), 0)
    return np.clip(result, -1, 1).astype(np.float64), overlap.astype(np.float64)


def shifts(
    fixed: Coarse, moving: Coarse, smallest_overlap: float, number: int, either_sign: bool
) -> list[Peak]:
    """The best shifts of the moving image.

    Parameters
    ----------
    fixed, moving : Coarse
        On grids of one spacing.
    smallest_overlap : float
        Smallest share of the smaller field of view that must overlap.
    number : int
        How many peaks to give at most.
    either_sign : bool
        Whether a strong negative correlation counts, too (inverted contrast).

    Returns
    -------
    list of Peak
        The most significant first: ordered by correlation × √overlap.
    """
    from scipy.ndimage import maximum_filter

    values, overlap = masked_correlation(fixed.data, moving.data)
    size = min(np.isfinite(fixed.data).sum(), np.isfinite(moving.data).sum())
    strength = np.abs(values) if either_sign else values
    score = strength * np.sqrt(overlap)
    allowed = overlap >= max(smallest_overlap * size, 8)
    score[~allowed] = 0
    peaks = (score == maximum_filter(score, 5)) & (score > 0)
    places = np.argwhere(peaks)
    order = np.argsort(-score[peaks], kind="stable")[:number]
    steps = np.full(3, fixed.spacing)
    found = []
    for place in places[order]:
        shift = (place - (np.array(moving.data.shape) - 1)) * steps
        shift = shift + fixed.origin - moving.origin
        if fixed.data.shape[0] == 1:
            shift[0] = 0.0
        found.append(Peak(tuple(map(float, shift)), float(values[tuple(place)])))
    return found
