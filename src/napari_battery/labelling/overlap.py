"""Which label of one volume is which of another, by their overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling._tracking import Runs, count_pairs, find_runs
from napari_battery.progress import SILENT, Progress
from napari_battery.volume import Volume

__all__ = [
    "Overlaps",
    "best_partner",
    "draw",
    "match_independent",
    "match_runs",
    "new_numbers",
    "overlaps",
]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The pairs of labels of two volumes that share voxels.

    Parameters
    ----------
    first, second : (n,) int64 arrays
        Places of the labels in the ``numbers`` of the two `Runs`.
    common : (n,) int64 array
        Voxels in common.
    iou : (n,) float64 array
        Intersection over union.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    common: NDArray[np.int64]
    iou: NDArray[np.float64]


def overlaps(a: Runs, b: Runs) -> Overlaps:
    """Count what each pair of labels has in common."""
    first, second, common = count_pairs(a, b)
    size_a, size_b = a.volumes(), b.volumes()
    return Overlaps(
        first, second, common, common / (size_a[first] + size_b[second] - common)
    )  # fmt: skip


def match_runs(pairs: Overlaps, n_first: int, n_second: int, least: float) -> NDArray[np.int64]:
    """Pair labels one to one so that the sum of their IoU is as large as can be.

    The best assignment of all pairs at once (Hungarian method, on the sparse graph of
    those that overlap): a label does not lose its partner to a neighbour that merely came
    first.

    Parameters
    ----------
    pairs : Overlaps
        What overlaps.
    n_first, n_second : int
        Number of labels in each volume.
    least : float
        Pairs of a smaller IoU are none.

    Returns
    -------
    (n_second,) int64 array
        Place of each second label's partner; -1 for none.
    """
    from scipy.sparse import coo_array, diags_array, hstack
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    partner = np.full(n_second, -1, np.int64)
    good = pairs.iou >= max(least, 1e-9)
    if not good.any():
        return partner
    weights = coo_array(
        (pairs.iou[good], (pairs.first[good], pairs.second[good])), (n_first, n_second)
    )
    # one blank partner for each label makes the matching full; it weighs next to nothing
    blanks = diags_array(np.full(n_first, 1e-12))
    rows, columns = min_weight_full_bipartite_matching(
        hstack([weights, blanks]).tocsr(), maximize=True
    )
    real = columns < n_second
    partner[columns[real]] = rows[real]
    return partner


def best_partner(pairs: Overlaps, n_first: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the second label that lies best on each first label.

    Returns
    -------
    partner : (n_first,) int64 array
        Its place; -1 for none.
    iou : (n_first,) float64 array
        0 for none.
    """
    order = np.lexsort((pairs.iou, pairs.first))
    last = np.append(np.diff(pairs.first[order]) != 0, True)[: len(order)]
    best = order[last]
    partner, iou = np.full(n_first, -1, np.int64), np.zeros(n_first)
    partner[pairs.first[best]] = pairs.second[best]
    iou[pairs.first[best]] = pairs.iou[best]
    return partner, iou


def match_independent(
    reference: Volume, labels: Volume, minimum_iou: float = 0.1, progress: Progress = SILENT
) -> tuple[Volume, pd.DataFrame]:
    """Give labels that were made independently the numbers of the reference.

    Each label gets the number of one reference label at most, such that the sum of the
    intersections over unions of all pairs is as large as can be.

    Parameters
    ----------
    reference, labels : Volume
        Integers, of equal shape; 0 is outside.
    minimum_iou : float
        Pairs of a smaller intersection over union are not matched.
    progress : Progress
        Advanced per block of planes.

    Returns
    -------
    labels : Volume
        int32, on the grid of `labels`. Those without a partner get new numbers above all
        of the reference's.
    matches : DataFrame
        One row per label of `labels`: ``label`` (its number before), ``matched`` (its
        number now), ``iou`` with its partner (0 for none), ``is_new``.

    Raises
    ------
    InputError
        If shapes differ or one of them holds no labels.
    """
    if reference.shape != labels.shape:
        raise InputError(
            f"“{labels.name}” has shape {labels.shape}, “{reference.name}” {reference.shape}; "
            "resample one onto the other's grid first."
        )
    a, b = find_runs(reference, progress), find_runs(labels, progress)
    pairs = overlaps(a, b)
    partner = match_runs(pairs, len(a.numbers), len(b.numbers), minimum_iou)
    numbers = new_numbers(a, partner)
    iou = np.zeros(len(partner))
    matched = partner[pairs.second] == pairs.first
    iou[pairs.second[matched]] = pairs.iou[matched]
    table = pd.DataFrame(
        {"label": b.numbers, "matched": numbers, "iou": iou, "is_new": partner < 0}
    )
    result = labels.like(draw(b, numbers, labels.shape), f"{labels.name} as {reference.name}")
    result.metadata.update(labels.metadata | {"kind": "labels"})
    return result, table


def new_numbers(reference: Runs, partner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of matched labels; those without a partner count on above the reference's.

    Raises
    ------
    InputError
        If they do not fit int32.
    """
    top = int(reference.numbers.max(initial=0))
    alone = partner < 0
    if top + int(alone.sum()) > np.iinfo(np.int32).max:
        raise InputError(
            f"Label {top} is too large a number; the largest is {np.iinfo(np.int32).max}. "
            "Renumber the labels."
        )
    numbers = np.empty(len(partner), np.int64)
    numbers[~alone] = reference.numbers[partner[~alone]]
    numbers[alone] = top + 1 + np.arange(int(alone.sum()))
    return numbers


def draw(runs: Runs, numbers: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Labels of runs as a volume, under other numbers."""
    from napari_battery.labelling._tracking_runs import write_runs

    data = np.zeros(shape, np.int32)
    write_runs(
        runs.rows, runs.shape[1], runs.starts, runs.ends, runs.index, numbers.astype(np.int32),
        data.reshape(runs.shape),
    )  # fmt: skip
    return data
