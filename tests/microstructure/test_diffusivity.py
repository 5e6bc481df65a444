"""Effective diffusivity against exact media, scipy's direct solver and PoreSpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from napari_battery.errors import InputError
from napari_battery.microstructure._solution import Watch, solve
from napari_battery.microstructure._torch_solution import has_card, solve_with_torch
from napari_battery.microstructure.diffusivity import (
    effective_conductivity,
    effective_diffusivity,
)
from napari_battery.microstructure.percolation import percolating_part
from napari_battery.microstructure.porespy_import import porespy
from napari_battery.microstructure.settings import TransportSettings
from napari_battery.progress import SILENT, CallbackProgress, Cancelled

CUBES = (1.0, 1.0, 1.0)
FINE = TransportSettings(tolerance=1e-5)


def random_medium(shape: tuple[int, ...], fraction: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < fraction


def by_scipy(c: np.ndarray, size: tuple[float, float, float]) -> float:
    """D_eff along the first axis by assembling every face and solving directly."""
    number = np.full(c.shape, -1)
    number[c > 0] = np.arange(np.count_nonzero(c > 0))
    n = number.max() + 1
    rows, columns, values, right = [], [], [], np.zeros(n)
    area = np.prod(size) / np.array(size)
    for axis in range(3):
        a, b = np.moveaxis(c, axis, 0)[:-1], np.moveaxis(c, axis, 0)[1:]
        i, j = np.moveaxis(number, axis, 0)[:-1], np.moveaxis(number, axis, 0)[1:]
        both = (a > 0) & (b > 0)
        i, j = i[both], j[both]
        g = 2 / (1 / a[both] + 1 / b[both]) * area[axis] / size[axis]
        rows += [i, j, i, j]
        columns += [i, j, j, i]
        values += [g, g, -g, -g]
    for plane, value in ((0, 1.0), (-1, 0.0)):
        i = number[plane][c[plane] > 0]
        g = 2 * c[plane][c[plane] > 0] * area[0] / size[0]
        rows.append(i)
        columns.append(i)
        values.append(g)
        right[i] += g * value
    parts = [np.concatenate(part) for part in (values, rows, columns)]
    u = spsolve(coo_matrix((parts[0], (parts[1], parts[2])), shape=(n, n)).tocsc(), right)
    inlet = number[0][c[0] > 0]
    flow = (2 * c[0][c[0] > 0] * area[0] / size[0] * (1 - u[inlet])).sum()
    return float(flow * c.shape[0] * size[0] / (area[0] * c.shape[1] * c.shape[2]))


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_a_straight_channel_is_not_tortuous(axis: str) -> None:
    mask = np.zeros((12, 9, 9), bool)
    mask[:, 3:5, 2:6] = True
    mask = np.moveaxis(mask, 0, "zyx".index(axis))
    found = effective_diffusivity(mask, (0.4, 1.0, 0.7), axis)
    assert found.relative_diffusivity == pytest.approx(8 / 81)
    assert found.factor_total == pytest.approx(1)
    assert found.tortuosity_total == pytest.approx(1)


def test_layers_in_series_and_side_by_side() -> None:
    layers = np.repeat([1.0, 0.05, 3.0], (11, 5, 4))
    c = np.broadcast_to(layers[:, None, None], (20, 6, 7))
    series = effective_conductivity(c, (0.5, 1, 2), "z", FINE)
    assert series.relative_diffusivity == pytest.approx(20 / (1 / layers).sum(), rel=1e-5)
    beside = effective_conductivity(c, (0.5, 1, 2), "y", FINE)
    assert beside.relative_diffusivity == pytest.approx(layers.mean(), rel=1e-5)
    assert beside.factor_total == pytest.approx(1, rel=1e-5)


def test_a_dead_end_counts_in_one_convention_only() -> None:
    """As the notes have it for taufactor (1.83) and PoreSpy (1.00)."""
    mask = np.zeros((12, 8, 8), bool)
    mask[:, 2:4, 2:5] = True
    mask[:10, 5:, :] = True  # reaches the inlet only
    found = effective_diffusivity(mask, CUBES)
    assert found.factor_percolating == pytest.approx(1)
    assert found.factor_total == pytest.approx(mask.mean() / (6 / 64))
    assert found.fraction_total > found.fraction_percolating


@pytest.mark.parametrize("size", [CUBES, (3.0, 1.0, 1.0), (0.2, 1.0, 0.5)])
def test_a_random_medium_against_a_direct_solver(size: tuple[float, float, float]) -> None:
    mask = random_medium((17, 14, 15), 0.6, 3)
    through = percolating_part(mask)
    found = effective_diffusivity(mask, size, "z", FINE)
    assert found.relative_diffusivity == pytest.approx(by_scipy(through * 1.0, size), rel=1e-6)
    assert found.imbalance <= 1e-5
    assert found.residual <= 1e-5
    rough = effective_diffusivity(mask, size, "z")
    assert rough.relative_diffusivity == pytest.approx(found.relative_diffusivity, rel=5e-5)
    assert rough.iterations < found.iterations


def test_several_phases_against_a_direct_solver() -> None:
    rng = np.random.default_rng(5)
    c = rng.choice([0.0, 0.05, 1.0], size=(14, 13, 12), p=[0.3, 0.2, 0.5])
    through = percolating_part(c > 0)
    found = effective_conductivity(c, (1, 2, 1.5), "z", FINE)
    exact = by_scipy(np.where(through, c, 0), (1, 2, 1.5))
    assert found.relative_diffusivity == pytest.approx(exact, rel=1e-6)
    assert found.fraction_total == pytest.approx(c.mean())
    assert found.fraction_percolating == pytest.approx(np.where(through, c, 0).mean())


def test_a_large_medium_uses_every_level_and_both_threads() -> None:
    mask = random_medium((48, 45, 51), 0.55, 8)
    one = effective_diffusivity(mask, CUBES, "y", FINE)
    two = effective_conductivity(mask.astype(float), CUBES, "y", FINE)
    assert one.relative_diffusivity == pytest.approx(two.relative_diffusivity, rel=1e-6)
    assert 5 < one.iterations < 100


@examples(max_examples=8, deadline=None)
@given(st.integers(0, 2**16), st.floats(0.4, 1.0))
def test_bounds_and_symmetries(seed: int, fraction: float) -> None:
    mask = random_medium((7, 6, 8), fraction, seed)
    found = effective_diffusivity(mask, (1, 1.5, 1), "z", FINE)
    assert 0 <= found.relative_diffusivity <= found.fraction_percolating * (1 + 1e-5)
    assert found.factor_total >= found.factor_percolating * (1 - 1e-9) or math.isinf(
        found.factor_total
    )
    flipped = effective_diffusivity(mask[::-1], (1, 1.5, 1), "z", FINE)
    turned = effective_diffusivity(np.moveaxis(mask, 0, 2), (1.5, 1, 1), "x", FINE)
    for other in (flipped, turned):
        assert other.relative_diffusivity == pytest.approx(found.relative_diffusivity, rel=1e-4)


def test_a_slice_is_a_volume_of_one_plane() -> None:
    mask = random_medium((30, 30), 0.75, 2)
    flat = effective_diffusivity(mask, (1, 2), "y", FINE)
    deep = effective_diffusivity(np.repeat(mask[None], 4, 0), (1, 1, 2), "y", FINE)
    assert flat.relative_diffusivity == pytest.approx(deep.relative_diffusivity, rel=1e-4)


@pytest.mark.parametrize("phases", [1, 2])
def test_torch_gives_the_same(phases: int) -> None:
    """What runs on a graphics card, here on the processor."""
    medium = percolating_part(random_medium((20, 18, 16), 0.6, 6))
    if phases == 2:
        medium = np.where(random_medium(medium.shape, 0.3, 7), 0.1, 1) * medium
    nominal = (1.0, 0.5, 2.0)
    medium = medium if phases == 1 else medium.astype(np.float32)
    ours = solve(medium, nominal, FINE.model_copy(update={"device": "cpu"}), SILENT)
    theirs = solve_with_torch(medium, nominal, Watch(1e-5, SILENT), "cpu")
    assert theirs.relative_diffusivity == pytest.approx(ours.relative_diffusivity, rel=1e-6)
    assert theirs.iterations > ours.iterations
    channel = np.ones((6, 4, 4), bool)
    assert solve_with_torch(channel, nominal, Watch(1e-5, SILENT), "cpu").iterations == 0


def test_a_card_that_is_not_there_is_refused() -> None:
    if has_card():
        pytest.skip("there is one")
    cuda = TransportSettings(device="cuda")
    with pytest.raises(InputError, match="no graphics card"):
        effective_diffusivity(random_medium((9, 9, 9), 0.7, 0), CUBES, "z", cuda)


def test_porespy_agrees_where_its_solver_is_installed() -> None:
    pytest.importorskip("openpnm")
    mask = percolating_part(random_medium((24, 24, 24), 0.6, 1))
    with porespy() as ps:
        theirs = ps.simulations.tortuosity_fd(mask, axis=0)
    ours = effective_diffusivity(mask, CUBES)
    # its concentrations are fixed in the end voxels, not on the end faces
    assert ours.factor_percolating == pytest.approx(theirs.tortuosity, rel=0.06)


def test_taufactor_agrees_where_it_is_installed() -> None:
    taufactor = pytest.importorskip("taufactor")
    mask = random_medium((24, 24, 24), 0.6, 1)
    theirs = taufactor.Solver(mask.astype(int), device="cpu")
    theirs.solve(verbose=False)
    ours = effective_diffusivity(mask, CUBES)
    assert ours.relative_diffusivity == pytest.approx(float(np.ravel(theirs.D_eff)[0]), rel=1e-3)


def test_nothing_percolates() -> None:
    mask = np.ones((10, 6, 6), bool)
    mask[4] = False
    found = effective_diffusivity(mask, CUBES)
    assert found.relative_diffusivity == 0
    assert math.isinf(found.factor_total)
    assert math.isinf(found.tortuosity_percolating)
    assert found.fraction_total == pytest.approx(0.9)
    assert found.fraction_percolating == 0
    assert effective_diffusivity(~np.ones((5, 5, 5), bool), CUBES).fraction_total == 0
    assert math.isinf(effective_conductivity(mask * 1.0, CUBES).factor_total)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="at least 3 voxels; there are 2"):
        effective_diffusivity(np.ones((2, 9, 9), bool), CUBES)
    with pytest.raises(InputError, match="not two values"):
        effective_diffusivity(np.arange(27).reshape(3, 3, 3), CUBES)
    with pytest.raises(InputError, match="no axis 'z'"):
        effective_diffusivity(np.ones((9, 9), bool), (1, 1))
    with pytest.raises(InputError, match="voxel size"):
        effective_diffusivity(np.ones((5, 5, 5), bool), (1, 0, 1))
    with pytest.raises(InputError, match="negative or no number"):
        effective_conductivity(np.full((4, 4, 4), np.nan), CUBES)


def test_more_than_single_precision_carries_is_said() -> None:
    rng = np.random.default_rng(0)
    c = rng.choice([1, 1e-9], size=(16, 16, 16), p=[0.2, 0.8])
    with pytest.raises(InputError, match="less than a millionth"):
        effective_conductivity(c, CUBES, "z", FINE)


def test_a_labyrinth() -> None:
    """Walls with holes at alternate ends: the way back and forth is a straight channel."""
    mask = np.ones((21, 4, 30), bool)
    for n, wall in enumerate(range(1, 21, 2)):
        mask[wall, :, (1 if n % 2 else 0) : (30 if n % 2 else 29)] = False
    found = effective_diffusivity(mask, CUBES, "z", FINE)
    through = by_scipy(mask * 1.0, CUBES)
    assert found.relative_diffusivity == pytest.approx(through, rel=1e-4)
    assert found.factor_total > 100


def test_cancel_and_progress() -> None:
    mask = random_medium((30, 30, 30), 0.6, 4)
    seen: list[int] = []
    effective_diffusivity(
        mask, CUBES, progress=CallbackProgress(lambda done, total, what: seen.append(done))
    )
    assert seen == sorted(seen)
    assert seen[-1] == 100
    with pytest.raises(Cancelled):
        effective_diffusivity(
            mask, CUBES, progress=CallbackProgress(lambda *_: None, lambda: len(seen) > 0)
        )
