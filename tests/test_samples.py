"""The samples load, are the files they claim to be, and say what is only assumed."""

import hashlib
import re

import numpy as np
import pytest

from napari_battery import samples
from napari_battery.samples import nmc_phases, nmc_slice, sample_path, sand, sandstone
from napari_battery.synthetic import ElectrodeSettings

CHECKSUMS = re.findall(
    r"^([0-9a-f]{64})  (\S+)$", sample_path("README.md").read_text(encoding="utf-8"), re.M
)


def test_every_image_and_table_has_a_checksum():
    root = sample_path("")
    data = [p for p in root.rglob("*") if p.suffix in (".tif", ".csv")]
    assert {name for _, name in CHECKSUMS} == {p.relative_to(root).as_posix() for p in data}


@pytest.mark.parametrize(("checksum", "name"), CHECKSUMS)
def test_files_are_unchanged(checksum, name):
    assert hashlib.sha256(sample_path(name).read_bytes()).hexdigest() == checksum


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("sand", "MIT"),
        ("nmc_nanoct", "Apache License"),
        ("bentheimer", "CSIRO Open Source"),
        ("nmc_segmented", "Alliance for Sustainable Energy"),
    ],
)
def test_licences_lie_beside_the_data(folder, words):
    assert words in sample_path(f"{folder}/LICENSE").read_text(encoding="utf-8")


def test_nmc_phases():
    volume = nmc_phases()
    assert volume.shape == (251, 301, 301)
    assert volume.is_assumed
    assert set(np.unique(volume.data)) == set(volume.metadata["phases"].values())


def test_sand():
    volume = sand()
    assert volume.shape == (100, 200, 200)
    assert volume.dtype == np.uint8
    assert volume.voxel_size_um == (1.0, 1.0, 1.0)
    assert volume.is_assumed
    assert volume.path is not None
    assert volume.path.is_file()


def test_nmc_slice():
    image, labels = nmc_slice()
    assert image.shape == labels.shape == (499, 601)
    assert image.dtype == np.float32
    assert image.voxel_size_um is None
    assert labels.voxel_size_um is None
    assert set(np.unique(labels.data)) == {0, 1, 2}
    # Label 0 is the active material: brighter than the rest.
    assert image.data[labels.data == 0].mean() > image.data[labels.data != 0].mean()


def test_cycled_electrode_is_the_one_of_the_default_settings(monkeypatch):
    asked = []
    monkeypatch.setattr(samples, "synthetic_electrode", lambda *a: asked.append(a))
    samples.cycled_electrode()
    assert asked[0][0] == ElectrodeSettings()


def test_the_sandstones_outer_faces_lie_on_one_another():
    low, high = sandstone()
    assert (low.shape, high.shape) == ((30, 45, 140), (90, 135, 420))
    for volume in (low, high):
        first = volume.world_affine() @ [-0.5, -0.5, -0.5, 1]
        last = volume.world_affine() @ [*(n - 0.5 for n in volume.shape), 1]
        assert np.allclose(first[:3], 0)
        assert np.allclose(last[:3], (180, 270, 840))
