import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.transform import downscale_local_mean

from napari_battery.superres.area import area_weights, averaged

GREY = np.random.default_rng(0).normal(100, 10, (12, 20, 28)).astype(np.float32)


def _by(ratio, shape, sigma=0.0):
    return [area_weights(int(n / ratio), n, ratio, (ratio - 1) / 2, sigma * ratio) for n in shape]


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_whole_ratios_give_the_local_mean(factor):
    mine = averaged(GREY, _by(factor, GREY.shape))
    # float32 sums of grey levels around 100
    np.testing.assert_allclose(mine, downscale_local_mean(GREY, (factor,) * 3), rtol=1e-5)


@given(st.floats(1.0, 6.0), st.integers(1, 40), st.floats(0.0, 1.5), st.floats(-1.0, 1.0))
@settings(max_examples=100, deadline=None)
def test_a_constant_stays_constant(ratio, n_low, sigma, shift):
    n_high = int(np.ceil(n_low * ratio))
    weights = area_weights(n_low, n_high, ratio, (ratio - 1) / 2 + shift, sigma)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    assert (weights.toarray() >= 0).all()


@pytest.mark.parametrize(("n_high", "n_low"), [(28, 9), (101, 32), (10, 10), (7, 2)])
@pytest.mark.parametrize("sigma", [0.0, 0.6])
def test_the_mean_is_conserved_where_the_voxels_fill_the_image(n_high, n_low, sigma):
    ratio = n_high / n_low
    weights = area_weights(n_low, n_high, ratio, (ratio - 1) / 2, sigma * ratio)
    # every fine voxel has the same part in the result, mirrored blur or not
    np.testing.assert_allclose(weights.sum(axis=0), n_low / n_high, rtol=1e-6)


def test_a_part_of_a_fine_voxel_counts_for_what_it_covers():
    # coarse voxels of 2.5 fine ones: 0, 1 and half of 2; the other half of 2, 3 and 4
    weights = area_weights(2, 5, 2.5, 0.75).toarray()
    np.testing.assert_allclose(weights, [[0.4, 0.4, 0.2, 0, 0], [0, 0, 0.2, 0.4, 0.4]])


def test_the_blur_is_gaussian():
    smooth = gaussian_filter(GREY.astype(np.float64), 1.0, mode="reflect")
    sigma = 1.5
    mine = averaged(smooth, [area_weights(n, n, 1.0, 0.0, sigma) for n in GREY.shape])
    # boxes of both voxels come on top, a variance of 1/12 voxel² each; cut off at 4 σ
    expected = gaussian_filter(smooth, np.sqrt(sigma**2 + 2 / 12), mode="reflect")
    assert np.abs(mine - expected).max() < 0.003 * smooth.std()


def test_many_slabs_give_the_same(monkeypatch):
    weights = _by(2.3, GREY.shape, 0.5)
    whole = averaged(GREY, weights)
    monkeypatch.setattr("napari_battery.superres.area._SLAB_VOXELS", 1)
    np.testing.assert_allclose(averaged(GREY, weights), whole, rtol=1e-6)


def test_what_is_no_number_spoils_only_what_it_has_a_share_in():
    spoilt = GREY.copy()
    spoilt[0, 0, 0] = np.nan
    mine = averaged(spoilt, _by(4, GREY.shape))
    assert np.isnan(mine[0, 0, 0])
    assert np.isfinite(mine).sum() == mine.size - 1
