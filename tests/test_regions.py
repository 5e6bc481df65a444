"""Regions against shapes that are known: volumes, outlines, and an electrode in air."""

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.regions import (
    ElectrodeRegionSettings,
    box_region,
    cylinder_region,
    electrode_region,
    polygon_region,
)
from napari_battery.volume import Volume

EMPTY = Volume(
    np.zeros((20, 60, 70), "u1"), voxel_size_um=(1, 0.5, 0.5), origin_um=(4, 5, 6), name="stack"
)


def test_regions_lie_on_the_grid_of_their_image_and_can_be_its_region():
    region = box_region(EMPTY, [(2, 5), (10, 20), (30, 99)])
    assert region.dtype == bool
    assert region.same_grid(EMPTY)
    expected = np.zeros(EMPTY.shape, bool)
    expected[2:5, 10:20, 30:] = True
    np.testing.assert_array_equal(region.data, expected)
    assert Volume(EMPTY.data, region=region.data).region is region.data
    assert region.metadata["made"]["notes"][0] == "Box: z 2–4, y 10–19, x 30–98 (voxels)."


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_cylinder_has_the_volume_of_a_cylinder(axis):
    image = Volume(np.zeros((60, 60, 60), "u1"))
    region = cylinder_region(image, (29.3, 28.8), 25, axis=axis, extent=(10, 40))
    # a disc of voxels misses its area by less than half a voxel along its rim
    assert region.data.sum() == pytest.approx(np.pi * 25**2 * 30, abs=np.pi * 25 * 30)
    inside = np.argwhere(region.data)
    assert (inside[:, axis].min(), inside[:, axis].max()) == (10, 39)


def test_ellipse_and_regions_through_all_slices_take_no_memory():
    region = cylinder_region(EMPTY, (30, 30), (10, 20))
    assert region.data.strides[0] == 0
    assert region.data[0].sum() == pytest.approx(np.pi * 200, rel=0.03)
    assert polygon_region(EMPTY, [(0, 0), (0, 30), (30, 0)]).data.strides[0] == 0


def test_polygon_through_all_slices():
    region = polygon_region(EMPTY, [(9.5, 19.5), (9.5, 39.5), (29.5, 39.5), (29.5, 19.5)])
    expected = np.zeros(EMPTY.shape, bool)
    expected[:, 10:30, 20:40] = True
    np.testing.assert_array_equal(region.data, expected)


def test_polygons_between_slices_are_interpolated():
    def square(half, corners=4):
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + np.pi / 4
        return np.column_stack([30 + half * np.sin(angles), 30 + half * np.cos(angles)])

    # many-cornered circles of radius 8 and 24: halfway the radius must be 16
    region = polygon_region(EMPTY, {4: square(8, 60), 14: square(24, 90)})
    radius = np.sqrt(region.data.sum(axis=(1, 2)) / np.pi)
    # half a voxel from the pixels of each outline
    np.testing.assert_allclose(radius[4:15], np.linspace(8, 24, 11), atol=0.6)
    np.testing.assert_allclose(radius[[0, 19]], [8, 24], atol=0.6)


def test_two_dimensions():
    image = Volume(np.zeros((50, 60), "u1"))
    assert cylinder_region(image, (25, 30), 10).data.sum() == pytest.approx(314, rel=0.03)
    assert polygon_region(image, [(0, 0), (0, 30), (30, 0)]).shape == (50, 60)
    assert box_region(image, [(0, 5), (0, 6)]).data.sum() == 30


def test_empty_and_impossible_regions_are_refused():
    with pytest.raises(InputError, match="no voxel of “stack”"):
        box_region(EMPTY, [(0, 5), (80, 90), (0, 5)])
    with pytest.raises(InputError, match="2 axes"):
        box_region(EMPTY, [(0, 5), (8, 9)])
    with pytest.raises(InputError, match="three corners"):
        polygon_region(EMPTY, [(0, 0), (4, 4)])
    with pytest.raises(InputError, match="no polygon"):
        polygon_region(EMPTY, {})
    with pytest.raises(InputError, match="above 0"):
        cylinder_region(EMPTY, (3, 3), 0)
    with pytest.raises(InputError, match="single grey level"):
        electrode_region(EMPTY)


def grains(shape, inside, seed=0, contrast=74.0):
    """Balls of radius 6 on a shaken lattice where `inside`, dark pores between, noise."""
    rng = np.random.default_rng(seed)
    image = np.zeros(shape, bool)
    spots = np.stack(np.meshgrid(*[np.arange(4, n, 13) for n in shape], indexing="ij"), -1)
    for centre in spots.reshape(-1, 3) + rng.uniform(-1.5, 1.5, (spots.size // 3, 3)):
        if not inside[tuple(np.clip(centre.astype(int), 0, np.array(shape) - 1))]:
            continue
        low = np.maximum(0, (centre - 7).astype(int))
        part = tuple(slice(a, a + 16) for a in low)
        grid = np.indices(image[part].shape) + low[:, None, None, None]
        image[part] |= ((grid - centre[:, None, None, None]) ** 2).sum(0) <= 36
    return (100 + contrast * image + rng.normal(0, 14, shape)).astype("f4"), image


@pytest.mark.parametrize("contrast", [74.0, -74.0])
def test_electrode_is_told_from_air_and_keeps_its_pores(contrast):
    shape = (80, 87, 100)
    slab = np.zeros(shape, bool)
    slab[22:62] = True
    grey, solid = grains(shape, slab, contrast=contrast)
    grey[70:72, 10:12, 10:12] = 100 + contrast  # a speck of dust in the air
    settings = ElectrodeRegionSettings(particles="brighter" if contrast > 0 else "darker")
    region = electrode_region(Volume(grey), settings)
    first, last = np.flatnonzero(solid.any(axis=(1, 2)))[[0, -1]]
    # the smoothing of σ = 2 rounds off the outermost voxels of particles
    assert region.data[solid].mean() > 0.98
    # below the dents between particles of the outermost layer, radius 6, pores are inside
    assert region.data[first + 6 : last - 5].mean() > 0.98
    assert not region.data[: first - 4].any()
    assert not region.data[last + 5 :].any()  # nor is the dust


def test_an_image_without_air_is_inside_as_a_whole():
    shape = (60, 60, 60)
    grey, _ = grains(shape, np.ones(shape, bool))
    assert electrode_region(Volume(grey)).data.mean() > 0.97


def test_a_coarser_grid_finds_the_same_electrode(monkeypatch):
    shape = (80, 87, 101)
    slab = np.zeros(shape, bool)
    slab[22:62] = True
    grey, _ = grains(shape, slab)
    fine = electrode_region(Volume(grey)).data
    monkeypatch.setattr("napari_battery.regions._COARSE_VOXELS", grey.size / 8)
    coarse = electrode_region(Volume(grey)).data
    assert coarse.shape == fine.shape
    # they differ by about one coarse voxel along both faces of a slab of 50
    assert (coarse != fine).mean() < 0.05


def test_electrode_region_can_be_cancelled_and_works_in_two_dimensions():
    grey, _ = grains((40, 60, 60), np.ones((40, 60, 60), bool))
    with pytest.raises(Cancelled):
        electrode_region(Volume(grey), None, CallbackProgress(lambda *_: None, lambda: True))
    disc = (np.indices((80, 80)) - 40) ** 2
    image = np.where(disc.sum(0) < 25**2, 200, 50)
    found = electrode_region(Volume(image)).data
    assert (found != (disc.sum(0) < 25**2)).mean() < 0.01
