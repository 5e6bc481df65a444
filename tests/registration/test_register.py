"""Alignment of pairs with known truth."""

import numpy as np
import pytest
from scipy.linalg import expm

from napari_battery.errors import InputError
from napari_battery.registration.register import register
from napari_battery.registration.settings import RegisterSettings
from napari_battery.volume import Volume

UNIT = (1.0, 1.0, 1.0)


def spheres(n, pitch, seed=0):
    """Centres, radii and grey levels of spheres in and around a box of n voxels."""
    rng = np.random.default_rng(seed)
    number = int((1.6 * n / pitch) ** 3 * 1.2)
    centres = rng.uniform(-0.3 * n, 1.3 * n, (number, 3))
    return centres, rng.uniform(0.3, 0.5, number) * pitch, rng.uniform(0.7, 1.0, number)


def render(shape, pack, moving_to_fixed=None, voxel=1.0):
    """An image of the spheres, analytically where a map puts them: nothing is interpolated."""
    centres, radii, levels = pack
    back = np.eye(4) if moving_to_fixed is None else np.linalg.inv(moving_to_fixed)
    centres = (centres @ back[:3, :3].T + back[:3, 3]) / voxel
    radii = radii * abs(np.linalg.det(back[:3, :3])) ** (1 / 3) / voxel
    image = np.zeros(shape, np.float32)
    for centre, radius, level in zip(centres, radii, levels, strict=True):
        low = np.maximum(np.floor(centre - radius - 4).astype(int), 0)
        high = np.minimum(np.ceil(centre + radius + 4).astype(int) + 1, shape)
        if (low >= high).any():
            continue
        axes = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        far = np.sqrt(sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True))) - radius
        part = image[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        np.maximum(part, level / (1 + np.exp(far / 0.45)), out=part)
    return image


def motion(degrees, shift, centre, scale=1.0, axis=(1.0, -2.0, 0.5)):
    """Turn about a centre, magnify, then shift: a map from the moving world to the fixed one."""
    z, y, x = np.array(axis) / np.linalg.norm(axis) * np.radians(degrees)
    linear = scale * expm(np.array([[0, -x, y], [x, 0, -z], [-y, z, 0]]))
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = centre - linear @ centre + shift
    return matrix


def error(found, truth, low, high):
    """Mean target registration error over what of a box of the moving world maps into it."""
    points = np.random.default_rng(1).uniform(low, high, (2000, 3))
    goal = points @ truth[:3, :3].T + truth[:3, 3]
    inside = ((goal > low) & (goal < high)).all(axis=1)
    points, goal = points[inside], goal[inside]
    return np.linalg.norm(points @ found[:3, :3].T + found[:3, 3] - goal, axis=1).mean()


@pytest.fixture(scope="module")
def pair():
    pack = spheres(64, 9)
    truth = motion(4, (3.3, -4.1, 2.7), np.full(3, 32.0))
    return render((64,) * 3, pack), render((64,) * 3, pack, truth), truth


def test_a_turned_and_shifted_pair_is_found_from_nothing(pair):
    fixed, moving, truth = pair
    result = register(Volume(fixed, UNIT, name="a"), Volume(moving, UNIT, name="b"))
    # measured 0.003 to 0.005; what remains is linear interpolation's
    assert error(result.transform.matrix, truth, 0, 63) < 0.01
    assert result.quality["warnings"] == []
    assert result.quality["correlation_after"] > 0.99 > result.quality["correlation_before"]


def test_the_same_data_twice_are_refused(pair):
    with pytest.raises(InputError, match="the same data"):
        register(Volume(pair[0], UNIT), Volume(pair[0], UNIT))


def test_simpleitk_finds_the_same(pair):
    fixed, moving, truth = pair
    settings = RegisterSettings(engine="SimpleITK")
    result = register(Volume(fixed, UNIT), Volume(moving, UNIT), settings)
    # half of what is asked of the alignment as a whole (0.05 voxel)
    assert error(result.transform.matrix, truth, 0, 63) < 0.025
