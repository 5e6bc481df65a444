"""Cores of particles: the seeds that carry a label into later states."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling._tracking import Runs
from napari_battery.lengths import spacing_voxels
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = ["find_cores", "plant", "squared_depths"]


def find_cores(labels: Volume, runs: Runs, depth: float = 0.3, progress: Progress = SILENT) -> Runs:
    """Find the core of each particle: all deeper than a share of its own deepest point.

    Depth is counted to the nearest voxel of another label or of none; faces of the volume
    are no surface. Every label keeps its deepest voxels at least.

    Parameters
    ----------
    labels : Volume
        Integers.
    runs : Runs
        The same labels.
    depth : float
        Share of the greatest depth at which the core begins, 0 up to, but not, 1.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    Runs
        The cores, with the numbers of `runs`.
    """
    from napari_battery.labelling._distance import FAR
    from napari_battery.labelling._tracking_runs import core_runs, deepest

    squared = squared_depths(labels, runs, progress)
    lines = runs.rows, runs.shape[1], runs.starts, runs.ends, runs.index
    most = np.zeros(len(runs.numbers), np.float32)
    deepest(*lines, squared, most)
    # a label that fills the volume has no surface, and all of it is core
    least = np.where(most < FAR, np.float32(depth**2) * most, np.float32(0))
    rows, none = np.empty_like(runs.rows), np.empty(0, np.int32)
    core_runs(*lines, squared, least, False, rows, none, none, none)
    starts, ends, index = (np.empty(int(rows[-1]), np.int32) for _ in range(3))
    core_runs(*lines, squared, least, True, rows, starts, ends, index)
    return Runs(runs.shape, runs.numbers, rows, starts, ends, index)


def squared_depths(labels: Volume, runs: Runs, progress: Progress = SILENT) -> NDArray[np.float32]:
    """Square of each voxel's distance to the nearest voxel of another label or of none.

    Parameters
    ----------
    labels, runs, progress
        See `find_cores`.

    Returns
    -------
    (nz, ny, nx) float32 array
        In units of the shortest voxel edge; 0 outside, 10¹² where there is no other voxel.
    """
    from napari_battery.labelling._depth_of_labels import along_runs, down_columns
    from napari_battery.labelling._distance import SCRATCH

    nz, ny, _ = runs.shape
    data = np.asarray(labels.data).reshape(runs.shape)
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    edges = [np.float32(edge) for edge in (1.0, *spacing_voxels(labels))[-3:]]
    squared = np.empty(runs.shape, np.float32)
    scratch = np.zeros((max(nz, ny) + 2, SCRATCH), np.float32)
    marks = np.zeros(scratch.shape, data.dtype)
    progress.begin(nz + (ny if nz > 1 else 0), "Finding cores")
    for k in range(nz):
        rows = runs.rows[k * ny : (k + 1) * ny + 1]
        along_runs(rows, runs.starts, runs.ends, edges[2], squared[k])
        down_columns(squared[k], data[k], edges[1], scratch, marks)
        progress.advance()
    for k in range(ny if nz > 1 else 0):
        down_columns(squared[:, k], data[:, k], edges[0], scratch, marks)
        progress.advance()
    return squared


def plant(cores: Runs, padded: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Seed a later state: number the cores where its mask holds a particle.

    Parameters
    ----------
    cores : Runs
        From `find_cores`.
    padded : int32 array
        The later state's depths from `unlabelled`, on the same grid with a border of one
        voxel. Receives the numbers of voxels that lie wholly among seeds: they have
        nothing to grow into.

    Returns
    -------
    places : (n,) int64 array
        The other seeds, flat indices into `padded`.
    numbers : (n,) int32 array
        Their labels.

    Raises
    ------
    InputError
        If a label does not fit int32.
    """
    from napari_battery.labelling._tracking_runs import plant_runs
    from napari_battery.labelling.markers import steps_to_neighbours

    top = int(cores.numbers.max(initial=0))
    if top > np.iinfo(np.int32).max:
        raise InputError(
            f"Label {top} is too large a number; the largest is {np.iinfo(np.int32).max}. "
            "Renumber the labels."
        )
    places, numbers = plant_runs(
        cores.rows, cores.shape[1], cores.starts, cores.ends, cores.index,
        cores.numbers.astype(np.int32), padded.ravel(), padded.shape[-1],
        int(padded.ndim == 3), steps_to_neighbours(padded),
    )  # fmt: skip
    return places, numbers
