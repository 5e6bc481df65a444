"""Pairs of landmarks in a CSV file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_battery.errors import InputError
from napari_battery.files import write_text

__all__ = ["read_landmarks", "write_landmarks"]


def _columns(side: str, ndim: int) -> list[str]:
    return [f"{side}_{axis}_um" for axis in "zyx"[-ndim:]]


def read_landmarks(
    path: str | os.PathLike[str],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read pairs of landmarks.

    Parameters
    ----------
    path : path
        CSV with the columns ``fixed_z_um, fixed_y_um, fixed_x_um, moving_z_um,
        moving_y_um, moving_x_um`` (no z in 2-D), one row per pair; others are ignored.

    Returns
    -------
    fixed_points, moving_points : (n, ndim) arrays
        World coordinates in µm, for `fit_landmarks`.

    Raises
    ------
    InputError
        If it is missing or no such table, or a cell is no number.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file of landmarks {path}.")
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", skipinitialspace=True)
    except (UnicodeDecodeError, ValueError, PermissionError) as error:
        raise InputError(f"Cannot read the landmarks in {path}: {error}") from None
    table.columns = table.columns.astype(str).str.strip()
    ndim = 3 if {"fixed_z_um", "moving_z_um"} & set(table.columns) else 2
    names = [*_columns("fixed", ndim), *_columns("moving", ndim)]
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(
            f"{path} has no column {', '.join(missing)}; landmarks need {', '.join(names)}."
        )
    numbers = table[names].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    rows, columns = np.nonzero(~np.isfinite(numbers))
    if len(rows):
        raise InputError(
            f"Row {rows[0] + 1} of {path} has no number in the column {names[columns[0]]}."
        )
    return numbers[:, :ndim].copy(), numbers[:, ndim:].copy()


def write_landmarks(
    path: str | os.PathLike[str], fixed_points: ArrayLike, moving_points: ArrayLike
) -> None:
    """Write pairs of landmarks as `read_landmarks` reads them, whole or not at all.

    Raises
    ------
    InputError
        If the lists do not pair, or the folder is missing or may not be written to.
    """
    import pandas as pd

    fixed, moving = np.asarray(fixed_points, np.float64), np.asarray(moving_points, np.float64)
    if fixed.shape != moving.shape or fixed.ndim != 2 or fixed.shape[1] not in (2, 3):
        raise InputError(
            f"The landmarks have shapes {fixed.shape} and {moving.shape}; both must be n × 3, or "
            "n × 2 in 2-D."
        )
    ndim = fixed.shape[1]
    names = [*_columns("fixed", ndim), *_columns("moving", ndim)]
    table = pd.DataFrame(np.hstack([fixed, moving]), columns=names)
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
