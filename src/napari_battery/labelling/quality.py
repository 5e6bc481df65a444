"""How well found labels agree with true ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.labelling._tracking import Runs, find_runs
from napari_battery.labelling.overlap import best_partner, overlaps
from napari_battery.volume import Volume

__all__ = ["match_labels"]


def match_labels(truth: NDArray[Any], found: NDArray[Any]) -> pd.DataFrame:
    """Match each true label with the found label that overlaps it best.

    Parameters
    ----------
    truth, found : integer arrays
        Labels of equal shape, 0 outside; any positive numbers.

    Returns
    -------
    DataFrame
        One row per true label, ascending: ``label``, ``found`` (0 where none overlaps),
        ``iou`` (intersection over union, 0 … 1), ``truth_voxels``, ``found_voxels``,
        ``common_voxels``. Above an IoU of 0.5 a match is unique both ways.

    Raises
    ------
    InputError
        If the shapes differ, or one holds other than whole numbers or negative ones.
    """
    if truth.shape != found.shape:
        raise InputError(
            f"Labels of shape {truth.shape} cannot be compared with labels of shape {found.shape}."
        )
    a, b = _runs(truth, "true labels"), _runs(found, "found labels")
    pairs = overlaps(a, b)
    partner, iou = best_partner(pairs, len(a.numbers))
    matched = partner >= 0
    label, table = np.zeros(len(partner), np.int64), np.zeros((len(partner), 2), np.int64)
    label[matched] = b.numbers[partner[matched]]
    table[matched, 0] = b.volumes()[partner[matched]]
    same = partner[pairs.first] == pairs.second
    table[pairs.first[same], 1] = pairs.common[same]
    return pd.DataFrame(
        {
            "label": a.numbers,
            "found": label,
            "iou": iou,
            "truth_voxels": a.volumes(),
            "found_voxels": table[:, 0],
            "common_voxels": table[:, 1],
        }
    )


def _runs(labels: NDArray[Any], name: str) -> Runs:
    if labels.dtype == bool:
        labels = labels.view(np.uint8)
    # rows are all that matters here; a volume without voxels becomes one without labels
    rows = labels.reshape(-1, labels.shape[-1]) if labels.size else np.zeros((1, 1), labels.dtype)
    return find_runs(Volume(rows, name=name))
