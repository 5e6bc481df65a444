"""Two grids against Rayleigh's series for spheres on a cubic lattice."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.microstructure.extrapolation import (
    every_second,
    extrapolated_diffusivity,
)

CUBES = (0.5, 0.5, 0.5)


def cell(n: int, fraction: float) -> np.ndarray:
    """The space around one insulating sphere in a cube of n voxels."""
    radius = n * (3 * fraction / 4 / math.pi) ** (1 / 3)
    g = (np.arange(n) - (n - 1) / 2) ** 2
    return g[:, None, None] + g[:, None] + g > radius**2


def rayleigh(fraction: float) -> float:
    """κ outside insulating spheres on a cubic lattice (Rayleigh, Phil. Mag. 34, 1892)."""
    denominator = 2 + fraction - 0.394 * fraction ** (10 / 3)
    return (1 - fraction) / (1 - 3 * fraction / denominator)


@pytest.mark.parametrize("fraction", [0.2, 0.3])
def test_spheres_of_ten_voxels_per_radius(fraction: float) -> None:
    found = extrapolated_diffusivity(cell(24, fraction), CUBES)
    exact = rayleigh(fraction)
    assert found.fine.factor_total > 1.02 * exact
    assert found.factor_total == pytest.approx(exact, rel=0.012)


def test_one_voxel_size_for_two_scans() -> None:
    """The same spheres at two voxel sizes agree once both are taken to one."""
    fine = extrapolated_diffusivity(cell(40, 0.2), (0.3,) * 3)
    coarse = extrapolated_diffusivity(cell(20, 0.2), (0.6,) * 3)
    raw = coarse.fine.factor_total / fine.fine.factor_total - 1
    at_one = coarse.factor_at(0.6) / fine.factor_at(0.6) - 1
    assert raw > 0.01
    assert abs(at_one) < raw / 2
    assert fine.factor_at(0.3) == pytest.approx(fine.fine.factor_total)
    assert fine.factor_at(0.6) == pytest.approx(fine.coarse.factor_total)
    assert fine.factor_at(0.0, percolating=True) == pytest.approx(fine.factor_percolating)


def test_conductivities_are_extrapolated_too() -> None:
    mask = cell(16, 0.3)
    one = extrapolated_diffusivity(mask, CUBES)
    other = extrapolated_diffusivity(mask.astype(np.float32), CUBES)
    assert other.factor_total == pytest.approx(one.factor_total, rel=1e-4)


def test_a_throat_that_two_voxels_cannot_hold() -> None:
    mask = np.zeros((12, 9, 9), bool)
    mask[:, 3, 3] = True
    lost = extrapolated_diffusivity(mask, CUBES)
    assert lost.fine.factor_total == pytest.approx(1)
    assert math.isnan(lost.factor_total)
    assert math.isinf(extrapolated_diffusivity(~np.ones((8, 8, 8), bool), CUBES).factor_total)


def test_every_second_voxel() -> None:
    assert every_second(np.arange(7))[-1] == 4
    assert every_second(np.zeros((1, 6, 9))).shape == (1, 3, 4)
    with pytest.raises(InputError, match="at least 6 voxels; there are 5"):
        extrapolated_diffusivity(np.ones((5, 9, 9), bool), CUBES)
