"""Peaks by depth against a flood of every level; peaks by distance against their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.labelling.depth import DepthMap
from napari_battery.labelling.markers import apart_peaks, deep_peaks, places_of
from napari_battery.progress import CallbackProgress, Cancelled


def padded(levels: np.ndarray) -> DepthMap:
    return DepthMap(np.pad(levels, 1).astype(np.uint16), 1.0)


def by_definition(levels: np.ndarray, depth: int) -> np.ndarray:
    """Voxels that nothing higher (or equal and earlier) can be reached from above their level."""
    wide = np.pad(levels, 1)
    kept = []
    for i in np.flatnonzero(wide):
        height = wide.ravel()[i]
        islands, _ = ndimage.label(wide > max(height - depth, 0))
        island = np.flatnonzero(islands == islands.ravel()[i])
        others = wide.ravel()[island]
        if not ((others > height) | ((others == height) & (island < i))).any():
            kept.append(i)
    return np.array(kept, int)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(5, 6, 7), (1, 6, 9), (11, 12), (1, 1, 1), (8, 1)]),
    st.integers(1, 9),
    st.integers(2, 12),
)
def test_deep_peaks_follow_their_definition(seed, shape, depth, n_levels):
    levels = np.random.default_rng(seed).integers(0, n_levels, shape)
    assert np.array_equal(deep_peaks(padded(levels), depth), by_definition(levels, depth))


def test_a_flood_that_outgrows_its_memory_goes_on():
    """One peak whose surroundings are all within the depth: 125,000 voxels are visited."""
    levels = np.full((50, 50, 50), 10)
    levels[30, 20, 10] = 11
    found = deep_peaks(padded(levels), 5)
    assert found.tolist() == [np.ravel_multi_index((31, 21, 11), (52, 52, 52))]


@pytest.mark.parametrize("spacing", [None, (3.0, 1.0, 1.5)])
def test_peaks_keep_their_distance(spacing):
    rng = np.random.default_rng(1)
    rough = ndimage.gaussian_filter(rng.standard_normal((20, 40, 40)), 1.2)
    levels = (rough.ravel().argsort().argsort() + 1).reshape(rough.shape)
    depths = DepthMap(np.pad(levels, 1).astype(np.uint16), 1.0)
    distance = 6.0
    found = apart_peaks(depths, distance, spacing)
    every = deep_peaks(depths, 0)
    assert 5 < len(found) < len(every)
    assert np.isin(found, every).all()

    def points(places):
        at = np.stack(np.unravel_index(places, depths.levels.shape), axis=1)
        return at * np.array(spacing or (1, 1, 1))

    apart = np.linalg.norm(points(found)[:, None] - points(found)[None], axis=2)
    assert (apart[~np.eye(len(found), dtype=bool)] > distance).all()
    # what was left out lies near a higher one that stayed
    heights = depths.levels.ravel()
    for place in np.setdiff1d(every, found):
        near = np.linalg.norm(points(found) - points(np.array([place])), axis=1) <= distance
        assert (heights[found[near]] > heights[place]).any()


def test_places_of_markers():
    markers = np.zeros((3, 4, 5), np.int64)
    markers[1, 2, 3], markers[0, 0, 0], markers[2, 3, 4] = 7, -2, 70_000
    places, numbers = places_of(markers)
    assert numbers.tolist() == [7, 70_000]
    at = np.stack(np.unravel_index(places, (5, 6, 7)), axis=1)
    assert at.tolist() == [[2, 3, 4], [3, 4, 5]]


def test_cancel_stops_within():
    levels = np.random.default_rng(0).integers(1, 50, (20, 20, 20))
    stop = CallbackProgress(lambda *a: None, lambda: True)
    with pytest.raises(Cancelled):
        deep_peaks(padded(levels), 2, stop)
