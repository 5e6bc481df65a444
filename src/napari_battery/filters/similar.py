"""Means of voxels that look alike: what non-local means and the bilateral filter share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["similar_mean"]


def similar_mean(
    grey: NDArray[Any],
    patch: tuple[int, ...],
    near: NDArray[np.float64],
    sigma: float,
    h: float,
    cut: float,
) -> NDArray[Any]:
    """Mean of nearby voxels, weighted by how alike their surroundings are.

    The weight is ``near × exp(−max(d² − 2σ², 0) / h²)``, d² the mean squared difference of
    the two patches (of the pairs of which neither is missing), 0 where the exponent exceeds
    `cut`; a voxel's own weight is 1.

    Parameters
    ----------
    grey : float32 or float64 array
        2-D or 3-D, NaN where missing, with a margin of the patch's and the search's radius.
    patch : tuple of int
        Radius of the patch per axis.
    near : array
        Weight of each shift; of odd shape, whose halves are the search's radii.
    sigma, h : float
        Noise and filter parameter, in grey levels.
    cut : float
        Largest exponent that counts.

    Returns
    -------
    array
        Without the margin, of the same type; NaN where `grey` is.
    """
    from napari_battery.filters._kernels_nonlocal import nonlocal_means

    flat = grey.ndim == 2
    if flat:
        grey, near, patch = grey[None], near[None], (0, *patch)
    search = tuple(n // 2 for n in near.shape)
    margin = tuple(p + s for p, s in zip(patch, search, strict=True))
    grey = np.ascontiguousarray(grey)
    rows = grey.reshape(len(grey), -1)
    total = rows[margin[0] : len(rows) - margin[0]].copy()
    gone = np.isnan(total)
    total[gone] = 0
    weights = (~gone).astype(grey.dtype)
    one = grey.dtype.type
    patch_voxels = math.prod(2 * p + 1 for p in patch)
    taylor = (1 / (math.factorial(k) * 16.0**k) for k in range(1, 7))
    numbers = (1 / patch_voxels, 2 * sigma**2, 1 / h**2, cut, 0, 1, *taylor)
    nonlocal_means(
        rows,
        grey.shape[2],
        patch,
        search,
        near.astype(grey.dtype),
        tuple(one(number) for number in numbers),
        bool(np.isnan(rows).any()),
        total,
        weights,
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        total /= weights
    padded = total.reshape(len(total), *grey.shape[1:])
    inner = tuple(slice(m, n - m) for m, n in zip(margin[1:], padded.shape[1:], strict=True))
    mean: NDArray[Any] = padded[(slice(None), *inner)]
    mean[gone.reshape(padded.shape)[(slice(None), *inner)]] = np.nan
    return mean[0] if flat else mean
