"""``napari-battery states``: a study from its manifest."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from napari_battery.cli import main
from napari_battery.io import write_volume
from napari_battery.states.study import read_study
from napari_battery.tables import STATES_BY_SUBSET, TESTS_BY_SUBSET
from napari_battery.volume import Volume


def scan(grey: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Eight balls of radius 9 in noise, and their labels."""
    z, y, x = np.indices((64, 64, 64), np.float32)
    labels = np.zeros((64, 64, 64), np.uint8)
    centres = [(a, b, c) for a in (15, 45) for b in (15, 45) for c in (15, 45)]
    for k, (a, b, c) in enumerate(centres, 1):
        labels[(z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 <= 81] = k
    noise = np.random.default_rng(seed).normal(0, 3, labels.shape)
    image = np.where(labels > 0, grey, 60.0) + noise
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), labels


@pytest.fixture
def manifest(tmp_path):
    for seed, (name, grey) in enumerate((("pristine", 180), ("charged", 176), ("again", 180))):
        image, labels = scan(grey, seed)
        write_volume(tmp_path / f"{name}.tif", Volume(image, (0.5,) * 3, name=name))
        if seed == 0:
            mask = Volume(labels, (0.5,) * 3, metadata={"kind": "labels"})
            write_volume(tmp_path / "labels.tif", mask)
    (tmp_path / "states.csv").write_text(
        "state,image,labels,direction,voltage_V\n"
        "pristine,pristine.tif,labels.tif,,3.0\n"
        "4.4 V,charged.tif,,charge,4.4\n"
        "3.0 V,again.tif,,discharge,3.0\n"
    )
    return tmp_path / "states.csv"


def run(capsys, *arguments) -> tuple[int, dict, str]:
    code = main(["states", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out or "{}"), err


def test_a_study_from_its_manifest(manifest, capsys):
    folder = manifest.parent / "study"
    code, said, err = run(
        capsys, manifest, "-o", folder, "--exclude-layers", 2, "--without", "smallest",
        "--keep-labels", "--repeat", "pristine", "3.0 V", "--compare", "4.4 V", "3.0 V",
        "--see-change", 0.5, "--by", "centroid_z_um:2", "--where", "centroid_y_um < 15",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert said["n_particles"] == said["n_kept"] == 8
    assert [row["state"] for row in said["states"]] == ["pristine", "4.4 V", "3.0 V"]
    assert said["states"][1]["delta"] == pytest.approx(-4, abs=0.2)
    assert said["noise"][0]["sigma"] == pytest.approx(3, rel=0.05)
    assert said["warnings"] == []
    assert [test["of"] for test in said["tests"]] == ["means", "changes"]
    assert said["tests"][1]["difference"] == pytest.approx(4, abs=0.2)
    sd = said["states"][1]["sd_delta"]
    assert said["particles_needed"]["4.4 V"] == max(2, np.ceil((5 / 0.5 * sd) ** 2))
    by_subset = pd.read_csv(folder / "states_by_subset.csv")
    assert list(by_subset) == list(STATES_BY_SUBSET)
    assert by_subset["n"].tolist() == [8] * 3 + [4] * 9
    assert len(said["states_by_subset"]) == 12
    tests = pd.read_csv(folder / "tests_by_subset.csv")
    assert list(tests) == list(TESTS_BY_SUBSET)
    assert tests["of"].tolist() == ["means", "changes"] * 4
    assert tests["z"][1] == pytest.approx(said["tests"][1]["z"], rel=1e-12)
    assert "figures/means_by_subset.png" in said["files"]
    assert len(json.loads((folder / "provenance.json").read_text())["subsets"]) == 3
    assert (folder / "labels" / "4.4-V-labels.tif").exists()
    assert {"figures/means.png", "figures/means.csv"} <= set(said["files"])
    for name in said["files"]:
        assert (folder / name).stat().st_size > 0
    table = pd.read_csv(folder / "particles_by_state.csv")
    assert len(table) == 24
    assert read_study(folder).rules.smallest is False


def test_people_get_a_line_per_state(manifest, capsys):
    folder = manifest.parent / "study"
    arguments = ["states", str(manifest), "-o", str(folder), "--figures", "none"]
    arguments += ["--exclude-layers", "2", "--rules", "as-published"]
    assert main([*arguments, "--background", "0:6,0:64,0:64"]) == 0
    out = capsys.readouterr().out
    assert "4.4 V: n " in out
    assert json.loads((folder / "provenance.json").read_text())["background"]["source"] == "given"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--without", "luck"], "no rule “luck”"),
        (["--repeat", "pristine", "5 V"], "no state “5 V”"),
        (["--settings", "none.yaml"], "Cannot read the settings"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(manifest, capsys, arguments, said):
    code, _, err = run(capsys, manifest, "-o", manifest.parent / "study", *arguments)
    assert code == 1
    assert said in err
    assert err.count("\n") == 1
    assert not (manifest.parent / "study").exists()


def test_wrong_usage(manifest, capsys):
    with pytest.raises(SystemExit) as stop:
        run(capsys, manifest, "-o", "x", "--background", "5:2,1:2,1:2")
    assert stop.value.code == 2
    assert "no box such as" in capsys.readouterr().err
