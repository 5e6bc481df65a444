"""Cores as seeds: where they begin, and that what grows from them is the plain watershed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.labelling._tracking import find_runs
from napari_battery.labelling.cores import find_cores, plant, squared_depths
from napari_battery.labelling.depth import quantised
from napari_battery.labelling.overlap import draw
from napari_battery.labelling.watershed import grow, unlabelled, watershed
from napari_battery.volume import Volume


def cores_of(labels: np.ndarray, depth: float = 0.3, size=None) -> np.ndarray:
    volume = Volume(labels, size)
    cores = find_cores(volume, find_runs(volume), depth)
    return draw(cores, cores.numbers, labels.shape)


def test_the_core_of_a_ball_is_a_ball_of_seven_tenths():
    grid = np.moveaxis(np.indices((61, 61, 61)), 0, -1) - 30
    ball = ((grid**2).sum(-1) < 25**2).astype(np.uint8)
    core = cores_of(ball, 0.3) > 0
    radius = (3 * core.sum() / (4 * np.pi)) ** (1 / 3)
    # depths are those of voxel centres: the surface is uncertain by half a voxel
    assert radius == pytest.approx(0.7 * 25, abs=0.5)


def test_depth_is_counted_in_lengths_and_to_other_labels():
    labels = np.zeros((10, 30, 30), np.int32)
    labels[1:9, 3:15, 3:27], labels[1:9, 15:27, 3:27] = 4, 9
    core = cores_of(labels, 0.5, (3.0, 1.0, 1.0))
    # 8 slices of 3 are 24 long, 12 rows of 1 are 12 wide: the deepest point is 6 deep, so the
    # core begins beyond 3: rows 3 to 8 of 12, and slices from the second on
    for label, first in ((4, 3), (9, 15)):
        where = np.argwhere(core == label)
        assert where.min(axis=0).tolist() == [2, first + 3, 6]
        assert where.max(axis=0).tolist() == [7, first + 8, 23]


def test_every_label_has_a_core_however_small_or_large():
    labels = np.arange(27, dtype=np.int32).reshape(3, 3, 3)
    assert np.array_equal(cores_of(labels, 0.95), labels)
    assert (cores_of(np.full((4, 5, 6), 7, np.uint8)) == 7).all()
    assert (cores_of(np.full((4, 5), 7, ">u2")) == 7).all()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(6, 7, 37), (13, 1, 20), (1, 9, 11), (25, 34), (40, 3, 2)]),
    st.sampled_from([(1.0, 1.0, 1.0), (3.0, 1.5, 1.0), (1.0, 2.0, 1.25)]),
    st.sampled_from(["u1", "i4", ">u2"]),
)
def test_depths_are_those_of_edt(seed, shape, edges, dtype):
    """The multi-label distance transform of the library edt, which the GREAT2 paper used."""
    import edt

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 4, [-(-n // 3) for n in shape])
    labels = coarse
    for axis, n in enumerate(shape):
        labels = labels.repeat(3, axis).take(range(n), axis)
    edges = np.array(edges[-len(shape) :])
    edges /= edges.min()  # depths count the shortest edge
    volume = Volume(labels.astype(dtype), tuple(0.5 * edge for edge in edges))
    found = np.sqrt(squared_depths(volume, find_runs(volume))).reshape(shape)
    wanted = edt.edt(labels.astype(np.int32), anisotropy=edges, black_border=False)
    wanted[~np.isfinite(wanted)] = 1e6
    # both in float32: a few units in its last place
    assert found == pytest.approx(wanted, rel=1e-5)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(12, 13, 14), (30, 31), (1, 25, 26)]),
    st.floats(0, 0.9),
)
def test_growing_planted_cores_is_the_watershed_of_all_their_voxels(seed, shape, depth):
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    labels = ndimage.label(field > 0.02)[0].astype(np.int32)
    moved = np.roll(field, 1, axis=-1) + 0.01 * rng.standard_normal(shape)
    mask = moved > 0
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask).astype(np.float32), 0.7)
    volume = Volume(labels)
    cores = find_cores(volume, find_runs(volume), depth)
    seeds = np.where(mask, draw(cores, cores.numbers, shape), 0)
    padded = unlabelled(quantised(distance, mask))
    found = grow(padded, *plant(cores, padded))
    assert np.array_equal(found, watershed(distance, seeds, mask))


def test_labels_beyond_32_bits_are_refused():
    labels = Volume(np.array([[0, 2**40, 2**40], [0, 5, 5]]))
    cores = find_cores(labels, find_runs(labels))
    with pytest.raises(InputError, match="Renumber"):
        plant(cores, np.full((4, 5), -1, np.int32))
