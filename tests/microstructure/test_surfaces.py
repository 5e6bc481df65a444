"""Surface areas against balls, planes, the Boolean model and scikit-image's meshes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_battery.errors import InputError
from napari_battery.microstructure.surfaces import (
    interface_areas,
    marching_cubes_area,
    surface_area,
)
from napari_battery.progress import CallbackProgress, Cancelled


def ball(radius, size=(1.0, 1.0, 1.0)):
    shape = [int(2 * radius / s) + 6 for s in size]
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    inside = sum(((g - n / 2 + 0.3) * s) ** 2 for g, n, s in zip(grid, shape, size, strict=True))
    return inside < radius**2


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 1, 1), (0.5, 1, 0.7)])
def test_a_ball_by_itself(size):
    mask = ball(14, size)
    volume = mask.size * np.prod(size)
    assert surface_area(mask, size, "nothing") * volume == pytest.approx(4 * np.pi * 196, rel=0.012)
    cubes = marching_cubes_area(mask, size, "nothing") * volume
    assert cubes == pytest.approx(1.1 * 4 * np.pi * 196, rel=0.05)


def test_layers_cut_by_the_faces_have_two_surfaces_a_period():
    rng = np.random.default_rng(0)
    found = []
    for normal in rng.normal(size=(16, 3)):
        along = np.moveaxis(np.indices((40, 40, 40)), 0, -1) @ normal / np.linalg.norm(normal)
        found.append(surface_area((along / 10) % 1 < 0.5, (1, 1, 1)))
    assert np.mean(found) == pytest.approx(2 / 10, rel=0.02)


def test_small_pieces_show_on_average_what_the_whole_does():
    from scipy import ndimage

    rng = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(rng.normal(size=(72, 72, 72)), 3) > 0
    cells = mask.reshape(6, 12, 6, 12, 6, 12).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 12, 12, 12)
    for area in (surface_area, marching_cubes_area):
        pieces = np.mean([area(cell, (1, 1, 1)) for cell in cells])
        assert pieces == pytest.approx(area(mask, (1, 1, 1)), rel=0.01)


@settings(max_examples=15, deadline=None)
@given(arrays(bool, (5, 6, 7)), st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 0.7)]))
def test_marching_cubes_are_those_of_scikit_image(mask, size):
    from skimage.measure import marching_cubes, mesh_surface_area

    ours = marching_cubes_area(mask, size) * 4 * 5 * 6 * np.prod(size)
    if mask.all() or not mask.any():
        assert ours == 0
        return
    vertices, faces, _, _ = marching_cubes(mask.astype(np.float32), 0.5, spacing=size)
    assert ours == pytest.approx(mesh_surface_area(vertices, faces), rel=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    arrays(np.uint8, (4, 5, 6), elements=st.integers(0, 3)), st.sampled_from(["same", "nothing"])
)
def test_interfaces_are_half_of_what_both_phases_have_more_than_their_union(phases, beyond):
    size, codes = (1.0, 2.0, 0.5), {"pore": 0, "active": 1, "binder": 2}
    table = interface_areas(phases, codes, size, beyond).set_index(["phase", "other"])
    area = lambda *some: surface_area(np.isin(phases, some), size, beyond)  # noqa: E731
    for a, b in (("pore", "active"), ("pore", "binder"), ("active", "binder")):
        i, j = codes[a], codes[b]
        wanted = (area(i) + area(j) - area(i, j)) / 2
        assert table.loc[(a, b)].item() == pytest.approx(wanted, abs=1e-9)


def test_a_plane_has_a_boundary_length():
    grid = np.ogrid[:80, :80]
    disc = sum((g - 39.7) ** 2 for g in grid) < 30**2
    found = surface_area(disc, (0.1, 0.1), "nothing") * 64
    assert found == pytest.approx(2 * np.pi * 3, rel=0.015)


def test_one_phase_has_no_surface_inside():
    assert surface_area(np.ones((5, 5, 5), bool), (1, 1, 1)) == 0
    assert surface_area(np.zeros((5, 5), bool), (1, 1)) == 0


def test_what_cannot_be_measured_is_said():
    with pytest.raises(InputError, match="at least two along"):
        surface_area(np.ones((1, 5, 5), bool), (1, 1, 1))
    with pytest.raises(InputError, match="volume"):
        marching_cubes_area(np.ones((5, 5), bool), (1, 1))
    with pytest.raises(InputError, match="tell phases apart"):
        interface_areas(np.zeros((5, 5, 5), int), {"a": 1, "b": 1}, (1, 1, 1))
    with pytest.raises(InputError, match="whole numbers"):
        interface_areas(np.zeros((5, 5, 5)), {"a": 0}, (1, 1, 1))
    stop = CallbackProgress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        surface_area(np.ones((5, 5, 5), bool), (1, 1, 1), progress=stop)
