"""Chords against stripes, balls and Cauchy's mean chord."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from napari_battery.errors import InputError
from napari_battery.microstructure.chords import chord_lengths
from napari_battery.microstructure.surfaces import surface_area
from napari_battery.progress import CallbackProgress, Cancelled


def test_stripes_have_one_chord_and_the_ends_are_left_out():
    mask = np.zeros((5, 6, 40), bool)
    mask[:, :, :3] = mask[:, :, 10:17] = mask[:, :, 20:27] = True
    found = chord_lengths(mask, (1, 1, 0.5), "x")
    assert list(found.lengths_um) == [3.5]
    assert list(found.counts) == [60]
    assert found.n_cut == 30
    assert found.mean_intercept_um == pytest.approx(2 * 0.5 * (7 + 7 + 3) / 5)
    across = chord_lengths(mask, (1, 1, 0.5), "y")
    assert across.n_cut == 5 * 17
    assert np.isnan(across.mean_um)
    assert np.isnan(across.mean_intercept_um)


def test_a_balls_mean_chord_is_four_thirds_of_its_radius():
    grid = np.indices((50, 50, 50)) - 24.6
    mask = (grid**2).sum(axis=0) < 20**2
    for axis in "zyx":
        found = chord_lengths(mask, (0.1, 0.1, 0.1), axis)
        assert found.mean_um == pytest.approx(4 / 3 * 2, rel=0.01)
        assert found.mean_intercept_um == pytest.approx(found.mean_um)
        # P(chord > x) = 1 - x²/4R²: the median is √2 R
        assert found.distribution().percentiles(50) == pytest.approx(np.sqrt(2) * 2, rel=0.03)


def test_the_mean_intercept_is_cauchys():
    from scipy import ndimage

    noise = np.random.default_rng(0).normal(size=(64, 64, 64))
    smooth = ndimage.gaussian_filter(noise, 3, mode="wrap")
    mask = smooth > np.quantile(smooth, 0.6)
    mean = np.mean([chord_lengths(mask, (1, 1, 1), axis).mean_intercept_um for axis in "zyx"])
    assert mean == pytest.approx(4 * mask.mean() / surface_area(mask, (1, 1, 1)), rel=0.03)


@settings(max_examples=30, deadline=None)
@given(arrays(bool, (4, 9)))
def test_every_run_is_counted_once(mask):
    found = chord_lengths(mask, (1, 1), "x")
    runs, n_cut = [], 0
    for line in mask:
        place = 0
        for value, group in groupby(line):
            n = len(list(group))
            if value and place > 0 and place + n < 9:
                runs.append(n)
            elif value:
                n_cut += 1
            place += n
    assert sorted(np.repeat(found.lengths_um, found.counts)) == sorted(runs)
    assert found.n_cut == n_cut
    assert found.table()["n_chords"].sum() == len(runs)


def test_what_is_wrong_is_said():
    with pytest.raises(InputError, match="axis"):
        chord_lengths(np.ones((4, 4), bool), (1, 1), "z")
    stop = CallbackProgress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        chord_lengths(np.ones((4, 4), bool), (1, 1), "x", stop)
