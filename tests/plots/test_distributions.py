"""Histograms count every particle; sizes weigh by volume."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.plots import core_histogram, size_distribution


def particles(n=400, seed=1, shift=0.0):
    rng = np.random.default_rng(seed)
    diameter = rng.lognormal(np.log(8), 0.3, n)
    return pd.DataFrame(
        {
            "label": np.arange(1, n + 1),
            "volume_um3": np.pi / 6 * diameter**3,
            "equivalent_diameter_um": diameter,
            "core_mean": np.where(rng.random(n) < 0.1, np.nan, rng.normal(174 + shift, 4, n)),
            "touches_border": rng.random(n) < 0.2,
        }
    )


def test_core_means_are_counted_per_state():
    states = {"pristine": particles(), "4.4 V": particles(seed=2, shift=-3)}
    figure, data = core_histogram(states)
    for state, table in states.items():
        counted = data[data["state"] == state]
        values = table["core_mean"].dropna()
        assert counted["particles"].sum() == len(values)
        edges = np.append(counted["value_from"], counted["value_to"].iloc[-1])
        np.testing.assert_array_equal(np.histogram(values, edges)[0], counted["particles"])
    first = states["pristine"]["core_mean"].dropna()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0].startswith(f"pristine: {first.mean():.4g} ± ")
    assert f"n = {len(first)}" in texts[0]
    assert figure.axes[0].get_xlabel() == "Core mean (grey level)"
    figure.draw_without_rendering()


def test_equal_values_make_one_bin():
    _, data = core_histogram({"a": particles(5).assign(core_mean=3.0)})
    assert data["particles"].tolist() == [5]


def test_nothing_to_count_is_said():
    with pytest.raises(InputError, match="No particle has a value of “core_mean”"):
        core_histogram({"a": particles().assign(core_mean=np.nan)})
    with pytest.raises(InputError, match="No particle"):
        core_histogram({})


def test_sizes_weigh_by_volume_and_leave_cut_particles_out():
    table = particles()
    figure, data = size_distribution(table, assumed=True)
    whole = table[~table["touches_border"]]
    assert data["particles"].sum() == len(whole)
    assert data["fraction"].sum() == pytest.approx(1)
    # D50 by hand: half of the volume lies in smaller particles
    order = whole.sort_values("equivalent_diameter_um")
    share = order["volume_um3"].cumsum() / order["volume_um3"].sum()
    d50 = order["equivalent_diameter_um"][share >= 0.5].iloc[0]
    left, right = figure.axes
    assert f"{d50:.3g}" in left.texts[0].get_text()
    cut = int(table["touches_border"].sum())
    assert left.get_title(loc="right") == f"{cut} cut at the border left out"
    assert left.get_xlabel() == "Equivalent diameter (µm, assumed)"
    assert right.get_ylabel() == "Cumulative fraction of volume"
    figure.draw_without_rendering()


def test_sizes_in_two_dimensions_weigh_by_area():
    table = particles().rename(columns={"volume_um3": "area_um2"})
    figure, _ = size_distribution(table)
    assert figure.axes[1].get_ylabel() == "Cumulative fraction of area"


def test_one_particle_and_none():
    _, data = size_distribution(particles(1).assign(touches_border=False))
    assert data["particles"].tolist() == [1]
    with pytest.raises(InputError, match="All 5 particles are cut"):
        size_distribution(particles(5).assign(touches_border=True))
