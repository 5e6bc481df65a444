"""Averages beside scipy's and scikit-image's."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import unsharp_mask

from napari_battery.filters import GaussianSettings, MeanSettings, UnsharpSettings, filter_image
from napari_battery.volume import Volume

GREY = np.random.default_rng(0).normal(100, 20, (11, 13, 15))


@pytest.mark.parametrize("sigma", [0.5, 1.3, 6])
def test_gaussian_is_scipys(sigma):
    found = filter_image(Volume(GREY), GaussianSettings(sigma=sigma)).data
    # only the order of multiplications differs
    np.testing.assert_allclose(found, ndimage.gaussian_filter(GREY, sigma), rtol=1e-13)
    flat = filter_image(Volume(GREY), GaussianSettings(sigma=sigma, per_slice=True)).data
    np.testing.assert_allclose(flat, ndimage.gaussian_filter(GREY, (0, sigma, sigma)), rtol=1e-13)


def test_gaussian_of_long_voxels():
    image = Volume(GREY, voxel_size_um=(3, 1, 1))
    found = filter_image(image, GaussianSettings(sigma=1.5)).data
    np.testing.assert_allclose(found, ndimage.gaussian_filter(GREY, (0.5, 1.5, 1.5)), rtol=1e-13)


@pytest.mark.parametrize("radius", [1, 4])
def test_mean_is_scipys(radius):
    found = filter_image(Volume(GREY), MeanSettings(radius=radius)).data
    expected = ndimage.uniform_filter(GREY, 2 * radius + 1)
    # scipy's running sums carry rounding along
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_mean_leaves_out_what_is_missing():
    data = GREY.copy()
    data[5, 5, 5:8] = np.nan
    found = filter_image(Volume(data), MeanSettings(radius=1)).data
    expected = ndimage.generic_filter(data, np.nanmean, 3, mode="reflect")
    expected[np.isnan(data)] = np.nan
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_unsharp_is_scikit_images():
    found = filter_image(Volume(GREY), UnsharpSettings(sigma=1.2, amount=0.8)).data
    # scikit-image repeats the outermost voxel beyond the faces, ours mirrors: compare inside
    expected = unsharp_mask(GREY, 1.2, 0.8, preserve_range=True)
    inside = (slice(5, -5),) * 3
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-12)


def test_unsharp_of_whole_numbers_is_clipped():
    step = np.zeros((9, 9), "u1")
    step[:, 5:] = 250
    found = filter_image(Volume(step), UnsharpSettings(amount=5)).data
    assert found[4, 4] == 0
    assert found[4, 5] == 255
