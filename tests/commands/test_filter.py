"""``napari-battery filter``, from a file to a file."""

import json

import numpy as np
import pytest

from napari_battery.cli import main
from napari_battery.filters import FILTERS, MedianSettings, NonLocalMeansSettings, filter_image
from napari_battery.io import read_volume, write_volume
from napari_battery.volume import Volume


@pytest.fixture
def scan(tmp_path):
    rng = np.random.default_rng(0)
    grey = np.where(np.indices((12, 30, 32)).sum(axis=0) // 8 % 2, 140, 60)
    grey = (grey + rng.normal(0, 8, grey.shape)).clip(0, 255).astype("u1")
    write_volume(tmp_path / "scan.tif", Volume(grey, voxel_size_um=(0.5, 0.5, 0.5)))
    return tmp_path / "scan.tif"


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_from_file_to_file(name, scan, tmp_path, capsys):
    out = tmp_path / "out.tif"
    assert main(["filter", name, str(scan), "-o", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    expected = filter_image(read_volume(scan), FILTERS[name].settings())
    written = read_volume(out)
    np.testing.assert_array_equal(written.data, expected.data)
    assert written.voxel_size_um == (0.5, 0.5, 0.5)
    assert said["filter"] == name
    assert said["voxel_size_um"] == [0.5, 0.5, 0.5]
    for key, value in expected.metadata["made"]["found"].items():
        assert said[key] == pytest.approx(value)
    made = json.loads((tmp_path / "out.tif.provenance.json").read_text())
    assert made["step"] == f"filter {name}"
    assert made["found"] == written.metadata["made"]["found"]


def test_options_and_yaml_reach_the_filter(scan, tmp_path, capsys):
    out = tmp_path / "out.ome.zarr"
    (tmp_path / "s.yaml").write_text("strength: 1.5\nsearch_distance: 1.0\nlength_unit: um\n")
    call = ["filter", "non-local-means", str(scan), "-o", str(out), "--settings"]
    assert main([*call, str(tmp_path / "s.yaml"), "--noise", "5", "--patch-radius", "0.5"]) == 0
    text = capsys.readouterr().out
    assert "noise sigma: 5" in text
    same = NonLocalMeansSettings(strength=1.5, search_distance=2, patch_radius=1, noise=5)
    expected = filter_image(read_volume(scan), same).data
    np.testing.assert_array_equal(np.asarray(read_volume(out).data), expected)


def test_what_is_wrong_is_one_line_and_nothing_is_written(scan, tmp_path, capsys):
    before = sorted(tmp_path.iterdir())
    for arguments, message in (
        (["median", str(scan), "-o", str(scan)], "is what is to be read"),
        (["median", str(scan), "-o", str(tmp_path / "a.png")], "must end in .tif"),
        (["median", str(scan), "-o", str(tmp_path / "a.tif"), "--radius", "99"], "radius"),
        (["median", str(tmp_path / "no.tif"), "-o", str(tmp_path / "a.tif")], "no.tif"),
    ):
        assert main(["filter", *arguments]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_filter_must_be_named(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["filter"])
    assert stop.value.code == 2
    with pytest.raises(SystemExit):
        main(["filter", "--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in FILTERS)


def test_the_default_median_is_the_models(scan, tmp_path):
    assert main(["filter", "median", str(scan), "-o", str(tmp_path / "m.tif")]) == 0
    made = read_volume(tmp_path / "m.tif").metadata["made"]
    assert made["settings"] == MedianSettings().model_dump(mode="json")
