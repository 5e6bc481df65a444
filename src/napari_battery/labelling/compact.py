"""Watershed with regular boundaries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.depth import DepthMap
from napari_battery.labelling.markers import steps_to_neighbours
from napari_battery.progress import SILENT, Progress

__all__ = ["grow_compact"]

_CHUNK = 500_000
_COST_BITS = 26
_FINEST = 16.0


def grow_compact(
    depths: DepthMap,
    places: NDArray[np.int64],
    compactness: float,
    spacing: tuple[float, ...] | None = None,
    progress: Progress = SILENT,
) -> NDArray[np.int32]:
    """Grow markers over a depth map, deep and near voxels first.

    The compact watershed of scikit-image on the map in voxels: a voxel waits for its depth
    below the deepest plus `compactness` times its distance from the marker.

    Parameters
    ----------
    depths : DepthMap
        2-D or 3-D.
    places : (n,) int64 array
        Markers, as flat indices into the padded levels; the k-th gets the label k + 1.
    compactness : float
        Voxels of depth that count as much as one of distance.
    spacing : tuple of float, optional
        Voxel edges in units of the shortest; cubes otherwise.
    progress : Progress
        Advanced per half a million voxels; cancels in between.

    Returns
    -------
    int32 array
        Labels; 0 outside, and where no marker reaches.

    References
    ----------
    Neubert and Protzel, "Compact watershed and preemptive SLIC" (2014).
    """
    from napari_battery.labelling._compact import flood_compact

    levels = depths.levels.ravel()
    labels = np.zeros(levels.size, np.int32)
    labels[places] = np.arange(1, len(places) + 1)
    edges = np.array((1.0, *(spacing or (1.0,) * 3))[-3:])
    top, weight = int(levels.max(initial=0)), compactness * depths.per_voxel
    shape = (1, *depths.levels.shape)[-3:]
    row, plane = shape[2], shape[1] * shape[2]
    across = float(np.linalg.norm(np.array(shape) * edges))
    scale = min(_FINEST, 2**_COST_BITS / (top + weight * across + 1))
    heap = np.zeros((max(2 * len(places), 2**16), 3), np.int64)
    cost = ((top - levels[places].astype(np.int64)) * scale).astype(np.int64) << 36
    order = np.argsort(cost, kind="stable")  # sorted, it is a heap
    heap[: len(places), 0] = cost[order]
    heap[: len(places), 1] = heap[: len(places), 2] = places[order]
    state = np.array([len(places), 0], np.int64)
    strides = steps_to_neighbours(depths.levels)
    n_chunks = -(-int(np.count_nonzero(levels)) // _CHUNK)
    progress.begin(n_chunks, "Growing particles")
    while state[0] > 0:
        flood_compact(
            levels, labels, strides, row, plane, edges, top, weight, scale, heap, state, _CHUNK
        )
        if state[0] + len(strides) > len(heap):
            heap = np.concatenate([heap, np.zeros_like(heap)])
        progress.advance()
    inner = labels.reshape(depths.levels.shape)[(slice(1, -1),) * depths.levels.ndim]
    return np.ascontiguousarray(inner)
