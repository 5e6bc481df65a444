"""Does the image look smoothed? GREAT2 wants grey levels as they were reconstructed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.radial.voxels import Voxels

__all__ = ["SMOOTH_BELOW", "noise_whiteness"]

SMOOTH_BELOW = 0.45
"""Whiteness below which an image is called smoothed.

Unfiltered noise is near 1, a tomogram's, correlated by interpolation and reconstruction, above
0.5; a Gaussian of sigma 1 voxel leaves 0.25, a 3³ median 0.4 and non-local means less.
"""

_PARTICLES = 48
_EDGE = 32
_LAG = 3
_MARGIN = 2
_FEWEST = 200


def noise_whiteness(voxels: Voxels, particles: pd.DataFrame) -> float | None:
    """How much of the noise is between neighbours, 1 where they are independent.

    The mean square of differences between next neighbours over that between voxels 3 apart,
    both inside the same particle and away from its surface, in the middle of up to 48
    particles; the median over particles, so that cracks in a few do not matter. Second
    differences, so that slow changes of grey level do not count.

    Returns
    -------
    float or None
        None where too few voxels lie deep enough, or they have no noise.
    """
    ndim = 2 if voxels.is_flat else 3
    deep = particles[particles["n_layers"] > 4].nlargest(4 * _PARTICLES, "n_layers")
    if len(deep) > _PARTICLES:
        deep = deep.iloc[np.linspace(0, len(deep) - 1, _PARTICLES).astype(int)]
    ratios = []
    for row in deep.itertuples():
        box = [slice(0, 1)] if ndim == 2 else []
        for axis in "zyx"[-ndim:]:
            low, high = int(getattr(row, f"bbox_{axis}0")), int(getattr(row, f"bbox_{axis}1"))
            begin = max(low, (low + high - _EDGE) // 2)
            box.append(slice(begin, min(high, begin + _EDGE)))
        where = (box[0], box[1], box[2])
        label = np.array(row.label)
        labels = voxels.read_labels(where)
        bits = label.astype(labels.dtype) if label >= 0 else label
        near, far, n = _differences(labels == bits, voxels.read_levels(where))
        if n >= _FEWEST and far > 0:
            ratios.append(near / far)
    return float(np.median(ratios)) if ratios else None


def _differences(inside: NDArray[np.bool_], grey: NDArray[np.float64]) -> tuple[float, float, int]:
    """Mean squared second differences at lag 1 and at lag 3, over the same centres."""
    near = far = 0.0
    n = 0
    for axis, size in enumerate(inside.shape):
        reach = _LAG + _MARGIN
        if size < 2 * reach + 1:
            continue

        def at(offset: int, axis: int = axis, size: int = size) -> tuple[slice, ...]:
            part = slice(_LAG + _MARGIN + offset, size - _LAG - _MARGIN + offset)
            return tuple(part if k == axis else slice(None) for k in range(3))

        good = np.isfinite(grey[at(0)])
        for offset in range(-reach, reach + 1):
            good &= inside[at(offset)] & np.isfinite(grey[at(offset)])
        middle = 2 * grey[at(0)][good]
        near += float(np.sum((grey[at(-1)][good] + grey[at(1)][good] - middle) ** 2))
        far += float(np.sum((grey[at(-_LAG)][good] + grey[at(_LAG)][good] - middle) ** 2))
        n += int(good.sum())
    return near / max(n, 1), far / max(n, 1), n
