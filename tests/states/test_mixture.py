"""Normal fits against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from napari_battery.states.mixture import fit_normals, normal_density


@pytest.mark.parametrize("seed", range(3))
def test_two_populations_are_found_as_by_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    x = np.concatenate([rng.normal(150, 6, 700), rng.normal(175, 9, 1300)])
    fit = fit_normals(x, 2)
    model = GaussianMixture(2, tol=1e-8, n_init=2, max_iter=500, random_state=0).fit(x[:, None])
    order = np.argsort(model.means_.ravel())
    np.testing.assert_allclose(fit.means, model.means_.ravel()[order], atol=0.05)
    np.testing.assert_allclose(fit.sds, np.sqrt(model.covariances_.ravel())[order], atol=0.05)
    np.testing.assert_allclose(fit.weights, model.weights_[order], atol=0.005)
    assert fit.bic == pytest.approx(model.bic(x[:, None]), rel=1e-4)
    assert fit.bic < fit_normals(x, 1).bic


def test_one_population_is_its_mean_and_spread():
    x = np.random.default_rng(1).normal(174, 11, 500)
    fit = fit_normals([*x, np.nan])
    assert (fit.means, fit.sds) == ((pytest.approx(x.mean()),), (pytest.approx(x.std()),))
    model = GaussianMixture(1).fit(x[:, None])
    assert fit.bic == pytest.approx(model.bic(x[:, None]), rel=1e-6)
    assert fit_normals(x, 2).bic > fit.bic


def test_densities_hold_their_weights():
    fit = fit_normals(np.concatenate([np.linspace(0, 1, 50), np.linspace(10, 11, 150)]), 2)
    x = np.linspace(-10, 20, 20_001)
    np.testing.assert_allclose(
        np.trapezoid(normal_density(fit, x), x, axis=1), fit.weights, rtol=1e-3
    )


@pytest.mark.parametrize("values", [[], [np.nan], [3.0, 3.0], [1.0, 2.0, 3.0]])
def test_few_values_have_one_component_at_most(values):
    assert len(fit_normals(values, 2).means) == 1
