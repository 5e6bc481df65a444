"""Markers and watershed against skimage on the same integers."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.metrics import adapted_rand_error
from skimage.morphology import h_maxima
from skimage.segmentation import watershed as skimage_watershed

from napari_battery.errors import InputError
from napari_battery.labelling import find_markers, watershed
from napari_battery.labelling.depth import quantised
from napari_battery.progress import CallbackProgress, Cancelled


def blobs(seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.standard_normal(shape), 2.5) > -0.02
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 1)
    return distance.astype(np.float32), mask


def integers(distance: np.ndarray, mask: np.ndarray) -> np.ndarray:
    levels = quantised(distance, mask).inner
    return levels.astype(np.int32)


@pytest.mark.parametrize("shape", [(24, 40, 44), (60, 90)])
@pytest.mark.parametrize("depth", [0.02, 5.0, 20.0])
def test_markers_are_the_h_maxima(shape, depth):
    # No background, which skimage would count as a level, and unlike levels everywhere: of
    # peaks of equal height skimage keeps all, however near.
    rng = np.random.default_rng(1)
    rough = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    distance = (0.01 * rough.ravel().argsort().argsort().reshape(shape)).astype(np.float32)
    mask = np.ones(shape, bool)
    found = find_markers(distance, mask, depth)
    cross = ndimage.generate_binary_structure(len(shape), 1)
    levels = integers(distance, mask)
    wanted, n = ndimage.label(h_maxima(levels, round(100 * depth), footprint=cross), cross)
    assert n > 3
    # Each of skimage's plateaus holds one of ours.
    assert sorted(wanted[found > 0]) == list(range(1, n + 1))


def test_every_island_has_a_marker_however_shallow():
    distance, mask = blobs(1, (60, 90))
    islands, n = ndimage.label(mask)
    found = find_markers(distance, mask, 50.0)
    assert sorted(islands[found > 0]) == list(range(1, n + 1))


def test_markers_are_numbered_by_z_y_x():
    found = find_markers(*blobs(2, (24, 40, 44)), 0.3)
    numbers = found[found > 0]
    assert len(numbers) > 5
    assert list(numbers) == list(range(1, len(numbers) + 1))
    assert found.dtype == np.int32


@pytest.mark.parametrize("shape", [(24, 40, 44), (60, 90)])
@pytest.mark.parametrize("seed", range(3))
def test_watershed_is_that_of_skimage_but_for_ties(shape, seed):
    distance, mask = blobs(seed, shape)
    markers = find_markers(distance, mask, 0.3)
    found = watershed(distance, markers, mask)
    wanted = skimage_watershed(-integers(distance, mask), markers, mask=mask)
    assert np.array_equal(found > 0, wanted > 0)
    # Markers of equal height leave skimage's heap in no stated order, which moves a few ties.
    assert np.mean(found[mask] != wanted[mask]) < 0.003
    # A level of its own for each, between two others, leaves skimage no choice.
    n = int(markers.max()) + 1
    ordered = -integers(distance, mask) * (n + 1)
    ordered[markers > 0] -= n - markers[markers > 0]
    assert np.array_equal(found, skimage_watershed(ordered, markers, mask=mask))


SHAPES = [(7, 8, 9), (1, 12, 5), (30, 30), (1, 1, 1), (5, 1)]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(SHAPES), st.integers(1, 300))
def test_watershed_of_few_levels_is_exactly_that_of_skimage(seed, shape, n_levels):
    """Plateaus, ties and pits without a marker; no two markers of one level."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.8
    levels = rng.integers(0, n_levels, shape)
    places = rng.permutation(np.flatnonzero(mask))[: rng.integers(1, 7)]
    levels.ravel()[places] = np.arange(len(places))
    markers = np.zeros(shape, np.int32)
    markers.ravel()[places] = rng.permutation(len(places)) + 1
    found = watershed((levels / 100).astype(np.float32), markers, mask)
    assert np.array_equal(found, skimage_watershed(-levels, markers, mask=mask))


