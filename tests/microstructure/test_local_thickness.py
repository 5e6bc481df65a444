"""Local thickness against shapes whose thickness is known, and against PoreSpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_battery.errors import InputError
from napari_battery.microstructure.local_thickness import local_thickness, phase_depth
from napari_battery.progress import CallbackProgress, Cancelled


def ball(shape, centre, radius, size=(1, 1, 1)):
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return sum(((g - c) * s) ** 2 for g, c, s in zip(grid, centre, size, strict=False)) < radius**2


def spheres(seed, n, shape=(72, 72, 72)):
    """Balls that do not touch, and the diameter of the one over each voxel."""
    rng = np.random.default_rng(seed)
    mask, truth, placed = np.zeros(shape, bool), np.zeros(shape), []
    while len(placed) < n:
        radius = rng.uniform(4, 10)
        centre = rng.uniform(radius + 1, np.array(shape) - radius - 2)
        if all(np.linalg.norm(centre - c) > radius + r + 2 for c, r in placed):
            placed.append((centre, radius))
            inside = ball(shape, centre, radius)
            mask |= inside
            truth[inside] = 2 * radius
    return mask, truth


def test_balls_apart_have_their_diameters_and_porespy_is_further_off():
    from napari_battery.microstructure.porespy_import import porespy

    mask, truth = spheres(0, 25)
    ours = local_thickness(mask, (1, 1, 1))
    with porespy() as ps:
        theirs = 2 * ps.filters.local_thickness(mask, method="dt")
    wanted = np.percentile(truth[mask], [10, 50, 90])
    error = np.percentile(ours[mask], [10, 50, 90]) / wanted - 1
    their_error = np.percentile(theirs[mask], [10, 50, 90]) / wanted - 1
    assert np.all(np.abs(error) < (0.09, 0.05, 0.05))
    assert np.all(np.abs(error) < np.abs(their_error))


@pytest.mark.parametrize("width", [4, 5, 10])
def test_a_slab_is_as_thick_as_it_is_wide_within_a_voxel(width):
    mask = np.zeros((30, 24, 24), bool)
    mask[8 : 8 + width] = True
    thickness = local_thickness(mask, (0.5, 0.5, 0.5))
    assert np.allclose(thickness[mask], width * 0.5, atol=0.5)
    assert not thickness[~mask].any()


def test_voxels_need_not_be_cubes():
    size = (2.0, 1.0, 0.5)
    mask = ball((26, 50, 100), (12.6, 25.2, 50.4), 20, size)
    thickness = local_thickness(mask, size)[mask]
    assert np.percentile(thickness, 10) == pytest.approx(40, rel=0.04)
    assert thickness.max() < 41


def test_a_disc_in_a_plane():
    mask = ball((60, 60), (30.2, 29.7), 20)
    thickness = local_thickness(mask, (0.1, 0.1))
    assert np.median(thickness[mask]) == pytest.approx(4, rel=0.03)


def every_ball(mask, size=(1, 1, 1)):
    """The widest ball over each voxel, all of them inserted, and none between voxels."""
    depth = ndimage.distance_transform_edt(mask, sampling=size)
    edge = np.prod(size) ** (1 / 3)
    widest = np.zeros(mask.shape)
    for centre in np.argwhere(mask):
        radius = depth[tuple(centre)]
        reach = np.ceil((radius + 0.25 * edge) / size).astype(int)
        low = np.maximum(centre - reach, 0)
        box = tuple(map(slice, low, centre + reach + 1))
        part = widest[box]
        covered = ball(part.shape, centre - low, radius + 0.25 * edge, size)
        part[covered] = np.maximum(part[covered], 2 * radius)
    return np.where(mask, widest, 0)


@settings(max_examples=25, deadline=None)
@given(arrays(bool, (7, 8, 9)))
def test_every_voxel_of_the_phase_has_a_ball_no_smaller_than_its_own(mask):
    if mask.all():
        return
    thickness = local_thickness(mask, (1, 1, 1))
    assert ((thickness > 0) == mask).all()
    depth = ndimage.distance_transform_edt(mask)
    assert (thickness >= 2 * (depth - 0.1) - 1e-3)[mask].all()
    # the deepest point between voxels is half of √3 voxels off at most
    assert (thickness <= every_ball(mask) + np.sqrt(3) + 1e-3).all()


@pytest.mark.parametrize("size", [(1, 1, 1), (1.3, 0.7, 1.0)])
def test_few_balls_do_for_all(size):
    rng = np.random.default_rng(4)
    shape = np.array((28, 32, 40))
    mask = np.ones(shape, bool)
    for radius in rng.uniform(3, 6, 50):
        mask &= ~ball(shape, rng.uniform(0, shape), radius, size)
    ours, widest = local_thickness(mask, size)[mask], every_ball(mask, size)[mask]
    # half of √3 voxels, twice, for the deepest point between voxels
    assert np.all(ours <= widest + np.sqrt(3) * max(size))
    assert np.mean(ours < 0.9 * widest - 0.2) < 0.05
    percent = [10, 50, 90]
    assert np.percentile(ours, percent) == pytest.approx(np.percentile(widest, percent), rel=0.06)


@settings(max_examples=25, deadline=None)
@given(
    arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 40)),
           elements=st.sampled_from([True] * 7 + [False])),
    st.sampled_from([(1.0, 1.0, 1.0), (2.0, 0.5, 1.3)]),
)  # fmt: skip
def test_depth_is_scipys_distance(mask, size):
    if mask.all():
        return
    ours = phase_depth(mask, np.array(size))
    assert np.allclose(ours, ndimage.distance_transform_edt(mask, sampling=size), rtol=1e-5)


def test_nothing_of_the_phase_and_nothing_else():
    assert not local_thickness(np.zeros((4, 5, 6), bool), (1, 1, 1)).any()
    with pytest.raises(InputError, match="nothing bounds"):
        local_thickness(np.ones((4, 5, 6), bool), (1, 1, 1))
    with pytest.raises(InputError, match="not two values"):
        local_thickness(np.arange(60).reshape(3, 4, 5), (1, 1, 1))
    with pytest.raises(InputError, match="voxel size"):
        local_thickness(np.eye(5, dtype=bool), (1, 1, 1))


def test_it_stops_when_asked():
    asked = iter([False, False] + [True] * 500)
    progress = CallbackProgress(lambda *_: None, lambda: next(asked))
    with pytest.raises(Cancelled):
        local_thickness(ball((20, 20, 20), (10, 10, 10), 6), (1, 1, 1), progress)
