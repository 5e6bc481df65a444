"""Threshold, mask, cleaning and distance against other libraries."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import remove_small_objects

from napari_battery.errors import InputError
from napari_battery.labelling import (
    LabelSettings,
    clean_mask,
    foreground_mask,
    smoothed_distance,
    threshold_value,
)
from napari_battery.volume import Volume


def two_classes(seed: int = 0, shape: tuple[int, ...] = (12, 20, 24)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    solid = ndimage.gaussian_filter(rng.standard_normal(shape), 2) > 0
    return np.where(solid, 160.0, 80.0) + 15 * rng.standard_normal(shape)


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i2", "i1", "i4", "f4", "f8"])
def test_otsu_parts_voxels_like_skimage(dtype):
    grey = two_classes()
    if dtype == "i1":
        grey -= 120
    elif dtype == "i2":
        grey = 100 * grey - 9000
    data = grey.astype(dtype)
    threshold = threshold_value(Volume(data))
    other = threshold_otsu(data.astype(dtype.replace(">", ""), copy=False), nbins=4096)
    if dtype.startswith("f"):
        # of floats each has bins of its own; the criterion is flat around its best
        assert np.mean((data > threshold) != (data > other)) < 0.005
    else:
        assert np.array_equal(data > threshold, data > other)


def test_otsu_lies_midway_between_the_levels_it_parts():
    assert threshold_value(Volume(np.array([[10, 10, 20, 20]], np.uint8))) == 15
    assert threshold_value(Volume(np.array([[-10, -10, 20, 20]], np.int16))) == 5


def test_otsu_sees_only_the_region_and_finite_voxels():
    data = np.full((4, 8), 200.0, np.float32)
    data[0, :4], data[0, 4:] = 10, 20
    data[1, 0], data[1, 1] = np.nan, np.inf
    region = np.zeros(data.shape, bool)
    region[:2, :] = data[:2, :] != 200
    assert 10 < threshold_value(Volume(data, region=region)) < 20


def test_threshold_errors_name_the_image_and_what_to_do():
    flat = Volume(np.full((4, 5, 6), 7, np.uint8), name="flat one")
    with pytest.raises(InputError, match="“flat one”: it has the one grey level 7"):
        threshold_value(flat)
    with pytest.raises(InputError, match="one grey level 2.5"):
        threshold_value(Volume(np.full((4, 5), 2.5)))
    with pytest.raises(InputError, match="no voxel with a grey level"):
        threshold_value(Volume(np.full((4, 5), np.nan, np.float32)))
    empty = Volume(np.zeros((4, 5), np.uint8), region=np.zeros((4, 5), bool))
    with pytest.raises(InputError, match="inside its region"):
        threshold_value(empty)
    with pytest.raises(InputError, match="no grey level is given"):
        threshold_value(flat, LabelSettings(threshold="manual"))
    manual = LabelSettings(threshold="manual", manual_threshold=3.5)
    assert threshold_value(flat, manual) == 3.5


@pytest.mark.parametrize("denoise", ["none", "gaussian", "median"])
def test_foreground_mask(denoise):
    grey = two_classes().astype(np.float32)
    reference = {
        "none": lambda a: a,
        "gaussian": lambda a: ndimage.gaussian_filter(a.astype(float), 1, truncate=3),
        "median": lambda a: ndimage.median_filter(a, 3),
    }[denoise](grey)
    for particles, wanted in (("brighter", reference > 120), ("darker", reference < 120)):
        settings = LabelSettings(denoise=denoise, particles=particles)
        mask = foreground_mask(Volume(grey), 120.0, settings)
        assert mask.dtype == bool
        # float32 against float64: a voxel within 10⁻⁴ of the threshold may differ.
        sure = np.abs(reference - 120) > 1e-4
        assert np.array_equal(mask[sure], wanted[sure])


def test_smoothing_before_the_threshold_is_physical_on_anisotropic_voxels():
    grey = two_classes()
    mask = foreground_mask(Volume(grey, (2.0, 1.0, 1.0)), 120.0, LabelSettings(denoise_size=2))
    assert np.array_equal(mask, ndimage.gaussian_filter(grey, (1, 2, 2), truncate=3) > 120)


def test_nan_voxels_and_what_lies_outside_the_region_are_never_particles():
    grey = np.full((10, 10, 10), 100.0)
    grey[4:6] = np.nan
    region = np.zeros(grey.shape, bool)
    region[:, :5] = True
    for particles, threshold in (("brighter", 50.0), ("darker", 150.0)):
        mask = foreground_mask(
            Volume(grey, region=region), threshold, LabelSettings(particles=particles)
        )
        assert np.array_equal(mask, region & np.isfinite(grey))


@pytest.mark.parametrize("shape", [(16, 20, 24), (40, 50)])
@pytest.mark.parametrize("seed", range(3))
def test_cleaning_agrees_with_scipy_and_skimage(shape, seed):
    mask = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1) > 0
    mask |= np.random.default_rng(seed).random(shape) < 0.3
    before = mask.copy()
    cleaned = clean_mask(mask, LabelSettings(minimum_volume=30))
    wanted = remove_small_objects(ndimage.binary_fill_holes(mask), max_size=29)
    assert np.array_equal(cleaned, wanted)
    assert np.array_equal(mask, before)
    kept = clean_mask(mask, LabelSettings(minimum_volume=0, fill_holes=False))
    assert np.array_equal(kept, before)


def test_holes_are_not_filled_outside_the_region():
    mask = np.ones((9, 9), bool)
    mask[3:6, 3:6] = False
    region = np.ones((9, 9), bool)
    region[4, 4] = False
    cleaned = clean_mask(mask, LabelSettings(minimum_volume=0), region)
    assert np.array_equal(cleaned, region)


@pytest.mark.parametrize("spacing", [None, (2.5, 1.0, 1.5)])
def test_distance_is_physical(spacing):
    mask = np.zeros((20, 40, 30), bool)
    mask[4:15, 5:33, 6:22] = True
    mask[8, 10, 10] = False
    found = smoothed_distance(mask, LabelSettings(distance_smoothing=0), spacing)
    wanted = ndimage.distance_transform_edt(mask, spacing or 1)
    assert np.allclose(found, wanted, atol=1e-4)  # float32 squares of up to 40
    smooth = smoothed_distance(mask, LabelSettings(distance_smoothing=1), spacing)
    sigmas = [1 / edge for edge in spacing or (1, 1, 1)]
    other = ndimage.gaussian_filter(wanted, sigmas, truncate=3, mode="nearest")
    assert np.allclose(smooth, other, atol=1e-4)


def test_distance_of_a_volume_without_background_is_finite():
    found = smoothed_distance(np.ones((5, 6, 7), bool))
    assert np.isfinite(found).all()
    assert found.min() > 0
