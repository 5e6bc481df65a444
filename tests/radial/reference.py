"""GREAT2 written once more, with scipy and one mask at a time: what the engine must equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage


def layers_of(mask: NDArray[np.bool_], size: tuple[float, ...] | None = None) -> NDArray[Any]:
    """Layer of each voxel: round(EDT), everything beyond the array being outside."""
    edges = np.array(size or (1.0,) * mask.ndim)
    distance = ndimage.distance_transform_edt(np.pad(mask, 1), edges / edges.max())
    inner = distance[(slice(1, -1),) * mask.ndim]
    if np.ptp(edges) == 0:
        return np.round(inner).astype(int)
    return np.where(mask, np.maximum(np.floor(inner + 0.5 + 1e-9), 1), 0).astype(int)


def layer_rows(
    labels: NDArray[Any], grey: NDArray[Any], size: tuple[float, ...] | None = None
) -> pd.DataFrame:
    """One row per label and layer: label, layer, n_voxels, mean, std."""
    rows = []
    for label in np.unique(labels[labels != 0]):
        layer = layers_of(labels == label, size)
        for k in range(1, layer.max() + 1):
            g = grey[layer == k].astype(np.float64)
            g = g[np.isfinite(g)]
            mean, std = (g.mean(), g.std()) if g.size else (np.nan, np.nan)
            rows.append((int(label), k, g.size, mean, std))
    return pd.DataFrame(rows, columns=["label", "layer", "n_voxels", "mean", "std"])


def touching_balls(
    shape: tuple[int, ...], n: int, radius: float, seed: int = 0
) -> NDArray[np.int32]:
    """Rounded particles that touch: nearest of n random centres, up to `radius` away."""
    rng = np.random.default_rng(seed)
    centres = rng.random((n, len(shape))) * shape
    grid = np.stack(np.indices(shape), axis=-1)[..., None, :]
    distance = np.linalg.norm(grid - centres, axis=-1)
    near = distance.argmin(axis=-1)
    return np.where(distance.min(axis=-1) < radius, near + 1, 0).astype(np.int32)
