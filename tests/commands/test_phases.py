"""``napari-battery phases`` on small made-up images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_battery.cli import main
from napari_battery.io import read_volume, write_volume
from napari_battery.labelling.classifier_file import load_classifier
from napari_battery.volume import Volume

THIRDS = np.repeat([60.0, 110, 180], 12)
CODES = np.repeat([0, 2, 1], 12)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    grey = THIRDS + np.random.default_rng(0).normal(0, 6, (14, 20, 36))
    write_volume(tmp_path / "scan.tif", Volume(grey.astype(np.uint8), (0.5,) * 3))
    return tmp_path / "scan.tif"


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["phases", *(str(argument) for argument in arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_three_phases(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "phases.tif"
    code, out, err = ran(capsys, scan, "-o", target, "--n-phases", "3", "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["codes"] == {"pore": 0, "active": 1, "binder": 2}
    # blur may move an edge between thirds by a voxel of twelve
    assert said["fractions"] == pytest.approx({k: 1 / 3 for k in said["codes"]}, abs=1 / 36)
    assert 60 < said["thresholds"][0] < 110 < said["thresholds"][1] < 180
    phases = read_volume(target)
    assert (np.asarray(phases.data) == CODES).mean() > 0.97
    assert phases.metadata["kind"] == "phases"
    assert phases.voxel_size_um == pytest.approx((0.5,) * 3)
    made = json.loads((tmp_path / "phases.tif.provenance.json").read_text())
    assert (made["step"], made["settings"]["n_phases"]) == ("phases", 3)


def test_training_saving_and_using_a_classifier(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = np.zeros((14, 20, 36), np.uint8)
    drawn[7, 4:16:2] = np.where(np.arange(36) % 3, 0, CODES + 1)
    write_volume(tmp_path / "drawn.tif", Volume(drawn, metadata={"kind": "labels"}))
    (tmp_path / "few.yaml").write_text("n_trees: 10\nn_scales: 1\n")
    first, second, file = (tmp_path / n for n in ("a.tif", "b.tif", "c.safetensors"))
    code, out, err = ran(
        capsys, scan, "-o", first, "--train", tmp_path / "drawn.tif", "--save-classifier", file,
        "--classifier-settings", tmp_path / "few.yaml", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["classifier"] == str(file)
    assert said["out_of_bag_accuracy"] > 0.9
    assert load_classifier(file).settings.n_trees == 10
    code, out, err = ran(capsys, scan, "-o", second, "--classifier", file, "--json")
    assert (code, err) == (0, "")
    assert "classifier" not in json.loads(out)
    a, b = (np.asarray(read_volume(path).data) for path in (first, second))
    assert np.array_equal(a, b)
    assert (a == CODES).mean() > 0.97


def test_what_does_not_go_together_is_said(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "phases.tif"
    for extra, words in (
        (("--classifier", scan), "cannot be read as a classifier"),
        (("--classifier", scan, "--method", "otsu"), "--method otsu does not go with"),
        (("--save-classifier", "c.safetensors"), "--save-classifier is about --train"),
        (("--method", "classifier"), "train or load one"),
        (("--train", scan, "--save-classifier", scan), "is what is to be read"),
        (("--method", "manual"), "need level 1"),
    ):
        code, out, err = ran(capsys, scan, "-o", target, *extra)
        assert (code, out) == (1, "")
        assert words in err
        assert not target.exists()
    with pytest.raises(SystemExit):
        ran(capsys, scan, "-o", target, "--train", scan, "--classifier", scan)
    capsys.readouterr()
    scribbles = tmp_path / "none.tif"
    write_volume(scribbles, Volume(np.zeros((14, 20, 36), np.uint8)))
    code, _, err = ran(capsys, scan, "-o", target, "--train", scribbles)
    assert code == 1
    assert "There are no scribbles where “scan” has grey levels" in err
