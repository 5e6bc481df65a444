"""Paint a column of a table onto the particles it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.tables import label_column
from napari_battery.volume import Volume

__all__ = ["map_values", "rows_of_labels"]

_BLOCK_VOXELS = 1 << 22


def map_values(
    labels: Volume,
    table: pd.DataFrame,
    column: str,
    progress: Progress = SILENT,
    out: NDArray[np.float32] | None = None,
) -> Volume:
    """Image in which each particle has its value of a column.

    Parameters
    ----------
    labels : Volume
        Labels of any whole-number type, sparse or huge.
    table : DataFrame
        Has `label`, once each, and `column`.
    column : str
        A column of numbers, or true/false.
    progress : Progress
        Advanced per block of planes.
    out : float32 array, optional
        Where to write, a memory-mapped file say; same shape as `labels`.

    Returns
    -------
    Volume
        float32 on the grid of `labels`; NaN outside particles and for those without a row.

    Raises
    ------
    InputError
        If the column is missing or holds no numbers, a label is no whole number, or has
        two rows.
    """
    label = label_column(table)
    if column not in table:
        known = ", ".join(map(str, table.columns))
        raise InputError(f"The table has no column “{column}”; it has {known}.")
    if not (pd.api.types.is_numeric_dtype(table[column]) or table[column].dtype == bool):
        raise InputError(f"The column “{column}” holds text; a map needs numbers.")
    if pd.Series(label).duplicated().any():
        raise InputError(
            f"The table has several rows for a label, so “{column}” has no single value each."
        )
    # Unsigned throughout: signed and unsigned 64-bit labels would meet as inexact floats.
    rows = np.flatnonzero(label > 0)
    rows = rows[np.argsort(label[rows], kind="stable")]
    label = label[rows].astype(np.uint64)
    value = table[column].to_numpy(np.float64)[rows].astype(np.float32)
    paint = _painter(label, value)
    data = np.empty(labels.shape, np.float32) if out is None else out
    step = max(1, _BLOCK_VOXELS // max(1, int(np.prod(labels.shape[1:]))))
    starts = range(0, labels.shape[0], step)
    progress.begin(len(starts), f"Mapping {column}")
    for start in starts:
        data[start : start + step] = paint(np.asarray(labels.data[start : start + step]))
        progress.advance()
    return labels.like(data, f"{labels.name} {column}")


def _painter(
    label: NDArray[np.uint64], value: NDArray[np.float32]
) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """A function from labels to values: a look-up where labels are dense, else a search."""
    highest = int(label[-1]) if label.size else 0
    if highest <= max(1 << 20, 8 * label.size):
        look_up = np.full(highest + 2, np.nan, np.float32)
        look_up[label.astype(np.int64)] = value

        def dense(block: NDArray[Any]) -> NDArray[np.float32]:
            # Whatever lies beyond the table's labels meets the NaN at either end.
            return look_up.take(block.astype(np.int64), mode="clip")

        return dense

    def sparse(block: NDArray[Any]) -> NDArray[np.float32]:
        unique, inverse = np.unique(block, return_inverse=True)
        bits = np.where(unique > 0, unique, 0).astype(np.uint64)
        place = np.minimum(np.searchsorted(label, bits), label.size - 1)
        found = np.where(label[place] == bits, value[place], np.float32(np.nan))
        painted: NDArray[np.float32] = found[inverse].reshape(block.shape)
        return painted

    return sparse


def rows_of_labels(
    labels: Volume, table: pd.DataFrame, progress: Progress = SILENT
) -> tuple[pd.DataFrame, list[str]]:
    """The row of each label that occurs in an image, and what does not fit together.

    Parameters
    ----------
    labels : Volume
        Labels of any whole-number type.
    table : DataFrame
        Has `label`, once each.
    progress : Progress
        Advanced per block of planes.

    Returns
    -------
    table : DataFrame
        One row per label above 0 in the image, ascending; NaN where the table has none.
    notes : list of str
        How many labels have no row, and how many rows no label.

    Raises
    ------
    InputError
        If image and table have no label in common.
    """
    step = max(1, _BLOCK_VOXELS // max(1, int(np.prod(labels.shape[1:]))))
    starts = range(0, labels.shape[0], step)
    progress.begin(len(starts), "Finding particles")
    seen = np.zeros(0, np.uint64)
    for start in starts:
        found = pd.unique(np.asarray(labels.data[start : start + step]).reshape(-1))
        seen = np.union1d(seen, found[found > 0].astype(np.uint64))
        progress.advance()
    label = label_column(table)
    known = label[label > 0].astype(np.uint64)
    n_both = np.isin(seen, known).sum()
    if seen.size and known.size and not n_both:
        raise InputError(
            f"The table ({known.size} particles) and “{labels.name}” ({seen.size}) have no label "
            "in common; it was made from other labels."
        )
    fits = table.assign(label=label)[label > 0]
    fits = fits.set_index(fits["label"].astype(np.uint64)).reindex(seen)
    notes = []
    if n := seen.size - n_both:
        notes.append(f"{n} of {seen.size} particles of “{labels.name}” have no row in the table.")
    if n := known.size - n_both:
        notes.append(f"{n} of {known.size} rows of the table have no particle in “{labels.name}”.")
    return fits.assign(label=seen).reset_index(drop=True), notes
