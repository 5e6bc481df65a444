"""``napari-battery register``, ``register-series`` and ``apply-transform``."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_battery.cli import main
from napari_battery.io import read_volume, write_volume
from napari_battery.registration.landmark_files import write_landmarks
from napari_battery.registration.transform_files import read_transform
from napari_battery.volume import Volume

SIZE = 0.5
SHIFT = np.array([2.0, -3.0, 1.5])


def scans() -> tuple[np.ndarray, np.ndarray]:
    texture = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((60, 60, 60)), 2.5)
    whole = 120 + 40 * texture / texture.std()
    moved = ndimage.shift(whole, -SHIFT, order=3)
    return tuple(
        np.clip(np.rint(v[8:-8, 8:-8, 8:-8]), 0, 255).astype(np.uint8) for v in (whole, moved)
    )


@pytest.fixture
def files(tmp_path):
    for name, data in zip(("fixed", "moving"), scans(), strict=True):
        write_volume(tmp_path / f"{name}.tif", Volume(data, (SIZE,) * 3, name=name))
    return tmp_path


def run(capsys, *arguments) -> tuple[int, dict, str]:
    code = main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out or "{}"), err


def test_an_image_is_aligned_and_labels_follow_through_the_file(files, capsys):
    moved, transform = files / "moved.tif", files / "t.json"
    code, said, err = run(
        capsys, "register", files / "fixed.tif", files / "moving.tif", "-o", moved,
        "--transform-out", transform, "--kind", "translation",
    )  # fmt: skip
    assert (code, err) == (0, "")
    found = np.array(said["moving_to_fixed"])[:3, 3] / SIZE
    assert found == pytest.approx(SHIFT, abs=0.05)  # a twentieth of a voxel is the aim
    assert (said["kind"], said["unit"], said["warnings"]) == ("translation", "um", [])
    assert said["correlation_after"] > 0.99 > said["correlation_before"]
    assert read_transform(transform).matrix == pytest.approx(np.array(said["moving_to_fixed"]))
    fixed, result = scans()[0].astype(float), read_volume(moved)
    assert result.dtype == np.uint8
    inner = (slice(6, -6),) * 3
    # linear interpolation at half a voxel smooths by some grey levels of a contrast of 40
    assert np.abs(result.data[inner] - fixed[inner]).mean() < 3
    for name in ("moved.tif", "t.json"):
        made = json.loads((files / f"{name}.provenance.json").read_text())
        assert made["step"] == "register"
        assert [i["name"] for i in made["inputs"]] == ["fixed", "moving"]

    labels = np.zeros((44, 44, 44), np.int32)
    labels[20:24, 20:24, 20:24] = 70_000
    source = Volume(labels, (SIZE,) * 3, metadata={"kind": "labels"})
    write_volume(files / "labels.tif", source)
    code, said, err = run(
        capsys, "apply-transform", transform, files / "labels.tif", "--onto",
        files / "fixed.tif", "-o", files / "labels2.tif",
    )  # fmt: skip
    assert (code, err, said["interpolation"]) == (0, "", "nearest")
    assert set(np.unique(read_volume(files / "labels2.tif").data)) == {0, 70_000}
    code, said, _ = run(
        capsys, "register", files / "fixed.tif", files / "moving.tif", "-o", files / "l3.tif",
        "--labels", files / "labels.tif", "--start-transform", transform, "--kind", "translation",
    )  # fmt: skip
    assert code == 0
    made = json.loads((files / "l3.tif.provenance.json").read_text())
    assert made["start"]["path"] == str(transform)
    assert made["resampled"]["path"] == str(files / "labels.tif")
    assert (read_volume(files / "l3.tif").data == read_volume(files / "labels2.tif").data).all()


def test_it_starts_from_landmarks_and_prints_for_people(files, capsys):
    points = np.array([[5.0, 5, 5], [15, 6, 5], [6, 16, 9], [9, 8, 17]])
    write_landmarks(files / "pairs.csv", points + SHIFT * SIZE, points)
    arguments = [
        "register", files / "fixed.tif", files / "moving.tif", "--transform-out",
        files / "t.tfm", "--landmarks", files / "pairs.csv",
    ]  # fmt: skip
    assert main([*map(str, arguments)]) == 0
    out = capsys.readouterr().out
    assert "moving to fixed: [" in out
    assert "warnings" in out
    assert read_transform(files / "t.tfm").matrix[:3, 3] / SIZE == pytest.approx(SHIFT, abs=0.1)


def test_a_series_goes_to_a_folder_and_a_broken_file_is_said(files, capsys):
    (files / "broken.tif").write_bytes(b"II*\0 nothing")
    states = [files / f"{name}.tif" for name in ("fixed", "broken", "moving")]
    arguments = ["register-series", *states, "-o", files / "out", "--resample"]
    code, said, err = run(capsys, *arguments, "--kind", "translation")
    assert (code, err) == (0, "")
    assert (said["n_aligned"], said["failed"]) == (2, ["broken"])
    assert sorted(p.name for p in (files / "out").iterdir()) == sorted(
        [*said["files"], "fixed-aligned.tif.provenance.json", "moving-aligned.tif.provenance.json"]
    )
    table = pd.read_csv(files / "out" / "series.csv")
    assert table["state"].tolist() == ["fixed", "broken", "moving"]
    assert table["moved_y_um"][2] == pytest.approx(SHIFT[1] * SIZE, abs=0.05 * SIZE)
    assert (read_volume(files / "out" / "fixed-aligned.tif").data == scans()[0]).all()
    made = json.loads((files / "out" / "provenance.json").read_text())
    assert (made["step"], made["to"]) == ("register-series", "first")
    assert len(made["inputs"]) == 2
    assert run(capsys, *arguments)[0] == 0  # an earlier result of its own is replaced


def test_what_is_wrong_is_said_in_one_line(files, capsys):
    fixed, moving = files / "fixed.tif", files / "moving.tif"
    code, _, err = run(capsys, "register", fixed, moving)
    assert (code, err.count("\n")) == (1, 1)
    assert "--transform-out" in err
    code, _, err = run(capsys, "register", fixed, moving, "-o", moving)
    assert code == 1
    assert "what is to be read" in err
    code, _, err = run(capsys, "register-series", fixed, "-o", files / "out")
    assert code == 1
    assert "two states" in err
    code, _, err = run(capsys, "apply-transform", files / "no.json", moving, "-o", files / "m.tif")
    assert code == 1
    assert not (files / "m.tif").exists()
    assert not (files / "out").exists()
