from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_battery.errors import InputError
from napari_battery.registration.decompose import (
    Parts,
    compose_parts,
    decompose,
    rotation_matrix,
    rotation_vector,
)
from napari_battery.registration.transform import Transform

numbers = st.floats(-4, 4, allow_subnormal=False)


@settings(max_examples=60, deadline=None)
@given(vector=st.tuples(numbers, numbers, numbers))
def test_rotations_are_scipys_in_another_order_of_axes(vector: Any) -> None:
    ours = rotation_matrix(vector)
    scipys = Rotation.from_rotvec(vector[::-1]).as_matrix()[::-1, ::-1]
    np.testing.assert_allclose(ours, scipys, atol=1e-14)
    back = rotation_vector(ours)
    expected = Rotation.from_matrix(scipys[::-1, ::-1]).as_rotvec()[::-1]
    # Near half a turn both signs of the axis are right: compare what they do.
    np.testing.assert_allclose(rotation_matrix(back), scipys, atol=1e-13)
    assert abs(np.linalg.norm(back) - np.linalg.norm(expected)) < 1e-7


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0.6, 0, -0.8)])
@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-5, 3.0, np.pi - 1e-9, np.pi])
def test_angles_are_exact_also_at_nothing_and_half_a_turn(axis: Any, angle: float) -> None:
    vector = angle * np.array(axis) / np.linalg.norm(axis)
    back = rotation_vector(rotation_matrix(vector))
    apart = min(np.abs(back - vector).max(), np.abs(back + vector).max())
    assert apart < 1e-8 if angle > 3 else apart < 1e-15


def test_in_the_plane_it_turns_from_x_towards_y() -> None:
    # y, x: the point on the x axis goes to the y axis.
    np.testing.assert_allclose(rotation_matrix([np.pi / 2]) @ [0, 1], [1, 0], atol=1e-15)
    assert rotation_vector(rotation_matrix([-0.3])) == pytest.approx([-0.3])


@settings(max_examples=60, deadline=None)
@given(ndim=st.sampled_from([2, 3]), seed=st.integers(0, 10_000), mirrored=st.booleans())
def test_parts_that_were_put_together_are_found_again(ndim: int, seed: int, mirrored: bool) -> None:
    random = np.random.default_rng(seed)
    rotation = rotation_matrix(random.uniform(-1, 1, 3 if ndim == 3 else 1))
    scale = random.uniform(0.3, 3, ndim)
    scale[0] *= -1 if mirrored else 1
    shear = np.eye(ndim) + np.triu(random.uniform(-0.5, 0.5, (ndim, ndim)), 1)
    centre, translation = random.uniform(-40, 40, (2, ndim))
    matrix = compose_parts(Parts(rotation, scale, shear, translation, centre))
    found = decompose(Transform(matrix), centre)
    for name, value in (
        ("rotation", rotation),
        ("scale", scale),
        ("shear", shear),
        ("translation", translation),
    ):
        np.testing.assert_allclose(getattr(found, name), value, atol=1e-11, err_msg=name)
    # About any other point it is the same map.
    elsewhere = decompose(Transform(matrix), centre + 7)
    np.testing.assert_allclose(compose_parts(elsewhere), matrix, atol=1e-11)
    np.testing.assert_allclose(
        Transform(matrix).apply_points([centre])[0], centre + translation, atol=1e-11
    )


def test_angle_and_errors() -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = 1.7 * rotation_matrix(np.deg2rad([3.0, 4.0, 0.0]))
    parts = decompose(Transform(matrix, "similarity"))
    assert parts.angle_deg == pytest.approx(5)
    np.testing.assert_allclose(parts.scale, 1.7)
    for centre in ([1, 2], [1, 2, np.inf]):
        with pytest.raises(InputError, match="centre"):
            decompose(Transform(matrix), centre)
