"""Intervals cover the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from napari_battery.superres.judge_bootstrap import FEWEST, bootstrap_interval


@pytest.mark.parametrize("n", [8, 18])
def test_coverage_on_known_data(n):
    rng = np.random.default_rng(n)
    trials = 1000
    hits = 0
    for trial in range(trials):
        low, high = bootstrap_interval(rng.normal(3, 2, n), 400, trial)
        hits += low <= 3 <= high
    # 95 % of 1000 has a standard error of 0.7 %; 400 resamples put the ends off by another 1 %.
    # The percentile interval covers 89 % at n = 8.
    assert hits / trials == pytest.approx(0.95, abs=0.025)


def test_of_normal_data_it_is_student_s_interval():
    values = stats.norm.ppf((np.arange(200) + 0.5) / 200)
    low, high = bootstrap_interval(values, 20_000, 0)
    expected = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    # 20,000 resamples leave 2 % of the half-width
    assert (low, high) == pytest.approx(expected, abs=0.04 * expected[1])


def test_wider_confidence_is_a_wider_interval_and_the_seed_decides():
    values = np.random.default_rng(1).normal(0, 1, 12)
    narrow = bootstrap_interval(values, 1000, 7, 0.8)
    wide = bootstrap_interval(values, 1000, 7, 0.99)
    assert wide[0] < narrow[0] < values.mean() < narrow[1] < wide[1]
    assert bootstrap_interval(values, 1000, 7, 0.8) == narrow


def test_too_few_regions_or_an_infinite_one_give_no_interval():
    assert np.isnan(bootstrap_interval(np.arange(FEWEST - 1), 200, 0)).all()
    assert np.isnan(bootstrap_interval([1, 2, 3, 4, np.inf], 200, 0)).all()


def test_equal_values_are_certain():
    assert bootstrap_interval([0.3] * 6, 200, 0) == pytest.approx((0.3, 0.3))
