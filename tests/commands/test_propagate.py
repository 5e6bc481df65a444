"""``napari-battery propagate``: one image to a file, several to a folder."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from napari_battery.cli import main
from napari_battery.io import read_volume, write_volume
from napari_battery.volume import Volume


def scan(shift: int) -> np.ndarray:
    """Two balls of radius 8 in 30 × 30 × 48, moved along x."""
    z, y, x = np.indices((30, 30, 48), np.float32)
    x = x - shift
    inside = (z - 15) ** 2 + (y - 15) ** 2 + np.minimum((x - 14) ** 2, (x - 31) ** 2) <= 64
    return np.where(inside, 200, 40).astype(np.uint8)


@pytest.fixture
def files(tmp_path):
    labels = np.zeros((30, 30, 48), np.uint16)
    labels[..., :22][scan(0)[..., :22] > 100] = 5
    labels[..., 22:][scan(0)[..., 22:] > 100] = 300
    write_volume(tmp_path / "labels.tif", Volume(labels, (0.5,) * 3, metadata={"kind": "labels"}))
    for name, shift in (("charged", 1), ("discharged", 2)):
        write_volume(tmp_path / f"{name}.tif", Volume(scan(shift), (0.5,) * 3, name=name))
    return tmp_path


def run(capsys, *arguments) -> tuple[int, dict, str]:
    code = main(["propagate", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out or "{}"), err


def test_one_image_to_a_file(files, capsys):
    target = files / "labels2.tif"
    code, said, err = run(capsys, files / "labels.tif", files / "charged.tif", "-o", target)
    assert (code, err) == (0, "")
    assert said["n_particles"] == said["n_kept"] == 2
    later = read_volume(target)
    assert later.dtype == np.int32
    assert (later.data[15, 15, 15], later.data[15, 15, 32]) == (5, 300)
    table = pd.read_csv(files / "labels2.particles_by_state.csv")
    assert list(table["state"]) == ["labels", "labels", "charged", "charged"]
    # moved by one voxel of 0.5 µm; denoising bridges the gap between the balls a little
    assert table["shift_x_um"].to_numpy() == pytest.approx([0, 0, 0.5, 0.5], abs=0.01)
    assert (files / "labels2.contacts.csv").exists()
    made = json.loads((files / "labels2.tif.provenance.json").read_text())
    assert made["step"] == "propagate"


def test_several_images_to_a_folder(files, capsys):
    (files / "label.yaml").write_text("threshold: manual\nmanual_threshold: 90\n")
    arguments = [files / "labels.tif", files / "charged.tif", files / "discharged.tif"]
    options = ["--label-settings", files / "label.yaml", "--rules", "as-published"]
    for _ in range(2):  # what it wrote itself it may replace
        code, said, err = run(capsys, *arguments, "-o", files / "run", *options)
        assert (code, err) == (0, "")
    assert said["files"] == [
        "charged-labels.tif",
        "discharged-labels.tif",
        "particles_by_state.csv",
        "contacts.csv",
        "provenance.json",
    ]
    made = json.loads((files / "run" / "provenance.json").read_text())
    assert made["label_settings"]["manual_threshold"] == 90
    assert [i["name"] for i in made["inputs"]] == ["labels", "charged", "discharged"]
    assert read_volume(files / "run" / "discharged-labels.tif").data[15, 15, 33] == 300


def test_what_does_not_fit_is_refused(files, capsys):
    both = [files / "labels.tif", files / "charged.tif", files / "discharged.tif"]
    code, _, err = run(capsys, *both, "-o", files / "one.tif")
    assert code == 1
    assert "name a folder" in err
    (files / "rules.yaml").write_text("volume_limit: -1\n")
    code, _, err = run(capsys, *both, "-o", files / "run", "--rules", files / "rules.yaml")
    assert code == 1
    assert "volume_limit" in err
    write_volume(files / "flat.tif", Volume(np.full((30, 30, 48), 9, np.uint8), (0.5,) * 3))
    code, _, err = run(
        capsys, files / "labels.tif", files / "charged.tif", files / "flat.tif", "-o", files / "run"
    )
    assert code == 1
    assert "one grey level" in err
    assert not (files / "run").exists()
