"""Two-point correlation against direct counting, overlapping balls and PoreSpy's formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from napari_battery.errors import InputError
from napari_battery.microstructure.surfaces import surface_area
from napari_battery.microstructure.two_point import two_point_correlation
from napari_battery.progress import CallbackProgress, Cancelled


@settings(max_examples=15, deadline=None)
@given(arrays(bool, (6, 7, 8)))
def test_each_shift_is_the_mean_over_its_pairs(mask):
    found = two_point_correlation(mask, (1.0, 1.0, 1.0), 3.0)
    along = found.along
    for axis, name in enumerate("zyx"):
        mine = along[along["axis"] == name]["probability"].to_numpy()
        for lag, value in enumerate(mine):
            n = mask.shape[axis]
            both = mask.take(range(n - lag), axis) & mask.take(range(lag, n), axis)
            assert value == pytest.approx(both.mean(), abs=1e-5)
    # the first shell: 6 faces and 12 edges, by their pairs
    pairs, hits = 0, 0
    for step in ((0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (0, 1, -1), (1, 0, 1)):
        pairs, hits = _count(mask, step, pairs, hits)
    for step in ((1, 0, -1), (1, 1, 0), (1, -1, 0)):
        pairs, hits = _count(mask, step, pairs, hits)
    assert found.radial["probability"][1] == pytest.approx(hits / pairs, abs=1e-5)
    assert found.fraction == pytest.approx(mask.mean())


def _count(mask, step, pairs, hits):
    a = mask[tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, mask.shape, strict=True))]
    b = mask[tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, mask.shape, strict=True))]
    return pairs + a.size, hits + int((a & b).sum())


def test_the_space_between_overlapping_balls():
    """ln S₂(r) = -λ V(union of two balls r apart) for the space left by random balls."""
    rng = np.random.default_rng(3)
    n, radius = 100, 8.0
    density = 0.5 / (4 / 3 * np.pi * radius**3)
    mask = np.ones((n, n, n), bool)
    # periodic, so that the number of balls is right everywhere
    for centre in rng.uniform(0, n, (round(density * n**3), 3)):
        low = np.floor(centre - radius).astype(int)
        grid = np.ogrid[tuple(slice(a, a + int(2 * radius) + 2) for a in low)]
        inside = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2
        box = np.ix_(*(np.ravel(g) % n for g in grid))
        mask[box] &= ~inside
    found = two_point_correlation(mask, (1, 1, 1), 24.0)
    r = found.radial["distance_um"].to_numpy()
    ball = 4 / 3 * np.pi * radius**3
    lens = ball * (1 - 3 * r / (4 * radius) + r**3 / (16 * radius**3))
    union = 2 * ball - np.where(r < 2 * radius, lens, 0)
    assert found.radial["probability"].to_numpy() == pytest.approx(
        np.exp(-density * union), abs=0.03
    )
    assert found.correlation_length_um == pytest.approx(
        np.trapezoid(np.maximum(found.radial["correlation"], 0), r), rel=0.2
    )
    slope = found.surface_per_volume_per_um
    assert slope == pytest.approx(surface_area(mask, (1, 1, 1)), rel=0.05)


def test_scales_with_the_voxel_size():
    mask = np.random.default_rng(0).random((20, 24)) < 0.4
    small = two_point_correlation(mask, (1, 1))
    large = two_point_correlation(mask, (3, 3))
    assert large.correlation_length_um == pytest.approx(3 * small.correlation_length_um)
    assert large.surface_per_volume_per_um == pytest.approx(small.surface_per_volume_per_um / 3)


def test_one_phase_has_no_correlation():
    found = two_point_correlation(np.ones((8, 8, 8), bool), (1, 1, 1))
    assert np.isnan(found.correlation_length_um)
    assert found.radial["probability"].to_numpy() == pytest.approx(1)


def test_what_is_wrong_is_said():
    with pytest.raises(InputError, match="longest distance"):
        two_point_correlation(np.ones((8, 8, 8), bool), (1, 1, 1), 9)
    stop = CallbackProgress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        two_point_correlation(np.ones((8, 8), bool), (1, 1), progress=stop)
