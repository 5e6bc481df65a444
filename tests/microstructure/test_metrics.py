"""Every metric that can be chosen, on volumes whose numbers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_battery.microstructure.measure import WHOLE, measure_microstructure
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metrics import METRICS
from napari_battery.microstructure.sample import Sample, labels_sample, phases_sample
from napari_battery.volume import Volume

ALONE = {"splits": 1, "most_splits": 1}
RADIUS = 8


def balls() -> Sample:
    """Four equal balls of 8 voxels (4 µm) radius, and a fifth that a face cuts."""
    labels = np.zeros((48, 48, 48), np.int32)
    z, y, x = np.indices(labels.shape)
    for number, (cy, cx) in enumerate([(12, 12), (12, 36), (36, 12), (36, 36)], 1):
        inside = (z - 20) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= RADIUS**2
        labels[inside] = number
    labels[(z - 47) ** 2 + (y - 24) ** 2 + (x - 24) ** 2 <= RADIUS**2] = 5
    return labels_sample(Volume(labels, (0.5,) * 3, name="balls"))


def layers() -> Sample:
    """Layers across z: binder 12, pore 24, active 12 planes."""
    data = np.repeat(np.array([2, 0, 1], np.uint8), [12, 24, 12])[:, None, None]
    volume = Volume(np.broadcast_to(data, (48, 16, 16)).copy(), (0.5,) * 3, name="layers")
    return phases_sample(volume, {"pore": 0, "active": 1, "binder": 2})


def whole(sample: Sample, **choice: object) -> pd.Series:
    table = measure_microstructure(sample, MicrostructureSettings(**(ALONE | choice))).table
    rows = table[table["region"] == WHOLE]
    return rows.set_index(["metric", "phase", "axis"])["value"]


def test_balls() -> None:
    found = whole(
        balls(), metrics="particle_sizes,shapes,shape_details,contacts,surfaces,local_thickness"
    )
    for name in ("particle_number_d50", "particle_volume_d50", "particle_number_mean"):
        assert found[name, "active", ""] == pytest.approx(2 * RADIUS / 2, rel=0.02)
    assert found["particle_number_std", "active", ""] == pytest.approx(0, abs=1e-9)
    assert found["n_particles", "active", ""] == 4
    assert found["n_cut_particles", "active", ""] == 1
    assert found["sphericity", "active", ""] == pytest.approx(1, abs=0.02)
    assert found["aspect_ratio", "active", ""] == pytest.approx(1, abs=1e-6)
    assert found["solidity", "active", ""] > 0.95
    assert found["void_fraction", "active", ""] == 0
    assert found["coordination", "active", ""] == 0
    assert found["contact_area_per_volume", "active", ""] == 0
    assert found["local_thickness_d50", "active", ""] == pytest.approx(8, rel=0.06)
    # the cut one ends half a voxel behind its middle: a zone of that height more
    area = (4.5 * 4 * np.pi * 4**2 + 2 * np.pi * 4 * 0.25) / 24**3
    assert found["surface_area_per_volume", "active", ""] == pytest.approx(area, rel=0.03)
    assert found["surface_area_per_volume", "pore", ""] == pytest.approx(
        found["surface_area_per_volume", "active", ""]
    )
    facets = found["marching_cubes_area_per_volume", "active", ""]
    assert area < facets < 1.15 * area


def test_layers() -> None:
    found = whole(layers(), metrics="all")
    assert found["volume_fraction", "pore", ""] == 0.5
    assert found["porosity_percolating", "pore", "y"] == 0.5
    assert found["porosity_percolating", "pore", "z"] == 0
    for axis in "yx":
        assert found["relative_diffusivity", "pore", axis] == pytest.approx(0.5, rel=1e-3)
        for name in ("tortuosity_factor", "tortuosity_factor_extrapolated", "path_tortuosity"):
            assert found[name, "pore", axis] == pytest.approx(1, rel=2e-3), (name, axis)
    for name in ("tortuosity_factor", "tortuosity", "path_tortuosity"):
        assert found[name, "pore", "z"] == np.inf
    assert found["interface_area_per_volume", "pore–binder", ""] == pytest.approx(1 / 24, rel=0.1)
    assert found["electrode_thickness", "", "z"] == pytest.approx(24)
    assert found["mean_chord", "pore", "z"] == pytest.approx(12)
    # layers of 12 µm do not fall to 1/e within the 2 µm that 8 µm wide ones are looked at
    assert np.isnan(found["decay_length", "pore", ""])
    assert found["profile_sd", "pore", "z"] == pytest.approx(0.5)


def test_a_volume_too_thin_along_one_axis_is_measured_along_the_others() -> None:
    sample = layers().part((slice(None), slice(0, 2), slice(None)))
    choice = MicrostructureSettings(metrics="diffusion", **ALONE)
    result = measure_microstructure(sample, choice)
    assert set(result.table["axis"]) == {"z", "x"}
    assert any("along y needs at least 3 voxels" in note for note in result.notes)


def test_a_binder_that_conducts_joins_layers_in_series() -> None:
    data = np.repeat(np.array([2, 0], np.uint8), 24)[:, None, None]
    volume = Volume(np.broadcast_to(data, (48, 8, 8)).copy(), (0.5,) * 3, name="series")
    sample = phases_sample(volume, {"pore": 0, "binder": 2})
    found = whole(sample, metrics="diffusion", binder_conductivity=0.25, directions="z")
    assert found["relative_diffusivity", "pore + binder", "z"] == pytest.approx(
        1 / (0.5 / 1 + 0.5 / 0.25), rel=1e-3
    )


def test_every_number_is_declared_and_said_how() -> None:
    choice = MicrostructureSettings(**ALONE)
    for sample in (balls(), layers()):
        table = measure_microstructure(sample, choice).table
        declared = {name for metric in METRICS.values() for name in metric.gives}
        assert set(table["metric"]) <= declared
        assert (table["method"] != "").all()
    assert all(metric.name == name for name, metric in METRICS.items())


def test_a_phase_that_is_missing_is_an_answer() -> None:
    solid = Volume(np.ones((16, 16, 16), np.uint8), (1.0,) * 3, name="solid")
    found = whole(phases_sample(solid, {"pore": 0, "active": 1}), metrics="all")
    assert found["volume_fraction", "pore", ""] == 0
    assert found["relative_diffusivity", "pore", "z"] == 0
    assert found["tortuosity_factor", "pore", "z"] == np.inf
    assert found["surface_area_per_volume", "active", ""] == 0
