"""The shared tables: reading and writing them as CSV; see `columns` and `table_columns`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_battery.columns import COLUMNS, Column, column_title
from napari_battery.errors import InputError
from napari_battery.files import atomic_path
from napari_battery.table_columns import (
    CONTACTS,
    INSIDE,
    INSIDE_PROFILE,
    LAYERS,
    MATCHES,
    MICROSTRUCTURE,
    PARTICLE_SHIFTS,
    PARTICLES_2D,
    PARTICLES_3D,
    PARTICLES_BY_STATE,
    SERIES,
    SHELLS,
    STATES,
    STATES_BY_SUBSET,
    STUDY_GREYS,
    STUDY_LEDGER,
    STUDY_NOISE,
    STUDY_PARTICLES,
    STUDY_PARTICLES_2D,
    SUPERRES_QUALITY,
    SUPERRES_REGIONS,
    TESTS_BY_SUBSET,
    TRAINING,
    VALIDATION,
    VALIDATION_REGIONS,
)

__all__ = [
    "COLUMNS",
    "CONTACTS",
    "INSIDE",
    "INSIDE_PROFILE",
    "LAYERS",
    "MATCHES",
    "MICROSTRUCTURE",
    "PARTICLES_2D",
    "PARTICLES_3D",
    "PARTICLES_BY_STATE",
    "PARTICLE_SHIFTS",
    "SERIES",
    "SHELLS",
    "STATES",
    "STATES_BY_SUBSET",
    "STUDY_GREYS",
    "STUDY_LEDGER",
    "STUDY_NOISE",
    "STUDY_PARTICLES",
    "STUDY_PARTICLES_2D",
    "SUPERRES_QUALITY",
    "SUPERRES_REGIONS",
    "TESTS_BY_SUBSET",
    "TRAINING",
    "VALIDATION",
    "VALIDATION_REGIONS",
    "Column",
    "column_title",
    "label_column",
    "read_table",
    "write_table",
]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def label_column(table: pd.DataFrame, name: str = "the table") -> NDArray[Any]:
    """Labels of a table as whole numbers; `name` is what messages call the table.

    Raises
    ------
    InputError
        If there is no column `label`, or it holds anything but whole numbers.
    """
    if "label" not in table:
        known = ", ".join(map(str, table.columns))
        raise InputError(f"There is no column “label” in {name}; it has {known}.")
    column = table["label"]
    if column.dtype.kind in "iu":
        return column.to_numpy()
    number = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    exact = (number == np.round(number)) & (np.abs(number) < 2**53)
    if not exact.all():
        row = int(np.argmin(exact))
        raise InputError(
            f"Row {row + 1} of {name} has the label “{column.iloc[row]}”; labels are whole numbers."
        )
    return number.astype(np.int64)


def _defuse(cell: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    if not isinstance(cell, str):
        return cell
    if cell.startswith(_FORMULA):
        cell = f"'{cell}"
    return cell.replace("\r\n", "\n").replace("\r", "\n")  # a bare return ends a row elsewhere


def write_table(path: str | os.PathLike[str], table: pd.DataFrame) -> None:
    """Write a table as CSV: UTF-8, comma, point, atomically; NaN is an empty cell.

    Text cells and headers that a spreadsheet would run as a formula (they start with
    ``= + - @`` tab or return) get an apostrophe in front; numbers are untouched.
    """
    text = table.select_dtypes(exclude=["number", "bool"]).columns
    safe = table.assign(**{str(name): table[name].map(_defuse) for name in text})
    safe = safe.rename(columns=lambda name: _defuse(str(name)))
    with atomic_path(path) as temporary:
        safe.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table that `write_table` wrote, or any CSV with a `label` column.

    Raises
    ------
    InputError
        If the file cannot be read as a table.
    """
    try:
        table = pd.read_csv(Path(path))
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read the table {path}: {error}") from error
    texts = ("note", "reason")
    if table.empty:  # nothing tells its columns' types
        table = table.astype({name: np.float64 for name in table if name not in texts})
        table = table.astype({"label": np.int64} if "label" in table else {})
    for name in texts:
        if name in table:
            # a column of nothing but empty cells reads as numbers
            table[name] = table[name].astype(object).where(table[name].notna(), "")
    return table
