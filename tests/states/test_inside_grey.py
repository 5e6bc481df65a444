"""Smoothing between voxels, and the noise that it leaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.states._kernels_inside import joined_pairs, smooth_crop
from napari_battery.states.inside_grey import Smoothing, taps
from napari_battery.states.inside_noise import (
    Noise,
    estimate_noise,
    expected_share,
    independent_voxels,
)
from napari_battery.volume import Volume


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 3), st.floats(-0.5, 0.5), st.floats(-2, 2), st.floats(-3, 3))
def test_a_parabola_is_looked_up_between_voxels(
    sigma: float, fraction: float, slope: float, bend: float
) -> None:
    """A Gaussian adds to a parabola its bend times σ², wherever it is looked up."""
    reach = int(np.ceil(4 * sigma)) + 2
    x = np.arange(-reach, reach + 1.0)
    weights = taps(sigma, fraction, reach).astype(float)
    at = slope * fraction + bend * fraction**2 + bend * sigma**2
    assert weights @ (slope * x + bend * x**2) == pytest.approx(at, abs=0.02 * (1 + abs(at)))


@pytest.mark.parametrize("sigma", [0.8, 1.0, 1.7])
def test_as_scipy_smooths(sigma: float) -> None:
    box = np.random.default_rng(0).standard_normal((24, 26, 28)).astype(np.float32)
    box = ndimage.gaussian_filter(box, 0.7)
    kernel = taps(sigma, 0, 7)
    ours = smooth_crop(box, kernel, kernel, kernel)
    theirs = ndimage.gaussian_filter(box, sigma, truncate=5)[7:-7, 7:-7, 7:-7]
    assert (ours - theirs).std() < 0.05 * theirs.std()


def test_holes_have_no_weight() -> None:
    box = np.full((15, 15, 15), 7.0, np.float32)
    box[7, 7, 7] = np.nan
    box[:, :, 12:] = np.nan
    kernel = taps(1.0, 0.3, 3)
    smooth = smooth_crop(box, kernel, kernel, kernel)
    np.testing.assert_allclose(smooth[np.isfinite(smooth)], 7, rtol=1e-5)
    assert np.isfinite(smooth[4, 4, 4])
    assert np.isnan(smooth[:, :, -1]).all()


@pytest.mark.parametrize("correlation", [0.0, 0.25])
def test_noise_is_found_under_a_change(correlation: float) -> None:
    """σ, and how many voxels are as one, against many draws of the very same noise."""
    rng = np.random.default_rng(3)
    smoothing = Smoothing.of(1.0, Volume(np.zeros((2, 2, 2))))
    own = np.array([correlation, 1, correlation])
    z, y, x = np.indices((30, 30, 30)) - 14.5
    r = np.sqrt(z**2 + y**2 + x**2)
    core = (r < 11).astype(np.uint8)
    dent = -30 * np.clip(1 - (r / 16) ** 2, 0, None)
    dent[14, :, 10:13] -= 25  # a crack
    cores, means, sigmas = [], [], []
    for _ in range(40):
        noise = rng.standard_normal((44, 44, 44)).astype(np.float32)
        for axis in range(3):
            noise = ndimage.convolve1d(noise, own, axis)
        kernels = smoothing.kernels(np.zeros(3))
        smooth = smooth_crop(noise, *kernels)[:30, :30, :30]
        means.append(smooth[core > 0].mean())
        sigmas.append(smooth[core > 0].std())
        cores.append(((smooth + dent).astype(np.float32), core))
    sigma = np.sqrt(np.mean(np.square(sigmas)))
    found = estimate_noise(cores, smoothing)
    assert found.sigma == pytest.approx(sigma, rel=0.06)
    assert found.source == "second differences in the core of 40 particles"
    n = int(core.sum())
    independent = independent_voxels(core.astype(np.uint16), np.array([0, n]), found)[1]
    assert found.sigma / np.sqrt(independent) == pytest.approx(np.std(means), rel=0.35)
    assert 1 <= independent < n


def test_small_cores_and_what_is_said_of_them() -> None:
    rng = np.random.default_rng(4)
    smoothing = Smoothing.of(1.0, Volume(np.zeros((2, 2, 2))))
    kernels = smoothing.kernels(np.zeros(3))

    def cores(size: int, n: int) -> list:
        boxes = rng.standard_normal((n, *(size + 10,) * 3)).astype(np.float32)
        return [(smooth_crop(box, *kernels), np.ones((size,) * 3, np.uint8)) for box in boxes]

    true = float(np.std(np.concatenate([d.ravel() for d, _ in cores(24, 8)])))
    first = estimate_noise(cores(10, 60), smoothing)
    assert first.source.startswith("first differences")
    assert first.sigma == pytest.approx(true, rel=0.1)
    tiny = estimate_noise(cores(5, 40), smoothing)
    assert "too small" in tiny.source
    assert tiny.sigma == pytest.approx(true, rel=0.15)
    nothing = estimate_noise([], smoothing)
    assert np.isnan(nothing.sigma)
    assert nothing.source == "unknown"


def test_white_noise_has_as_many_independent_voxels_as_voxels() -> None:
    group = np.random.default_rng(0).integers(0, 3, (9, 9, 9)).astype(np.uint16)
    counts = np.bincount(group.ravel())
    white = Noise(1.0, (np.ones(1),) * 3, "")
    np.testing.assert_allclose(independent_voxels(group, counts, white)[1:], counts[1:])


def test_joined_pairs_are_those_of_all_pairs() -> None:
    """Against the sum written out."""
    rng = np.random.default_rng(1)
    group = rng.integers(0, 3, (4, 5, 6)).astype(np.uint16)
    rho = np.array([1.0, 0.6, 0.2]), np.array([1.0, 0.5]), np.array([1.0, 0.7, 0.3, 0.1])
    expected = np.zeros(3)
    places = np.argwhere(group > 0)
    for a in places:
        for b in places:
            apart = np.abs(a - b)
            same = group[tuple(a)] == group[tuple(b)]
            if same and all(d < len(r) for d, r in zip(apart, rho, strict=True)):
                weight = np.prod([r[d] for d, r in zip(apart, rho, strict=True)])
                expected[group[tuple(a)]] += weight
    found = joined_pairs(group, np.bincount(group.ravel(), minlength=3), 10**6, *rho)
    np.testing.assert_allclose(found[1:], expected[1:])


def test_share_of_noise_alone() -> None:
    draws = np.random.default_rng(0).standard_normal(2_000_000)
    assert expected_share(2.0) == pytest.approx((draws > 2).mean(), rel=0.02)
