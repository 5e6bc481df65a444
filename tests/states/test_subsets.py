"""Subsets hold the particles they say, whoever else counts them."""

from __future__ import annotations

import electrode_tables as tables
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline

from napari_battery.errors import InputError
from napari_battery.states import subsets
from napari_battery.states.frames import Frames


@pytest.fixture(scope="module")
def frames():
    return tables.electrode()


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=12, max_size=80, unique=True),
    n=st.integers(2, 10),
)
def test_n_tiles_are_those_of_pandas(values, n):
    table = pd.DataFrame({"label": np.arange(len(values)) + 1, "state": "a", "mean": values})
    tiles = subsets.n_tiles(Frames(table), "mean", n)
    codes = pd.qcut(table["mean"], n, labels=False).to_numpy()
    edges = np.quantile(values, np.arange(1, n) / n)
    near = np.isclose(table["mean"].to_numpy()[:, None], edges, rtol=1e-9, atol=1e-12).any(axis=1)
    for k, tile in enumerate(tiles):
        np.testing.assert_array_equal(tile.members[~near], (codes == k)[~near])
    assert sum(tile.members.sum() for tile in tiles) == len(values)


def test_tiles_rank_kept_particles_in_the_reference(frames):
    tiles = subsets.n_tiles(frames, "volume_um3", 4)
    sizes = [tile.mask(frames)[:, 0].sum() for tile in tiles]
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == frames.kept[:, 0].sum()
    assert tiles[0].name == "Q1 Volume"


def test_unmatched_populations_are_ranked_in_each_state():
    particles = tables.particles_by_state(matched=False)
    later = particles["state"] == "4.4 V"
    particles.loc[later, "volume_um3"] = particles.loc[later, "volume_um3"].to_numpy()[::-1]
    frames = Frames(particles)
    assert not frames.is_matched
    largest = subsets.n_tiles(frames, "volume_um3", 4)[-1]
    of_state = frames.values("volume_um3")
    for place in range(len(frames.states)):
        chosen = of_state[largest.mask(frames)[:, place], place]
        others = of_state[frames.kept[:, place] & ~largest.members[:, place], place]
        assert chosen.min() > others.max()


def test_too_few_values_or_parts_are_refused(frames):
    with pytest.raises(InputError, match="1 different values; 4 parts"):
        subsets.n_tiles(frames, "kept", 4)
    with pytest.raises(InputError, match="at least 2"):
        subsets.n_tiles(frames, "sem", 1)
    with pytest.raises(InputError, match="no column “depth”"):
        subsets.n_tiles(frames, "depth", 4)
    with pytest.raises(InputError, match="holds text"):
        Frames(frames.particles.assign(note="cut")).values("note")


def test_a_condition_asks_the_state_it_is_told(frames):
    dark = subsets.where(frames, "delta_core_mean < -3", "4.4 V")
    assert set(dark.labels(frames)) == set(
        frames.particles.query("state == '4.4 V' and kept and delta_core_mean < -3")["label"]
    )
    assert not subsets.where(frames, "delta_core_mean < -3").members.any()


def test_a_fitted_plane_goes_through_its_points():
    rng = np.random.default_rng(3)
    normal = np.array([0.8, 0.0, 0.6])
    spread = rng.normal(0, 30, (20, 3))
    points = spread - np.outer(spread @ normal, normal) + 7 * normal
    plane = subsets.fitted_plane(points, inside=[1000.0, 0, 0])
    np.testing.assert_allclose(plane.normal, normal, atol=1e-12)
    assert np.dot(plane.point, plane.normal) == pytest.approx(7)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (np.zeros((2, 3)), "2 points are given; a plane needs 3"),
        (np.outer(np.arange(4.0), [1, 2, 3]), "on one line"),
        ([[0, 0, 0], [0, 1, 0], [0, 0, np.nan]], "no position"),
    ],
)
def test_points_that_make_no_plane_are_refused(points, said):
    with pytest.raises(InputError, match=said):
        subsets.fitted_plane(points)


def test_distance_from_a_face_counts_into_the_electrode(frames):
    plane = subsets.face_plane(frames, "z", "high")
    distance = subsets.plane_distance(frames, plane)
    z = frames.first("centroid_z_um")
    kept = frames.kept[:, 0]
    np.testing.assert_allclose(distance, z[kept].max() - z)
    nearest = subsets.tiles_of(frames, distance, 4, "Distance", " µm")[0]
    assert z[nearest.members].min() > z[kept & ~nearest.members].max()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), corners=st.integers(3, 9))
def test_a_lasso_holds_what_matplotlib_says(seed, corners):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = rng.uniform(0.2, 1, corners)
    polygon = np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)
    points = rng.uniform(-1, 1, (200, 2))
    steps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    if steps.max() >= np.pi:
        return  # not star-shaped about 0: matplotlib's winding rule may differ
    found = subsets.within(polygon, points[:, 0], points[:, 1])
    np.testing.assert_array_equal(found, Outline(polygon).contains_points(points))


def test_nothing_without_a_position_is_inside():
    square = [(0, 0), (0, 2), (2, 2), (2, 0)]
    assert subsets.within(square, [1, np.nan, 3], [1, 1, 1]).tolist() == [True, False, False]
    with pytest.raises(InputError, match="at least 3 corners"):
        subsets.within(square[:2], [1], [1])


def test_a_subset_of_another_study_is_refused(frames):
    other = subsets.all_particles(tables.electrode(50))
    with pytest.raises(InputError, match="is of 50 particles, the study has 400"):
        other.mask(frames)
