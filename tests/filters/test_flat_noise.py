from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_battery.filters.flat_noise import noise_before_after
from napari_battery.samples import sand

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("sigma", [0.02, 5.0, 400.0])
def test_white_noise_on_flat_grey(sigma: float) -> None:
    plane = 1000 + RNG.normal(0, sigma, (200, 200))
    found = noise_before_after(plane, plane)
    # nine samples' median standard deviation is 4 % below σ; places with little slope 3 %
    assert found == pytest.approx((sigma, sigma), rel=0.1)


def test_averaged_noise_shrinks_by_the_square_root() -> None:
    planes = RNG.normal(0, 8, (4, 200, 200))
    before, after = noise_before_after(planes[0], planes.mean(axis=0)) or (0, 0)
    # the flattest places are chosen before, and favour a small scatter then
    assert after / before == pytest.approx(0.5, rel=0.12)


@pytest.mark.parametrize("sigma", [5.0, 10.0, 20.0])
def test_known_noise_added_to_real_structure(sigma: float) -> None:
    clean = ndimage.gaussian_filter(sand().data.astype(float), 1.5)[50]
    found = noise_before_after(clean + RNG.normal(0, sigma, clean.shape), clean)
    assert found is not None
    assert found[0] == pytest.approx(sigma, rel=0.1)
    assert found[1] < 2.5  # what structure alone counts for


def test_voxels_without_a_number_are_left_out() -> None:
    plane = RNG.normal(50, 3, (100, 120)).astype(np.float32)
    plane[20:60, 30:70] = np.nan
    after = np.where(np.isnan(plane), plane, 50)
    before, rest = noise_before_after(plane, after) or (0, 1)
    assert before == pytest.approx(3, rel=0.15)
    assert rest == 0


def test_too_small_to_tell() -> None:
    assert noise_before_after(np.ones((5, 900)), np.ones((5, 900))) is None
    assert noise_before_after(np.ones((15, 15)), np.ones((15, 15))) is None
    assert noise_before_after(np.ones(50), np.ones(50)) is None
    nothing = np.full((80, 80), np.nan)
    assert noise_before_after(nothing, nothing) is None
