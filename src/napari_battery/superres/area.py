"""Blur and averaging over larger voxels, exact for any ratio: what a coarser scan does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.blocks import mirrored
from napari_battery.progress import SILENT, Progress

__all__ = ["area_weights", "averaged"]

_SIGMAS = 4.0
"""Where a Gaussian is cut off; 6·10⁻⁵ of it is beyond."""
_SHARP = 1e-3
"""A sigma, in fine voxels, that blurs nothing."""
_SLAB_VOXELS = 1 << 22


def area_weights(
    n_low: int, n_high: int, ratio: float, first: float, sigma: float = 0.0
) -> NDArray[Any]:
    """What each fine voxel contributes to each coarse one along an axis.

    A coarse voxel is the mean over its width of the fine image (constant within its voxels),
    blurred by a Gaussian and mirrored at its ends.

    Parameters
    ----------
    n_low, n_high : int
        Numbers of coarse and fine voxels.
    ratio : float
        Fine voxels per coarse one; any number from 1 on.
    first : float
        Where the centre of the first coarse voxel lies, in fine voxels from the centre of the
        first.
    sigma : float
        Of the Gaussian, in fine voxels.

    Returns
    -------
    (n_low, n_high) scipy sparse array
        Rows add up to one.
    """
    from scipy.sparse import coo_array

    reach = ratio / 2 + _SIGMAS * sigma + 1
    taps = np.arange(-math.ceil(reach), math.ceil(reach) + 1)
    centre = first + ratio * np.arange(n_low)
    index = np.round(centre).astype(np.int64)[:, None] + taps
    place = index - centre[:, None]
    weight = _below(place + 0.5, ratio, sigma) - _below(place - 0.5, ratio, sigma)
    weight /= weight.sum(axis=1, keepdims=True)
    folded = mirrored(index, n_high)
    rows = np.broadcast_to(np.arange(n_low)[:, None], index.shape)
    used = weight > 0
    matrix = coo_array((weight[used], (rows[used], folded[used])), shape=(n_low, n_high))
    result: NDArray[Any] = matrix.tocsr()
    return result


def averaged(
    data: Any, weights: Sequence[Any], progress: Progress = SILENT, what: str = "Averaging"
) -> NDArray[np.float32]:
    """Blur and average an image along all its axes.

    Parameters
    ----------
    data : (z, y, x) array
        Read slab by slab.
    weights : sequence of sparse arrays
        One per axis, from `area_weights`.
    progress : Progress
        Advanced per slab.
    what : str
        Name of the stage.

    Returns
    -------
    float32 array
        NaN where anything that is not a number has a share.
    """
    along_z, along_y, along_x = (w.astype(np.float32) for w in weights)
    n_z, n_y, n_x = data.shape
    rows = max(1, _SLAB_VOXELS // (n_y * n_x))
    starts = range(0, n_z, rows)
    planes = np.empty((n_z, along_y.shape[0], along_x.shape[0]), np.float32)
    progress.begin(len(starts), what)
    for start in starts:
        block = np.asarray(data[start : start + rows]).astype(np.float32)
        narrow = along_x @ block.reshape(-1, n_x).T
        narrow = narrow.reshape(-1, len(block), n_y).transpose(2, 1, 0).reshape(n_y, -1)
        small = (along_y @ narrow).reshape(along_y.shape[0], len(block), -1)
        planes[start : start + rows] = small.transpose(1, 0, 2)
        progress.advance()
    result = along_z @ planes.reshape(n_z, -1)
    return np.asarray(result, np.float32).reshape(-1, *planes.shape[1:])


def _below(x: NDArray[np.float64], width: float, sigma: float) -> NDArray[np.float64]:
    """Share, below x, of a box of unit area about 0 blurred by a Gaussian."""

    def ramp(u: NDArray[np.float64]) -> NDArray[np.float64]:
        if sigma < _SHARP:
            return np.maximum(u, 0.0)
        from scipy.special import ndtr

        v = u / sigma
        bell = np.exp(-0.5 * v * v) / math.sqrt(2 * math.pi)
        return np.asarray(u * ndtr(v) + sigma * bell)

    return np.asarray((ramp(x + width / 2) - ramp(x - width / 2)) / width)
