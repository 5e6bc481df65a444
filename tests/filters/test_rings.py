"""Rings drawn around a known point go; what is no ring stays."""

import numpy as np
import pytest

from napari_battery.filters import RingSettings, filter_image
from napari_battery.volume import Volume


def rings(shape, centre, seed=0):
    """Rings one to three pixels wide, of 10 to 16 levels either way, from radius 8 on."""
    rng = np.random.default_rng(seed)
    profile = np.zeros(300)
    for radius in range(8, 290, 12):
        profile[radius : radius + rng.integers(1, 4)] = rng.choice([-1, 1]) * rng.uniform(10, 16)
    y, x = np.indices(shape)
    return profile[np.rint(np.hypot(y - centre[0], x - centre[1])).astype(int)]


def scene(shape, seed=1):
    from scipy.ndimage import gaussian_filter

    rough = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3)
    return np.where(rough > 0, 150.0, 60.0)


def amplitude(grey, truth, shape, centre):
    """Standard deviation over the radius of the mean error along circles."""
    y, x = np.indices(shape)
    radius = np.rint(np.hypot(y - centre[0], x - centre[1])).astype(int).ravel()
    mean = np.bincount(radius, (grey - truth).ravel()) / np.maximum(np.bincount(radius), 1)
    return mean[8 : min(shape) // 2].std()


@pytest.mark.parametrize("centre", [(79.5, 79.5), (60.0, 95.0)])
def test_rings_fall_several_fold_and_structure_stays(centre):
    shape = (160, 160)
    truth = scene(shape)
    noise = np.random.default_rng(2).normal(0, 5, shape)
    spoiled = truth + noise + rings(shape, centre)
    chosen = RingSettings(center_y=centre[0], center_x=centre[1])
    found = filter_image(Volume(np.stack([spoiled, spoiled + 20])), chosen).data
    before, after = (amplitude(g, truth + noise, shape, centre) for g in (spoiled, found[0]))
    assert after < before / 3
    np.testing.assert_allclose(found[1] - found[0], 20, atol=1e-4)  # each slice by itself
    # structure: what is left differs from the truth by little more than the noise did
    assert (found[0] - truth).std() < 1.15 * 5
    assert (spoiled - truth).std() > 1.3 * 5


def test_without_rings_hardly_anything_changes():
    truth = scene((120, 140))
    noisy = truth + np.random.default_rng(3).normal(0, 5, truth.shape)
    found = filter_image(Volume(noisy), RingSettings()).data
    assert (found - noisy).std() < 0.1 * 5


def test_the_noise_at_the_centre_is_no_ring():
    noise = np.random.default_rng(4).normal(100, 5, (20, 61, 61))
    changed = np.abs(filter_image(Volume(noise), RingSettings()).data - noise)[:, 20:41, 20:41]
    # three standard errors: one circle in 400 of noise seems a ring, 10 around the centre
    assert (changed.max(axis=(1, 2)) > 0).sum() <= 2
    y, x = np.indices((61, 61)) - 30
    small = noise + 20.0 * (np.rint(np.hypot(y, x)) == 5)
    found = filter_image(Volume(small), RingSettings()).data - noise
    ring = np.rint(np.hypot(y, x)) == 5
    assert np.abs(found[:, ring].mean(axis=1)).max() < 10  # sampling on circles blurs it


def test_gaps_stay():
    data = scene((60, 60))
    data[10:20, 10:20] = np.nan
    found = filter_image(Volume(data), RingSettings()).data
    np.testing.assert_array_equal(np.isnan(found), np.isnan(data))
