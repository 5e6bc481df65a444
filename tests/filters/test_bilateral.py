"""The bilateral filter against its formula."""

import numpy as np
import pytest

from napari_battery.filters import BilateralSettings, filter_image
from napari_battery.volume import Volume


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 1, 1)])
def test_bilateral_is_tomasi_and_manduchis(size):
    grey = np.random.default_rng(0).normal(100, 10, (8, 9, 10))
    chosen = BilateralSettings(sigma=1.2, strength=2, noise=10)
    found = filter_image(Volume(grey, voxel_size_um=size), chosen).data
    total, weights = np.zeros(grey.shape), np.zeros(grey.shape)
    padded = np.pad(grey, 3, "symmetric")
    for shift in np.ndindex(7, 7, 7):
        away = sum(((s - 3) * e / 1.2) ** 2 for s, e in zip(shift, size, strict=True))
        if away > 2.5**2:
            continue
        other = padded[tuple(slice(s, s + n) for s, n in zip(shift, grey.shape, strict=True))]
        weight = np.exp(-away / 2 - (other - grey) ** 2 / (2 * 20**2))
        total, weights = total + weight * other, weights + weight
    # differences of more than four standard deviations (weight 3e-4) are left out
    np.testing.assert_allclose(found, total / weights, atol=0.02)


def test_bilateral_is_simpleitks():
    sitk = pytest.importorskip("SimpleITK")
    step = np.where(np.arange(40) < 20, 50.0, 150.0) * np.ones((32, 1))
    noisy = step + np.random.default_rng(2).normal(0, 10, step.shape)
    theirs = sitk.BilateralImageFilter()
    theirs.SetDomainSigma(1.5)
    theirs.SetRangeSigma(25)
    theirs.SetNumberOfRangeGaussianSamples(2000)
    wanted = sitk.GetArrayFromImage(theirs.Execute(sitk.GetImageFromArray(noisy)))
    chosen = BilateralSettings(sigma=1.5, strength=2.5, noise=10)
    inner = (slice(4, -4), slice(4, -4))  # it goes on beyond the faces otherwise
    # it takes neighbours from another distance on for none, which weigh 4 % and less
    difference = filter_image(Volume(noisy), chosen).data[inner] - wanted[inner]
    assert np.abs(difference).max() < 0.05 * 10


def test_edges_stay_and_noise_goes():
    step = np.where(np.arange(24) < 12, 50.0, 150.0) * np.ones((12, 24, 1))
    noisy = step + np.random.default_rng(1).normal(0, 5, step.shape)
    found = filter_image(Volume(noisy), BilateralSettings()).data
    assert (found - step).std() < 0.4 * 5
    assert found[:, :, 12].mean() - found[:, :, 11].mean() > 95
