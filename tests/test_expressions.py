"""Conditions over tables: numpy and pandas as the references, and that nothing else runs."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.expressions import column_array, evaluate, matching

TABLE = pd.DataFrame(
    {
        "label": np.array([1, 2, 70_000, 2**60], dtype=np.int64),
        "volume_um3": [10.0, 60.0, np.nan, 200.0],
        "touches_border": [False, True, False, False],
        "note": ["", "no core", "cut by a face", "no core"],
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("volume_um3 > 50", [0, 1, 0, 1]),
        ("volume_um3 > 50 and not touches_border", [0, 0, 0, 1]),
        ("volume_um3 < 20 or touches_border", [1, 1, 0, 0]),
        ("20 < volume_um3 <= 60", [0, 1, 0, 0]),
        ("isnan(volume_um3)", [0, 0, 1, 0]),
        ("volume_um3 != 10", [0, 1, 1, 1]),
        ("label in (1, 70000)", [1, 0, 1, 0]),
        ("label not in [1, 70000]", [0, 1, 0, 1]),
        ("label in ()", [0, 0, 0, 0]),
        (f"label == {2**60}", [0, 0, 0, 1]),
        (f"label == {2**60 + 1}", [0, 0, 0, 0]),  # no detour through float64
        (f"label < {10**30}", [1, 1, 1, 1]),
        ("note == 'no core'", [0, 1, 0, 1]),
        ('"cut" in note', [0, 0, 1, 0]),
        ('"core" not in note', [1, 0, 1, 0]),
        ("note in ('', 'no core')", [1, 1, 0, 1]),
        ("note != ''", [0, 1, 1, 1]),
        ("touches_border == False", [1, 0, 1, 1]),
        ("touches_border == 1", [0, 1, 0, 0]),
        ("sqrt(volume_um3) ** 2 / 2 > 25 - -4", [0, 1, 0, 1]),
        ("abs(-volume_um3) == +volume_um3", [1, 1, 0, 1]),
        ("log(volume_um3) > 4.05", [0, 1, 0, 1]),
        ("label ** -1 == 0.5", [0, 1, 0, 0]),
        ("True", [1, 1, 1, 1]),
        ("1 > 2", [0, 0, 0, 0]),
        ("  (volume_um3\n) > 50 ", [0, 1, 0, 1]),
    ],
)
def test_conditions(text, expected):
    found = matching(text, TABLE)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, np.array(expected, dtype=bool))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("volume > 5", "Did you mean volume_um3"),
        ("xyz > 5", "Columns: label, volume_um3, touches_border, note"),
        ("volume_um3 = 5", "Compare with =="),
        ("volume_um3 > 5 AND touches_border", "“and”"),
        ("(volume_um3 > 5) & touches_border", "“and”"),
        ("(volume_um3 > 5) | touches_border", "“or”"),
        ("~touches_border", "“not”"),
        ("volume_um3 + 5", "gives numbers"),
        ("note", "gives text"),
        ("volume_um3 and touches_border", "“volume_um3 > 0”"),
        ("note > 3", "cannot be compared"),
        ("volume_um3 > 'a'", "cannot be compared"),
        ("note + 1 > 2", "is text"),
        ("label in 5", "after “in”"),
        ("label in (label, 2)", "no columns"),
        ("label in ('a', 2)", "must hold the same"),
        ("volume_um3 > 5,5", "decimal point"),
        ("volume_um3 >", "cannot be read"),
        ("", "is empty"),
        ("volume_um3 is True", "=="),
        ("median(volume_um3) > 2", "abs, log, sqrt, isnan"),
        ("volume_um3 > 5 if True else False", "not understood"),
        ("volume_um3 > 5\x00", "cannot be read"),
        ("not " * 1200 + "True", "nested too deeply"),
        ("1" * 6000, "6000 characters"),
        ("9" * 4500 + " > 1", "cannot be read"),
        ("None == None", "not understood"),
        ("1j > 2", "not understood"),
    ],
)
def test_errors_say_what_is_wrong(text, says):
    with pytest.raises(InputError, match=r"(?s).") as caught:
        matching(text, TABLE)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "label.__class__ == 1",
        "(lambda: 1)() == 1",
        "[x for x in note] == 1",
        "abs(label, out=label) > 1",
        "abs.__globals__ == 1",
        "label[0] == 1",
        "f'{label}' == 'a'",
        "(x := 5) > 2",
        "abs(*label) > 1",
        "log > 2",
    ],
)
def test_nothing_else_runs(text):
    with pytest.raises(InputError):
        matching(text, TABLE)


def test_a_tower_of_powers_ends():
    # Python's own integers would fill the memory
    assert not matching("9 ** 9 ** 9 ** 9 < 5", TABLE).any()


NUMBERS = st.sampled_from(["a", "b", "n"]) | st.integers(-5, 5).map(str)
NUMERIC = st.recursive(
    NUMBERS,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        )
        | inner.map(lambda t: f"abs({t})")
    ),
    max_leaves=4,
)
COMPARISON = st.tuples(NUMERIC, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), NUMERIC).map(
    " ".join
)
CONDITION = st.recursive(
    COMPARISON | st.sampled_from(["flag", "True", "False", "isnan(b)"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        )
        | inner.map(lambda t: f"(not ({t}))")
    ),
    max_leaves=6,
)
VALUES = st.floats(-10, 10) | st.just(np.nan)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.integers(-5, 5), st.booleans()), max_size=8)


@given(CONDITION, ROWS)
def test_every_row_gets_what_python_says_about_it(text, rows):
    """Row by row, Python's own evaluation of the same text is the reference."""
    table = pd.DataFrame(rows, columns=["a", "b", "n", "flag"]).astype(
        {"a": float, "b": float, "n": int, "flag": bool}
    )
    names = {"isnan": np.isnan, "abs": abs}
    expected = [
        bool(eval(text, names, dict(zip("abn", row[:3], strict=True)) | {"flag": row[3]}))
        for row in rows
    ]
    np.testing.assert_array_equal(matching(text, table), np.array(expected, dtype=bool))


