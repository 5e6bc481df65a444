"""Register single particles of two states, and free them of their neighbours' pull."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_battery.progress import SILENT, Progress
from napari_battery.radial.measure import default_workers
from napari_battery.registration.particle_boxes import Boxes
from napari_battery.registration.particle_crops import Crops, Group, followed, groups
from napari_battery.registration.particle_neighbours import free_of_neighbours

__all__ = ["each_particle", "follow_all", "follow_one", "lone_group", "of_rows"]

_LEAST_PULL = 0.01
"""Voxels that a neighbour which went a voxel further must pull by, to be followed for it."""

Result = TypeVar("Result")


def of_rows(boxes: Boxes, rows: Any) -> Boxes:
    """Some of the particles."""
    return Boxes(boxes.labels[rows], boxes.volumes[rows], boxes.centroids[rows], boxes.boxes[rows])


def each_particle(
    crops: Crops,
    boxes: Boxes,
    work: Callable[[Group, int], Result],
    take: Callable[[int, Result], None],
    progress: Progress = SILENT,
) -> None:
    """Work on all particles in threads; what lies in a file is held part by part.

    Parameters
    ----------
    crops, boxes
        The volumes and their particles.
    work : callable
        Called with a group and a row of `boxes`, in any thread.
    take : callable
        Called with the row and what `work` returned, in this thread.
    progress : Progress
        Advanced per particle.
    """
    with ThreadPoolExecutor(default_workers(), "napari-battery inside") as pool:
        for group in groups(crops, boxes):
            futures = [(row, pool.submit(work, group, row)) for row in group.rows]
            try:
                for row, future in futures:
                    take(row, future.result())
                    progress.advance()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def follow_all(crops: Crops, boxes: Boxes, progress: Progress = SILENT) -> NDArray[np.float64]:
    """Find where every particle went.

    Parameters
    ----------
    crops : Crops
        The two states.
    boxes : Boxes
        The n particles.
    progress : Progress
        Advanced per particle.

    Returns
    -------
    (n, N_FOUND) float64 array
        What `registration._kernels_particles.register_box` finds: shifts in units of the
        shortest voxel edge.
    """
    found = _empty(len(boxes.labels))
    pulled: list[Any] = [None] * len(found)

    def work(group: Group, row: int) -> Any:
        return _follow(crops, boxes, found, group, row)

    each_particle(crops, boxes, work, partial(_put, pulled), progress)
    free_of_neighbours(boxes, crops.spacing, found, pulled)
    return found


def follow_one(crops: Crops, boxes: Boxes, row: int) -> NDArray[np.float64]:
    """Find where one particle went; those that pull at it are followed for their pull alone."""
    own = of_rows(boxes, [row])
    found = _empty(1)
    pulled = _follow(crops, own, found, _group(crops, own), 0)
    strong = np.linalg.norm(pulled[1], axis=(1, 2)) > _LEAST_PULL
    pulled = pulled[0][strong], pulled[1][strong]
    near = boxes.labels[np.isin(boxes.labels, pulled[0])]
    result: NDArray[np.float64] = found[0]
    if not len(near):
        return result
    rows = np.sort(np.append(np.searchsorted(boxes.labels, near), row))
    some = of_rows(boxes, rows)
    every = _empty(len(rows))
    nothing = (np.zeros(0, np.int64), np.zeros((0, 3, 3)))
    pulls: list[Any] = [nothing] * len(rows)
    group = _group(crops, some)
    for i, other in enumerate(rows):
        if other == row:
            every[i], pulls[i] = found[0], pulled
        else:
            _follow(crops, some, every, group, i)
    free_of_neighbours(some, crops.spacing, every, pulls)
    result = every[np.searchsorted(rows, row)]
    return result


def lone_group(crops: Crops, boxes: Boxes, row: int) -> Group:
    """One particle alone."""
    return _group(crops, of_rows(boxes, [row]))


def _group(crops: Crops, boxes: Boxes) -> Group:
    """A few particles that lie together, in one part."""
    box = np.stack([boxes.boxes[:, 0].min(axis=0), boxes.boxes[:, 1].max(axis=0)])
    return next(groups(crops, replace(boxes, boxes=box[None])))


def _follow(crops: Crops, boxes: Boxes, found: Any, group: Group, row: int) -> Any:
    turned = np.empty(9)
    return followed(crops, boxes, group, False, row, found[row], turned)


def _put(results: list[Any], row: int, result: Any) -> None:
    results[row] = result


def _empty(n: int) -> NDArray[np.float64]:
    from napari_battery.registration._kernels_particles import N_FOUND

    return np.full((n, N_FOUND), np.nan)
