"""Fractions, porosity and profiles of volumes that were counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.microstructure.fractions import (
    fraction_profile,
    phase_fractions,
    porosity,
)
from napari_battery.microstructure.percolation import percolating_part

CODES = {"pore": 0, "active": 1, "binder": 2}


def made() -> np.ndarray:
    """A channel along z, a blind hole from the face z = 0, and a closed pore."""
    mask = np.zeros((10, 10, 10), bool)
    mask[:, 2, 2] = True
    mask[:4, 7, 7] = True
    mask[5:7, 5:7, 5:7] = True
    return mask


def test_total_open_and_percolating() -> None:
    found = porosity(made())
    assert found.total == pytest.approx(0.022)
    assert found.open == pytest.approx(0.014)
    assert found.closed == pytest.approx(0.008)
    assert found.percolating == pytest.approx({"z": 0.010, "y": 0, "x": 0})
    through = percolating_part(made(), "z")
    assert through.sum() == 10
    assert through[:, 2, 2].all()
    assert not percolating_part(made(), "x").any()


def test_pieces_that_only_touch_at_an_edge_are_apart() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:2, 1] = mask[2:, 2] = True
    assert porosity(mask).percolating == {"y": 0, "x": 0}


def test_fractions_add_up_and_may_be_zero() -> None:
    phases = np.zeros((4, 5, 6), np.uint8)
    phases[:1] = 1
    found = phase_fractions(phases, CODES)
    assert found == pytest.approx({"pore": 0.75, "active": 0.25, "binder": 0})
    half = np.zeros(phases.shape, bool)
    half[:2] = True
    assert phase_fractions(phases, CODES, half)["active"] == pytest.approx(0.5)


def test_labels_given_for_phases_are_refused() -> None:
    labels = np.arange(64).reshape(4, 4, 4)
    with pytest.raises(InputError, match=r"holds 3, 4, 5, 6, 7 and 56 more"):
        phase_fractions(labels, CODES)
    with pytest.raises(InputError, match="no voxel"):
        phase_fractions(np.zeros((3, 3), int), CODES, np.zeros((3, 3), bool))


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_a_profile_has_the_fractions_as_its_mean(axis: str) -> None:
    phases = np.random.default_rng(0).integers(0, 3, (6, 7, 8))
    table = fraction_profile(phases, CODES, (0.5, 1, 2), axis)
    n = phases.shape["zyx".index(axis)]
    assert len(table) == 3 * n
    means = table.groupby("phase")["fraction"].mean().to_dict()
    assert means == pytest.approx(phase_fractions(phases, CODES))
    assert table.groupby("position_um")["fraction"].sum().to_numpy() == pytest.approx(1)
    step = table["position_um"].unique()
    assert step[0] == pytest.approx((0.5, 1, 2)["zyx".index(axis)] / 2)


def test_planes_outside_the_region_have_no_fraction() -> None:
    region = np.zeros((4, 3, 3), bool)
    region[1:3] = True
    table = fraction_profile(np.zeros((4, 3, 3), int), {"pore": 0}, (1, 1, 1), "z", region)
    assert table["fraction"].isna().tolist() == [True, False, False, True]
    assert table["voxels"].tolist() == [0, 9, 9, 0]
