"""Size distributions against numpy's percentiles and packings whose sizes are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.microstructure.sizes import (
    particle_sizes,
    pore_sizes,
    sizes_from_table,
)


def table(diameters, cut=False):
    diameters = np.asarray(diameters, float)
    return pd.DataFrame(
        {
            "equivalent_diameter_um": diameters,
            "volume_um3": np.pi / 6 * diameters**3,
            "touches_border": cut,
        }
    )


@given(st.lists(st.floats(0.5, 50), min_size=1, max_size=30))
def test_by_number_they_are_hazens_percentiles(diameters):
    found = sizes_from_table(table(diameters), "number")
    percent = [10, 50, 90]
    wanted = np.percentile(diameters, percent, method="hazen")
    assert found.percentiles(percent) == pytest.approx(wanted)
    assert found.mean_um == pytest.approx(np.mean(diameters))
    assert found.std_um == pytest.approx(np.std(diameters), abs=1e-6)


def test_by_volume_a_lognormal_shifts_as_hatch_and_choate_say():
    rng = np.random.default_rng(0)
    sigma = 0.4
    found = sizes_from_table(table(rng.lognormal(1, sigma, 200_000)), "volume")
    # ln D50,volume = ln D50,number + 3 ln²σ (Hatch and Choate 1929)
    assert np.log(found.percentiles(50)) == pytest.approx(1 + 3 * sigma**2, abs=0.02)
    spread = np.log(found.percentiles(90) / found.percentiles(50))
    assert spread == pytest.approx(1.2816 * sigma, abs=0.02)


def test_cut_particles_are_left_out_and_counted():
    some = table([2, 4, 6, 8], cut=[False, True, False, True])
    found = sizes_from_table(some, "number")
    assert list(found.diameters_um) == [2, 6]
    assert (found.n_particles, found.n_cut) == (2, 2)
    assert sizes_from_table(some, "number", "include").n_particles == 4
    with pytest.raises(InputError, match="shape of the volume"):
        sizes_from_table(some, "number", "correct")


def test_nothing_left_is_nan_and_a_missing_column_is_named():
    found = sizes_from_table(table([3.0], cut=[True]))
    assert np.isnan(list(found.summary().values())[:5]).all()
    assert (found.n_particles, found.n_cut) == (0, 1)
    assert len(found.histogram()) == 0
    with pytest.raises(InputError, match="volume|area"):
        sizes_from_table(pd.DataFrame({"equivalent_diameter_um": [1.0]}))


def test_the_correction_undoes_that_large_particles_are_cut_more_often():
    rng = np.random.default_rng(1)
    side, edges = 60, np.array([8, 32])
    names = [f"bbox_{axis}" for axis in "zyx"]
    rows = []
    # cubes of two sizes, as many of both, anywhere: those seen whole
    for edge in edges:
        low = rng.integers(-64, side, (40_000, 3))
        seen = low[((low > 0) & (low + edge < side)).all(axis=1)]
        for name, start in zip(names, seen.T, strict=True):
            rows.append((name, edge, start))
    parts = []
    for edge in edges:
        columns = {n: start for n, e, start in rows if e == edge}
        part = {f"{n}0": s for n, s in columns.items()} | {
            f"{n}1": s + edge for n, s in columns.items()
        }
        part = pd.DataFrame(part)
        part["equivalent_diameter_um"] = float(edge)
        part["volume_um3"] = float(edge) ** 3
        part["touches_border"] = False
        parts.append(part)
    everything = pd.concat(parts)
    plain = sizes_from_table(everything, "number").mean_um
    corrected = sizes_from_table(everything, "number", "correct", (side,) * 3).mean_um
    assert plain < 16
    assert corrected == pytest.approx(edges.mean(), rel=0.05)


def test_labels_give_the_sizes_of_their_particles():
    labels = np.zeros((30, 30, 30), np.uint16)
    labels[3:7, 3:7, 3:7] = 5
    labels[10:20, 10:20, 10:20] = 2
    labels[25:, 25:, 25:] = 9
    found = particle_sizes(labels, (0.5, 0.5, 0.5), "number")
    wanted = np.cbrt(6 / np.pi * np.array([64, 1000]) / 8)
    assert found.diameters_um == pytest.approx(wanted)
    assert found.n_cut == 1
    plane = particle_sizes(labels[5], (1, 1), "number")
    assert plane.diameters_um == pytest.approx([np.sqrt(64 / np.pi)])


def test_pores_of_two_widths_count_by_volume():
    mask = np.zeros((40, 20, 20), bool)
    mask[5:9], mask[15:35] = True, True
    found = pore_sizes(mask, (1, 1, 1))
    assert found.weights.sum() == pytest.approx(1)
    small = found.diameters_um < 8
    assert found.weights[small].sum() == pytest.approx(4 / 24)
    assert found.percentiles([10, 50]) == pytest.approx([4, 20], abs=1)
    assert np.isnan(pore_sizes(np.zeros((3, 3, 3), bool), (1, 1, 1)).percentiles(50))
