"""Thickness of plates whose thickness is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.microstructure.thickness import electrode_thickness


@examples(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(0, 4), st.floats(0.1, 5), st.sampled_from("zyx"))
def test_a_flat_plate(n: int, below: int, edge: float, axis: str) -> None:
    mask = np.zeros((20, 7, 8), bool)
    mask[below : below + n] = True
    mask[below + n // 2, 3] = below + n // 2 in (below, below + n - 1)  # a pore inside
    number = "zyx".index(axis)
    size = [1.0, 2.0]
    size.insert(number, edge)
    found = electrode_thickness(np.moveaxis(mask, 0, number), size, axis)
    if n > 2:
        assert found.mean_um == pytest.approx(n * edge)
        assert found.sd_um == pytest.approx(0, abs=1e-9)
        assert found.tilt_degrees == pytest.approx(0, abs=1e-6)
    assert (found.covered, found.cut) == (1, 0)


def test_a_tilted_plate_is_measured_across() -> None:
    z, x = np.mgrid[:60, :80]
    mask = np.abs(z - 30 - (x - 40) * 0.3) < 10 / 2 / math.cos(math.atan(0.3))
    found = electrode_thickness(np.repeat(mask[:, None], 5, 1), (1, 1, 1))
    assert found.tilt_degrees == pytest.approx(math.degrees(math.atan(0.3)), abs=0.3)
    assert found.mean_um == pytest.approx(10, rel=0.02)


def test_open_pores_are_bridged_on_request() -> None:
    mask = np.zeros((20, 30, 30), bool)
    mask[5:15] = True
    mask[10:15, 8:11, 8:11] = False
    raw = electrode_thickness(mask, (1, 1, 1))
    assert raw.min_um == pytest.approx(5, rel=1e-2)
    closed = electrode_thickness(mask, (1, 1, 1), bridge_um=6)
    assert closed.min_um == closed.max_um == pytest.approx(10)


def test_variation_cut_columns_and_columns_without_electrode() -> None:
    mask = np.zeros((10, 4, 4), bool)
    mask[:, :2] = True
    mask[2:4, 2] = True
    found = electrode_thickness(mask, (1, 1, 1))
    assert found.covered == pytest.approx(0.75)
    assert found.cut == pytest.approx(2 / 3)
    assert np.isnan(found.map_um).sum() == 4
    assert found.max_um / found.min_um == pytest.approx(5)
    with pytest.raises(InputError, match="mask is empty"):
        electrode_thickness(np.zeros((4, 4, 4), bool), (1, 1, 1))


def test_the_line_of_a_slice() -> None:
    mask = np.zeros((10, 6), bool)
    mask[3:7] = True
    assert electrode_thickness(mask, (0.5, 1), "y").mean_um == pytest.approx(2)
