"""Cutting one particle into parts."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.labelling.split import parts_at, two_centres


def balls(apart: int, left: int, right: int) -> np.ndarray:
    z, y, x = np.indices((26, 26, 30 + apart))
    first = (z - 13) ** 2 + (y - 13) ** 2 + (x - 13) ** 2 <= left**2
    second = (z - 13) ** 2 + (y - 13) ** 2 + (x - 13 - apart) ** 2 <= right**2
    return first | second


@settings(max_examples=15, deadline=None)
@given(apart=st.integers(12, 16), left=st.integers(7, 9), right=st.integers(7, 9))
def test_two_balls_are_cut_where_their_spheres_meet(apart: int, left: int, right: int) -> None:
    mask = balls(apart, left, right)
    centres = two_centres(mask, (1.0, 1.0, 1.0))
    assert centres is not None
    centres = centres[np.argsort(centres[:, 2])]
    parts = parts_at(mask, centres, (1.0, 1.0, 1.0))
    assert ((parts > 0) == mask).all()
    # the plane through the circle in which the two spheres meet
    plane = 13 + (apart**2 + left**2 - right**2) / (2 * apart)
    x = np.indices(mask.shape)[2]
    wrong = ((parts == 1) & (x > plane)) | ((parts == 2) & (x < plane))
    assert wrong.sum() <= 0.04 * mask.sum()  # about a voxel on either side of the neck


def test_points_of_one_centre_share_it_by_nearness() -> None:
    mask = np.zeros((20, 20, 40), bool)
    mask[2:18, 2:18, 2:38] = True
    parts = parts_at(mask, np.array([[10, 10, 8], [10, 10, 32]]), (1.0, 1.0, 1.0))
    assert set(np.unique(parts[mask])) == {1, 2}
    sizes = np.bincount(parts.ravel())[1:]
    assert abs(sizes[0] - sizes[1]) <= 2 * 16 * 16  # a plane or two of voxels
    assert (parts[mask] > 0).all()


def test_centres_of_anisotropic_voxels() -> None:
    """Thick slices: balls in µm, two of them above one another."""
    z, y, x = np.indices((16, 30, 30)) * np.array([2.0, 1, 1]).reshape(3, 1, 1, 1)
    mask = (z - 9) ** 2 + (y - 15) ** 2 + (x - 15) ** 2 <= 64
    mask |= (z - 21) ** 2 + (y - 15) ** 2 + (x - 15) ** 2 <= 64
    found = two_centres(mask, (2.0, 1.0, 1.0))
    assert sorted(found[:, 0].tolist()) in ([4, 10], [5, 10], [4, 11], [5, 11])
