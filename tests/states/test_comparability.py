"""Histograms, peaks and grey normalisation."""

from __future__ import annotations

import cycled
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.states.comparability import (
    count_greys,
    grey_peak,
    grey_peaks,
    grey_scales,
)
from napari_battery.states.settings import StudySettings
from napari_battery.volume import Volume

LEVELS = np.arange(256.0)


def hump(middle, sigma):
    return 1e6 * np.exp(-((LEVELS - middle) ** 2) / (2 * sigma**2))


@settings(max_examples=30, deadline=None)
@given(st.floats(60, 200), st.floats(5, 20))
def test_peak_of_a_gaussian_is_its_middle(middle, sigma):
    assert grey_peak(LEVELS, hump(middle, sigma)) == pytest.approx(middle, abs=0.1)


def test_peak_beside_a_lower_one():
    assert grey_peak(LEVELS, hump(100, 10) + 0.4 * hump(180, 12)) == pytest.approx(100, abs=0.2)


def test_peak_of_nothing_and_of_one_level():
    assert np.isnan(grey_peak(LEVELS, np.zeros(256)))
    assert grey_peak(np.array([7.0]), np.array([3.0])) == 7


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_counts_are_numpys(dtype):
    rng = np.random.default_rng(0)
    grey = rng.integers(20, 120, (6, 20, 30)).astype(dtype)
    labels = Volume(rng.integers(0, 2, grey.shape).astype(np.uint8))
    table = count_greys(Volume(grey), labels, "a")
    assert table["count"].sum() == grey.size
    assert table["solid"].sum() == np.count_nonzero(labels.data)
    levels, counts = np.unique(grey[labels.data > 0], return_counts=True)
    mean = (table["grey"] * table["solid"]).sum() / table["solid"].sum()
    assert mean == pytest.approx((levels * counts).sum() / counts.sum(), abs=0.3)
    if dtype == np.uint8:
        filled = table[table["solid"] > 0]
        assert (filled["grey"].to_numpy() == levels).all()
        assert (filled["solid"].to_numpy() == counts).all()


def test_nan_and_what_is_outside_the_region_do_not_count():
    grey = np.full((4, 5, 6), 3.5, np.float32)
    grey[0] = np.nan
    region = np.ones(grey.shape, bool)
    region[1] = False
    image = Volume(grey, region=region)
    labels = Volume(np.zeros(grey.shape, np.uint8))
    assert count_greys(image, labels, "a")["count"].sum() == 2 * 30
    with pytest.raises(InputError, match="no voxel with a grey level"):
        count_greys(Volume(np.full((2, 3, 4), np.nan)), Volume(np.zeros((2, 3, 4), int)), "a")


def greys(*peaks):
    tables = [
        pd.DataFrame(
            {
                "state": name,
                "grey": LEVELS,
                "count": hump(empty, 8) + hump(solid, 10),
                "empty": hump(empty, 8),
                "solid": hump(solid, 10),
            }
        )
        for name, empty, solid in zip("abc", *zip(*peaks, strict=True), strict=False)
    ]
    return pd.concat(tables, ignore_index=True)


def test_drift_of_the_peaks():
    peaks = grey_peaks(greys((100, 180), (103, 178)), ["a", "b"])
    assert peaks["empty_drift"].to_numpy() == pytest.approx([0, 3], abs=0.1)
    assert peaks["solid_drift"].to_numpy() == pytest.approx([0, -2], abs=0.1)
    assert peaks["contrast"].to_numpy() == pytest.approx([80, 75], abs=0.2)


@pytest.mark.parametrize(
    ("how", "empty", "solid"),
    [("offset", 100, 175), ("gain", 100, 178 * 100 / 103), ("two-point", 100, 180)],
)
def test_normalisation_puts_the_peaks_where_they_belong(how, empty, solid):
    scales, notes = grey_scales(["a", "b"], greys((100, 180), (103, 178)), how)
    assert scales["a"] == pytest.approx((1, 0), abs=1e-9)
    factor, offset = scales["b"]
    assert factor * 103 + offset == pytest.approx(empty, abs=0.1)
    assert factor * 178 + offset == pytest.approx(solid, abs=0.15)
    assert notes[0].startswith("b: greys were normalised to those of a")
    assert any("mean change of all particles is taken away" in n for n in notes) == (
        how == "two-point"
    )


def test_normalisation_without_histograms_is_refused():
    assert grey_scales(["a"], None, "none") == ({"a": (1.0, 0.0)}, [])
    with pytest.raises(InputError, match="needs the histograms"):
        grey_scales(["a", "b"], None, "gain")
    with pytest.raises(InputError, match="cannot be normalised"):
        grey_scales(["a", "b"], greys((100, 180), (120, 110)), "two-point")


def test_two_point_takes_the_mean_change_away_and_layers_go_along(cycled_electrode, cycled_study):
    settings = StudySettings(exclude_layers=3, normalise="two-point")
    study = cycled.study_of(cycled_electrode, settings)
    assert study.summary["delta"].abs().max() < 1.5
    factor = study.made["grey_scales"]["4.4 V"]["factor"]
    offset = study.made["grey_scales"]["4.4 V"]["offset"]
    here = study.layers["state"] == "4.4 V"
    assert study.layers.loc[here, "mean"].to_numpy() == pytest.approx(
        cycled_study.layers.loc[here, "mean"] * factor + offset
    )
    surface = study.layers[here].groupby("label")["mean"].transform("first")
    assert study.layers.loc[here, "normalised_surface"].to_numpy() == pytest.approx(
        (study.layers.loc[here, "mean"] / surface).to_numpy()
    )
