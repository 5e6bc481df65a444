"""Tortuosity as a ratio of path lengths: how far it is through the pores.

This is "the ratio of the actual transport path length through the pore space to the
straight-line distance". It says nothing about how wide the paths are and is not the
tortuosity factor κ, nor its root; see `napari_battery.microstructure.diffusivity`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.microstructure._checks import binary, checked_axis, edges
from napari_battery.progress import SILENT, Progress

__all__ = ["PathTortuosity", "distance_through", "path_tortuosity"]

_PORTION = 200_000
"""Voxels between two looks at whether to cancel."""


@dataclass(frozen=True)
class PathTortuosity:
    """Shortest ways from one face to the other, over the straight distance."""

    axis: str
    mean: float
    """Over the voxels of the last plane that are reached; infinite if none is."""
    sd: float
    """Standard deviation over these (ddof 0); NaN if there are none."""
    shortest: float
    """The shortest way of all."""
    reached: float
    """Fraction of the phase in the last plane that is reached, 0 to 1."""


def distance_through(
    mask: NDArray[Any],
    voxel_size_um: Sequence[float],
    axis: str = "z",
    progress: Progress = SILENT,
) -> NDArray[np.float32]:
    """Length of the shortest way through a phase from the first face across an axis.

    Fast marching, second order where it can be (Sethian, Level Set Methods and Fast Marching
    Methods, 1999): exact along straight ways; round corners some 1 % (0 to 3 %) too long
    within 30 voxels, less farther on. Steps lead through faces of voxels only.

    Parameters
    ----------
    mask : (Z, Y, X) or (Y, X) array of bool
        The phase.
    voxel_size_um : sequence of float
        Edges of a voxel, one per axis.
    axis : str
        "z", "y" or "x".
    progress : Progress
        Advanced per voxel settled; cancels within a second.

    Returns
    -------
    array of float32
        µm from the face to each voxel's centre; infinite where no way leads.

    Raises
    ------
    InputError
        If the mask is not one or has no such axis.
    """
    mask = binary(mask)
    number = checked_axis(mask.shape, axis, 1, "A distance")
    size = edges(voxel_size_um, mask.ndim)
    turned = np.ascontiguousarray(np.moveaxis(mask, number, 0))
    order = (number, *(k for k in range(mask.ndim) if k != number))
    shape = (*turned.shape, 1) if mask.ndim == 2 else turned.shape
    edge = [size[k] for k in order] + [1.0] * (3 - mask.ndim)
    found = _marched(turned.reshape(shape), edge, progress).reshape(turned.shape)
    return np.moveaxis(found, 0, number)


def path_tortuosity(
    mask: NDArray[Any],
    voxel_size_um: Sequence[float],
    axis: str = "z",
    progress: Progress = SILENT,
) -> PathTortuosity:
    """Mean length of the shortest ways through a phase, over its thickness.

    From the first face across the axis to each voxel of the phase on the last face, by
    `distance_through`; the mean over those, over the straight distance between the faces.

    Parameters
    ----------
    mask, voxel_size_um, axis, progress
        As for `distance_through`.

    Returns
    -------
    PathTortuosity
        1 for straight channels; infinite where nothing leads through.

    Raises
    ------
    InputError
        If the mask is not one or has no such axis.
    """
    mask = binary(mask)
    number = checked_axis(mask.shape, axis, 1, "A path")
    edge = edges(voxel_size_um, mask.ndim)[number]
    outlet = np.take(mask, -1, number)
    away = np.take(distance_through(mask, voxel_size_um, axis, progress), -1, number)
    away = away[np.isfinite(away)].astype(np.float64) + edge / 2
    if away.size == 0:
        return PathTortuosity(axis, math.inf, math.nan, math.inf, 0.0)
    ratio = away / (edge * mask.shape[number])
    return PathTortuosity(
        axis,
        mean=float(ratio.mean()),
        sd=float(ratio.std()),
        shortest=float(ratio.min()),
        reached=float(away.size / np.count_nonzero(outlet)),
    )


def _marched(mask: NDArray[np.bool_], edge: Sequence[float], progress: Progress) -> NDArray[Any]:
    """Distances from the first plane's outer face, with the axis of transport first."""
    from napari_battery.microstructure import _kernels_geodesic as kernels

    state = mask.ravel().astype(np.uint8)
    distance = np.full(state.size, kernels.FAR, np.float32)
    start = np.flatnonzero(mask[0])
    distance[start] = edge[0] / 2
    keys, at = np.empty(start.size + 4096, np.float32), np.empty(start.size + 4096, np.int64)
    keys[: start.size], at[: start.size] = edge[0] / 2, start  # equal keys are a heap already
    heap = np.array([start.size])
    shape, size = np.array(mask.shape), np.array(edge, np.float64)
    progress.begin(int(np.count_nonzero(mask)), "Marching through the phase")
    while heap[0] > 0:
        done = kernels.march(state, distance, shape, size, keys, at, heap, _PORTION)
        progress.advance(done)
        if heap[0] + 6 > keys.size:
            keys, at = np.resize(keys, 2 * keys.size), np.resize(at, 2 * at.size)
    distance[distance >= kernels.FAR] = np.inf
    return distance
