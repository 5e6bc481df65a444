"""Other ways to part particles: compact, merged by necks, SNOW."""

import logging
import warnings

import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import watershed as skimage_watershed

from napari_battery.errors import InputError
from napari_battery.labelling import LabelSettings, label_particles
from napari_battery.labelling.compact import grow_compact
from napari_battery.labelling.depth import DepthMap, depth_map
from napari_battery.labelling.markers import deep_peaks
from napari_battery.labelling.merge import merged_numbers
from napari_battery.volume import Volume


def two_balls(apart: float, radii: tuple[float, float] = (12, 12)) -> np.ndarray:
    grid = np.indices((32, 32, 64)).astype(float)
    centres = (16, 16, 18), (16, 16, 18 + apart)
    inside = [
        sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) < r**2
        for centre, r in zip(centres, radii, strict=True)
    ]
    return inside[0] | inside[1]


@pytest.mark.parametrize("shape", [(24, 30, 34), (60, 70)])
@pytest.mark.parametrize("compactness", [0.1, 1.0, 20.0])
def test_compact_watershed_is_that_of_skimage(shape, compactness):
    rng = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(rng.standard_normal(shape), 2.5) > -0.02
    depths = depth_map(mask)
    places = deep_peaks(depths, 0.5)
    found = grow_compact(depths, places, compactness)
    markers = np.zeros(depths.levels.shape, np.int32)
    markers.ravel()[places] = np.arange(1, len(places) + 1)
    inner = (slice(1, -1),) * len(shape)
    levels = depths.inner / depths.per_voxel
    wanted = skimage_watershed(-levels, markers[inner], mask=mask, compactness=compactness)
    assert found.dtype == np.int32
    assert np.array_equal(found > 0, wanted > 0)
    # skimage leaves a voxel to the source whose float cost is lower in its last bits, we to
    # the one that waits longer where costs are equal to a 16th of a step; and its flood may
    # rise in a pit: voxels on boundaries differ
    assert np.mean(found[mask] != wanted[mask]) < 0.02


@pytest.mark.parametrize(("apart", "neck"), [(14.0, 0.81), (20.0, 0.55)])
def test_necks_are_those_of_balls(apart, neck):
    """Two balls of radius 12: the neck's radius is √(12² − (apart/2)²)."""
    assert np.sqrt(12**2 - (apart / 2) ** 2) / 12 == pytest.approx(neck, abs=0.01)
    image = Volume(two_balls(apart))

    def count(ratio):
        settings = LabelSettings(merge_neck=ratio, distance_smoothing=0.5, marker_depth=0.1)
        return label_particles(image, settings, mask=image).metadata["n_labels"]

    assert count(None) == 2
    # a voxel's rounding of two radii of about 10
    assert count(neck + 0.1) == 2
    assert count(neck - 0.1) == 1


def test_merging_begins_at_the_widest_neck_and_counts_what_is_merged_as_one():
    # three stretches of depths 9, 6, 10 with necks of 5 and 5.5: the second goes to the third,
    # then the first's neck is 5 of 9, not of 6
    depths = np.array([[9, 5.0, 6, 5.5, 10]])
    labels = np.array([[1, 1, 2, 3, 3]], np.int32)
    levels = np.pad(np.rint(depths * 100 + 1), 1).astype(np.uint16)
    assert merged_numbers(labels, DepthMap(levels, 100.0), 0.8).tolist() == [0, 1, 2, 2]
    assert merged_numbers(labels, DepthMap(levels, 100.0), 0.5).tolist() == [0, 1, 1, 1]
    assert merged_numbers(labels, DepthMap(levels, 100.0), 0.95).tolist() == [0, 1, 2, 3]


def test_many_pairs_outgrow_the_table():
    n = 70
    labels = (np.arange(n * n).reshape(n, n) + 1).astype(np.int32)
    levels = np.pad(np.full((n, n), 101), 1).astype(np.uint16)
    numbers = merged_numbers(labels, DepthMap(levels, 100.0), 0.5)
    assert numbers[0] == 0
    assert (numbers[1:] == 1).all()


def test_snow_parts_balls_and_leaves_python_as_it_was():
    image = Volume(two_balls(22.0), name="balls")
    before = np.geterr(), list(logging.getLogger().handlers), list(warnings.filters)
    labels = label_particles(image, LabelSettings(method="snow"), mask=image)
    after = np.geterr(), list(logging.getLogger().handlers), list(warnings.filters)
    assert before == after
    assert labels.dtype == np.int32
    assert np.unique(labels.data).tolist() == [0, 1, 2]
    assert labels.data[16, 16, 18] == 1
    assert labels.data[16, 16, 40] == 2
    assert np.array_equal(labels.data > 0, image.data)
    tall = Volume(image.data, (2.0, 1.0, 1.0), name="balls")
    with pytest.raises(InputError, match=r"cubes; these are 2 times longer"):
        label_particles(tall, LabelSettings(method="snow"), mask=tall)
