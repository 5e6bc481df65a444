"""The list of states: read, written, and seen through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.states.manifest import (
    State,
    named_voltage,
    read_manifest,
    row_problems,
    state_problems,
    write_manifest,
)


def _written(folder: Path, text: str) -> Path:
    path = folder / "states.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_only_two_columns_are_needed_and_paths_start_at_the_manifest(tmp_path: Path) -> None:
    states = read_manifest(_written(tmp_path, "image,state\na/b.tif,pristine\n/x/c.tif,4.4 V\n"))
    assert states == [State("pristine", tmp_path / "a/b.tif"), State("4.4 V", Path("/x/c.tif"))]


def test_all_columns_and_what_spreadsheets_add(tmp_path: Path) -> None:
    text = (
        "\ufeffstate, image,labels,direction,voltage_V,time_h,note,capacity_mAh\r\n"
        "pristine, a.tif,l.tif,,,0,x,\r\n4.4 V,b.tif,,Charge,4.4,12.5,,5.25\r\n,,,,,,,\r\n"
    )
    first, second = read_manifest(_written(tmp_path, text))
    assert first == State("pristine", tmp_path / "a.tif", tmp_path / "l.tif", "", None, 0.0)
    assert second == State("4.4 V", tmp_path / "b.tif", None, "charge", 4.4, 12.5, 5.25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("state,voltage_V\npristine,3\n", "no column “image”"),
        ("state,image\n", "lists no states"),
        ("state,image\n,a.tif\n", "Line 2 of states.csv names no state"),
        ("state,image,voltage_V\np,a.tif,3\n\nq,b.tif,high\n", "voltage “high”, which is not"),
        ("state,image,time_h\np,a.tif,inf\n", "time “inf”, which is not"),
        ("state,image,capacity_mAh\np,a.tif,5 Ah\n", "capacity “5 Ah”, which is not"),
        ("", "Cannot read the states"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_manifest(_written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv"):
        read_manifest(tmp_path / "none.csv")


_NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda name: not name.startswith("'")
)
_NUMBERS = st.none() | st.floats(-1e6, 1e6)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(_NAMES, st.sampled_from(["", "charge"]), _NUMBERS, _NUMBERS, _NUMBERS), min_size=1
    )
)
def test_what_is_written_is_read(rows: list[tuple[Any, ...]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        states = [
            State(title, folder / f"{i}.tif", None, *told) for i, (title, *told) in enumerate(rows)
        ]
        write_manifest(folder / "states.csv", states)
        assert read_manifest(folder / "states.csv") == states


def test_a_folder_can_be_moved_as_a_whole(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    states = [State("a", here / "in" / "a.tif"), State("b", tmp_path / "outside.tif")]
    write_manifest(here / "states.csv", states)
    here.rename(there)
    images = [state.image for state in read_manifest(there / "states.csv")]
    assert images == [there / "in" / "a.tif", tmp_path / "outside.tif"]


def _cycle() -> list[State]:
    return [
        State("pristine"),
        State("4.2 V", None, None, "charge", 4.2, 10),
        State("4.4 V", None, None, "charge", None, 12),
        State("2.5 V", None, None, "discharge", 2.5, 30),
    ]


def test_nothing_is_said_of_a_cycle_in_order() -> None:
    assert state_problems(_cycle(), files=False) == []


def test_swapped_states_are_seen() -> None:
    first, low, high, last = _cycle()
    said = row_problems([first, high, low, last], files=False)
    assert [bool(problems) for problems in said] == [False, False, True, False]
    assert any("out of order" in text for text in said[2])  # 10 h after 12 h
    assert any("falls on charge" in text for text in said[2])  # the name tells the voltage


def test_repeated_missing_and_misnamed_states_are_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    file.touch()
    states = [
        State("pristine", file),
        State("Pristine", file, tmp_path / "none.tif"),
        State("4.4 V", None, None, "up", 4.2),
    ]
    first, second, third = row_problems(states)
    assert first == []
    assert len(second) == 3
    assert "twice" in second[0] + second[1]
    assert "same image as “pristine”" in " ".join(second)
    assert "none.tif" in " ".join(second)
    assert len(third) == 3
    assert "“up”" in " ".join(third)
    assert "name says 4.4 V, the voltage is 4.2 V" in " ".join(third)
    assert "no image" in " ".join(third)


def test_one_state_is_no_study() -> None:
    assert state_problems([State("pristine")], files=False) == ["A study needs two states or more."]


@pytest.mark.parametrize(
    ("name", "volts"),
    [("4.4 V", 4.4), ("charged to 4,2V", 4.2), ("pristine", None), ("2.5 V after 4.4 V", None),
     ("NMC811 3 V", 3.0), ("4 Volt", None)],
)  # fmt: skip
def test_voltages_in_names(name: str, volts: float | None) -> None:
    assert named_voltage(name) == volts
