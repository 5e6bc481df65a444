"""Masked correlation of all shifts against its definition; shifts of coarse images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.registration.fft_start import Coarse, coarse, masked_correlation, shifts
from napari_battery.registration.pyramid import Level


def by_definition(fixed, moving, shift):
    """Pearson's correlation of what overlaps once `moving` is put at `shift`."""
    pairs = []
    for index in np.ndindex(moving.shape):
        place = tuple(i + s for i, s in zip(index, shift, strict=True))
        if all(0 <= p < n for p, n in zip(place, fixed.shape, strict=True)):
            pairs.append((fixed[place], moving[index]))
    pairs = np.array([p for p in pairs if np.isfinite(p).all()], float).reshape(-1, 2)
    if len(pairs) < 2 or pairs.std(axis=0).min() < 0.05:
        return len(pairs), None
    return len(pairs), np.corrcoef(pairs.T)[0, 1]


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_every_shift_is_as_by_definition(seed):
    rng = np.random.default_rng(seed)
    fixed = rng.random(rng.integers(2, 6, 3)).astype(np.float32) + 100
    moving = rng.random(rng.integers(2, 6, 3)).astype(np.float32)
    for image in (fixed, moving):
        image[rng.random(image.shape) < 0.2] = np.nan
    values, overlap = masked_correlation(fixed, moving)
    for place in np.ndindex(values.shape):
        shift = np.array(place) - (np.array(moving.shape) - 1)
        n, wanted = by_definition(fixed, moving, shift)
        assert overlap[place] == n
        if wanted is not None and n > 3:
            # float32 transforms
            assert values[place] == pytest.approx(wanted, abs=2e-3)


def test_a_small_field_is_found_inside_a_large_one():
    rng = np.random.default_rng(0)
    large = rng.random((24, 26, 28), np.float32)
    small = large[9:17, 4:14, 11:20].copy()
    small[:2, :2, :2] = np.nan
    origin, spacing = np.array([5.0, -3.0, 2.0]), 2.0
    best = shifts(
        Coarse(large, origin, spacing), Coarse(small, np.zeros(3), spacing), 0.5, 3, False
    )[0]
    assert best.shift == pytest.approx(origin + 2.0 * np.array([9, 4, 11]))
    assert best.correlation == pytest.approx(1, abs=1e-3)


def test_a_negative_peak_counts_where_either_sign_does():
    rng = np.random.default_rng(1)
    large = rng.random((16,) * 3, np.float32)
    fixed = Coarse(large, np.zeros(3), 1.0)
    moving = Coarse(-large[4:14, 2:12, 3:13], np.zeros(3), 1.0)
    assert shifts(fixed, moving, 0.5, 1, True)[0].shift == (4.0, 2.0, 3.0)
    assert shifts(fixed, moving, 0.5, 1, False)[0].shift != (4.0, 2.0, 3.0)


def test_a_coarse_grid_keeps_places_and_holes():
    z, y, x = np.indices((10, 12, 14), np.float32)
    data = z + 2 * y + 3 * x
    data[:, :, 10:] = np.nan
    matrix = np.diag([2.0, 1.0, 1.0, 1])
    matrix[:3, 3] = 1, 2, 3
    made = coarse(Level(data, matrix), 2.0)
    index = np.indices(made.data.shape).reshape(3, -1).T
    world = made.origin + index * made.spacing
    i, j, k = ((world - matrix[:3, 3]) / np.diag(matrix)[:3]).T
    wanted = i + 2 * j + 3 * k
    got = made.data.ravel()
    good = np.isfinite(got)
    np.testing.assert_allclose(got[good], wanted[good], rtol=1e-5)
    assert not good[k > 9.01].any()
    assert good[(k <= 9) & (i <= 9) & (j <= 11)].all()
