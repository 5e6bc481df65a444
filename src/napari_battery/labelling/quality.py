"""How well found labels agree with true ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError

__all__ = ["match_labels"]


def match_labels(truth: NDArray[Any], found: NDArray[Any]) -> pd.DataFrame:
    """Match each true label with the found label that overlaps it best.

    Parameters
    ----------
    truth, found : integer arrays
        Labels of equal shape, 0 outside; any integer numbers.

    Returns
    -------
    DataFrame
        One row per true label, ascending: ``label``, ``found`` (0 where none overlaps),
        ``iou`` (intersection over union, 0 … 1), ``truth_voxels``, ``found_voxels``,
        ``common_voxels``. Above an IoU of 0.5 a match is unique both ways.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    if truth.shape != found.shape:
        raise InputError(
            f"Labels of shape {truth.shape} cannot be compared with labels of shape {found.shape}."
        )
    pairs = _overlaps(truth, found)
    truth_voxels = pairs[pairs.label != 0].groupby("label")["common_voxels"].sum()
    found_voxels = pairs[pairs.found != 0].groupby("found")["common_voxels"].sum()
    both = pairs[(pairs.label != 0) & (pairs.found != 0)].copy()
    both["found_voxels"] = found_voxels.reindex(both.found).to_numpy()
    size = truth_voxels.reindex(both.label).to_numpy()
    both["iou"] = both.common_voxels / (size + both.found_voxels - both.common_voxels)
    best = both.sort_values(["label", "iou"], ascending=[True, False]).drop_duplicates("label")
    table = best.set_index("label").reindex(truth_voxels.index)
    table["truth_voxels"] = truth_voxels
    table = table.fillna(0).reset_index()
    whole = ["found", "truth_voxels", "found_voxels", "common_voxels"]
    table[whole] = table[whole].astype(np.int64)
    return table[["label", "found", "iou", "truth_voxels", "found_voxels", "common_voxels"]]


def _overlaps(truth: NDArray[Any], found: NDArray[Any]) -> pd.DataFrame:
    """Number of voxels of each pair of labels that occurs."""
    a, b = truth.ravel(), found.ravel()
    # Pairs are constant along runs of voxels: counting runs is several times less work.
    starts = np.flatnonzero(np.concatenate([[a.size > 0], (a[1:] != a[:-1]) | (b[1:] != b[:-1])]))
    lengths = np.diff(np.append(starts, a.size))
    runs = pd.DataFrame({"label": a[starts], "found": b[starts], "common_voxels": lengths})
    return runs.groupby(["label", "found"])["common_voxels"].sum().reset_index()
