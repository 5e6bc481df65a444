"""Uncertainties and tests, against the paper's numbers and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from napari_battery.errors import InputError
from napari_battery.states.statistics import (
    paired_z_test,
    particles_needed,
    q_values,
    se_tot,
    sem_delta,
    sem_particle,
    sem_rms,
    ses,
    two_sided_p,
    z_test,
)


def test_z_of_the_papers_own_numbers():
    """Section 3.1; the paper prints −5.40, its numbers give −5.39."""
    test = z_test(174.41, 173.00, 11.08, 11.27, 3650, 3650, n_sigma=5, alternative="less")
    assert test.z == pytest.approx(-5.39, abs=0.005)
    assert test.critical == -5
    assert test.is_rejected
    assert test.p_value == pytest.approx(stats.norm.cdf(test.z))
    assert not z_test(174.41, 173.00, 11.08, 11.27, 3650, 3650, 5, "greater").is_rejected


def test_z_goes_to_welchs_t_for_many_particles():
    rng = np.random.default_rng(1)
    a, b = rng.normal(174, 11, 4000), rng.normal(173, 12, 3000)
    ours = z_test(a.mean(), b.mean(), a.std(ddof=1), b.std(ddof=1), len(a), len(b))
    welch = stats.ttest_ind(b, a, equal_var=False)
    assert ours.z == pytest.approx(welch.statistic, rel=1e-12)
    assert ours.p_value == pytest.approx(welch.pvalue, rel=0.05)


def test_paired_test_is_scipys_for_many_particles():
    change = np.random.default_rng(2).normal(0.1, 2, 3000)
    ours, theirs = paired_z_test(change), stats.ttest_1samp(change, 0)
    assert ours.z == pytest.approx(theirs.statistic, rel=1e-12)
    assert ours.paired
    assert ours.n_first == ours.n_second == 3000


def test_ses_is_scipys_standard_error():
    values = np.random.default_rng(3).normal(size=50)
    assert ses([*values, np.nan]) == pytest.approx(stats.sem(values))
    assert np.isnan(ses([1.0]))


def test_sem_by_the_papers_formulas():
    assert sem_particle(14, 400) == pytest.approx(0.7)
    assert sem_particle(14, 400, 4) == pytest.approx(1.4)
    assert sem_delta(0.3, 0.4) == pytest.approx(0.5)
    assert sem_rms([3, 4, np.nan]) == pytest.approx(np.sqrt(12.5))
    assert se_tot(3, 4) == pytest.approx(5)


def test_sem_without_voxels_and_below_the_correlation_volume():
    assert np.isnan(sem_particle(14, 0))
    assert sem_particle(14, 3, 8) == pytest.approx(14)


def test_sem_is_the_spread_of_means_of_correlated_noise():
    """Means of blocks of noise that was summed over pairs of voxels: V = 2 along one axis."""
    white = np.random.default_rng(4).normal(size=(4000, 101))
    noise = (white[:, 1:] + white[:, :-1]) / np.sqrt(2)
    assert noise.mean(axis=1).std() == pytest.approx(sem_particle(1, 100, 2), rel=0.04)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_q_values_are_scipys(p):
    assert q_values(p) == pytest.approx(stats.false_discovery_control(p, method="bh"))


def test_q_values_leave_out_what_was_not_tested():
    q = q_values([0.01, np.nan, 0.04])
    assert q == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert len(q_values([])) == 0


def test_two_sided_p():
    assert two_sided_p([-5.39, 0, np.nan]) == pytest.approx(
        [2 * stats.norm.sf(5.39), 1, np.nan], nan_ok=True
    )


@given(st.floats(0.05, 5), st.floats(0.5, 20), st.floats(1, 6))
def test_particles_needed_are_just_enough(change, sd, n_sigma):
    n = particles_needed(change, sd, n_sigma)
    assert change / (sd / np.sqrt(n)) >= n_sigma * (1 - 1e-6)
    assert n == 2 or change / (sd / np.sqrt(n - 1)) < n_sigma * (1 + 1e-6)


def test_particles_needed_for_the_papers_change():
    n = particles_needed(1.41, 11.08, 5, 11.27)
    assert abs(z_test(174.41, 173.0, 11.08, 11.27, n, n).z) == pytest.approx(5, abs=0.01)
    with pytest.raises(InputError, match="0 grey levels"):
        particles_needed(0, 1)
    with pytest.raises(InputError, match="not known"):
        particles_needed(1, float("nan"))
