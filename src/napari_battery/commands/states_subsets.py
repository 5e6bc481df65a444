"""Subsets of the particles in ``napari-battery states``: made, and their numbers written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_battery.plots.states_means import collector_plane
from napari_battery.plots.states_settings import StatesFigureSettings
from napari_battery.states.by_subset import compare_by_subset, states_by_subset
from napari_battery.states.frames import Frames
from napari_battery.states.recipes import Recipe, all_parts
from napari_battery.states.study import Study
from napari_battery.states.subsets import Subset, all_particles
from napari_battery.tables import write_table

__all__ = ["described", "make_subsets", "write_numbers"]

_DISTANCE = "distance"


def make_subsets(
    frames: Frames,
    parts: Sequence[tuple[str, int]],
    conditions: Sequence[str],
    settings: StatesFigureSettings,
) -> list[Subset]:
    """The subsets asked for, in order: parts of columns (or by distance), then conditions."""
    recipes: list[Recipe] = []
    plane = None
    for column, n in parts:
        if column == _DISTANCE:
            plane = collector_plane(frames, settings)
            recipes += all_parts(Recipe("distance", n=n))
        else:
            recipes += all_parts(Recipe("part", column=column, n=n))
    recipes += [Recipe("condition", text=text) for text in conditions]
    return [recipe.make(frames, plane) for recipe in recipes]


def described(frames: Frames, subsets: Sequence[Subset]) -> list[dict[str, Any]]:
    """Subsets as they stand in the provenance."""
    return [
        {"name": one.name, "how": one.how, "particles": len(one.labels(frames))} for one in subsets
    ]


def write_numbers(
    folder: Path,
    study: Study,
    frames: Frames,
    subsets: Sequence[Subset],
    pairs: Sequence[Sequence[str]],
    change: float | None,
) -> tuple[list[str], dict[str, Any]]:
    """Write ``states_by_subset.csv`` and ``tests_by_subset.csv``; all particles come first.

    Returns
    -------
    list of str, dict
        Names of the files, and their rows fit for JSON.
    """
    shown = [all_particles(frames), *subsets]
    tables = {"states_by_subset": states_by_subset(study, frames, shown, change=change)}
    if pairs:
        wanted = [(first, second) for first, second in pairs]
        tables["tests_by_subset"] = compare_by_subset(study, frames, shown, wanted)
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", table)
    return [f"{name}.csv" for name in tables], {name: _rows(t) for name, t in tables.items()}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows; null where a number is not known."""
    rows: list[dict[str, Any]] = (
        table.astype(object).where(table.notna(), None).to_dict("records")  # type: ignore[assignment]
    )
    return rows
