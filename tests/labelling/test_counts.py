from __future__ import annotations

import numpy as np
import pytest

from napari_battery.labelling.counts import count_labels
from napari_battery.volume import Volume


@pytest.mark.parametrize("ndim", [2, 3])
def test_cut_labels_and_labels_in_pieces_are_counted(ndim: int) -> None:
    data = np.zeros((9, 9), np.int32)
    data[1:3, 1:3] = 1
    data[0, 5:8] = 2  # at a face
    data[4, 1:8] = 30
    data[4, 4] = 4  # parts 30 in two
    data[6, 6] = data[7, 7] = 5  # only the corners touch
    if ndim == 3:
        flat, data = data, np.zeros((3, 9, 9), np.int32)
        data[1] = flat
    count = count_labels(Volume(data))
    assert (count.n, count.n_cut, count.in_pieces) == (5, 1, (5, 30))


def test_a_region_cuts_as_a_face_does() -> None:
    data = np.zeros((6, 6, 6), np.uint8)
    data[2, 2, 2], data[2, 2, 4] = 1, 2
    region = np.ones(data.shape, bool)
    region[:, :, 5] = False
    assert count_labels(Volume(data, region=region)).n_cut == 1


def test_the_median_is_that_of_whole_ones() -> None:
    data = np.zeros((20, 20, 20), np.int32)
    data[5:8, 5:8, 5:8] = 4
    data[0:10, 12:18, 12:18] = 9  # cut
    diameter = (6 / np.pi * 27) ** (1 / 3)
    assert count_labels(Volume(data)).median_diameter == pytest.approx(diameter)
    sized = Volume(data, voxel_size_um=(4, 2, 1))
    assert count_labels(sized).median_diameter == pytest.approx(2 * diameter)
    flat = count_labels(Volume(data[6]))
    assert flat.median_diameter == pytest.approx(
        np.median([(4 / np.pi * area) ** 0.5 for area in (9, 36)])
    )
    assert np.isnan(count_labels(Volume(data[:, 12:18, 12:18])).median_diameter)


def test_no_label_is_no_error() -> None:
    count = count_labels(Volume(np.zeros((3, 4, 5), np.int32)))
    assert (count.n, count.n_cut, count.in_pieces) == (0, 0, ())
    assert np.isnan(count.median_diameter)
