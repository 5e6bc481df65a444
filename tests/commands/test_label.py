"""``napari-battery label`` with settings from a file, masks and phases."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_battery.cli import main
from napari_battery.io import read_volume
from napari_battery.samples import sand


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, sand().data[:30, :60, :60])
    return path


def labels_of(*arguments: object) -> np.ndarray:
    assert main([str(a) for a in arguments]) == 0
    return np.asarray(read_volume(Path(str(arguments[arguments.index("-o") + 1]))).data)


def test_settings_from_a_file_in_um(scan, tmp_path, capsys):
    settings = tmp_path / "settings.yaml"
    settings.write_text("length_unit: um\nmarker_depth: 2\nminimum_volume: 800\ndenoise_size: 2\n"
                        "distance_smoothing: 2\n")  # fmt: skip
    found = labels_of("label", scan, "-o", tmp_path / "a.tif", "--settings", settings,
                      "--voxel-size", 2)  # fmt: skip
    wanted = labels_of("label", scan, "-o", tmp_path / "b.tif", "--marker-depth", 1)
    assert wanted.max() > 20
    assert np.array_equal(found, wanted)
    assert main(["label", str(scan), "-o", str(tmp_path / "c.tif"), "--settings", str(settings)])
    assert "lengths are in µm" in capsys.readouterr().err


def test_a_mask_or_a_phase_in_place_of_grey_levels(scan, tmp_path, capsys):
    wanted = labels_of("label", scan, "-o", tmp_path / "a.tif")
    mask = tmp_path / "mask.tif"
    tifffile.imwrite(mask, np.where(wanted > 0, 2, 1).astype(np.uint8))
    found = labels_of("label", scan, "--mask", mask, "--phase", 2, "-o", tmp_path / "b.tif")
    assert np.array_equal(found, wanted)
    found = labels_of("label", mask, "--phase", 2, "-o", tmp_path / "c.tif")
    assert np.array_equal(found, wanted)
    capsys.readouterr()
    arguments = ["label", scan, "--mask", mask, "--phase", 5, "-o", tmp_path / "d.tif"]
    assert main([str(a) for a in arguments]) == 1
    assert "has no voxel of phase 5" in capsys.readouterr().err
    arguments[-1] = mask
    assert main([str(a) for a in arguments]) == 1
    assert "is what is to be read" in capsys.readouterr().err


@pytest.mark.parametrize("step", [["label"], ["phases"], ["filter", "median"]])
def test_a_name_that_cannot_be_written_is_refused_before_the_work(step, scan, tmp_path, capsys):
    assert main([*step, str(scan), "-o", str(tmp_path / "result.png"), "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "result.png: the name must end in .tif" in err
    assert main([*step, str(tmp_path / "no scan.tif"), "-o", str(tmp_path / "result.png")]) == 1
    assert "result.png" in capsys.readouterr().err  # said before anything is read
