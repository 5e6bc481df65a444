"""Merging of parts of particles that hang together by wide necks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_battery.labelling.depth import DepthMap
from napari_battery.progress import SILENT, Progress

__all__ = ["merged_numbers"]


def merged_numbers(
    labels: NDArray[np.int32], depths: DepthMap, ratio: float, progress: Progress = SILENT
) -> NDArray[np.int32]:
    """Find which labels are one particle by the width of their necks.

    A neck's radius is the largest depth at which two labels meet (the saddle of the distance
    map between them), a particle's radius its own largest depth: both radii of balls that
    fit inside. Two labels are one particle where the neck's radius is more than `ratio`
    times that of the smaller one. The widest necks are merged first, and what was merged
    counts as one, as deep as its deepest part.

    Parameters
    ----------
    labels : int32 array
        Labels from 1, 2-D or 3-D, 0 outside.
    depths : DepthMap
        The map they were grown on.
    ratio : float
        Between 0 and 1.
    progress : Progress
        Advanced per plane; cancels in between.

    Returns
    -------
    (n_labels + 1,) int32 array
        The new number of each label: 1 … n in the order of the first of those merged.
    """
    from napari_battery.labelling._necks import add_necks

    volume = labels if labels.ndim == 3 else labels[None]
    levels = depths.inner if labels.ndim == 3 else depths.inner[None]
    n = int(labels.max(initial=0))
    keys, heights, n_pairs = np.full(2**12, -1, np.int64), np.zeros(2**12, np.int32), 0
    deepest = np.zeros(n + 1, np.int32)
    progress.begin(len(volume), "Measuring necks")
    for z in range(len(volume)):
        keys, heights, n_pairs = add_necks(volume, levels, z, keys, heights, n_pairs, deepest)
        progress.advance()
    pairs = keys[keys >= 0]
    radius = np.maximum(deepest - 1, 1).astype(float)  # level 1 is depth 0
    first, second = pairs >> 32, pairs & 0xFFFFFFFF
    necks = (heights[keys >= 0] - 1).astype(float)
    widths = necks / np.minimum(radius[first], radius[second])
    part_of = np.arange(n + 1)
    # equally wide ones by their numbers: the table's own order depends on its size
    for k in np.lexsort((pairs, -widths)):
        if widths[k] <= ratio:
            break
        a, b = _first(part_of, int(first[k])), _first(part_of, int(second[k]))
        if a != b and necks[k] > ratio * min(radius[a], radius[b]):
            part_of[max(a, b)] = min(a, b)
            radius[min(a, b)] = max(radius[a], radius[b])
    numbers = np.zeros(n + 1, np.int32)
    count = 0
    for label in range(1, n + 1):
        if part_of[label] == label:
            count += 1
            numbers[label] = count
        else:
            numbers[label] = numbers[_first(part_of, label)]
    return numbers


def _first(part_of: NDArray[np.int64], label: int) -> int:
    """The label that stands for all merged with this one."""
    while part_of[label] != label:
        label = int(part_of[label])
    return label
