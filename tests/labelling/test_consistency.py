"""Rules of consistency: each alone, presets, what a ledger counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.labelling import (
    RULES,
    ConsistencySettings,
    as_published,
    check_consistency,
    ledger,
    particle_reasons,
    recommended,
)

OFF = ConsistencySettings(**dict.fromkeys(RULES, False))
STATES = ("pristine", "4.4 V")


def table(n: int = 8, **changes: dict[int, object]) -> pd.DataFrame:
    """n faultless particles in two states, with columns changed at labels of the later one."""
    rows = pd.DataFrame(
        {
            "label": np.tile(np.arange(1, n + 1), 2),
            "state": np.repeat(STATES, n),
            "volume_change": 0.0,
            "shift_radii": 0.0,
            "iou": 0.9,
            "cross_label": np.tile(np.arange(1, n + 1), 2),
            "cross_iou": np.repeat([np.nan, 0.95], n),
            "pieces": 1,
            "largest_piece": 1.0,
            "touches_border": False,
        }
    )
    for column, values in changes.items():
        for label, value in values.items():
            rows.loc[n + label - 1, column] = value
    return rows


def removed(rows: pd.DataFrame) -> list[int]:
    return sorted(rows.loc[~rows["kept"], "label"].unique().tolist())


@pytest.mark.parametrize(
    ("rule", "changes", "beyond"),
    [
        ("missing", {"pieces": {3: 0}, "volume_change": {3: np.nan}}, [3]),
        ("border", {"touches_border": {2: True}}, [2]),
        # ln 1.34 = .293 is within, ln 1.36 = .307 beyond; ln .75 = -.288, ln .73 = -.315
        ("volume", {"volume_change": {1: 0.34, 2: 0.36, 3: -0.25, 4: -0.27}}, [2, 4]),
        ("centre", {"shift_radii": {5: 1.01, 6: 0.99}}, [5]),
        ("overlap", {"iou": {5: 0.09, 6: 0.11}}, [5]),
        ("pieces", {"pieces": {4: 2, 5: 3}, "largest_piece": {4: 0.95, 5: 0.8}}, [5]),
        # another's particle, badly delineated, merged by the other method, unknown to it
        (
            "cross_check",
            {"cross_label": {1: 2, 3: 4, 4: 0}, "cross_iou": {1: 0.9, 2: 0.4, 3: 0.2, 4: 0.9}},
            [1, 2],
        ),
    ],
)
def test_each_rule_alone(rule, changes, beyond):
    rows = table(**changes)
    assert removed(check_consistency(rows, OFF)) == []
    only = check_consistency(rows, OFF.model_copy(update={rule: True}))
    assert removed(only) == beyond
    assert set(only["reason"]) == {"", RULES[rule]}
    # the reason stands in the state where it arose, and the particle goes in both
    assert set(only.loc[only["reason"] != "", "state"]) == {"4.4 V"}
    assert (~only["kept"]).sum() == 2 * len(beyond)
    assert len(only) == len(rows)


def test_volume_is_compared_with_what_all_particles_do():
    """An electrode whose particles all grow by 40 % is consistent."""
    rows = table(9, volume_change=dict.fromkeys(range(1, 9), 0.4) | {9: 0.0})
    assert removed(check_consistency(rows)) == [9]


def test_neighbours_of_inconsistent_ones_but_not_of_cut_ones():
    rows = table(pieces={1: 0}, touches_border={5: True})
    contacts = pd.DataFrame({"label": [1, 5, 3, 7], "neighbour": [2, 6, 1, 8]})
    checked = check_consistency(rows, as_published(), contacts)
    assert removed(checked) == [1, 2, 3, 5]
    reasons = particle_reasons(checked).set_index("label")
    assert reasons.loc[[1, 2, 3, 4, 5], "reason"].tolist() == [
        "missing",
        "neighbour of an inconsistent one",
        "neighbour of an inconsistent one",
        "",
        "touches the border",
    ]
    assert reasons["states"].tolist()[:5] == ["4.4 V", "4.4 V", "4.4 V", "", "4.4 V"]
    assert removed(check_consistency(rows, recommended())) == [1, 5]
    with pytest.raises(InputError, match="contacts"):
        check_consistency(rows, as_published())


def test_the_ledger_counts_particles_not_rows():
    rows = table(iou={2: 0.01, 3: 0.01}, shift_radii={3: 2.0})
    rows.loc[rows["label"] == 4, "touches_border"] = True
    counts = ledger(check_consistency(rows)).set_index("rule")
    assert counts.loc["overlap", ["particles", "only_this"]].tolist() == [2, 1]
    assert counts.loc["centre", ["particles", "only_this"]].tolist() == [1, 0]
    assert counts.loc["border", ["particles", "only_this"]].tolist() == [1, 1]
    assert list(counts.index) == list(RULES)
    several = particle_reasons(check_consistency(rows)).set_index("label").loc[3]
    assert several["reason"] == "centre jump; little overlap"
    assert several["first_reason"] == "centre jump"


def test_order_of_rows_does_not_matter_and_checks_can_be_repeated():
    rng = np.random.default_rng(0)
    rows = table(50, iou=dict(enumerate(rng.random(50) * 0.3, 1)), pieces={7: 0})
    once = check_consistency(rows)
    mixed = check_consistency(check_consistency(rows, OFF).sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(mixed.sort_index()[once.columns], once)


def test_every_rule_is_a_switch_of_the_settings():
    fields = ConsistencySettings.model_fields
    assert all(fields[name].annotation is bool for name in RULES)
    assert {name for name in RULES if getattr(as_published(), name)} == {
        "missing",
        "border",
        "neighbours",
    }
    assert not recommended().neighbours


def test_a_table_of_another_kind_is_named():
    with pytest.raises(InputError, match="“iou”"):
        check_consistency(table().drop(columns="iou"))
    empty = check_consistency(table().iloc[:0])
    assert len(empty) == 0
    assert particle_reasons(empty).empty
    assert (ledger(empty)["particles"] == 0).all()
