from dataclasses import replace

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray
from napari_battery.superres.greys import Greys, robust_greys
from napari_battery.volume import Volume


def _grey(dtype):
    rng = np.random.default_rng(0)
    return rng.integers(1000, 3000, (20, 64, 80)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_greys_are_the_quantiles_of_the_image(dtype):
    data = _grey(dtype)
    greys = robust_greys(Volume(data))
    # every voxel of so small an image is looked at
    assert (greys.low, greys.high) == pytest.approx(np.quantile(data, (0.005, 0.995)))


def test_restoring_is_the_inverse_to_a_thousandth_of_a_grey_level():
    data = _grey(np.uint16)
    greys = robust_greys(Volume(data))
    back = greys.restore(greys.normalise(data))
    assert np.abs(back - data).max() < 1e-3  # float32 holds 3000 to 2e-4


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float64])
def test_a_small_contrast_on_a_large_grey_level_is_kept(dtype):
    data = _grey(np.int64) + 2**30
    greys = robust_greys(Volume(data.astype(dtype)))
    normalised = greys.normalise(data.astype(dtype))
    # float32 alone holds 2³⁰ to 64 levels
    np.testing.assert_allclose(
        normalised, (data - greys.low) / (greys.high - greys.low), rtol=0, atol=1e-6
    )
    back = greys.restore(normalised, dtype)
    assert np.abs(back - data).max() < 1e-2


def test_a_lazy_image_gives_the_same_numbers():
    data = _grey(np.uint16)
    lazy = LazyArray(data.shape, data.dtype, lambda window: data[window])
    assert robust_greys(Volume(lazy)) == robust_greys(Volume(data))


def test_a_sample_of_a_large_slice_is_close_to_all_of_it():
    data = np.random.default_rng(1).normal(100, 10, (3, 600, 700)).astype(np.float32)
    greys = robust_greys(Volume(data))
    whole = np.quantile(data, (0.005, 0.995))
    # standard error of a .5 % quantile of 3 × 105,000 values: .09
    assert np.abs(np.subtract((greys.low, greys.high), whole)).max() < 0.4


def test_what_is_no_number_or_outside_the_region_does_not_count():
    data = _grey(np.float32)
    expected = robust_greys(Volume(data[:10]))
    spoilt = data.copy()
    spoilt[10:] = np.nan
    assert robust_greys(Volume(spoilt)) == expected
    region = np.zeros(data.shape, bool)
    region[:10] = True
    assert robust_greys(replace(Volume(data), region=region)) == expected


@pytest.mark.parametrize("data", [np.full((4, 8, 8), 7), np.full((4, 8, 8), np.nan)])
def test_an_image_without_contrast_is_refused(data):
    with pytest.raises(InputError, match="grey level"):
        robust_greys(Volume(data, name="flat"))


def test_greys_in_the_wrong_order_are_refused():
    with pytest.raises(InputError, match="above"):
        Greys(2.0, 1.0)
