"""Where the labelled particles are: their boxes, volumes and centroids, slab by slab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["Boxes", "particle_boxes"]

_SLAB_VOXELS = 1 << 23


@dataclass(frozen=True)
class Boxes:
    """Particles in ascending order of their label; 2-D ones lie in slice 0.

    Parameters
    ----------
    labels : (n,) int64
        Their labels.
    volumes : (n,) int64
        Voxels of each.
    centroids : (n, 3) float64
        Mean voxel index of each.
    boxes : (n, 2, 3) int64
        First voxel and one past the last.
    """

    labels: NDArray[np.int64]
    volumes: NDArray[np.int64]
    centroids: NDArray[np.float64]
    boxes: NDArray[np.int64]


def particle_boxes(labels: Volume, progress: Progress = SILENT) -> Boxes:
    """Find every particle of a labelled volume.

    Raises
    ------
    InputError
        If a label is negative or no whole number.
    Cancelled
        If the person stopped it.
    """
    import pandas as pd

    from napari_battery.registration._kernels_particle_labels import gather

    flat = labels.ndim == 2
    shape = (1, *labels.shape) if flat else labels.shape
    thick = max(1, _SLAB_VOXELS // max(1, shape[1] * shape[2]))
    starts = range(0, shape[0], thick)
    parts = []
    progress.begin(len(starts), "Finding particles")
    for z in starts:
        slab = np.asarray(labels.data if flat else labels.data[z : z + thick])
        slab = _whole_numbers(slab.reshape(-1, *shape[1:]), labels.name)
        numbers = np.sort(pd.unique(slab.ravel()))
        numbers = numbers[numbers != 0]
        sums, ends = np.zeros((len(numbers), 4), np.int64), np.zeros((len(numbers), 2, 3), np.int64)
        ends[:, 0] = np.iinfo(np.int64).max
        if len(numbers):
            gather(slab, numbers, z, sums, ends)
        parts.append((numbers.astype(np.int64), sums, ends))
        progress.advance()
    return _merged(parts)


def _whole_numbers(slab: NDArray[Any], name: str) -> NDArray[Any]:
    if slab.dtype.kind == "f":
        whole = slab.astype(np.int64)
        if not (whole == slab).all():
            raise InputError(f"“{name}” holds numbers that are not whole; labels are needed.")
        slab = whole
    elif slab.dtype.kind == "b":
        slab = slab.astype(np.uint8)
    if slab.dtype.kind == "i" and slab.size and slab.min() < 0:
        raise InputError(
            f"The labels “{name}” hold negative numbers (down to {slab.min()}); background must "
            "be 0 and particles count upwards. Relabel them first."
        )
    return np.ascontiguousarray(slab.astype(slab.dtype.newbyteorder("="), copy=False))


def _merged(parts: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]) -> Boxes:
    """One row per label, from the slabs that it lies in."""
    every = np.concatenate([p[0] for p in parts] or [np.zeros(0, np.int64)])
    numbers, group = np.unique(every, return_inverse=True)
    sums = np.zeros((len(numbers), 4))
    boxes = np.zeros((len(numbers), 2, 3), np.int64)
    boxes[:, 0] = np.iinfo(np.int64).max
    if len(numbers):
        np.add.at(sums, group, np.concatenate([p[1] for p in parts]))
        ends = np.concatenate([p[2] for p in parts])
        np.minimum.at(boxes[:, 0], group, ends[:, 0])
        np.maximum.at(boxes[:, 1], group, ends[:, 1])
    centroids = sums[:, 1:] / np.maximum(sums[:, :1], 1)
    return Boxes(numbers, sums[:, 0].astype(np.int64), centroids, boxes)
