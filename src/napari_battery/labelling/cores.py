"""Cores of particles: the seeds that carry a label into later states."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling._tracking import Runs
from napari_battery.lengths import spacing_voxels
from napari_battery.volume import Volume

__all__ = ["find_cores", "plant"]


def find_cores(labels: Volume, runs: Runs, depth: float = 0.3) -> Runs:
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

    Returns
    -------
    Runs
        The cores, with the numbers of `runs`.
    """
    import edt

    from napari_battery.labelling._tracking_runs import core_runs, deepest

    data = np.ascontiguousarray(labels.data)
    if not data.dtype.isnative:
        data = data.astype(data.dtype.newbyteorder("="))
    distance: NDArray[np.float32] = edt.edt(
        data, anisotropy=spacing_voxels(labels), black_border=False
    ).reshape(runs.shape)
    lines = runs.rows, runs.shape[1], runs.starts, runs.ends, runs.index
    most = np.zeros(len(runs.numbers), np.float32)
    deepest(*lines, distance, most)
    # a label that fills the volume has no surface: edt answers infinity, and all is core
    least = np.where(np.isfinite(most), np.float32(depth) * most, np.float32(0))
    rows, none = np.empty_like(runs.rows), np.empty(0, np.int32)
    core_runs(*lines, distance, least, False, rows, none, none, none)
    starts, ends, index = (np.empty(int(rows[-1]), np.int32) for _ in range(3))
    core_runs(*lines, distance, least, True, rows, starts, ends, index)
    return Runs(runs.shape, runs.numbers, rows, starts, ends, index)


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
