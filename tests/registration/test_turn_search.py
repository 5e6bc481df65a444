"""Orientations are covered evenly, and named by the turn that makes them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_battery.registration.rotations import rotation_matrix
from napari_battery.registration.turn_search import turned_about, turns


def test_no_orientation_is_far_from_one_that_is_tried():
    tried = Rotation.from_rotvec([*turns(180, False), np.zeros(3)]).as_quat()
    any_ = Rotation.random(5000, random_state=0).as_quat()
    apart = 2 * np.degrees(np.arccos(np.clip(np.abs(any_ @ tried.T).max(axis=1), 0, 1)))
    assert np.quantile(apart, 0.95) < 25
    assert apart.max() < 34


@pytest.mark.parametrize("largest", [20.0, 60.0])
def test_smaller_turns_come_first_and_larger_ones_not_at_all(largest):
    sizes = np.degrees([np.linalg.norm(vector) for vector in turns(largest, False)])
    assert (np.diff(sizes) >= -1e-9).all()
    assert sizes.max() <= largest + 15
    assert len(sizes) < len(turns(180, False))


def test_a_slice_is_turned_in_its_plane():
    vectors = np.degrees(turns(180, True))
    assert (vectors[:, 1:] == 0).all()
    assert sorted(np.round(vectors[:, 0])) == [a for a in range(-170, 181, 10) if a]


def test_a_turn_about_a_point_leaves_it():
    vector, centre = np.array([0.3, -1.2, 2.0]), np.array([5.0, -2, 8])
    turn = turned_about(vector, centre)
    np.testing.assert_allclose(turn @ [*centre, 1], [*centre, 1], atol=1e-12)
    np.testing.assert_array_equal(turn[:3, :3], rotation_matrix(vector))
