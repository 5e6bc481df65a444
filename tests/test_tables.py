from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.tables import (
    COLUMNS,
    LAYERS,
    PARTICLES_2D,
    PARTICLES_3D,
    SHELLS,
    column_title,
    read_table,
    write_table,
)


@pytest.mark.parametrize("names", [PARTICLES_3D, PARTICLES_2D, LAYERS, SHELLS])
def test_every_column_is_documented(names: tuple[str, ...]) -> None:
    assert set(names) <= set(COLUMNS)
    assert len(set(names)) == len(names)


def test_columns_that_name_a_unit_have_it() -> None:
    for name, column in COLUMNS.items():
        if name.endswith(("_um", "_um2", "_um3")):
            power = {"2": "²", "3": "³"}.get(name[-1], "")
            per = "1/" if "_per_um" in name else ""
            assert column.unit == f"{per}µm{power}", name


def test_titles_say_what_is_assumed() -> None:
    assert column_title("volume_um3") == "Volume (µm³)"
    assert column_title("volume_um3", assumed=True) == "Volume (µm³, assumed)"
    assert column_title("core_mean", assumed=True) == "Core mean (grey level)"
    assert column_title("mine") == "mine"


def test_round_trip_is_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "label": [1, 70_000, 2**40],
            "core_mean": [rng.random() * 1e-7, np.nan, 1 / 3],
            "touches_border": [True, False, True],
            "note": ["", "no core", "a, “b”"],
        }
    )
    write_table(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "t.csv"), table, check_dtype=False, check_exact=True
    )


def test_notes_are_texts_also_where_all_are_empty(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", pd.DataFrame({"label": [1, 2], "note": ["", ""]}))
    assert list(read_table(tmp_path / "t.csv")["note"]) == ["", ""]


@given(st.text(alphabet=st.sampled_from("=+-@\t\ra1,\"'\n"), min_size=1, max_size=6))
def test_no_cell_runs_as_a_formula(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        write_table(path, pd.DataFrame({"label": [-1], "note": [text], text: [0.5]}))
        with path.open(newline="", encoding="utf-8") as file:
            header, row = list(csv.reader(file))
    assert row[0] == "-1"  # negative numbers are untouched
    for cell in (*header, row[1]):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    assert row[1] in (kept, f"'{kept}")


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone.csv"):
        read_table(tmp_path / "gone.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InputError, match="empty.csv"):
        read_table(tmp_path / "empty.csv")
