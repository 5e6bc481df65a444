import numpy as np
import pytest
from skimage.transform import downscale_local_mean

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray
from napari_battery.superres.degradation import (
    DegradationSettings,
    correlated_noise,
    degrade,
    degraded_scan,
)
from napari_battery.volume import Volume

RNG = np.random.default_rng(0)
PLAIN = DegradationSettings(
    ratio=3.0, ratio_jitter=0, psf_smallest=0, psf_largest=0, noise_smallest=0, noise_largest=0,
    ring=0, gain_jitter=0, grey_jitter=0,
)  # fmt: skip
"""Averaging alone."""


def _high(shape=(30, 36, 42)):
    from scipy.ndimage import gaussian_filter

    blobs = gaussian_filter(RNG.standard_normal(shape), 3) > 0
    return Volume((100 + 80 * blobs).astype(np.uint8), (0.74,) * len(shape), name="high")


def test_without_anything_else_it_is_the_local_mean():
    high = _high()
    low = degrade(high, PLAIN)
    np.testing.assert_allclose(low.data, downscale_local_mean(high.data, (3, 3, 3)), rtol=1e-5)
    assert low.metadata["synthetic"] is True


def test_the_scans_share_their_outer_corner_at_any_ratio():
    high = _high()
    settings = PLAIN.model_copy(update={"ratio": 3.108})
    low = degrade(high, settings)
    assert low.shape == (9, 11, 13)
    assert low.voxel_size_um == pytest.approx((0.74 * 3.108,) * 3)
    corner = [np.array(v.origin_um) - np.array(v.voxel_size_um) / 2 for v in (low, high)]
    np.testing.assert_allclose(corner[0], corner[1], atol=1e-12)


def test_gain_and_offset_are_those_that_were_applied():
    high = _high()
    settings = PLAIN.model_copy(update={"gain": 1.7, "offset": -20.0, "grey_jitter": 0.2})
    made = degraded_scan(high, settings, seed=4)
    mean = downscale_local_mean(high.data, (3, 3, 3))
    np.testing.assert_allclose(made.low.data, made.gain * mean + made.offset, rtol=1e-4)
    assert made.gain == pytest.approx(1.7 * made.drawn["contrast"])
    assert made.drawn["contrast"] != 1


def test_noise_has_the_strength_and_the_correlation_asked_for():
    noise = correlated_noise((60, 60, 60), 0.25, np.random.default_rng(1))
    # standard error of the variance of 216,000 values that share with some 27 others: about .01
    assert noise.var() == pytest.approx(1, abs=0.03)
    for axis in range(3):
        at, on = (np.delete(noise, end, axis) for end in (-1, 0))
        assert np.corrcoef(at.ravel(), on.ravel())[0, 1] == pytest.approx(0.5 / 1.125, abs=0.02)


def test_noise_is_a_share_of_the_grey_range_and_grows_with_the_grey_level():
    high = _high((90, 90, 90))
    settings = PLAIN.model_copy(
        update={"noise_smallest": 0.1, "noise_largest": 0.1, "poisson_share": 1.0}
    )
    clean = degrade(high, PLAIN).data
    noise = degrade(high, settings, seed=2).data - clean
    bright, dark = (np.abs(clean - level) < 1e-3 for level in (180, 100))
    strengths = np.array([noise[where].std() for where in (bright, dark)])
    share = (clean - 100).mean()
    # all of the variance goes with the grey above the darkest; there it is none
    assert strengths[0] == pytest.approx(8 * np.sqrt(80 / share), rel=0.05)
    assert strengths[1] < 1e-3


def test_rings_lie_about_one_axis_and_gain_changes_from_slice_to_slice():
    flat = np.full((60, 90, 90), 100, np.float32)
    flat[:, :3] = 200
    high = Volume(flat, (1.0,) * 3)
    ringed = degrade(high, PLAIN.model_copy(update={"ring": 0.05}), seed=3).data
    rings = ringed - degrade(high, PLAIN).data
    # 5 levels; some 500 rings of unequal size, so a standard error of about 5 %
    assert rings.std() == pytest.approx(5, rel=0.15)
    gains = degrade(high, PLAIN.model_copy(update={"gain_jitter": 0.05}), seed=3).data
    bright = gains[:, 0].mean(axis=1) - 100
    assert 0.02 < bright.std() / 100 < 0.09
    np.testing.assert_allclose(gains[:, 5], 100)


def test_the_same_seed_gives_the_same_scan_and_a_lazy_image_too():
    high = _high()
    lazy = LazyArray(high.shape, high.dtype, lambda window: high.data[window])
    one = degrade(high, seed=5)
    np.testing.assert_array_equal(one.data, degrade(high, seed=5).data)
    np.testing.assert_array_equal(one.data, degrade(Volume(lazy, (0.74,) * 3), seed=5).data)
    other = degraded_scan(high, seed=6)
    assert not np.array_equal(one.data.ravel()[:50], other.low.data.ravel()[:50])
    assert abs(other.drawn["ratio"] / 3.108 - 1) <= 0.03


def test_a_slice_is_degraded_in_its_plane_only():
    high = Volume(_high().data[0], (0.74, 0.74))
    low = degrade(high, PLAIN)
    np.testing.assert_allclose(low.data, downscale_local_mean(high.data, (3, 3)), rtol=1e-5)
    assert low.voxel_size_um == pytest.approx((2.22, 2.22))


def test_images_that_cannot_be_degraded_are_refused():
    with pytest.raises(InputError, match="contrast"):
        degrade(Volume(np.ones((9, 9, 9)), (1.0,) * 3))
    with pytest.raises(InputError, match="fewer than"):
        degrade(Volume(_high().data[:2], (1.0,) * 3))
    with pytest.raises(InputError, match="voxel size"):
        degrade(Volume(_high().data))
    with pytest.raises(InputError, match="above the largest"):
        degrade(_high(), DegradationSettings(psf_smallest=0.9))
