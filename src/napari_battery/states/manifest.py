"""The states of an electrode in order: the CSV that lists them, and what is odd about a list."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from napari_battery.errors import InputError
from napari_battery.tables import write_table

__all__ = [
    "DIRECTIONS",
    "State",
    "named_voltage",
    "read_manifest",
    "row_problems",
    "state_problems",
    "write_manifest",
]

DIRECTIONS = ("", "charge", "discharge")
"""How a state was reached; empty for the pristine one, or where it is not known."""

_COLUMNS = ("state", "image", "labels", "direction", "voltage_V", "time_h", "capacity_mAh")
_NUMBERS = _COLUMNS[-3:]
_REQUIRED = ("state", "image")
_VOLTAGE = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)?)\s*V\b")
_SAME_VOLTAGE = 0.005
"""Volts that a name may be rounded by."""


@dataclass(frozen=True)
class State:
    """One state of charge of an electrode.

    Parameters
    ----------
    name : str
        As tables and plots call it ("pristine", "4.4 V").
    image, labels : Path, optional
        Files of the scan, and of its labels where it has its own.
    direction : {"", "charge", "discharge"}
        How the state was reached from the one before.
    voltage_v : float, optional
        Cell voltage in volts.
    time_h : float, optional
        Time since the first state, in hours.
    capacity_mah : float, optional
        Charge passed since the first state, in mAh; negative on discharge below it.
    """

    name: str
    image: Path | None = None
    labels: Path | None = None
    direction: str = ""
    voltage_v: float | None = None
    time_h: float | None = None
    capacity_mah: float | None = None


def read_manifest(path: str | os.PathLike[str]) -> list[State]:
    """Read the states that a CSV file lists, in its order; the first is the reference.

    Parameters
    ----------
    path : path-like
        With the columns ``state,image,labels,direction,voltage_V,time_h,capacity_mAh``, of
        which only the first two are required. Relative paths start at the folder of this file.

    Returns
    -------
    list of State
        As they stand there, odd or not (see `state_problems`); paths are absolute.

    Raises
    ------
    InputError
        If the file cannot be read, has no rows, or lacks a required column; if a state has no
        name, or a voltage, time or capacity is not a number.
    """
    path = Path(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read the states from {path}: {error}") from error
    table.columns = [str(name).strip().lstrip("\ufeff") for name in table.columns]
    table = table.map(lambda cell: cell.strip() if isinstance(cell, str) else "")
    table = table[(table != "").any(axis=1)]
    lacking = [name for name in _REQUIRED if name not in table]
    if lacking:
        raise InputError(
            f"{path.name} has no column “{lacking[0]}”; a list of states has the columns "
            f"{', '.join(_COLUMNS)}, of which state and image are required."
        )
    if table.empty:
        raise InputError(f"{path.name} lists no states.")
    cells = table.reindex(columns=list(_COLUMNS), fill_value="")
    rows = zip(cells.index, cells.itertuples(index=False, name=None), strict=True)
    return [_state(path, int(line) + 2, *row) for line, row in rows]


def write_manifest(path: str | os.PathLike[str], states: Sequence[State]) -> None:
    """Write states as CSV, for `read_manifest`.

    Parameters
    ----------
    path : path-like
        Replaced atomically.
    states : sequence of State
        Files in the folder of `path`, or below it, are written relative to it, so that the
        folder can be moved as a whole.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    folder = Path(path).resolve().parent
    rows = [
        (
            state.name,
            _relative(state.image, folder),
            _relative(state.labels, folder),
            state.direction,
            state.voltage_v,
            state.time_h,
            state.capacity_mah,
        )
        for state in states
    ]
    table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(dict.fromkeys(_NUMBERS, float))
    if table["capacity_mAh"].isna().all():
        table = table.drop(columns="capacity_mAh")
    write_table(path, table)


def named_voltage(name: str) -> float | None:
    """Voltage in a state's name, in volts ("4.4 V" → 4.4); None where it tells none."""
    found = _VOLTAGE.findall(name)
    return float(found[0].replace(",", ".")) if len(found) == 1 else None


