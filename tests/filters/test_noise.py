"""The noise's standard deviation, from images whose noise is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_battery.errors import InputError
from napari_battery.filters import estimate_noise
from napari_battery.synthetic import ElectrodeSettings, synthetic_electrode
from napari_battery.volume import Volume

NORMAL = np.random.default_rng(0).normal(size=(20, 100, 100))


@pytest.mark.parametrize("sigma", [0.02, 3.0, 1e4])
def test_white_noise_on_slopes_and_edges(sigma):
    z, y, x = np.indices(NORMAL.shape)
    grey = sigma * (NORMAL + 0.5 * z + 0.3 * y - 0.2 * x + 40 * (x > 50))
    # 150,000 differences: the quartile is good to 1 %, and its median over slices too
    assert estimate_noise(Volume(grey)) == pytest.approx(sigma, rel=0.02)


@pytest.mark.parametrize("sigma", [1.5, 2.0, 5.0, 30.0])
def test_whole_numbers(sigma):
    grey = np.rint(100 + sigma * NORMAL).clip(0, 255).astype("u1")
    rounded = np.hypot(sigma, np.sqrt(1 / 12))  # rounding adds noise of its own
    # spreading a level evenly is right to some percent where sigma is near one level
    assert estimate_noise(Volume(grey)) == pytest.approx(rounded, rel=0.04)


def test_noise_of_a_packed_electrode_whose_neighbours_are_correlated():
    small = ElectrodeSettings(size_z=40, size_y=128, size_x=128)
    image = synthetic_electrode(small).states[0].image
    # made with 14 levels; correlation takes some away, surfaces add some
    assert estimate_noise(image) == pytest.approx(14, rel=0.15)


def test_blurred_noise_is_not_halved():
    # two pixels apart a fifth of the correlation is left; nearest neighbours would give 0.25
    blurred = gaussian_filter(NORMAL, (0, 0.8, 0.8))
    assert estimate_noise(Volume(blurred)) == pytest.approx(blurred.std(), rel=0.25)


def test_only_the_region_counts_and_only_numbers():
    grey = 100 + np.where(np.arange(100) < 50, 2.0, 9.0) * NORMAL
    region = np.zeros(grey.shape, bool)
    region[:, :, :50] = True
    assert estimate_noise(Volume(grey, region=region)) == pytest.approx(2, rel=0.03)
    thin = np.zeros(grey.shape, bool)
    thin[13, :, 60:] = True  # not among evenly spaced slices
    assert estimate_noise(Volume(grey, region=thin)) == pytest.approx(9, rel=0.05)
    grey[:, :, 50:] = np.nan
    assert estimate_noise(Volume(grey)) == pytest.approx(2, rel=0.03)


def test_without_noise_and_without_room():
    assert estimate_noise(Volume(np.full((4, 9, 9), 3, "u1"))) == 0
    steps = (np.indices((4, 60, 60))[2] > 30).astype("u1") * 200
    assert estimate_noise(Volume(steps)) == 0
    assert estimate_noise(Volume(NORMAL[0])) == pytest.approx(1, rel=0.04)  # 2-D
    with pytest.raises(InputError, match="too few grey levels"):
        estimate_noise(Volume(np.ones((5, 2, 9))))
