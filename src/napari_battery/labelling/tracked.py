"""The table of particles by state: what became of each particle of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.labelling._tracking import Runs, Shapes, shapes
from napari_battery.labelling.overlap import best_partner, overlaps
from napari_battery.lengths import spacing_voxels
from napari_battery.volume import Volume

__all__ = ["Reference", "reference_rows", "state_rows"]


@dataclass(frozen=True, eq=False)
class Reference:
    """The reference's labels, as much of them as later states need."""

    labels: Volume
    runs: Runs
    shapes: Shapes

    @classmethod
    def of(cls, labels: Volume, runs: Runs) -> Reference:
        return cls(labels, runs, shapes(runs, labels.region))


def reference_rows(reference: Reference, state: str) -> pd.DataFrame:
    """Rows of the reference state itself."""
    n = len(reference.runs.numbers)
    return _rows(
        reference, state, np.arange(n), reference.shapes, np.ones(n), reference.runs.numbers,
        np.full(n, np.nan), "",
    )  # fmt: skip


def state_rows(
    reference: Reference,
    state: str,
    runs: Runs,
    region: Any,
    other: Runs | None,
    missing: str,
) -> pd.DataFrame:
    """Rows of one later state.

    Parameters
    ----------
    reference : Reference
        The reference state.
    state : str
        Name of this state.
    runs : Runs
        Its labels, under the reference's numbers.
    region : bool array or None
        Where it was analysed.
    other : Runs, optional
        Labels found by the other method, under the reference's numbers where they match.
    missing : str
        What to note where a particle is missing.

    Returns
    -------
    DataFrame
        One row per label of the reference.
    """
    found = shapes(runs, region)
    numbers = reference.runs.numbers
    place = _find(runs.numbers, numbers)
    pairs = overlaps(reference.runs, runs)
    iou = np.zeros(len(numbers))
    same = place[pairs.first] == pairs.second
    iou[pairs.first[same]] = pairs.iou[same]
    cross_label, cross_iou = np.zeros(len(numbers), np.int64), np.full(len(numbers), np.nan)
    if other is not None:
        partner, best = best_partner(overlaps(runs, other), len(runs.numbers))
        known = partner >= 0
        called = np.zeros(len(partner), np.int64)
        called[known] = other.numbers[partner[known]]
        called[_find(numbers, called) < 0] = 0
        there = place >= 0
        cross_label[there], cross_iou[there] = called[place[there]], best[place[there]]
    return _rows(reference, state, place, found, iou, cross_label, cross_iou, missing)


def _find(numbers: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of each wanted number among ascending ones; -1 where it is not there."""
    if not len(numbers):
        return np.full(len(wanted), -1, np.int64)
    place = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    return np.where(numbers[place] == wanted, place, -1)


def _rows(
    reference: Reference,
    state: str,
    place: NDArray[np.int64],
    found: Shapes,
    iou: NDArray[np.float64],
    cross_label: NDArray[np.int64],
    cross_iou: NDArray[np.float64],
    missing: str,
) -> pd.DataFrame:
    grid, before = reference.labels, reference.shapes
    there, ndim = place >= 0, reference.labels.ndim
    volume = _of(found.volume, place, 0)
    centroid = np.full((len(place), 3), np.nan)
    centroid[there] = found.centroid[place[there]]
    pieces = _of(found.pieces, place, 0)
    largest = _of(found.largest, place, 0)
    cut = _of(found.cut, place, False)
    notes = np.where(there, "", missing).astype(object)
    several = pieces > 1
    notes[several] = [
        f"in {n} pieces, the largest of {most:,} voxels"
        for n, most in zip(pieces[several], largest[several], strict=True)
    ]
    size = grid.voxel_size_um
    count, measure = ("area_pixels", "area_um2") if ndim == 2 else ("volume_voxels", "volume_um3")
    columns: dict[str, Any] = {
        "label": reference.runs.numbers,
        "state": np.full(len(place), state, object),
        count: volume,
    }
    if size is not None:
        columns[measure] = volume * float(np.prod(size))
    ratio = volume / np.maximum(before.volume, 1)
    columns["volume_change"] = np.where(there, ratio - 1, np.nan)
    position, unit = _world(grid, centroid[:, -ndim:])
    start, _ = _world(grid, before.centroid[:, -ndim:])
    for axis, letter in enumerate(grid.axes):
        columns[f"centroid_{letter}_{unit}"] = position[:, axis]
    for axis, letter in enumerate(grid.axes):
        columns[f"shift_{letter}_{unit}"] = position[:, axis] - start[:, axis]
    columns |= {
        "shift_radii": _shift_radii(reference, centroid, ~(cut | before.cut)),
        "iou": iou,
        "cross_label": cross_label,
        "cross_iou": cross_iou,
        "pieces": pieces,
        "largest_piece": np.where(there, largest / np.maximum(volume, 1), np.nan),
        "touches_border": cut,
        "kept": True,
        "reason": "",
        "note": notes,
    }
    return pd.DataFrame(columns)


def _of(values: NDArray[Any], place: NDArray[np.int64], blank: Any) -> NDArray[Any]:
    result = np.full(len(place), blank, values.dtype)
    result[place >= 0] = values[place[place >= 0]]
    return result


def _world(grid: Volume, centroid: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
    """Positions in µm, or in voxels while the voxel size is unknown; and which."""
    if grid.voxel_size_um is None:
        return centroid, "voxels"
    affine = grid.world_affine()
    return centroid @ affine[:-1, :-1].T + affine[:-1, -1], "um"


def _shift_radii(
    reference: Reference, centroid: NDArray[np.float64], whole: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Shifts beyond the median of all whole particles, over the reference's radii."""
    ndim = reference.labels.ndim
    edges = np.array(spacing_voxels(reference.labels))
    shift = (centroid - reference.shapes.centroid)[:, -ndim:] * edges
    sure = shift[whole & np.isfinite(shift[:, 0])]
    if len(sure):
        shift = shift - np.median(sure, axis=0)
    volume = reference.shapes.volume * float(edges.prod())
    radius = (3 * volume / (4 * np.pi)) ** (1 / 3) if ndim == 3 else (volume / np.pi) ** 0.5
    length: NDArray[np.float64] = np.sqrt((shift**2).sum(axis=1)) / radius
    return length
