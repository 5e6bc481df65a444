"""The histogram against numpy's, on whole and on lazy data."""

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray
from napari_battery.labelling import grey_histogram as module
from napari_battery.labelling.grey_histogram import grey_histogram
from napari_battery.volume import Volume


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", ">u2", "i2", "i4"])
def test_integers_are_counted_exactly(dtype):
    rng = np.random.default_rng(0)
    data = rng.integers(-90, 90, (5, 6, 7))
    data = data.clip(None if np.dtype(dtype).kind == "i" else 0).astype(dtype)
    values, counts = grey_histogram(Volume(data))
    levels, expected = np.unique(data.astype(int), return_counts=True)
    assert np.array_equal(values[counts > 0], levels)
    assert np.array_equal(counts[counts > 0], expected)
    assert np.array_equal(np.diff(values), np.ones(len(values) - 1))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u8"])
def test_wide_types_are_counted_in_bins_like_numpys(dtype):
    data = (np.random.default_rng(0).random((20, 30, 40)) * 1e9).astype(dtype)
    values, counts = grey_histogram(Volume(data))
    expected, edges = np.histogram(data.astype(float), bins=65_536)
    assert values == pytest.approx((edges[1:] + edges[:-1]) / 2)
    # a value within rounding of an edge may fall on either side of it
    assert np.abs(counts - expected).sum() <= 4
    assert counts.sum() == data.size


def test_only_finite_voxels_of_the_region_count():
    data = np.array([[1.0, 2, np.nan, 9], [np.inf, 2, 4, 9]], np.float32)
    region = np.array([[1, 1, 1, 0], [1, 1, 1, 0]], bool)
    values, counts = grey_histogram(Volume(data, region=region))
    assert counts.sum() == 4
    assert values[[0, -1]] == pytest.approx([1, 4], abs=1e-4)  # half a bin of 3 / 65,536
    whole, _ = grey_histogram(Volume(np.array([[3, 200], [7, 5]], np.uint8), region=np.eye(2)))
    assert whole[[0, -1]].tolist() == [3, 5]


def test_lazy_data_is_read_slab_by_slab(monkeypatch):
    monkeypatch.setattr(module, "_PART_VOXELS", 60)
    data = np.random.default_rng(0).integers(0, 500, (9, 5, 6)).astype(np.uint16)
    rows = []

    def read(window):
        rows.append(window[0].stop - window[0].start)
        return data[window]

    _, counts = grey_histogram(Volume(LazyArray(data.shape, data.dtype, read)))
    assert np.array_equal(counts[counts > 0], np.unique(data, return_counts=True)[1])
    assert max(rows) == 2


def test_half_precision_counts():
    data = np.random.default_rng(5).normal(0, 1, (20, 30)).astype(np.float16)
    for half, single in zip(
        grey_histogram(Volume(data)), grey_histogram(Volume(data.astype("f4"))), strict=True
    ):
        assert np.array_equal(half, single)


@pytest.mark.parametrize("largest", [1e-310, 1.7e308])
def test_ranges_beyond_floating_point_are_no_contrast(largest):
    """Bins would be narrower, or wider, than any number: all voxels are of one."""
    values, counts = grey_histogram(Volume(np.array([[-largest, 0, largest, 0.0]])))
    assert (values.tolist(), counts.tolist()) == ([-largest], [4])


def test_one_grey_level_and_none():
    values, counts = grey_histogram(Volume(np.full((3, 4), -2.5)))
    assert (values.tolist(), counts.tolist()) == ([-2.5], [12])
    for data, region in ((np.full((3, 4), np.nan), None), (np.ones((3, 4)), np.zeros((3, 4)))):
        with pytest.raises(InputError, match="“empty” has no voxel with a grey level"):
            grey_histogram(Volume(data, region=region, name="empty"))
