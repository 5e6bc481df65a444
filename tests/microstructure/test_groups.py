"""Groups of volumes: means and spreads that can be told by hand, and expansion between two."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.microstructure.comparison import compare_groups
from napari_battery.microstructure.groups import group_table, sample_table
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.phases import Phases
from napari_battery.microstructure.sample import Sample
from napari_battery.tables import MICROSTRUCTURE

SETTINGS = MicrostructureSettings(metrics="volume_fractions", splits=1, most_splits=1)


def share(name: str, active: float) -> Sample:
    """A volume of which the given share (in tenths) is active."""
    data = np.zeros((10, 10, 10), np.uint8)
    data[: round(10 * active)] = 1
    return Sample(Phases(data, {"pore": 0, "active": 1}, (1.0,) * 3, name))


def test_a_group_is_the_mean_of_its_volumes_and_their_spread():
    samples = [share("a", 0.4), share("b", 0.5), share("c", 0.6), share("d", 0.3)]
    groups = {"a": "pristine", "b": "pristine", "c": "pristine", "d": "cycled"}
    found = compare_groups(samples, groups, SETTINGS, expanded=("pristine", "cycled"))
    assert tuple(found.table) == MICROSTRUCTURE
    table = found.table[
        (found.table["metric"] == "volume_fraction") & (found.table["phase"] == "active")
    ]
    rows = table.set_index(["volume", "region"])
    assert rows.loc[("pristine", "whole"), "value"] == pytest.approx(0.5)
    assert rows.loc[("pristine", "sub-regions"), "sd"] == pytest.approx(0.1)
    assert rows.loc[("pristine", "sub-regions"), "n_regions"] == 3
    assert "mean of 3 volumes" in rows.loc[("pristine", "whole"), "method"]
    assert rows.loc[("cycled", "whole"), "value"] == pytest.approx(0.3)
    assert ("cycled", "sub-regions") not in rows.index
    grown = found.table[found.table["metric"] == "expansion_fraction"].iloc[0]
    assert grown["value"] == pytest.approx(0.3 / 0.4 - 1)  # of the first volume of each
    assert found.made["groups"] == groups


def test_infinite_values_are_counted_and_left_out():
    row = {"metric": "kappa", "phase": "pore", "axis": "z", "unit": "", "region": "whole",
           "n_regions": 1, "method": "solver"}  # fmt: skip
    table = pd.DataFrame(
        [{**row, "volume": n, "value": v} for n, v in (("a", 2.0), ("b", 3.0), ("c", np.inf))]
    ).reindex(columns=list(MICROSTRUCTURE))
    whole = group_table(table, dict.fromkeys("abc", "g")).iloc[0]
    assert whole["value"] == pytest.approx(2.5)
    assert "1 of them infinite" in whole["method"]


def test_one_row_per_sample_for_a_regression():
    samples = [share("a", 0.4), share("b", 0.7)]
    found = compare_groups(samples, {"a": "x", "b": "y"}, SETTINGS)
    table = sample_table(found.measured.table, found.groups)
    assert list(table["sample"]) == ["a", "b"]
    assert list(table["group"]) == ["x", "y"]
    np.testing.assert_allclose(table["volume_fraction_active"], [0.4, 0.7])


def test_expansion_needs_two_groups_with_active_material():
    bare = Sample(Phases(np.zeros((10, 10, 10), np.uint8), {"pore": 0}, (1.0,) * 3, "bare"))
    samples = [share("a", 0.4), bare]
    with pytest.raises(InputError, match="No volume of “bare”"):
        compare_groups(samples, {}, SETTINGS, expanded=("a", "bare"))
    with pytest.raises(InputError, match="to itself"):
        compare_groups(samples, {}, SETTINGS, expanded=("a", "a"))
