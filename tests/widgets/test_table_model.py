from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from qtpy.QtCore import Qt

from napari_battery.errors import InputError
from napari_battery.widgets.table_model import TableModel, cell_text, sort_order

TABLE = pd.DataFrame(
    {
        "label": np.array([3, 70_000, 1, 2**40]),
        "volume_um3": [10.0, np.nan, 123456.7, 0.012345],
        "core_mean": [1.0, 1.0, np.nan, 0.0],
        "touches_border": [True, False, False, True],
        "note": ["", "no core", "", "cut"],
    }
)
SMALL = st.integers(0, 12)
COLUMNS = st.one_of(
    arrays(np.float64, SMALL, elements=st.floats(-3, 3) | st.just(np.nan)),
    arrays(np.int64, SMALL, elements=st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])),
    arrays(np.uint16, SMALL, elements=st.integers(0, 5)),
    arrays(np.bool_, SMALL),
    arrays(object, SMALL, elements=st.sampled_from(["", "a", "b", "B", "ä", "aa"])),
)


@given(COLUMNS, st.booleans())
def test_the_order_is_stable_with_the_missing_last(values, descending):
    order = sort_order(values, descending=descending)
    missing = [value == "" or value != value for value in values.tolist()]
    rows = [i for i in range(len(values)) if not missing[i]]
    # Python's sort is stable in either direction, and its order of str and int the reference
    expected = sorted(rows, key=lambda i: values[i], reverse=descending)
    expected += [i for i in range(len(values)) if missing[i]]
    assert order.tolist() == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.3456, "12.35"),
        (123456.7, "123457"),
        (0.0123456, "0.01235"),
        (0.0, "0"),
        (-0.5, "-0.5000"),
        (2.5e12, "2.500e+12"),
        (1e-7, "1.000e-07"),
        (np.float32(0.25), "0.2500"),
        (np.nan, "–"),
        (np.inf, "inf"),
        (np.int64(70_000), "70000"),
        (np.True_, "yes"),
        (False, "no"),
        ("cut", "cut"),
    ],
)
def test_cells_are_written_for_people(value, text):
    assert cell_text(value) == text


@pytest.fixture
def model(qapp):
    model = TableModel()
    model.set_table(TABLE, assumed=True)
    return model


def shown(model, column=0):
    return [model.index(row, column).data() for row in range(model.rowCount())]


def test_it_obeys_the_rules_of_qt_models(model, qtmodeltester):
    qtmodeltester.check(model)


def test_headers_name_unit_and_what_is_assumed(model):
    header = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(5)]
    assert header[1] == "Volume\n(µm³, assumed)"
    assert header[2] == "Core mean\n(grey level)"
    tip = model.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert "Voxels × voxel volume" in tip
    assert "volume_um3" in tip
    model.set_table(TABLE)
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Volume\n(µm³)"


def test_sorting_and_filtering_together(model):
    model.sort(1, Qt.SortOrder.DescendingOrder)
    assert shown(model) == ["1", "3", str(2**40), "70000"]
    model.set_condition("volume_um3 > 1 or note == 'no core'")
    assert shown(model) == ["1", "3", "70000"]
    model.sort(0, Qt.SortOrder.AscendingOrder)
    assert shown(model) == ["1", "3", "70000"]
    model.sort(-1)
    assert shown(model) == ["3", "70000", "1"]
    assert model.shown()["label"].tolist() == [3, 70_000, 1]
    assert model.n_all == 4


def test_a_wrong_condition_changes_nothing(model):
    model.set_condition("touches_border")
    with pytest.raises(InputError):
        model.set_condition("touches_bord")
    assert shown(model) == ["3", str(2**40)]
    assert model.condition == "touches_border"


def test_the_order_outlives_a_new_table_of_the_same_columns(model):
    model.sort(2, Qt.SortOrder.DescendingOrder)
    model.set_table(TABLE.assign(core_mean=[0.0, 5.0, 1.0, 2.0]))
    assert shown(model) == ["70000", str(2**40), "1", "3"]
    model.set_table(TABLE[["label", "note"]])
    assert shown(model) == ["3", "70000", "1", str(2**40)]


@given(st.lists(st.integers(1, 2**62), unique=True, max_size=8), st.data())
def test_labels_and_rows_are_each_others_inverse(labels, data):
    model = TableModel()
    keep = data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels)))
    model.set_table(
        pd.DataFrame({"label": np.array(labels, dtype=np.int64), "keep": np.array(keep, bool)})
    )
    model.sort(0, Qt.SortOrder.DescendingOrder)
    model.set_condition("keep")
    rows = np.arange(model.rowCount())
    order = model.labels(rows)
    assert order.tolist() == sorted((x for x, k in zip(labels, keep, strict=True) if k))[::-1]
    np.testing.assert_array_equal(model.rows(tuple(labels)), rows)
    for row, label in enumerate(order):
        assert model.rows((int(label),)).tolist() == [row]


def test_an_empty_table_and_one_without_labels(qapp):
    model = TableModel()
    model.set_table(pd.DataFrame({"label": np.empty(0, int), "mean": []}))
    assert model.rowCount() == 0
    assert model.rows((1, 2)).size == 0
    model.set_condition("mean > 2")
    model.sort(1)
    model.set_table(pd.DataFrame({"x": [1.0]}))
    assert model.rows((1,)).size == 0
    assert model.labels(np.array([0])).size == 0
