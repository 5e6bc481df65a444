from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_battery import labelling
from napari_battery.cli import main
from napari_battery.io import read_volume, write_volume
from napari_battery.volume import Volume


def balls() -> np.ndarray:
    """Two touching balls of radius 12, grey 180 on 60, with a little noise."""
    z, y, x = np.indices((40, 40, 64), np.float32)
    inside = (z - 20) ** 2 + (y - 20) ** 2 + np.minimum((x - 20) ** 2, (x - 42) ** 2) <= 144
    noise = np.random.default_rng(0).normal(0, 5, inside.shape)
    return np.clip(np.where(inside, 180, 60) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_volume(tmp_path / "scan.tif", Volume(balls(), (0.5, 0.5, 0.5), name="scan"))
    return tmp_path / "scan.tif"


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_whole_job(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, tables, values = tmp_path / "labels.tif", tmp_path / "run", tmp_path / "map.tif"
    code, out, err = ran(capsys, "label", scan, "-o", labels, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["n_particles"] == 2
    assert read_volume(labels).voxel_size_um == pytest.approx((0.5,) * 3)
    assert json.loads((tmp_path / "labels.tif.provenance.json").read_text())["step"] == "label"

    code, out, err = ran(capsys, "radial", labels, scan, "-o", tables, "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["n_particles"] == 2
    assert said["voxel_size_um"] == pytest.approx([0.5] * 3)
    particles = pd.read_csv(tables / "particles.csv")
    assert list(particles["label"]) == [1, 2]
    # 180, less half a grey level where the noisy sum was cut to whole numbers; the noise of
    # 5 over some thousand voxels moves the mean by less than 0.2
    assert particles["core_mean"].to_numpy() == pytest.approx([179.5, 179.5], abs=0.2)
    assert set(pd.read_csv(tables / "layers.csv")["label"]) == {1, 2}
    made = json.loads((tables / "provenance.json").read_text())
    assert made["step"] == "radial"
    assert [i["name"] for i in made["inputs"]] == ["labels", "scan"]
    assert all(i["fingerprint"].startswith("sha256:") for i in made["inputs"])

    code, out, err = ran(
        capsys, "map", labels, tables / "particles.csv", "--column", "core_mean", "-o", values
    )
    assert (code, err) == (0, "")
    shown = np.asarray(read_volume(values).data)
    inside = np.asarray(read_volume(labels).data)
    assert shown.dtype == np.float32
    assert np.isnan(shown[inside == 0]).all()
    for label, mean in zip(particles["label"], particles["core_mean"], strict=True):
        assert np.unique(shown[inside == label]) == np.float32(mean)
    assert values.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"


def test_settings_reach_the_step(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.tif"
    assert ran(capsys, "label", scan, "-o", labels)[0] == 0
    for n in (0, 3):
        code, *_ = ran(
            capsys, "radial", labels, scan, "-o", tmp_path / f"run{n}", "--exclude-layers", n
        )
        assert code == 0
    voxels = [pd.read_csv(tmp_path / f"run{n}" / "particles.csv") for n in (0, 3)]
    assert (voxels[0]["core_voxels"] == voxels[0]["volume_voxels"]).all()
    assert (voxels[1]["core_voxels"] < voxels[1]["volume_voxels"]).all()


def test_voxel_size_is_asked_for_and_assumed_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "plain.tif"
    write_volume(image, Volume(balls(), name="plain"))
    labels = tmp_path / "labels.tif"
    assert ran(capsys, "label", image, "-o", labels)[0] == 0
    code, out, err = ran(capsys, "radial", labels, image, "-o", tmp_path / "run")
    assert code == 1
    assert "voxel size" in err
    assert not (tmp_path / "run").exists()
    code, out, err = ran(
        capsys, "radial", labels, image, "-o", tmp_path / "run",
        "--voxel-size", "2,1,1", "--assumed", "--json",
    )  # fmt: skip
    said = json.loads(out)
    assert (code, said["voxel_size_um"], said["voxel_size_assumed"]) == (0, [2, 1, 1], True)
    made = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert made["inputs"][0]["voxel_size_source"] == "assumed 2 × 1 × 1 µm"


def test_a_map_says_what_does_not_fit(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, run = tmp_path / "labels.tif", tmp_path / "run"
    ran(capsys, "label", scan, "-o", labels)
    ran(capsys, "radial", labels, scan, "-o", run)
    call = ("map", labels, run / "particles.csv", "--column", "core_mean", "-o")
    code, out, _ = ran(capsys, *call, tmp_path / "map.tif", "--json")
    assert (code, json.loads(out)["notes"]) == (0, [])
    made = json.loads((tmp_path / "map.tif.provenance.json").read_text())
    assert made["table"]["fingerprint"].startswith("sha256:")
    edited = np.asarray(read_volume(labels).data).copy()
    edited[edited == 2] = 3
    write_volume(labels, read_volume(labels).like(edited, "labels"))
    code, out, _ = ran(capsys, *call, tmp_path / "map.tif", "--json")
    said = json.loads(out)
    assert (code, said["n_particles"], said["n_without_value"]) == (0, 2, 1)
    assert "measured on other labels" in said["notes"][0]
    assert "1 of 2 particles of “labels” have no row" in said["notes"][1]
    assert "1 of 2 rows of the table have no particle" in said["notes"][2]


def test_empty_labels_go_all_the_way(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, run = tmp_path / "labels.tif", tmp_path / "run"
    given = ("--threshold", "manual", "--manual-threshold", "254")
    code, out, _ = ran(capsys, "label", scan, "-o", labels, *given, "--json")
    assert (code, json.loads(out)["n_particles"]) == (0, 0)
    assert ran(capsys, "radial", labels, scan, "-o", run)[0] == 0
    call = ("map", labels, run / "particles.csv", "--column", "core_mean")
    assert ran(capsys, *call, "-o", tmp_path / "map.tif")[0] == 0
    assert np.isnan(read_volume(tmp_path / "map.tif").data).all()


def test_a_voxel_size_given_in_vain_is_said(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.tif"
    code, out, _ = ran(capsys, "label", scan, "-o", labels, "--voxel-size", "2", "--json")
    said = json.loads(out)
    assert (code, said["voxel_size_um"]) == (0, [0.5] * 3)
    assert "--voxel-size 2 was not used" in said["notes"][0]
    code, out, _ = ran(capsys, "label", scan, "-o", labels, "--voxel-size", "0.5", "--json")
    assert json.loads(out)["notes"] == []


def test_a_given_voxel_size_replaces_an_assumed_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan, labels, run = tmp_path / "scan.tif", tmp_path / "labels.tif", tmp_path / "run"
    write_volume(scan, Volume(balls(), name="scan"))
    code, _, _ = ran(capsys, "label", scan, "-o", labels, "--voxel-size", "1", "--assumed")
    assert code == 0
    code, out, _ = ran(capsys, "radial", labels, scan, "-o", run, "--voxel-size", "0.3", "--json")
    said = json.loads(out)
    assert (code, said["voxel_size_um"], said["voxel_size_assumed"]) == (0, [0.3] * 3, False)
    assert not any("resampled" in note for note in said["notes"])


def test_info(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ran(capsys, "info", scan, "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["shape"] == [40, 40, 64]
    assert said["voxel_size_um"] == pytest.approx([0.5] * 3)
    lines = ran(capsys, "info", scan)[1].splitlines()
    assert "shape: 40, 40, 64" in lines
    assert "voxel size (µm): 0.5, 0.5, 0.5" in lines


BAD = {
    "missing": ["radial", "gone.tif", "scan.tif", "-o", "out"],
    "not an image": ["label", "text.tif", "-o", "out.tif"],
    "constant": ["label", "flat.tif", "-o", "out.tif"],
    "no folder": ["label", "scan.tif", "-o", "nowhere/out.tif"],
    "unknown column": ["map", "labels.tif", "table.csv", "--column", "size", "-o", "out.tif"],
    "no such setting": ["radial", "labels.tif", "scan.tif", "-o", "out", "--exclude-layers", "-1"],
    "no overlap": ["radial", "labels.tif", "far.tif", "-o", "out"],
    "other files": ["radial", "labels.tif", "scan.tif", "-o", "photos"],
    "labels onto the image": ["label", "scan.tif", "-o", "./scan.tif"],
    "map onto the labels": ["map", "labels.tif", "table.csv", "--column", "v", "-o", "labels.tif"],
    "beside a person's files": ["radial", "labels.tif", "scan.tif", "-o", "run"],
    "assumed, but what": ["radial", "labels.tif", "scan.tif", "-o", "out", "--assumed"],
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line_and_no_file(
    case: str,
    scan: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    size = (0.5, 0.5, 0.5)
    write_volume("labels.tif", Volume((balls() > 120).astype(np.int32), size))
    write_volume("flat.tif", Volume(np.full((8, 8, 8), 7, np.uint8), size))
    write_volume("far.tif", Volume(balls(), size, (1000, 0, 0)))
    Path("text.tif").write_text("no image")
    Path("table.csv").write_text("label,core_mean\n1,2\n")
    Path("photos").mkdir()
    Path("photos/cat.jpg").touch()
    Path("run").mkdir()
    Path("run/provenance.json").touch()
    Path("run/labels-corrected.tif").touch()
    before = {p.relative_to(tmp_path) for p in tmp_path.rglob("*")}
    code, out, err = ran(capsys, *BAD[case], "--json")
    assert code == 1
    assert out == ""
    assert err.startswith("napari-battery: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert {p.relative_to(tmp_path) for p in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["radial", "a"], ["label", "a", "-o", "b", "--voxel-size", "-1"]],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to send there")
def test_ctrl_c_is_130_and_leaves_nothing(
    scan: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = labelling.label_particles

    def interrupted(*arguments: object) -> Volume:
        signal.raise_signal(signal.SIGINT)
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(labelling, "label_particles", interrupted)
    before = set(tmp_path.iterdir())
    code, out, err = ran(capsys, "label", scan, "-o", tmp_path / "out.tif")
    assert code == 130
    assert out == ""
    assert "cancelled" in err
    assert set(tmp_path.iterdir()) == before
