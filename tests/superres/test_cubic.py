from dataclasses import replace

import numpy as np
import pytest

from napari_battery.superres.cubic import cubic_onto
from napari_battery.superres.upscale import target_grid, upscaled
from napari_battery.volume import Volume

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(7, 9, 11), (9, 11)])
@pytest.mark.parametrize("target", [1.0, 0.74, 0.31])
def test_where_the_axes_agree_networks_are_given_the_same(shape, target):
    low = Volume(RNG.integers(0, 255, shape).astype(np.uint8), (1.0,) * len(shape))
    grid = target_grid(low, target)
    mine = cubic_onto(low, grid)
    theirs = np.asarray(upscaled(low, grid).data).reshape(mine.data.shape)
    # rounding in float32 of grey levels up to 255; a voxel may reach past the last face
    inside = mine.valid
    np.testing.assert_allclose(mine.data[inside], theirs[inside], atol=1e-3)
    assert inside.mean() > 0.8


def test_a_turned_parabola_is_reproduced():
    angle = 0.3
    index = np.indices((20, 24, 24)).astype(float)
    low = Volume((index[0] ** 2 - index[1] * index[2]).astype(np.float32), (1.0,) * 3)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = (5.3, 9.1, 2.2)
    grid = Volume(np.empty((6, 8, 9)), (0.4,) * 3, affine=turn)
    found = cubic_onto(low, grid)
    at = np.indices(grid.shape).reshape(3, -1)
    world = grid.world_affine()[:3, :3] @ at + grid.world_affine()[:3, 3:]
    truth = (world[0] ** 2 - world[1] * world[2]).reshape(grid.shape)
    # two voxels from the faces, where nothing is mirrored, cubic convolution is exact
    deep = ((world > 2) & (world < np.array([[17], [21], [21]]))).all(axis=0).reshape(grid.shape)
    assert found.valid[deep].all()
    assert deep.sum() > 300
    np.testing.assert_allclose(found.data[deep], truth[deep], atol=1e-3)


def test_places_without_data_are_said():
    data = RNG.random((6, 6, 6)).astype(np.float32)
    data[0, 0, 0] = np.nan
    region = np.ones(data.shape, bool)
    region[5, 5, 5] = False
    low = replace(Volume(data, (1.0,) * 3), region=region)
    grid = Volume(np.empty((10, 6, 6)), (1.0,) * 3, (-2.0, 0.0, 0.0))
    found = cubic_onto(low, grid)
    # a voxel whose four taps along some axis miss the gap has a share of zero, but not a number
    assert not found.valid[[0, 1, 8, 9]].any()
    assert not found.valid[2, 0, 0]
    assert not found.valid[7, 5, 5]
    assert found.valid[4:6, 3, 3].all()
    assert (found.data[~found.valid] == 0).all()
