from __future__ import annotations

import numpy as np
import pytest

from napari_battery.labelling.grey_histogram import grey_histogram
from napari_battery.volume import Volume
from napari_battery.widgets.phases_grey import GreyLevels

RNG = np.random.default_rng(3)


def count_grey(image: Volume) -> GreyLevels:
    return GreyLevels(*grey_histogram(image))


def test_fractions_are_those_of_the_voxels() -> None:
    data = RNG.integers(20, 230, (7, 30, 40)).astype(np.uint8)
    region = RNG.random(data.shape) < 0.5
    grey = count_grey(Volume(data, region=region))
    shares = grey.fractions([80, 150])
    inside = data[region]
    expected = [(inside <= 80).mean(), ((inside > 80) & (inside <= 150)).mean()]
    assert shares[:2] == pytest.approx(expected)
    assert sum(shares) == pytest.approx(1)
    assert grey.fractions([0]) == [0, 1]
    assert grey.fractions([255]) == [1, 0]


def test_bars_hold_all_voxels_of_eight_bits_and_whole_levels() -> None:
    data = RNG.integers(3, 200, (5, 20, 20)).astype(np.uint8)
    counts, edges = count_grey(Volume(data)).bars()
    assert counts.sum() == data.size
    assert (edges[0], edges[-1]) == (data.min() - 0.5, data.max() + 0.5)
    assert len(edges) == len(counts) + 1


def test_a_hot_voxel_does_not_squeeze_the_bars() -> None:
    data = RNG.normal(0, 1, (50, 50, 50)).astype(np.float32)
    data[0, 0, 0], data[1, 1, 1] = 1000, np.nan
    counts, edges = count_grey(Volume(data)).bars()
    assert edges[-1] < 10
    # 99.98 % of a normal distribution lies within 3.7 sigma
    assert np.count_nonzero(counts) > 100


def test_a_constant_image_has_one_bar() -> None:
    grey = count_grey(Volume(np.full((4, 5), 9.5)))
    counts, edges = grey.bars()
    assert (counts.tolist(), edges.tolist()) == ([20], [9, 10])
    assert grey.fractions([9.5]) == [1, 0]


def test_a_few_finely_binned_levels_are_no_comb() -> None:
    data = RNG.integers(0, 100, (20, 20, 20)).astype(np.float32)  # 65,536 bins for 100 levels
    counts, _ = count_grey(Volume(data)).bars()
    assert counts.all()
