"""A study as files: its tables as CSV, and how it was made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from napari_battery.errors import InputError
from napari_battery.files import atomic_path, check_replaceable, write_json
from napari_battery.states.ledger import left_out
from napari_battery.states.manifest import State
from napari_battery.states.settings import StudyRules, StudySettings
from napari_battery.states.tabulate import Study
from napari_battery.tables import read_table, write_table

__all__ = ["STUDY_FILES", "fill_folder", "read_study", "write_study"]

STUDY_FILES = (
    "particles_by_state.csv", "states.csv", "states_by_subset.csv",
    "tests_by_subset.csv", "ledger.csv", "left_out.csv", "layers_by_state.csv",
    "greys.csv", "noise.csv", "contacts.csv", "provenance.json", "figures", "labels",
)  # fmt: skip
"""What a folder of a study may hold."""


def write_study(folder: str | os.PathLike[str], study: Study) -> None:
    """Write a study's tables into a folder, all or nothing.

    Raises
    ------
    InputError
        If the folder holds other files, or cannot be written to.
    """
    folder = Path(folder)
    check_replaceable(folder, STUDY_FILES, "provenance.json")
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        fill_folder(temporary, study)


def fill_folder(folder: Path, study: Study) -> list[str]:
    """Write a study's files into an empty folder; returns their names."""
    matched = study.settings.matching == "labels"
    tables = {
        "particles_by_state.csv": study.particles,
        "states.csv": study.summary,
        "ledger.csv": study.ledger,
        "left_out.csv": left_out(study.particles, matched),
        "layers_by_state.csv": study.layers,
        "greys.csv": study.greys,
        "noise.csv": study.noise,
    }
    if study.contacts is not None:
        tables["contacts.csv"] = study.contacts
    for name, table in tables.items():
        write_table(folder / name, table)
    made = {
        **study.made,
        "settings": study.settings.model_dump(mode="json"),
        "rules": study.rules.model_dump(mode="json"),
        "manifest": [_as_json(state) for state in study.states],
        "notes": study.notes,
        "warnings": study.warnings,
    }
    write_json(folder / "provenance.json", made)
    return [*tables, "provenance.json"]


def read_study(folder: str | os.PathLike[str]) -> Study:
    """Read what `write_study` wrote.

    Raises
    ------
    InputError
        If it is no folder of a study, or a file of it is missing or damaged.
    """
    folder = Path(folder)
    try:
        made = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        states = [_state(entry) for entry in made["manifest"]]
        settings, rules = StudySettings(**made["settings"]), StudyRules(**made["rules"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(f"{folder} holds no study: provenance.json: {error}") from error
    particles = _texts(read_table(folder / "particles_by_state.csv"))
    for name in ("kept", "significant", "touches_border"):
        particles[name] = particles[name].astype(bool)
    contacts = folder / "contacts.csv"
    return Study(
        states=states,
        particles=particles,
        summary=_texts(read_table(folder / "states.csv"), "direction"),
        layers=_texts(read_table(folder / "layers_by_state.csv")),
        ledger=read_table(folder / "ledger.csv"),
        greys=_texts(read_table(folder / "greys.csv")),
        noise=_texts(read_table(folder / "noise.csv")),
        notes=list(made.get("notes", [])),
        made=made,
        settings=settings,
        rules=rules,
        warnings=list(made.get("warnings", [])),
        contacts=_texts(read_table(contacts)) if contacts.exists() else None,
    )


def _texts(table: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Names of states are texts, also where they look like numbers; empty cells are texts."""
    for name in ("state", *more):
        if name in table:
            filled = table[name].astype(object).where(table[name].notna(), "")
            table[name] = filled.map(str).astype(str)
    return table


def _as_json(state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        "image": None if state.image is None else str(state.image),
        "labels": None if state.labels is None else str(state.labels),
        "direction": state.direction,
        "voltage_v": state.voltage_v,
        "time_h": state.time_h,
        "capacity_mah": state.capacity_mah,
    }


def _state(entry: dict[str, Any]) -> State:
    files = {name: None if entry[name] is None else Path(entry[name]) for name in _FILES}
    return State(**{**entry, **files})


_FILES = ("image", "labels")
