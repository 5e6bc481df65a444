import json

import pytest

from napari_battery.cli import main
from napari_battery.samples import sample_path

LOW = str(sample_path("bentheimer/low_6um_30x45x140_u8.tif"))
HIGH = str(sample_path("bentheimer/high_2um_90x135x420_u8.tif"))


def test_the_sandstone_pair_is_cut_and_mended(tmp_path, capsys):
    transform, folder = tmp_path / "t.json", tmp_path / "pair"
    assert main(["register", LOW, HIGH, "--transform-out", str(transform), "--json"]) == 0
    capsys.readouterr()
    options = ["--transform", str(transform), "--mend", "--json"]
    assert main(["pair", LOW, HIGH, "-o", str(folder), *options]) == 0
    said = json.loads(capsys.readouterr().out)
    # registered as a whole, so that hardly anything is left before mending
    assert said["residual_before_voxels"] < 0.2
    assert said["residual_voxels"] < 0.1
    assert said["correlation"] > said["correlation_before"]
    assert {p.name for p in folder.glob("*")} >= {"low.tif", "high.tif", "pair.json"}
    assert said["ratios"] == pytest.approx([3, 3, 3], rel=0.01)


def test_exchanged_scans_are_refused(tmp_path, capsys):
    assert main(["pair", HIGH, LOW, "-o", str(tmp_path / "pair")]) == 1
    assert "exchange" in capsys.readouterr().err
    assert not (tmp_path / "pair").exists()
