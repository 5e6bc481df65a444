from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.radial import map_values, rows_of_labels
from napari_battery.volume import Volume


@settings(max_examples=30, deadline=None)
@given(
    labels=st.lists(st.integers(1, 2**62), min_size=1, max_size=8, unique=True),
    small=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_voxel_has_its_particles_value(labels: list[int], small: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = np.array([label % 200 + 1 for label in labels] if small else labels)
    known = np.unique(known)
    values = rng.normal(size=known.size)
    volume = rng.choice(np.append(known, [0, 2**62 + 5 if not small else 250]), (4, 5, 6))
    if small:
        volume = volume.astype(np.uint8)
    table = pd.DataFrame({"label": known, "core_mean": values}).sample(frac=1, random_state=seed)
    made = map_values(Volume(volume, (1, 2, 3), name="l"), table, "core_mean")
    assert made.dtype == np.float32
    assert made.voxel_size_um == (1, 2, 3)
    look_up = dict(zip(known.tolist(), values, strict=True))
    expected = [look_up.get(int(v), np.nan) for v in volume.ravel()]
    np.testing.assert_array_equal(made.data.ravel(), np.array(expected, np.float32))


def test_writes_into_a_file_and_can_be_stopped(tmp_path: Path) -> None:
    labels = Volume(np.ones((3, 4), np.int16))
    out = np.lib.format.open_memmap(tmp_path / "map.npy", "w+", np.float32, (3, 4))
    table = pd.DataFrame({"label": [1], "touches_border": [True]})
    assert map_values(labels, table, "touches_border", out=out).data is out
    assert (out == 1).all()
    with pytest.raises(Cancelled):
        map_values(labels, table, "touches_border", CallbackProgress(print, lambda: True))


def test_bad_tables_are_refused() -> None:
    labels = Volume(np.ones((3, 4), np.int16))
    table = pd.DataFrame({"label": [1, 1], "note": ["", ""], "mean": [1.0, 2.0]})
    with pytest.raises(InputError, match="no column “core_mean”"):
        map_values(labels, table, "core_mean")
    with pytest.raises(InputError, match="text"):
        map_values(labels, table, "note")
    with pytest.raises(InputError, match="several rows"):
        map_values(labels, table, "mean")


def test_empty_table_paints_nothing() -> None:
    table = pd.DataFrame({"label": np.zeros(0, np.int64), "mean": np.zeros(0)})
    made = map_values(Volume(np.ones((3, 4), np.int64)), table, "mean")
    assert np.isnan(made.data).all()


def test_mixed_number_types_stay_exact() -> None:
    labels = np.array([[3, 2**63 + 7, 2**62 + 1]], np.uint64)
    table = pd.DataFrame({"label": [3, 2**62 + 1, 2**62], "mean": [1.0, 2.0, 9.0]})
    made = map_values(Volume(labels), table, "mean").data
    np.testing.assert_array_equal(made, np.array([[1, np.nan, 2]], np.float32))
    small = pd.DataFrame({"label": [0, 1, 300], "mean": [5.0, 6.0, 7.0]})
    made = map_values(Volume(np.array([[0, 1, 255]], np.uint8)), small, "mean").data
    np.testing.assert_array_equal(made, np.array([[np.nan, 6, np.nan]], np.float32))
    made = map_values(Volume(np.array([[-4, 1, 300]], np.int16)), small, "mean").data
    np.testing.assert_array_equal(made, np.array([[np.nan, 6, 7]], np.float32))


def test_rows_follow_the_labels_of_the_image() -> None:
    labels = Volume(np.array([[0, 5, 2], [2**63 + 1, 5, 0]], np.uint64), name="l")
    table = pd.DataFrame({"label": [2, 3, 5], "mean": [1.0, 2.0, 3.0]})
    rows, notes = rows_of_labels(labels, table)
    assert rows["label"].tolist() == [2, 5, 2**63 + 1]
    np.testing.assert_array_equal(rows["mean"], [1, 3, np.nan])
    assert notes == [
        "1 of 3 particles of “l” have no row in the table.",
        "1 of 3 rows of the table have no particle in “l”.",
    ]
    rows, notes = rows_of_labels(Volume(np.array([[2, 5, 3]])), table)
    assert (rows["mean"].tolist(), notes) == ([1, 2, 3], [])
    with pytest.raises(InputError, match="no label in common"):
        rows_of_labels(Volume(np.array([[7, 8, 0]])), table)


@pytest.mark.parametrize("bad", ["a", "1.5", "", None])
def test_labels_are_whole_numbers(bad: object) -> None:
    table = pd.DataFrame({"label": [1, bad], "mean": [1.0, 2.0]})
    with pytest.raises(InputError, match="Row 2 of the table has the label"):
        map_values(Volume(np.ones((3, 4), np.int16)), table, "mean")
