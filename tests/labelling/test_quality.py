"""Matching of labels against counting in the test."""

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.labelling import match_labels


def test_known_overlaps():
    truth = np.array([[5, 5, 5, 5, 0, 9, 9, 0], [0, 0, 0, 0, 0, 0, 0, 7]])
    found = np.array([[1, 1, 1, 2, 2, 8, 8, 8], [0, 0, 0, 0, 0, 0, 0, 0]])
    table = match_labels(truth, found)
    assert table.label.tolist() == [5, 7, 9]
    assert table.found.tolist() == [1, 0, 8]
    assert table.iou.tolist() == [3 / 4, 0, 2 / 3]
    assert table.truth_voxels.tolist() == [4, 1, 2]
    assert table.found_voxels.tolist() == [3, 0, 3]
    assert table.common_voxels.tolist() == [3, 0, 2]


@pytest.mark.parametrize("dtypes", [("u1", "i4"), ("i8", "u2"), ("u8", "i8")])
def test_against_counting(dtypes):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, (8, 9, 10)).astype(dtypes[0])
    found = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, 9, truth.shape))
    found = found.astype(dtypes[1])
    table = match_labels(truth, found)
    for row in table.itertuples():
        ious = {
            k: np.mean((truth == row.label) & (found == k))
            / np.mean((truth == row.label) | (found == k))
            for k in range(1, 9)
        }
        assert row.found == max(ious, key=ious.__getitem__)
        assert row.iou == pytest.approx(ious[row.found])


def test_sparse_large_labels():
    truth = np.array([0, 3_000_000_000, 3_000_000_000], np.int64)
    table = match_labels(truth, np.array([0, 2_000_000_000, 0], np.int32))
    assert table[["label", "found", "iou"]].values.tolist() == [[3e9, 2e9, 0.5]]


def test_empty_and_unequal():
    empty = np.zeros((3, 4), np.int32)
    assert match_labels(empty, np.ones((3, 4), int)).empty
    assert match_labels(np.zeros((0, 4), int), np.zeros((0, 4), int)).empty
    assert match_labels(np.ones((3, 4), int), empty).iou.tolist() == [0]
    with pytest.raises(InputError, match=r"\(3, 4\).*\(3, 5\)"):
        match_labels(empty, np.zeros((3, 5), int))
