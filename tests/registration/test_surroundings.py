"""The constant around a field of view is told from dark pores and from objects."""

import numpy as np
import pytest
from scipy import ndimage

from napari_battery.registration.surroundings import field_of_view

N = 48


def texture(seed=0):
    grey = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((N,) * 3), 2)
    return (100 + 30 * grey / grey.std()).astype(np.float32)


def within(radius, axes=(1, 2)):
    index = np.indices((N,) * 3) - (N - 1) / 2
    return np.sqrt(sum(index[a] ** 2 for a in axes)) < radius


@pytest.mark.parametrize("constant", [0.0, -7.5])
@pytest.mark.parametrize("radius", [20, 23])
def test_a_cylinder_is_found_and_loses_its_rim(constant, radius):
    seen = field_of_view(np.where(within(radius), texture(), np.float32(constant)))
    assert seen is not None
    assert not seen[~within(radius)].any()
    # one voxel in each direction, and nothing more
    assert seen[within(radius - 2)].all()
    assert not seen[within(radius) & ~within(radius - 0.7)].any()


def test_a_box_moved_in_zeros_is_found():
    data = np.roll(texture(), (4, -3, 2), (0, 1, 2))
    data[:4], data[:, -3:], data[..., :2] = 0, 0, 0
    seen = field_of_view(data)
    assert seen is not None
    assert seen[5:, :-4, 3:].all()
    assert seen.sum() == (N - 5) * (N - 4) * (N - 3)


def test_a_disc_in_a_slice_is_found():
    data = np.where(within(22), texture(), np.float32(0))[20:21]
    seen = field_of_view(data)
    assert seen is not None
    np.testing.assert_array_equal(seen[0][within(20)[0]], True)


def pores():
    grey = texture()
    return np.where(grey > 100, grey, 0)


def ball():
    return np.clip(N / 2 - np.sqrt(((np.indices((N,) * 3) - 23.5) ** 2).sum(axis=0)), 0, 1)


@pytest.mark.parametrize(
    "data",
    [
        texture(),
        np.where(np.isfinite(texture()) & within(20), texture(), np.nan),  # already without data
        np.full((N,) * 3, 3.0),
        pores(),  # clipped at zero, and open to the faces
        np.where(within(12, (0, 1, 2)), texture(), 0),  # an object, not a field of view
        ball(),  # nothing to see but its outline
    ],
    ids=["none", "nan", "constant", "pores", "object", "outline"],
)
def test_what_is_no_field_of_view_is_left(data):
    assert field_of_view(data.astype(np.float32)) is None