@given(COMPARISON, ROWS.filter(len))
def test_pandas_agrees(text, rows):
    table = pd.DataFrame(rows, columns=["a", "b", "n", "flag"]).astype({"n": float})
    expected = table.eval(text, engine="python")
    np.testing.assert_array_equal(
        matching(text, table), np.broadcast_to(np.asarray(expected, dtype=bool), len(table))
    )


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_a_plain_error(text):
    with contextlib.suppress(InputError):
        assert matching(text, TABLE).shape == (4,)


def test_evaluate_gives_numbers_too():
    found = evaluate("volume_um3 / 2", {"volume_um3": np.array([1, 4], dtype=np.uint8)})
    np.testing.assert_array_equal(found, [0.5, 2.0])
    # arithmetic of small unsigned integers must not wrap round
    np.testing.assert_array_equal(
        evaluate("v - 5", {"v": np.array([1, 4], dtype=np.uint8)}), [-4.0, -1.0]
    )


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (pd.Series([1, None], dtype="Int64"), "f"),
        (pd.Series([1, 2], dtype="Int64"), "i"),
        (pd.Series([1, 2], dtype=np.uint16), "u"),
        (pd.Series([True, False]), "b"),
        (pd.Series([True, None], dtype="boolean"), "f"),
        (pd.Series([True, None], dtype=object), "f"),
        (pd.Series(["a", None]), "O"),
        (pd.Series(["a", "b"], dtype="category"), "O"),
        (pd.Series([np.nan, np.nan]), "f"),
        (pd.Series([], dtype=float), "f"),
        (pd.Series([], dtype=object), "O"),
        (pd.Series([1, 2], dtype=np.float32), "f"),
        (pd.Series(["a", 3], dtype=object), "O"),
    ],
)
def test_columns_of_every_kind(series, kind):
    array = column_array(series)
    assert array.dtype.kind == kind
    assert len(array) == len(series)
    if kind == "O":
        assert all(isinstance(value, str) for value in array)
