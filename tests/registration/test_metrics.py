"""Correlation and mutual information against other libraries and closed forms."""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from napari_battery.registration.metrics import correlation, joint_levels, mutual_information


def test_correlation_is_numpys_and_leaves_out_nan():
    rng = np.random.default_rng(0)
    a, b = rng.random(500), rng.random(500)
    b += a
    assert correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
    holes = b.copy()
    holes[::7] = np.nan
    good = np.isfinite(holes)
    wanted = np.corrcoef(a[good], b[good])[0, 1]
    assert correlation(a, holes) == pytest.approx(wanted, abs=1e-12)
    assert correlation(a, np.full(500, 3.0)) == 0
    assert correlation(a, np.full(500, np.nan)) == 0


def test_mutual_information_of_normal_pairs_is_the_textbooks():
    rng = np.random.default_rng(1)
    a = rng.standard_normal(200_000)
    for rho in (0.0, 0.5, 0.8):
        b = rho * a + np.sqrt(1 - rho**2) * rng.standard_normal(len(a))
        # the range is some 9 standard deviations, so that one bin, by which both are smoothed,
        # is s = 0.23 of one: the correlation falls to ρ/(1 + s² + 1/12 s²)
        bins = (np.ptp(a) + np.ptp(b)) / 2 / 39
        fallen = rho / (1 + bins**2 * 13 / 12)
        assert mutual_information(a, b) == pytest.approx(-0.5 * np.log(1 - fallen**2), abs=0.01)


def test_mutual_information_is_near_the_histograms_own():
    rng = np.random.default_rng(2)
    a = rng.integers(0, 40, 100_000).astype(float)
    b = np.where(rng.random(len(a)) < 0.5, (a * 7) % 40, rng.integers(0, 40, len(a)))
    smooth = mutual_information(a, b.astype(float))
    # the Gaussian over neighbouring bins mixes levels: below the unsmoothed, above nothing
    assert 0.05 < smooth < mutual_info_score(a, b)


def test_scores_are_the_slope_of_the_log_likelihood():
    # m = f + normal noise: d/dm ln p(m|f) = −(m − f)/σ² less the marginal's slope
    rng = np.random.default_rng(3)
    f = rng.uniform(0, 1, 400_000)
    m = f + 0.15 * rng.standard_normal(len(f))
    joint = joint_levels(f, m, (0.0, 1.0, -0.4, 1.4))
    middle = (np.abs(f - 0.5) < 0.1) & (np.abs(m - 0.5) < 0.2)
    # the marginal is flat in the middle; a bin of 0.046 widens σ a little
    wanted = -(m - f)[middle] / (0.15**2 + 0.05**2)
    slope = np.polyfit(wanted, joint.scores()[middle], 1)[0]
    assert slope == pytest.approx(1, abs=0.15)
