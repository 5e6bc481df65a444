"""``napari-battery inside``: tables, figures, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_battery.cli import main
from napari_battery.io.write import write_volume
from napari_battery.tables import INSIDE
from napari_battery.volume import Volume


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Labels, and a ball in three states: as it was, darker within, a third of a voxel on."""
    rng = np.random.default_rng(0)
    z, y, x = np.indices((28, 28, 30)) - np.array([13.5, 13.5, 14.5])[:, None, None, None]
    r = np.sqrt(z**2 + y**2 + x**2)
    ball = 100 + 80 / (1 + np.exp((r - 11) / 0.7))
    states = {
        "pristine": ball,
        "charged": ball - 30 * np.clip(1 - (r / 11) ** 2, 0, None),
        "moved": ndimage.shift(ball, (0, 0, 0.4), order=3, mode="nearest"),
    }
    names = ["labels"]
    write_volume(tmp_path / "labels.tif", Volume((r < 11).astype(np.uint8) * 3, (0.5,) * 3))
    for name, image in states.items():
        data = np.clip(image + 3 * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)
        write_volume(tmp_path / f"{name}.tif", Volume(data, (0.5,) * 3))
        names.append(name)
    return [str(tmp_path / f"{name}.tif") for name in names]


def test_tables_and_figures(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["inside", *files, "-o", str(out), "--label", "3", "--k-sigma", "4", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["n_compared"] == 2
    assert sorted(said["files"]) == sorted(path.name for path in out.iterdir())
    table = pd.read_csv(out / "inside.csv").set_index("state")
    assert ["state", *table.columns] == ["state", *[c for c in INSIDE if c != "state"]]
    assert list(table.index) == ["charged", "moved"]
    assert table.loc["charged", "fell_share"] > 0.8
    assert table.loc["moved", "shift_x_um"] == pytest.approx(0.2, abs=0.03)
    assert abs(table.loc["moved", "change_mean"]) < 1
    made = json.loads((out / "provenance.json").read_text())
    assert made["settings"]["k_sigma"] == 4
    assert made["inputs"][0]["name"] == "labels"
    assert made["noise"]["moved"]["sigma_grey"] == pytest.approx(table.loc["moved", "change_sigma"])
    assert (out / "particle-3.png").read_bytes()[:4] == b"\x89PNG"
    profile = pd.read_csv(out / "particle-3-profile.csv")
    assert set(profile["state"]) == {"charged", "moved"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--label", "7"], "There is no particle 7 in “labels”"),
        (["--margin", "0"], "margin"),
    ],
)
def test_what_is_refused(
    files: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    assert main(["inside", *files, "-o", str(tmp_path / "out"), *more]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_state_alone(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inside", *files[:2], "-o", str(tmp_path / "out")]) == 1
    assert "at least one later state" in capsys.readouterr().err
