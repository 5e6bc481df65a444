from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.volume import Volume
from napari_battery.widgets.grey_sample import sample_grey


@pytest.mark.parametrize("shape", [(3, 4, 5), (40, 6, 7), (30, 20), (1, 1, 1)])
def test_a_small_image_is_sampled_whole(shape: tuple[int, ...]) -> None:
    data = np.random.default_rng(0).integers(0, 1000, shape, dtype=np.uint16)
    sample = sample_grey(Volume(data))
    assert sample.whole
    np.testing.assert_array_equal(sample.values, np.sort(data.ravel()))


def test_a_big_image_is_sampled_from_top_to_bottom() -> None:
    ramp = np.broadcast_to(np.arange(1000, dtype=np.uint16)[:, None, None], (1000, 100, 500))
    sample = sample_grey(Volume(ramp))
    assert not sample.whole
    assert sample.values.size < 8e6
    assert (sample.low, sample.high) == (0, 999)
    # 24 planes of a thousand stand for all: the median is within two of their distances
    assert sample.percentile(50) == pytest.approx(500, abs=90)


def test_only_the_region_and_finite_values_count() -> None:
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    data[0, 0, 0] = np.nan
    region = np.zeros(data.shape, bool)
    region[0] = True
    sample = sample_grey(Volume(data, region=region))
    np.testing.assert_array_equal(sample.values, np.arange(1, 12))


def test_nothing_to_sample_is_said() -> None:
    with pytest.raises(InputError, match="void"):
        sample_grey(Volume(np.full((2, 3, 4), np.nan), name="void"))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=200), st.integers(0, 300))
def test_fractions_and_bins_are_counts(values: list[int], limit: int) -> None:
    data = np.array(values, dtype=np.int16).reshape(1, -1)
    sample = sample_grey(Volume(data))
    assert sample.fraction_below(limit) == pytest.approx(np.mean(data < limit))
    assert sample.fraction_above(limit) == pytest.approx(np.mean(data > limit))
    counts, edges = sample.histogram()
    assert counts.sum() == data.size
    assert np.all(edges % 1 == 0.5)  # between whole grey levels


def test_a_constant_image_has_a_histogram() -> None:
    for dtype in (np.uint8, np.float32):
        counts, edges = sample_grey(Volume(np.full((3, 3), 7, dtype))).histogram()
        assert counts.sum() == 9
        assert edges[0] <= 7 <= edges[-1]


def test_booleans_are_levels() -> None:
    sample = sample_grey(Volume(np.eye(4, dtype=bool)))
    assert sample.fraction_above(0) == 0.25