def in_turn(levels: np.ndarray, markers: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The flood by its definition: highest first, then longest waiting; markers in z, y, x."""
    labels = np.where(mask, markers, 0)
    queue = [(-levels[i], 0, n, i) for n, i in enumerate(zip(*np.nonzero(labels), strict=True))]
    heapq.heapify(queue)
    back = [tuple(-(axis == k) for axis in range(levels.ndim)) for k in range(levels.ndim)]
    steps = [*back, *(tuple(-s for s in step) for step in back[::-1])]
    waiting = 0
    while queue:
        height, _, _, i = heapq.heappop(queue)
        for step in steps:
            j = tuple(a + b for a, b in zip(i, step, strict=True))
            within = all(0 <= a < n for a, n in zip(j, levels.shape, strict=True))
            if within and mask[j] and labels[j] == 0:
                waiting += 1
                labels[j] = labels[i]
                heapq.heappush(queue, (max(height, -levels[j]), waiting, 0, j))
    return labels


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(SHAPES), st.integers(1, 20))
def test_watershed_of_any_markers_follows_its_definition(seed, shape, n_levels):
    """Markers of many voxels, on slopes and in pits, many of one level."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.8
    levels = rng.integers(0, n_levels, shape)
    markers = np.where(rng.random(shape) < 0.1, rng.integers(1, 5, shape), 0)
    found = watershed((levels / 100).astype(np.float32), markers, mask)
    assert np.array_equal(found, in_turn(levels, markers, mask))


def test_watershed_of_a_plateau_parts_it_fairly():
    mask = np.ones((9, 41), bool)
    markers = np.zeros(mask.shape, np.int32)
    markers[4, 10], markers[4, 30] = 1, 2
    found = watershed(np.ones(mask.shape, np.float32), markers, mask)
    # The column midway belongs to either.
    assert (found[:, :20] == 1).all()
    assert (found[:, 21:] == 2).all()


@pytest.mark.parametrize("scale", [1.0, 30.0, 3000.0])
def test_deep_maps_lose_resolution_not_particles(scale):
    """A fixed number of levels per voxel would saturate on big particles."""
    distance, mask = blobs(1, (24, 40, 44))
    # No peak of this map is within 0.05 of the depth asked for.
    assert find_markers(distance, mask, 0.45).max() == find_markers(distance, mask, 0.55).max()
    small = watershed(distance, find_markers(distance, mask, 0.5), mask)
    big = distance * np.float32(scale)
    found = watershed(big, find_markers(big, mask, 0.5 * scale), mask)
    assert found.max() == small.max()
    assert adapted_rand_error(small, found)[0] < 0.01


def test_markers_keep_their_numbers_and_do_not_leave_the_mask():
    distance, mask = blobs(4, (20, 30, 30))
    markers = np.zeros(mask.shape, np.int64)
    where = np.argwhere(mask)[[5, 500, 900]]
    markers[tuple(where.T)] = [70_000, 3, 2_000_000_000]
    markers[~mask] = 9
    found = watershed(distance, markers, mask)
    assert set(np.unique(found)) <= {0, 3, 70_000, 2_000_000_000}
    assert (found[tuple(where.T)] == [70_000, 3, 2_000_000_000]).all()
    assert (found[~mask] == 0).all()
    markers[tuple(where[0])] = 2**31
    with pytest.raises(InputError, match="2147483648"):
        watershed(distance, markers, mask)


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5)])
def test_nothing_inside_gives_nothing(shape):
    distance, mask = np.zeros(shape, np.float32), np.zeros(shape, bool)
    markers = find_markers(distance, mask)
    assert not markers.any()
    assert not watershed(distance, markers, mask).any()


def test_cancel_stops_within():
    distance, mask = blobs(5, (20, 30, 30))
    stop = CallbackProgress(lambda done, total, what: None, lambda: True)
    with pytest.raises(Cancelled):
        find_markers(distance, mask, 0.5, stop)
    with pytest.raises(Cancelled):
        watershed(distance, find_markers(distance, mask), mask, stop)
