"""Cupping made by a known background comes out again; the structure stays."""

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.filters import CuppingSettings, filter_image
from napari_battery.volume import Volume


def packing(shape=(24, 96, 96), seed=0):
    """Bright blobs (150) on dark (60), with the share of blobs rising along x."""
    from scipy.ndimage import gaussian_filter

    rough = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    rough /= rough.std()
    return np.where(rough > 0.6 - 1.2 * np.arange(shape[2]) / shape[2], 150.0, 60.0)


def cup(shape):
    y, x = (np.linspace(-1, 1, n) for n in shape[-2:])
    return 0.8 + 0.2 * (y[:, None] ** 2 + x**2)


def test_cupping_comes_out_and_the_phases_stay():
    truth = packing()
    noise = np.random.default_rng(1).normal(0, 4, truth.shape)
    found = filter_image(Volume(truth * cup(truth.shape) + noise), CuppingSettings())
    bright, dark = found.data[truth == 150], found.data[truth == 60]
    # before: cupping spreads the bright phase by 10 levels, and noise adds 4
    spread = np.std(cup(truth.shape) * 150)
    assert bright.std() < np.hypot(4 * 1.2, spread / 4)
    assert dark.std() < np.hypot(4 * 1.2, spread / 4)
    # the share of blobs triples along x, but their grey is level
    left, right = found.data[:, :, :24], found.data[:, :, -24:]
    levels = [part[t == 150].mean() for part, t in
              ((left, truth[:, :, :24]), (right, truth[:, :, -24:]))]  # fmt: skip
    assert abs(levels[0] - levels[1]) < 3
    numbers = found.metadata["filter"]
    assert numbers["background_low"] < numbers["background_mean"] < numbers["background_high"]


def test_haze_is_subtracted_and_slices_can_differ():
    truth = packing()
    haze = 30 * np.cos(np.arange(96) / 30) + np.array([0, 20] * 12)[:, None, None]
    chosen = CuppingSettings(correction="subtract", per_slice=True, phase="brighter", sigma=12)
    found = filter_image(Volume(truth + haze), chosen).data
    even, odd = found[::2][truth[::2] == 150].mean(), found[1::2][truth[1::2] == 150].mean()
    assert abs(even - odd) < 3  # they differed by 20
    assert found[truth == 150].std() < 0.25 * (truth + haze)[truth == 150].std()


def test_region_and_missing_voxels_have_no_part():
    truth = packing()
    data = truth * cup(truth.shape)
    region = np.ones(data.shape, bool)
    region[:, :20] = False
    outside = data.copy()
    outside[:, :20] = 1e4
    whole = filter_image(Volume(data, region=region), CuppingSettings()).data
    masked = filter_image(Volume(outside, region=region), CuppingSettings()).data
    np.testing.assert_array_equal(masked[:, 20:], whole[:, 20:])
    outside[:, :20] = np.nan
    gone = filter_image(Volume(outside), CuppingSettings(phase="all")).data
    assert np.isnan(gone[:, :20]).all()
    assert np.isfinite(gone[:, 20:]).all()


def test_what_cannot_be_divided_by_is_said():
    with pytest.raises(InputError, match="subtract it instead"):
        filter_image(Volume(packing() - 100), CuppingSettings(phase="all", sigma=5))
    with pytest.raises(InputError, match="single grey level"):
        filter_image(Volume(np.full((4, 20, 20), 5.0)), CuppingSettings())
