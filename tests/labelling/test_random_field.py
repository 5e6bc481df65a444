"""The Markov random field: its energy, its independence of cuts, and what it is for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_battery.labelling import random_field
from napari_battery.labelling.random_field import (
    NOWHERE,
    PER_UNIT,
    SWEEPS,
    energy,
    gaussian_costs,
    quantised,
    smooth,
)


def noisy(shape, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 4000, (*shape, n_classes)).astype(np.uint16)
    return costs.argmin(-1).astype(np.uint8), costs


@given(
    hnp.arrays(np.uint16, hnp.array_shapes(min_dims=3, max_dims=4, min_side=2, max_side=5)),
    st.floats(0, 5),
    st.integers(0, 1),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_energy_never_rises(costs, weight, parity, data):
    classes = data.draw(
        hnp.arrays(np.uint8, costs.shape[:-1], elements=st.integers(0, costs.shape[-1]))
    )
    classes[classes == costs.shape[-1]] = NOWHERE
    gone = classes == NOWHERE
    spacing = (1.0, 1.5, 2.0)[: classes.ndim]
    before = energy(classes, costs, weight, spacing)
    smooth(classes, costs, weight, spacing, parity)
    assert energy(classes, costs, weight, spacing) <= before
    assert np.array_equal(classes == NOWHERE, gone)


def test_every_sweep_lowers_the_energy(monkeypatch):
    classes, costs = noisy((9, 12, 14))
    monkeypatch.setattr(random_field, "SWEEPS", 1)
    energies = [energy(classes, costs, 0.6, (1, 1, 1))]
    while smooth(classes, costs, 0.6, (1, 1, 1)):
        energies.append(energy(classes, costs, 0.6, (1, 1, 1)))
    assert len(energies) > 3
    assert np.all(np.diff(energies) < 0)


def test_converged_voxels_are_at_their_best():
    classes, costs = noisy((8, 9, 10), seed=2)
    while smooth(classes, costs, 0.5, (1, 1, 1)):
        pass
    least = energy(classes, costs, 0.5, (1, 1, 1))
    rng = np.random.default_rng(0)
    for _ in range(50):
        changed = classes.copy()
        changed[tuple(rng.integers(0, classes.shape))] = rng.integers(0, 3)
        assert energy(changed, costs, 0.5, (1, 1, 1)) >= least


@pytest.mark.parametrize("corner", [(0, 0, 0), (3, 0, 5), (5, 8, 2)])
def test_a_cut_with_its_margin_equals_the_whole(corner):
    classes, costs = noisy((45, 46, 47), seed=1)
    cut = tuple(slice(c, c + 38) for c in corner)
    part, part_costs = classes[cut].copy(), costs[cut].copy()
    smooth(classes, costs, 0.8, (1, 1, 1))
    smooth(part, part_costs, 0.8, (1, 1, 1), sum(corner))
    inner = (slice(2 * SWEEPS, -2 * SWEEPS),) * 3
    assert np.array_equal(part[inner], classes[cut][inner])


def test_two_axes_equal_a_slice_of_three():
    classes, costs = noisy((1, 30, 31))
    flat = classes[0].copy()
    smooth(classes, costs, 0.7, (1, 1, 1))
    smooth(flat, costs[0], 0.7, (1, 1))
    assert np.array_equal(flat, classes[0])


def test_specks_go_and_edges_stay():
    rng = np.random.default_rng(0)
    truth = np.zeros((20, 40, 40), np.uint8)
    truth[:, :, 20:] = 1
    grey = truth + 0.45 * rng.standard_normal(truth.shape)
    classes = (grey > 0.5).astype(np.uint8)
    before = (classes != truth).mean()
    smooth(classes, gaussian_costs(grey, np.array([0.0, 1.0]), 0.45), 1.0, (1, 1, 1))
    # noise of .45 steps puts 13 % of the voxels on the wrong side
    assert before > 0.1
    assert (classes != truth).mean() < 0.005


def test_farther_neighbours_count_less():
    costs = np.zeros((3, 1, 3, 2), np.uint16)
    costs[1, 0, 1, 0] = 1.2 * PER_UNIT  # better off as 1 by 1.2
    classes = np.zeros((3, 1, 3), np.uint8)
    classes[1, 0, 1] = 1
    near, far = classes.copy(), classes.copy()
    smooth(near, costs, 0.4, (1, 1, 1))  # four neighbours: 1.6 for 0
    smooth(far, costs, 0.4, (4, 1, 1))  # two near, two at a distance of 4: 1.0
    assert (near[1, 0, 1], far[1, 0, 1]) == (0, 1)


def test_costs_are_those_of_gaussians():
    grey = np.array([[0.0, 3, 10, 1e6]])
    costs = gaussian_costs(grey, np.array([0.0, 4.0]), 2.0)
    assert costs[0, 0].tolist() == [0, 2 * PER_UNIT]
    assert costs[0, 1].tolist() == [PER_UNIT, 0]  # (9 − 1) / 8
    assert costs[0, 3].tolist() == [65_535, 0]  # clipped, not wrapped


def test_costs_of_probabilities():
    costs = quantised(np.array([[0.5, 0.25, 0.25], [1, 0, 0]], np.float32))
    assert costs[0] == pytest.approx(PER_UNIT * np.log([1, 2, 2]), abs=1)
    assert costs[1].tolist() == [0, 65_535, 65_535]
