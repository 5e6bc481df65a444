"""Levels against scikit-image's, and against trying every cut."""

from itertools import combinations

import numpy as np
import pytest
from skimage import filters

from napari_battery.errors import InputError
from napari_battery.labelling.thresholds import levels_of_histogram, threshold_levels
from napari_battery.samples import sand
from napari_battery.volume import Volume

THEIRS = {
    "otsu": filters.threshold_otsu,
    "li": filters.threshold_li,
    "yen": filters.threshold_yen,
    "triangle": filters.threshold_triangle,
    "minimum": filters.threshold_minimum,
}


def three_classes(noise: float = 12, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    classes = rng.choice(3, (20, 50, 60), p=[0.3, 0.3, 0.4])
    return np.array([60.0, 110, 170])[classes] + noise * rng.standard_normal(classes.shape)


def real_sand() -> np.ndarray:
    return np.asarray(sand().data)


@pytest.mark.parametrize("method", THEIRS)
@pytest.mark.parametrize("make", [real_sand, three_classes])
def test_8_bit_images_are_parted_exactly_as_by_skimage(method, make):
    data = make().astype(np.uint8)
    (level,) = threshold_levels(Volume(data), method)
    assert np.array_equal(data > level, data > THEIRS[method](data))


@pytest.mark.parametrize("method", ["otsu", "li", "yen", "triangle"])
def test_16_bit_images_are_parted_exactly_as_by_skimage(method):
    data = (three_classes() * 6).astype(np.uint16)
    (level,) = threshold_levels(Volume(data), method)
    assert np.array_equal(data > level, data > THEIRS[method](data))


@pytest.mark.parametrize("method", THEIRS)
def test_levels_of_floats_lie_within_a_bin_of_skimages(method):
    data = three_classes().astype(np.float32)
    (level,) = threshold_levels(Volume(data), method)
    assert level == pytest.approx(THEIRS[method](data), abs=float(np.ptp(data)) / 256)


def test_multi_otsu_parts_8_bits_exactly_as_skimages():
    data = three_classes().astype(np.uint8)
    for n in (2, 3, 4):
        levels = threshold_levels(Volume(data), "multi-otsu", n)
        theirs = filters.threshold_multiotsu(data, n)
        assert np.array_equal(np.digitize(data, levels), np.digitize(data, theirs, right=True))


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_multi_otsu_is_the_best_of_all_cuts(n_classes):
    rng = np.random.default_rng(n_classes)
    for _ in range(20):
        counts = rng.integers(0, 9, 14).astype(float)
        counts[[0, -1]] = 1
        values = np.arange(14.0) - 5

        def spread(cuts, counts=counts, values=values):
            parts = np.split(np.arange(14), cuts)
            return sum(
                counts[p] @ (values[p] - np.average(values[p], weights=counts[p])) ** 2
                for p in parts
                if counts[p].sum() > 0
            )

        best = min(spread(cuts) for cuts in combinations(range(1, 14), n_classes - 1))
        levels = levels_of_histogram(values, counts, "multi-otsu", n_classes)
        assert spread(np.searchsorted(values, levels)) == pytest.approx(best)


def test_region_and_nan_are_left_out():
    data = three_classes().astype(np.float32)
    region = np.zeros(data.shape, bool)
    region[:10] = True
    outside = np.where(region, data, np.float32(900))
    outside[0, 0, :5] = np.nan
    region[0, 0, :5] = False
    kept = np.where(region, data, np.nan)
    for method in THEIRS:
        levels = threshold_levels(Volume(outside, region=region), method)
        assert levels == threshold_levels(Volume(kept), method)


def test_minimum_serves_16_bits_though_skimage_gives_up():
    data = np.concatenate([three_classes(8)[three_classes(8) < 85], [0]])
    data = np.where(np.arange(data.size) % 2, data, data + 100)[None] * 200
    (level,) = threshold_levels(Volume(data.astype(np.uint16)), "minimum")
    assert 95 * 200 < level < 125 * 200


def test_errors_say_what_to_do():
    flat = Volume(np.full((4, 5), 7, np.uint8), name="flat one")
    with pytest.raises(InputError, match="“flat one”: it has the one grey level 7"):
        threshold_levels(flat)
    one_peak = np.repeat(np.arange(21), 21 - 2 * np.abs(np.arange(21) - 10))
    ramp = Volume(one_peak.reshape(-1, 13).astype(np.uint8), name="ramp")
    with pytest.raises(InputError, match="“ramp”: its histogram does not show two peaks"):
        threshold_levels(ramp, "minimum")
    with pytest.raises(InputError, match="the method yen parts two classes, not 3"):
        threshold_levels(ramp, "yen", 3)
    two = Volume(np.array([[1, 2]], np.uint8))
    with pytest.raises(InputError, match="2 grey levels, which cannot be parted into 3"):
        threshold_levels(two, "multi-otsu", 3)
