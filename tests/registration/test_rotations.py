from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_battery.registration.rotations import rotation_matrix, turn_and_scale

ANGLES = st.floats(-1.8, 1.8)


@given(st.tuples(ANGLES, ANGLES, ANGLES))
def test_rotations_are_scipys_in_z_y_x(vector) -> None:
    scipys = Rotation.from_rotvec(vector[::-1]).as_matrix()[::-1, ::-1]
    np.testing.assert_allclose(rotation_matrix(vector), scipys, atol=1e-13)


def test_a_plane_turns_from_y_towards_x() -> None:
    np.testing.assert_allclose(rotation_matrix([np.pi / 2]) @ [0, 1], [1, 0], atol=1e-15)


@given(st.tuples(ANGLES, ANGLES, ANGLES), st.floats(0.5, 2))
def test_turn_and_magnification(vector, scale) -> None:
    angle = np.linalg.norm(vector)
    turn, found = turn_and_scale(scale * rotation_matrix(vector))
    # an arccosine near 1 or -1 loses half the digits
    assert turn == pytest.approx(np.rad2deg(min(angle, 2 * np.pi - angle)), abs=1e-5)
    assert found == pytest.approx(scale)


def test_turn_and_magnification_of_a_plane() -> None:
    turn, scale = turn_and_scale(1.7 * rotation_matrix([np.deg2rad(-5.0)]))
    assert (turn, scale) == (pytest.approx(5.0), pytest.approx(1.7))
