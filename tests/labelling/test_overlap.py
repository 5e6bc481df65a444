"""Matching of independent labels: equal to the best of all assignments."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from napari_battery.errors import InputError
from napari_battery.labelling import match_independent
from napari_battery.labelling._tracking import count_pairs, find_runs
from napari_battery.volume import Volume


def blobs(rng: np.random.Generator, shape: tuple[int, ...], n: int) -> np.ndarray:
    """Labels of the nearest of n points, some of the volume left empty."""
    points = rng.random((n, len(shape))) * shape
    grid = np.moveaxis(np.indices(shape), 0, -1)[..., None, :]
    distance = ((grid - points) ** 2).sum(-1)
    return np.where(distance.min(-1) < 12, distance.argmin(-1) + 1, 0)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(9, 10, 11), (24, 25), (1, 20, 20)]))
def test_pairs_and_assignment_equal_dense_references(seed, shape):
    rng = np.random.default_rng(seed)
    a, b = blobs(rng, shape, 12) * 3, blobs(rng, shape, 15) * 70_000
    table = pd.crosstab(a.ravel(), b.ravel())
    table = table.loc[table.index != 0, table.columns != 0]
    runs = find_runs(Volume(a)), find_runs(Volume(b))
    first, second, common = count_pairs(*runs)
    dense = np.zeros(table.shape, int)
    dense[first, second] = common
    assert np.array_equal(dense, table.to_numpy())

    sizes_a, sizes_b = (np.unique(x[x > 0], return_counts=True)[1] for x in (a, b))
    iou = dense / (sizes_a[:, None] + sizes_b - dense)
    iou[iou < 0.1] = 0
    best = iou[linear_sum_assignment(iou, maximize=True)].sum()
    labels, matches = match_independent(Volume(a), Volume(b), 0.1)
    assert matches["iou"].sum() == pytest.approx(best, abs=1e-9)  # sums in another order
    assert matches["matched"].is_unique
    old = matches[~matches["is_new"]]
    assert set(old["matched"]) <= set(np.unique(a))
    assert (matches.loc[matches["is_new"], "matched"] > a.max()).all()
    # the volume says the same as the table, and only numbers change
    numbers = dict(zip(matches["label"], matches["matched"], strict=True)) | {0: 0}
    assert np.array_equal(labels.data, np.vectorize(numbers.get)(b))
    assert labels.dtype == np.int32


def test_greedy_matching_would_be_wrong():
    """1–20 overlap best of all, but then 10 and 2 would have no partner."""
    a, b = np.zeros((1, 40), int), np.zeros((1, 40), int)
    a[0, 0:20], a[0, 20:30] = 1, 2
    b[0, 0:8], b[0, 8:26] = 10, 20
    matches = match_independent(Volume(a), Volume(b), 0.05)[1]
    assert matches["matched"].tolist() == [1, 2]
    assert matches["iou"].tolist() == pytest.approx([8 / 20, 6 / 22])
    assert max(matches["iou"]) < 12 / 26


def test_numbers_beyond_16_bits_and_no_labels_at_all():
    a = np.arange(70_001).reshape(1, -1)
    other = np.where(a > 0, 70_001 - a, 0).astype(np.uint32)
    labels, matches = match_independent(Volume(a), Volume(other))
    assert np.array_equal(labels.data, a)
    assert not matches["is_new"].any()
    empty = np.zeros_like(a)
    labels, matches = match_independent(Volume(a), Volume(empty))
    assert not labels.data.any()
    assert matches.empty
    labels, matches = match_independent(Volume(empty), Volume(a))
    assert matches["is_new"].all()


def test_shapes_that_differ_are_refused():
    with pytest.raises(InputError, match=r"\(3, 4\).*\(4, 3\)"):
        match_independent(Volume(np.ones((4, 3), int)), Volume(np.ones((3, 4), int)))
    with pytest.raises(InputError, match="too large a number"):
        huge = np.array([[0, 2**31 - 1], [0, 0]])
        match_independent(Volume(huge), Volume(np.array([[1, 0], [0, 0]])))
