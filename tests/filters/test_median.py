"""Medians beside scipy's and numpy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.filters import MedianSettings, filter_image
from napari_battery.filters.median import box_median
from napari_battery.volume import Volume


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", ">i2", "int32", "float16", "float32", "float64"]
)
def test_medians_are_scipys(dtype):
    rng = np.random.default_rng(0)
    data = rng.integers(-120, 120, (9, 10, 11)) * (300 if dtype.endswith("16") else 1)
    if np.dtype(dtype).kind == "u":
        data = np.abs(data)
    elif np.dtype(dtype).kind == "f":
        data = data / 7
    data = data.astype(dtype)
    native = data.astype(data.dtype.newbyteorder("="))
    for radius in (1, 2, 3):
        found = filter_image(Volume(data), MedianSettings(radius=radius)).data
        expected = ndimage.median_filter(native.astype("f8"), 2 * radius + 1)
        np.testing.assert_array_equal(found, expected)
    flat = filter_image(Volume(data), MedianSettings(radius=2, per_slice=True)).data
    np.testing.assert_array_equal(flat, ndimage.median_filter(native.astype("f8"), (1, 5, 5)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 0.9))
def test_missing_voxels_are_left_out(seed, share):
    rng = np.random.default_rng(seed)
    data = rng.normal(0, 5, (5, 6, 7)) * 10 ** rng.uniform(-3, 3)
    data[rng.random(data.shape) < share] = np.nan
    data[0, 0, 0] = 1
    found = filter_image(Volume(data), MedianSettings()).data
    boxes = np.lib.stride_tricks.sliding_window_view(np.pad(data, 1, "symmetric"), (3, 3, 3))
    there = ~np.isnan(data)
    expected = np.nanmedian(boxes.reshape(*data.shape, 27)[there], axis=1)
    np.testing.assert_array_equal(found[there], expected)
    assert np.isnan(found[~there]).all()


def test_boxes_of_more_voxels_than_16_bits_count():
    grey = np.random.default_rng(0).integers(0, 255, (258, 259)).astype(np.float32)
    found = box_median(grey, (128, 128), np.dtype(np.uint8))
    wanted = [[np.median(grey[y : y + 257, x : x + 257]) for x in range(3)] for y in range(2)]
    assert found.tolist() == wanted


def test_box_of_long_voxels():
    data = np.random.default_rng(1).normal(size=(8, 9, 10))
    found = filter_image(Volume(data, voxel_size_um=(2, 1, 1)), MedianSettings(radius=3)).data
    np.testing.assert_array_equal(found, ndimage.median_filter(data, (5, 7, 7)))
