"""Values become colours: range, steps, centre, and what stands for no value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_battery.errors import InputError
from napari_battery.maps import (
    DIVERGING,
    N_COLOURS,
    SEQUENTIAL,
    MapSettings,
    colour_table,
    is_change,
    mappable_columns,
    paint,
    quantise,
    value_map,
)

GREY = (0.5, 0.5, 0.5, 1.0)
finite = st.floats(-1e6, 1e6, allow_nan=False)


def table(values, column="core_mean", labels=None):
    labels = np.arange(1, len(values) + 1) if labels is None else labels
    return pd.DataFrame({"label": labels, column: values})


@given(
    arrays(np.float64, st.integers(1, 60), elements=finite),
    finite,
    st.floats(1e-6, 1e6),
)
def test_steps_are_exact_to_half_a_step_and_keep_the_order(values, low, width):
    high = low + width
    steps = quantise(values, low, high)
    assert steps.min() >= 0
    assert steps.max() < N_COLOURS
    order = np.argsort(values)
    assert (np.diff(steps[order]) >= 0).all()
    inside = (values >= low) & (values <= high)
    shown = low + (steps + 0.5) / N_COLOURS * (high - low)
    # half a step, and the rounding of the float64 sums around it
    bound = (high - low) / (2 * N_COLOURS) + 1e-12 * (abs(low) + abs(high) + width)
    assert (np.abs(shown - values)[inside] <= bound).all()
    assert (steps[values < low] == 0).all()
    assert (steps[values > high] == N_COLOURS - 1).all()


def test_half_a_step_is_finer_than_promised():
    assert 1 / (2 * N_COLOURS) < 1 / 250


def test_nan_and_infinities_have_their_steps():
    steps = quantise(np.array([np.nan, -np.inf, np.inf, 0.5]), 0.0, 1.0)
    assert steps.tolist() == [-1, 0, N_COLOURS - 1, N_COLOURS // 2]
    assert quantise(np.array([1.0, np.nan]), np.nan, np.nan).tolist() == [-1, -1]


@given(arrays(np.float64, st.integers(1, 60), elements=finite))
def test_changes_are_centred_on_zero(values):
    shown = value_map(table(values, "delta_core_mean"), "delta_core_mean")
    assert shown.diverging
    assert shown.low == -shown.high
    # one step holds zero in its middle, and its colour is the map's neutral one
    middle = quantise(np.array([0.0]), shown.low, shown.high)[0]
    assert middle == N_COLOURS // 2
    red, green, blue, _ = colour_table("RdBu")[middle]
    assert min(red, green, blue) > 0.95
    # darker and brighter by the same amount lie equally far from the middle
    steps = quantise(np.array([-shown.high / 3, shown.high / 3]), shown.low, shown.high)
    assert steps.sum() == 2 * middle


def test_darker_is_red_and_brighter_is_blue():
    colours = colour_table("RdBu")
    assert colours[0, 0] > colours[0, 2]
    assert colours[N_COLOURS - 1, 2] > colours[N_COLOURS - 1, 0]


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_maps_grow_lighter(name):
    colours = colour_table(name)
    assert colours.shape == (N_COLOURS + 1, 4)
    light = colours[:-1, :3] @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(light) > -0.005)  # 8-bit tables are not monotonic to the last digit
    assert tuple(colours[-1]) == GREY


@pytest.mark.parametrize("name", DIVERGING)
def test_all_colours_differ_and_fit_a_byte(name):
    # napari stores the number of colours, the background and the default in one byte
    assert len(np.unique(colour_table(name), axis=0)) + 2 <= 255


def test_range_is_the_percentiles_of_the_finite_values():
    values = np.concatenate([np.arange(1000.0), [np.nan, np.inf]])
    shown = value_map(table(values), "core_mean")
    assert (shown.low, shown.high) == pytest.approx((9.99, 989.01))
    assert shown.colour_map == "viridis"
    assert (shown.n_below, shown.n_above, shown.n_without) == (10, 11, 1)
    wide = value_map(table(values), "core_mean", MapSettings(low_percentile=0, high_percentile=100))
    assert (wide.low, wide.high) == (0.0, 999.0)
    fixed = value_map(table(values), "core_mean", MapSettings(low=100, high=200))
    assert (fixed.low, fixed.high) == (100.0, 200.0)


def test_a_diverging_range_takes_the_larger_end():
    frame = table([-4.0, 1.0, 2.0], "delta_core_mean")
    percentiles = MapSettings(low_percentile=0, high_percentile=100)
    assert value_map(frame, "delta_core_mean", percentiles).high == 4.0
    assert value_map(frame, "delta_core_mean", MapSettings(low=-1, high=3)).low == -3.0
    assert value_map(frame, "delta_core_mean", MapSettings(low=-1)).high == 1.0


def test_particles_all_alike_show_the_middle_colour():
    shown = value_map(table([7.0, 7.0, 7.0]), "core_mean")
    assert shown.low < 7 < shown.high
    assert (shown.steps() == N_COLOURS // 2).all()
    unchanged = value_map(table([0.0, 0.0], "delta_core_mean"), "delta_core_mean")
    assert unchanged.steps().tolist() == [N_COLOURS // 2] * 2


def test_without_any_value_everything_is_grey():
    for column in ("core_mean", "delta_core_mean"):
        shown = value_map(table([np.nan, np.nan], column), column)
        assert np.isnan(shown.low)
        assert np.isnan(shown.high)
        assert shown.steps().tolist() == [-1, -1]
        assert shown.n_without == 2
        assert (shown.n_below, shown.n_above) == (0, 0)


def test_wrong_columns_and_ranges_are_named():
    frame = table([1.0, 2.0])
    with pytest.raises(InputError, match=r"no column “volume” in “sand”.*core_mean"):
        value_map(frame, "volume", name="“sand”")
    with pytest.raises(InputError, match="holds no numbers"):
        value_map(frame.assign(note="cut"), "note")
    with pytest.raises(InputError, match="Label 3 stands in the table more than once"):
        value_map(table([1.0, 2.0, 3.0], labels=[3, 1, 3]), "core_mean")
    with pytest.raises(InputError, match=r"starts at 5 and ends at 2"):
        value_map(frame, "core_mean", MapSettings(low=5, high=2))


def test_columns_on_offer():
    frame = table([1.0]).assign(note="", touches_border=True, volume_um3=2)
    assert mappable_columns(frame) == ["core_mean", "touches_border", "volume_um3"]
    assert value_map(frame, "touches_border").values.tolist() == [1.0]
    assert is_change("delta_core_mean")
    assert not is_change("core_mean")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_painting_a_slice(dtype):
    known = [3, 90, 100]
    labels = np.array([[0, 3, 4], [100, 90, 120]], dtype)
    shown = value_map(
        table([1.0, np.nan, 2.0], labels=known), "core_mean", MapSettings(low=1, high=2)
    )
    colours = paint(labels, shown)
    viridis = colour_table("viridis")
    assert colours.shape == (2, 3, 4)
    assert (colours[0, 1] == viridis[0]).all()
    assert (colours[1, 0] == viridis[N_COLOURS - 1]).all()
    assert tuple(colours[1, 1]) == GREY
    # background, and labels that the table does not know, are transparent
    assert (colours[[0, 0, 1], [0, 2, 2], 3] == 0).all()


def test_painting_with_an_empty_table():
    shown = value_map(table(np.array([])), "core_mean")
    assert (paint(np.array([[0, 1]]), shown) == 0).all()


@given(st.permutations(list(range(8))))
def test_the_order_of_the_table_does_not_matter(order):
    values = np.array([5.0, 1.0, np.nan, 3.0, 2.0, 9.0, 8.0, 0.5])
    frame = table(values)
    one, other = (value_map(f, "core_mean") for f in (frame, frame.iloc[order]))
    assert (one.labels == other.labels).all()
    np.testing.assert_array_equal(one.values, other.values)
    assert (one.low, one.high) == (other.low, other.high)