def state_problems(states: Sequence[State], *, files: bool = True) -> list[str]:
    """What is odd about a list of states; empty where nothing is.

    Parameters
    ----------
    states : sequence of State
        In order, the reference first.
    files : bool
        Whether every state must have an image file that is there.

    Returns
    -------
    list of str
        One sentence each, the state's name first: missing, repeated and out-of-order states,
        files that are not there, unknown words of direction, and voltages that fall on charge
        or rise on discharge.
    """
    said = [
        f"“{state.name}”: {problem}"
        for state, problems in zip(states, row_problems(states, files=files), strict=True)
        for problem in problems
    ]
    if len(states) < 2:
        said.insert(0, "A study needs two states or more.")
    return said


def row_problems(states: Sequence[State], *, files: bool = True) -> list[list[str]]:
    """The problems of `state_problems`, per state and without its name."""
    problems: list[list[str]] = []
    for i, state in enumerate(states):
        earlier = states[:i]
        said = _own_problems(state, files)
        if state.name.casefold() in (other.name.casefold() for other in earlier):
            said.append("the name is there twice; give each state its own.")
        said += _shared_files(state, earlier)
        problems.append(said)
    _add_order(states, problems)
    return problems


def _state(
    path: Path, line: int, name: str, image: str, labels: str, direction: str, voltage: str,
    time: str, capacity: str,
) -> State:  # fmt: skip
    where = f"Line {line} of {path.name}"
    if not name:
        raise InputError(f"{where} names no state.")
    return State(
        name.removeprefix("'"),  # which a spreadsheet was guarded with
        _absolute(image, path),
        _absolute(labels, path),
        direction.lower(),
        _number(voltage, f"{where} gives “{name}” the voltage"),
        _number(time, f"{where} gives “{name}” the time"),
        _number(capacity, f"{where} gives “{name}” the capacity"),
    )


def _absolute(text: str, manifest: Path) -> Path | None:
    if not text:
        return None
    return Path(os.path.normpath(manifest.resolve().parent / Path(text).expanduser()))


def _relative(file: Path | None, folder: Path) -> str:
    if file is None:
        return ""
    file = Path(os.path.abspath(file))
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def _number(text: str, said: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{said} “{text}”, which is not a number.")
    return number


def _own_problems(state: State, files: bool) -> list[str]:
    said = []
    if not state.name.strip():
        said.append("the state has no name.")
    if files and state.image is None:
        said.append("there is no image.")
    for what, file in (("image", state.image), ("labels", state.labels)):
        if files and file is not None and not file.exists():
            said.append(f"the file of its {what} is not there ({file}).")
    if state.direction not in DIRECTIONS:
        said.append(f"the direction is “{state.direction}”; it is charge, discharge or left empty.")
    named, given = named_voltage(state.name), state.voltage_v
    if named is not None and given is not None and abs(named - given) > _SAME_VOLTAGE:
        said.append(f"the name says {named:g} V, the voltage is {given:g} V.")
    return said


def _shared_files(state: State, earlier: Sequence[State]) -> list[str]:
    """Two states can have the same labels, which were carried through, but not one scan."""
    said = []
    for other in earlier:
        if state.image is not None and state.image == other.image:
            said.append(f"it has the same image as “{other.name}”.")
    return said


def _add_order(states: Sequence[State], problems: list[list[str]]) -> None:
    """Times that run backwards, and voltages that go against the direction."""
    timed = [i for i, state in enumerate(states) if state.time_h is not None]
    for before, i in pairwise(timed):
        one, two = states[before], states[i]
        if (two.time_h or 0) < (one.time_h or 0):
            problems[i].append(
                f"out of order: it is of {two.time_h:g} h, “{one.name}” before it of "
                f"{one.time_h:g} h."
            )
    for before in range(len(states) - 1):
        one, two = states[before], states[before + 1]
        first, second = _voltage(one), _voltage(two)
        if first is None or second is None:
            continue
        falls, rises = second < first - _SAME_VOLTAGE, second > first + _SAME_VOLTAGE
        if (two.direction == "charge" and falls) or (two.direction == "discharge" and rises):
            problems[before + 1].append(
                f"the voltage {'falls' if falls else 'rises'} on {two.direction} "
                f"(“{one.name}” {first:g} V, then {second:g} V): check the order and the direction."
            )


def _voltage(state: State) -> float | None:
    return named_voltage(state.name) if state.voltage_v is None else state.voltage_v
