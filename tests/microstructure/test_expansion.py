"""Expansion of balls whose growth is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.microstructure.expansion import QUANTITIES, expansion, particle_volumes
from napari_battery.microstructure.sample import labels_sample, phases_sample
from napari_battery.volume import Volume

PLACES = [(z, y, x) for z in (16, 48) for y in (16, 48) for x in (16, 48, 80)]
RADII = np.linspace(6, 10, len(PLACES))


def balls(growth: float, name: str, cut: bool = False) -> Volume:
    """Twelve balls, each `growth` times its first volume; the last may stick out of the box."""
    labels = np.zeros((64, 64, 96), np.int32)
    z, y, x = np.indices(labels.shape)
    for number, (place, radius) in enumerate(zip(PLACES, RADII, strict=True), 1):
        r2 = (z - place[0]) ** 2 + (y - place[1]) ** 2 + (x - place[2]) ** 2
        labels[r2 <= (radius * growth ** (1 / 3)) ** 2] = number
    if cut:
        labels[:, :, -6:] = np.where(labels[:, :, -6:] == 0, 12, labels[:, :, -6:])
    return Volume(labels, (0.5, 0.5, 0.5), name=name)


def test_balls_that_grow_by_a_quarter() -> None:
    found = expansion(labels_sample(balls(1, "pristine")), labels_sample(balls(1.25, "cycled")))
    values = found.table.set_index("metric")["value"]
    assert set(values.index) == set(QUANTITIES)
    # voxels round a ball of radius 6 by a few per cent
    for metric in (
        "expansion_fraction", "expansion_volume", "expansion_d50", "expansion_d50_volume",
        "expansion_particles_mean", "expansion_particles_median", "expansion_particles_total",
    ):  # fmt: skip
        assert values[metric] == pytest.approx(0.25, abs=0.03), metric
    assert values["diameter_shift_d50"] == pytest.approx(8 * (1.25 ** (1 / 3) - 1), abs=0.05)
    one = found.table.set_index("metric").loc["expansion_d50"]
    assert one["ci_low"] < 0.25 < one["ci_high"]
    assert found.particles["label"].tolist() == list(range(1, 13))
    assert set(found.table["volume"]) == {"pristine → cycled"}


def test_nothing_grows_where_nothing_changed() -> None:
    same = balls(1, "same")
    found = expansion(labels_sample(same), labels_sample(same))
    values = found.table.set_index("metric")["value"]
    assert (values == 0).all()


def test_particles_at_a_face_are_left_out_of_the_counts() -> None:
    found = expansion(labels_sample(balls(1, "a")), labels_sample(balls(1.25, "b", cut=True)))
    assert found.particles.set_index("label").loc[12, "touches_border"]
    methods = found.table.set_index("metric")["method"]
    assert "11 whole particles" in methods["expansion_particles_mean"]
    assert "12 and 11 whole particles" in methods["expansion_d50"]
    assert "1 of 12 of “b”" in " ".join(found.notes)


def test_phases_alone_give_the_electrode_only() -> None:
    first, second = (
        phases_sample(Volume(balls(growth, name).data > 0, (0.5,) * 3, name=name))
        for growth, name in ((1, "a"), (1.25, "b"))
    )
    found = expansion(first, second)
    assert list(found.table["metric"]) == ["expansion_fraction", "expansion_volume"]
    assert found.particles.empty


def test_no_active_material_is_refused() -> None:
    empty = Volume(np.zeros((8, 8, 8), np.bool_), (1.0,) * 3, name="empty")
    with pytest.raises(InputError, match="no voxel of active"):
        expansion(phases_sample(empty), phases_sample(empty))


def test_labels_may_be_large_numbers() -> None:
    labels = balls(1, "a").data.astype(np.int64)
    large = particle_volumes(np.where(labels, labels + 2**40, 0), (1.0,) * 3)
    small = particle_volumes(labels, (1.0,) * 3)
    assert list(large["label"] - 2**40) == list(small["label"])
    assert large["volume_um3"].equals(small["volume_um3"])


def test_volumes_of_a_disc_are_areas() -> None:
    y, x = np.indices((64, 64))
    disc = (((y - 32) ** 2 + (x - 32) ** 2) <= 20**2).astype(np.int32)
    row = particle_volumes(disc, (0.5, 0.5)).iloc[0]
    assert row["equivalent_diameter_um"] == pytest.approx(20.0, rel=0.01)
