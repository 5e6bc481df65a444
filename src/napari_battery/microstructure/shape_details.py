"""Solidity and enclosed voids of labelled particles: a hull each, and so apart and slower."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.microstructure._volumes import label_volume, volume_edges
from napari_battery.microstructure.shapes import label_sizes
from napari_battery.progress import SILENT, Progress

__all__ = ["label_details"]


def label_details(
    labels: NDArray[Any], voxel_size_um: Sequence[float], progress: Progress = SILENT
) -> pd.DataFrame:
    """Solidity and internal void fraction of every label.

    Parameters
    ----------
    labels : (nz, ny, nx) or (ny, nx) integer array
        0 outside particles.
    voxel_size_um : sequence of float
        Voxel edges in µm along the array's axes.
    progress : Progress
        Two stages, "Finding particles" and "Convex hulls"; advanced per particle.

    Returns
    -------
    DataFrame
        One row per label, ascending: ``label``;

        - ``solidity``: its voxels, enclosed voids filled, over those whose centres lie in the
          convex hull of its voxels' centres. At most 1; NaN where it lies in one plane (in
          2-D in one line);
        - ``void_fraction``: voxels enclosed by it, of whatever they are, over its volume with
          them. Voids that open to the outside through faces of voxels are none;
        - ``void_voxels``; ``touches_border``, where voids may open unseen.

    Raises
    ------
    InputError
        If they are no labels.
    """
    ndim = np.ndim(labels)
    volume_edges(voxel_size_um, ndim)
    volume = label_volume(labels)
    sizes = label_sizes(labels, voxel_size_um, progress)
    rows = []
    progress.begin(len(sizes), "Convex hulls")
    axes = "zyx"[3 - ndim :]
    data = volume[0] if ndim == 2 else volume
    boxes = sizes[[f"bbox_{axis}{end}" for axis in axes for end in (0, 1)]].to_numpy()
    for number, box in zip(sizes["label"].to_numpy(), boxes, strict=True):
        part = tuple(slice(a, b) for a, b in box.reshape(-1, 2))
        rows.append(_details(data[part] == number))
        progress.advance()
    columns = np.array(rows, float).reshape(-1, 3)
    return pd.DataFrame(
        {
            "label": sizes["label"],
            "solidity": columns[:, 0],
            "void_fraction": columns[:, 1],
            "void_voxels": columns[:, 2].astype(np.int64),
            "touches_border": sizes["touches_border"],
        }
    )


def _details(mask: NDArray[np.bool_]) -> tuple[float, float, int]:
    """Solidity, void fraction and void voxels of one particle in its box."""
    from scipy import ndimage

    filled = ndimage.binary_fill_holes(mask)
    n_filled = int(np.count_nonzero(filled))
    voids = n_filled - int(np.count_nonzero(mask))
    hull = _hull_voxels(filled)
    return n_filled / hull if hull else np.nan, voids / n_filled, voids


def _hull_voxels(filled: NDArray[np.bool_]) -> int:
    """Voxels whose centres lie in the convex hull of the mask's voxel centres; 0 if flat."""
    from scipy.spatial import ConvexHull, QhullError

    lines = filled.reshape(-1, filled.shape[-1])
    there = np.flatnonzero(lines.any(axis=1))
    first = lines[there].argmax(axis=1)
    last = filled.shape[-1] - 1 - lines[there][:, ::-1].argmax(axis=1)
    where = np.stack(np.unravel_index(there, filled.shape[:-1]), axis=1)
    ends = np.concatenate([np.column_stack([where, first]), np.column_stack([where, last])]).astype(
        float
    )
    try:
        planes = np.unique(np.round(ConvexHull(ends).equations, 9), axis=0)
    except (QhullError, ValueError):
        return 0
    # lines of voxels clipped by the hull's half-spaces: normal · x + offset ≤ 0
    every = np.stack(np.unravel_index(np.arange(len(lines)), filled.shape[:-1]), axis=1)
    rest = -(every @ planes[:, :-2].T + planes[:, -1])
    slope = planes[:, -2]
    up, down, level = slope > 1e-9, slope < -1e-9, np.abs(slope) <= 1e-9
    high = np.min(rest[:, up] / slope[up], axis=1, initial=np.inf)
    low = np.max(rest[:, down] / slope[down], axis=1, initial=-np.inf)
    n = np.floor(high + 1e-6) - np.ceil(low - 1e-6) + 1
    n[(rest[:, level] < -1e-6).any(axis=1)] = 0
    return int(np.maximum(n, 0).sum())
