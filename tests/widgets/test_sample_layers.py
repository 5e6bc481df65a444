"""The samples as napari layers: made without a viewer."""

import numpy as np
import pytest
from napari.layers import Layer

from napari_battery.synthetic import ElectrodeSettings, synthetic_electrode
from napari_battery.widgets import sample_layers
from napari_battery.widgets.layers import battery_metadata, volume_from_layer
from napari_battery.widgets.sample_layers import (
    open_cycled_electrode,
    open_nmc_phases,
    open_nmc_slice,
    open_sand,
)


def test_sand_says_that_its_voxel_size_is_assumed():
    (layer,) = (Layer.create(*data) for data in open_sand())
    assert layer.name == "Sand (real CT)"
    assert volume_from_layer(layer).is_assumed
    assert tuple(layer.scale) == (1, 1, 1)
    assert [str(u) for u in layer.units] == ["micrometer"] * 3


def test_nmc_phases_are_labels_of_an_assumed_size_that_know_their_codes():
    (layer,) = (Layer.create(*data) for data in open_nmc_phases())
    assert type(layer).__name__ == "Labels"
    volume = volume_from_layer(layer)
    assert volume.is_assumed
    assert volume.metadata["phases"] == {"pore": 0, "active": 1, "binder": 2}


def test_nmc_slice_has_no_length_unit():
    image, phases = (Layer.create(*data) for data in open_nmc_slice())
    assert volume_from_layer(image).voxel_size_um is None
    assert volume_from_layer(phases).voxel_size_um is None
    assert image.data.shape == phases.data.shape


@pytest.fixture
def electrode(monkeypatch):
    small = synthetic_electrode(
        ElectrodeSettings(size_z=24, size_y=32, size_x=32, median_diameter_um=3.0)
    )
    monkeypatch.setattr(sample_layers, "cycled_electrode", lambda: small)
    return small


def test_cycled_electrode(electrode):
    layers = [Layer.create(*data) for data in open_cycled_electrode()]
    assert [type(layer).__name__ for layer in layers] == ["Image"] * 4 + ["Labels"] * 4
    assert [layer.visible for layer in layers] == [True] + [False] * 7
    assert len({layer.name for layer in layers}) == 8
    for layer, name in zip(layers, ["pristine", "4.0 V", "4.4 V", "2.5 V"] * 2, strict=True):
        assert battery_metadata(layer)["state"] == name
        assert battery_metadata(layer)["synthetic"] is True
        assert "synthetic" in layer.name
        assert name in layer.name
        assert np.allclose(layer.scale, 0.325)
    assert layers[0].name == "pristine scan (synthetic)"
    assert layers[4].name == "pristine truth (synthetic)"
    assert layers[0].data is electrode.states[0].image.data


def test_the_true_labels_carry_the_truth_of_their_state(electrode):
    layers = open_cycled_electrode()
    data, kwargs, kind = layers[4 + 2]
    assert kind == "labels"
    features = kwargs["features"]
    assert set(features["state"].dropna()) == {"4.4 V"}
    # row i is label i, as napari's own table takes it
    assert list(features["index"]) == list(range(int(data.max()) + 1))
    sizes = np.bincount(data.ravel())[1:]
    np.testing.assert_array_equal(features["volume_voxels"].iloc[1:], sizes)
