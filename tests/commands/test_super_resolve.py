"""``napari-battery super-resolve``, from a file to a file."""

import json

import numpy as np
import pytest
import torch

from napari_battery.cli import main
from napari_battery.io import read_volume, write_volume
from napari_battery.superres.card import Card
from napari_battery.superres.model_files import Model, read_model, write_model
from napari_battery.superres.networks import make_network, parameters
from napari_battery.superres.settings import SuperResolveSettings
from napari_battery.superres.super_resolve import super_resolve
from napari_battery.volume import Volume


@pytest.fixture
def scan(tmp_path):
    rng = np.random.default_rng(0)
    grey = np.where(np.indices((5, 26, 28)).sum(axis=0) // 8 % 2, 140, 60)
    grey = (grey + rng.normal(0, 8, grey.shape)).clip(0, 255).astype("u1")
    write_volume(tmp_path / "scan.tif", Volume(grey))
    return tmp_path / "scan.tif"


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    network = make_network("battery", blocks=1, features=8)
    card = Card(
        name="tiny",
        network="battery",
        slices=network.slices,
        halo_px=network.halo,
        parameters=parameters(network),
        ratio=(3.108, 3.108),
    )
    write_model(tmp_path / "tiny.safetensors", Model(network, card))
    return tmp_path / "tiny.safetensors"


def test_from_file_to_file(scan, model, tmp_path, capsys):
    out, mapped = tmp_path / "out.ome.zarr", tmp_path / "map.tif"
    call = ["super-resolve", str(scan), "-o", str(out), "--model", str(model), "--json"]
    call += ["--voxel-size", "2.3", "--target-voxel-size", "0.74", "--tile", "48"]
    call += ["--device", "cpu", "--round-trip-map", str(mapped)]
    assert main(call) == 0
    said = json.loads(capsys.readouterr().out)
    written = read_volume(out)
    low = read_volume(scan).with_voxel_size(2.3, "typed in")
    settings = SuperResolveSettings(target_voxel_size=0.74, tile=48, device="cpu")
    expected = super_resolve(low, read_model(model), settings)
    np.testing.assert_array_equal(np.asarray(written.data), expected.data)
    assert said["shape"] == list(written.shape) == [16, 81, 87]
    assert said["voxel_size_um"] == pytest.approx([0.74] * 3)
    assert said["origin_um"] == pytest.approx([-0.78] * 3)
    assert said["tile_px"] == [48, 48]
    assert said["weights_sha256"].startswith("sha256:")
    assert said["seam"]["difference_normalised_grey"] <= said["seam"]["allowed"]
    trip = read_volume(mapped)
    assert trip.shape == low.shape
    made = json.loads((tmp_path / "out.ome.zarr.provenance.json").read_text())
    assert made["step"] == "super-resolve"
    assert made["round_trip"] == said["round_trip"]
    rms = float(np.sqrt(np.mean(np.asarray(trip.data, float) ** 2)))
    assert said["round_trip"]["rms_grey"] == pytest.approx(rms, rel=1e-5)


def test_a_box(scan, model, tmp_path, capsys):
    out = tmp_path / "out.tif"
    call = ["super-resolve", str(scan), "-o", str(out), "--model", str(model)]
    call += ["--voxel-size", "3.108", "--assumed", "--box", "1:3,:,4:20"]
    assert main(call) == 0
    assert "voxel size (µm): 1, 1, 1" in capsys.readouterr().out
    assert read_volume(out).shape == (6, 81, 50)


def test_what_is_wrong_is_one_line_and_nothing_is_written(scan, model, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    out = str(tmp_path / "out.tif")
    sized = ["--voxel-size", "2"]
    for arguments, message in (
        (["-o", out, "--model", str(model)], "voxel size of “scan” is unknown"),
        (["-o", out, "--model", str(model), *sized, "--target-voxel-size", "3"], "only makes"),
        (["-o", out, "--model", "nobody", *sized], "There is no model “nobody”"),
        (["-o", str(scan), "--model", str(model), *sized], "is what is to be read"),
        (["-o", out, "--model", str(model), *sized, "--round-trip-map", out], "both named"),
        (["-o", out, "--model", str(model), *sized, "--box", "0:1,0:2"], "has 2 axes"),
        (["-o", out, "--model", str(model), *sized, "--tile", "3"], "tile"),
    ):
        assert main(["super-resolve", str(scan), *arguments]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    for text in ("1:2:3", "a:b,1:2"):
        with pytest.raises(SystemExit, match="2"):
            main(["super-resolve", str(scan), "-o", out, "--box", text])
