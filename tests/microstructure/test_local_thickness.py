"""Local thickness against shapes whose thickness is known, and against PoreSpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from napari_battery.errors import InputError
from napari_battery.microstructure.local_thickness import local_thickness
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


@settings(max_examples=25, deadline=None)
@given(arrays(bool, (7, 8, 9)))
def test_every_voxel_of_the_phase_has_a_ball_no_smaller_than_its_own(mask):
    from scipy import ndimage

    if mask.all():
        return
    thickness = local_thickness(mask, (1, 1, 1))
    assert ((thickness > 0) == mask).all()
    depth = ndimage.distance_transform_edt(mask)
    assert (thickness >= 2 * (depth - 0.7 - 0.1) - 1e-3)[mask].all()
    assert thickness.max() <= 2 * depth.max() + 2


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
