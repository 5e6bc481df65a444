"""Resolutions of an image: averages, places, holes."""

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray
from napari_battery.registration import pyramid as module
from napari_battery.registration.pyramid import index_to_world, pyramid
from napari_battery.volume import Volume


def test_levels_keep_places_in_the_world():
    # a ramp along the world: averaging and symmetric smoothing leave it as it is
    z, y, x = np.indices((16, 32, 32), np.float64)
    size, origin = (2.0, 1.0, 1.0), (5.0, -4.0, 3.0)
    ramp = (5 + 2 * z) + 10 * (y - 4) + 100 * (x + 3)
    levels = pyramid(Volume(ramp.astype(np.float32), size, origin), [1.0, 2.0, 4.0])
    assert [level.data.shape for level in levels] == [(16, 32, 32), (16, 16, 16), (8, 8, 8)]
    for level in levels:
        index = np.stack(np.indices(level.data.shape), -1)[1:-1, 1:-1, 1:-1].reshape(-1, 3)
        world = index @ level.matrix[:3, :3].T + level.matrix[:3, 3]
        wanted = world @ [1, 10, 100]
        np.testing.assert_allclose(level.data[tuple(index.T)], wanted, rtol=1e-5)


def test_blocks_and_lazy_reading_change_nothing(monkeypatch):
    data = np.random.default_rng(0).integers(0, 60_000, (13, 10, 11)).astype(np.uint16)
    volume = Volume(data, (1.0,) * 3)
    whole = pyramid(volume, [2.0])[0].data
    reads = []

    def read(window):
        reads.append(window)
        return data[window]

    monkeypatch.setattr(module, "_SLAB_VOXELS", 300)
    lazy = Volume(LazyArray(data.shape, data.dtype, read), (1.0,) * 3)
    np.testing.assert_array_equal(pyramid(lazy, [2.0])[0].data, whole)
    assert len(reads) > 3
    assert whole.shape == (6, 5, 5)


def test_what_is_masked_or_not_finite_does_not_count():
    data = np.random.default_rng(1).random((8, 8, 8)).astype(np.float32)
    spoiled = data.copy()
    spoiled[0, 0, 0], spoiled[3, 3, 3] = np.nan, np.inf
    region = np.ones(data.shape, bool)
    region[:, :, 4:] = False
    mask = np.ones(data.shape, bool)
    mask[:, 6:] = False
    level = pyramid(Volume(spoiled, (1.0,) * 3, region=region), [2.0], mask)[0]
    kept = np.isfinite(level.data)
    assert kept[:, :3, :2].all()
    assert not kept[:, 3:].any()
    assert not kept[:, :, 2:].any()


def test_a_flat_image_is_one_plane():
    volume = Volume(np.random.default_rng(0).random((24, 20)), (2.0, 2.0), (1.0, 3.0))
    level = pyramid(volume, [2.0, 4.0])[1]
    assert level.data.shape == (1, 12, 10)
    np.testing.assert_allclose(level.matrix[:3, 3], [0, 2, 4])


def test_an_affine_goes_along():
    shear = np.array([[1, 0.1, 0, 4], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    volume = Volume(np.zeros((4, 4, 4)), (2.0, 1.0, 1.0), affine=shear)
    np.testing.assert_allclose(index_to_world(volume), shear @ np.diag([2.0, 1, 1, 1]))


@pytest.mark.parametrize(
    ("data", "mask", "message"),
    [
        (np.full((4, 4, 4), 7.0), None, "grey level 7 everywhere"),
        (np.full((4, 4, 4), np.nan), None, "leaves nothing"),
        (np.random.default_rng(0).random((4, 4, 4)), np.ones((4, 4, 5), bool), r"\(4, 4, 5\)"),
    ],
)
def test_what_cannot_be_aligned_is_named(data, mask, message):
    with pytest.raises(InputError, match=message):
        pyramid(Volume(data, (1.0,) * 3, name="probe"), [1.0], mask)
