"""Path lengths against geometry and scikit-image's minimal-cost paths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage
from skimage.graph import MCP_Geometric

from napari_battery.errors import InputError
from napari_battery.microstructure.geodesic import distance_through, path_tortuosity
from napari_battery.microstructure.percolation import percolating_part
from napari_battery.progress import CallbackProgress, Cancelled

CUBES = (1.0, 1.0, 1.0)


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_straight_is_one(axis: str) -> None:
    mask = np.zeros((8, 9, 10), bool)
    mask[2:5, 3:6, 4:7] = True
    whole = np.moveaxis(mask, "zyx".index(axis), 0)
    whole |= whole.any(axis=0)
    found = path_tortuosity(mask, (0.3, 0.7, 2.0), axis)
    assert (found.mean, found.sd, found.shortest, found.reached) == pytest.approx((1, 0, 1, 1))


def test_behind_a_slit_and_a_pinhole() -> None:
    y, x = np.mgrid[:41, :41] - 20
    for hole, aside in ((np.s_[:, 20], np.abs(x)), (np.s_[20, 20], np.hypot(y, x))):
        mask = np.ones((40, 41, 41), bool)
        mask[9] = False
        mask[9][hole] = True
        exact = 9.5 + np.hypot(aside, 30)
        error = distance_through(mask, CUBES)[-1] / exact - 1
        assert error.min() > -1e-3
        assert error.max() < 0.025
        assert error.mean() < 0.018


def test_anisotropic_voxels_measure_micrometres() -> None:
    mask = np.ones((20, 25, 3), bool)
    mask[6] = False
    mask[6, 0] = True
    found = distance_through(mask, (2.0, 1.0, 1.0))[-1, :, 1]
    exact = 6.5 * 2 + np.hypot(np.arange(25), 13 * 2)
    assert found == pytest.approx(exact, rel=0.02)


def test_never_longer_than_a_chain_of_neighbours() -> None:
    """scikit-image's steps to 6 neighbours are an upper bound, the height a lower one."""
    noise = ndimage.gaussian_filter(np.random.default_rng(2).standard_normal((28, 28, 28)), 1.5)
    mask = percolating_part(noise < np.quantile(noise, 0.5))
    away = distance_through(mask, CUBES)
    start = [(0, *at) for at in np.argwhere(mask[0])]
    chains = [
        MCP_Geometric(np.where(mask, 1.0, np.inf), fully_connected=full).find_costs(start)[0] + 0.5
        for full in (False, True)
    ]
    assert np.isfinite(away[mask]).all()
    assert (away[mask] <= chains[0][mask] + 1e-3).all()
    assert (away[mask] >= np.nonzero(mask)[0] + 0.5 - 1e-3).all()
    found = path_tortuosity(mask, CUBES)
    assert 1 - 1e-6 <= found.shortest < found.mean
    # 26 neighbours make ways up to 13 % too long, and cut corners that share only an edge
    chain = (chains[1][-1][mask[-1]].mean() + 0.5) / 28
    assert 0.87 < found.mean / chain < 1.1


def test_it_is_not_the_tortuosity_factor() -> None:
    """A wall with a small hole hardly lengthens the way and stops nearly all diffusion."""
    from napari_battery.microstructure.diffusivity import effective_diffusivity

    mask = np.ones((20, 15, 15), bool)
    mask[10] = False
    mask[10, 7, 7] = True
    assert path_tortuosity(mask, CUBES).mean < 1.3
    assert effective_diffusivity(mask, CUBES).tortuosity_total > 2


def test_nothing_leads_through() -> None:
    mask = np.ones((6, 5), bool)
    mask[3] = False
    found = path_tortuosity(mask, (1, 1), "y")
    assert math.isinf(found.mean)
    assert found.reached == 0
    assert path_tortuosity(mask, (1, 1), "x").mean == pytest.approx(1)
    assert path_tortuosity(mask, (1, 1), "x").reached == 1
    with pytest.raises(InputError):
        path_tortuosity(mask, (1, 1), "z")


def test_cancel() -> None:
    with pytest.raises(Cancelled):
        path_tortuosity(
            np.ones((9, 9, 9), bool), CUBES, "z", CallbackProgress(lambda *_: None, lambda: True)
        )
