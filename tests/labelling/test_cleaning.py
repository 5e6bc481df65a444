"""Holes, islands, opening and closing against scipy, on random and worst-case masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_battery.labelling.cleaning import closing, fill_holes, opening, remove_islands
from napari_battery.progress import CallbackProgress, Cancelled

SHAPES = [(7, 9, 11), (1, 8, 9), (13, 15), (1, 1, 1), (6, 1), (2, 3, 30)]


def ball(radius: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Voxels within the radius of the middle one."""
    reach = [int(radius / edge) for edge in spacing]
    grid = np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij")
    return sum((g * edge) ** 2 for g, edge in zip(grid, spacing, strict=True)) <= radius**2 + 1e-9


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32 - 1), st.sampled_from(SHAPES), st.floats(0.1, 0.9))
def test_holes_and_islands_agree_with_scipy(seed, shape, density):
    mask = np.random.default_rng(seed).random(shape) < density
    # to scipy one slice is all faces, to us it is the plane it is
    plane = mask.squeeze() if mask.size > 1 else mask
    assert np.array_equal(fill_holes(mask), ndimage.binary_fill_holes(plane).reshape(shape))
    islands, n = ndimage.label(mask)
    sizes = np.bincount(islands.ravel(), minlength=n + 1)
    for least in (0, 1, 2, 3.5, 10):
        wanted = mask & (sizes >= least)[islands]
        assert np.array_equal(remove_islands(mask, least), wanted)


def test_a_minimum_in_um_means_whole_voxels():
    mask = np.zeros((6, 7, 8), bool)
    mask[1:4, 1:4, 1:4] = True
    edge = 0.51
    least = 27 * edge**3 / float(np.prod([edge] * 3))
    assert least > 27
    assert np.array_equal(remove_islands(mask, least), mask)


def test_winding_islands_are_one():
    """A spiral and a comb: runs that join only after many rows."""
    comb = np.zeros((40, 60), bool)
    comb[:, ::2] = True
    comb[-1] = True
    assert remove_islands(comb, comb.sum()).sum() == comb.sum()
    assert not remove_islands(comb, comb.sum() + 1).any()
    layers = np.repeat(comb[None], 3, axis=0)
    layers[1, :-1] = False
    assert remove_islands(layers, layers.sum()).sum() == layers.sum()


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(12, 14, 16), (1, 20, 20), (30, 30)]),
    st.sampled_from([0.8, 1.0, 1.5, 2.0, 3.3]),
    st.sampled_from([None, (2.5, 1.0, 1.5), (0.7, 0.7, 0.7)]),
)
def test_opening_and_closing_agree_with_scipy(seed, shape, radius, spacing):
    spacing = spacing and spacing[-len(shape) :]
    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.standard_normal(shape), 1.2) > -0.05
    footprint = ball(radius, spacing or (1.0,) * len(shape))
    eroded = ndimage.binary_erosion(mask, footprint, border_value=1)
    assert np.array_equal(
        opening(mask, radius, spacing), ndimage.binary_dilation(eroded, footprint)
    )
    grown = ndimage.binary_dilation(mask, footprint)
    wanted = ndimage.binary_erosion(grown, footprint, border_value=1)
    assert np.array_equal(closing(mask, radius, spacing), wanted)


@pytest.mark.parametrize("value", [False, True])
def test_uniform_masks_stay(value):
    mask = np.full((5, 6, 7), value)
    for cleaned in (opening(mask, 2), closing(mask, 2), fill_holes(mask), remove_islands(mask, 9)):
        assert np.array_equal(cleaned, mask)


def test_nothing_to_do_gives_a_copy():
    mask = np.random.default_rng(0).random((5, 6, 7)) < 0.5
    for cleaned in (opening(mask, 0), closing(mask, 0), remove_islands(mask, 0)):
        assert np.array_equal(cleaned, mask)
        assert not np.shares_memory(cleaned, mask)


@pytest.mark.parametrize("step", [lambda m, p: fill_holes(m, progress=p),
                                  lambda m, p: remove_islands(m, 5, p),
                                  lambda m, p: opening(m, 2, progress=p),
                                  lambda m, p: closing(m, 2, progress=p)])  # fmt: skip
def test_cancel_stops_within(step):
    mask = np.random.default_rng(0).random((9, 10, 11)) < 0.5
    calls = iter(range(1000))
    stop = CallbackProgress(lambda *a: None, lambda: next(calls) > 4)
    with pytest.raises(Cancelled):
        step(mask, stop)
