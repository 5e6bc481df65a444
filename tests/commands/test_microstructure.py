"""``napari-battery microstructure`` on volumes whose numbers are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_battery.cli import main
from napari_battery.io import write_volume
from napari_battery.tables import MICROSTRUCTURE
from napari_battery.volume import Volume


@pytest.fixture
def channels(tmp_path: Path) -> Path:
    """Straight channels along z, half of the volume: D_eff / D₀ = ε and κ = 1 along z."""
    data = np.zeros((24, 24, 24), np.uint8)
    data[:, :, 6:12] = data[:, :, 18:] = 5
    write_volume(tmp_path / "channels.tif", Volume(data, (0.5,) * 3))
    return tmp_path / "channels.tif"


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["microstructure", *(str(argument) for argument in arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_straight_channels(
    channels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ran(
        capsys, channels, "-o", tmp_path / "run", "--phases", "pore=5,active=0", "--json",
        "--metrics", "volume_fractions,porosity,diffusion,profiles", "--most-splits", "1",
    )  # fmt: skip
    assert (code, err) == (0, "")
    said = json.loads(out)
    values = {
        (row["metric"], row["axis"]): row["value"]
        for row in said["microstructure"]
        if row["region"] == "whole" and row["phase"] == "pore"
    }
    assert values["volume_fraction", ""] == 0.5
    assert values["tortuosity_factor", "z"] == pytest.approx(1, abs=1e-3)
    assert values["tortuosity_factor", "x"] == "infinite"
    assert values["relative_diffusivity", "x"] == 0
    assert values["porosity_percolating", "x"] == 0
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == set(said["files"])
    assert {"microstructure.csv", "regions.csv", "bars_porosity.png", "profiles.csv"} <= files
    table = pd.read_csv(tmp_path / "run" / "microstructure.csv")
    assert tuple(table.columns) == MICROSTRUCTURE
    made = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert made["settings"]["metrics"].startswith("volume_fractions")
    # a second run replaces the first
    code, out, _ = ran(
        capsys, channels, "-o", tmp_path / "run", "--phases", "pore=5,active=0",
        "--metrics", "volume_fraction", "--splits", "1", "--most-splits", "1", "--json",
        "--region", "0:24,0:24,3:12",
    )  # fmt: skip
    assert code == 0
    values = {row["phase"]: row["value"] for row in json.loads(out)["microstructure"]}
    assert values == pytest.approx({"pore": 2 / 3, "active": 1 / 3})


def test_two_states_thresholds_and_expansion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    paths = []
    for name, edge in (("pristine", 20), ("cycled", 24)):
        grey = rng.normal(50, 5, (32, 32, 32))
        grey[4 : 4 + edge, 4:24, 4:24] += 100
        write_volume(tmp_path / f"{name}.tif", Volume(grey.astype(np.float32), (1.0,) * 3))
        paths.append(tmp_path / f"{name}.tif")
    code, out, err = ran(
        capsys, *paths, "-o", tmp_path / "run", "--threshold", "otsu", "--expansion",
        "--metrics", "volume_fractions", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    rows = pd.DataFrame(json.loads(out)["microstructure"]).set_index(["volume", "metric"])
    assert rows.loc[("pristine → cycled", "expansion_fraction"), "value"].item() == (
        pytest.approx(0.2, abs=1e-3)
    )
    shifts = pd.read_csv(tmp_path / "run" / "grey_shifts.csv").set_index("volume")
    # 20 × 20 × 4 voxels more are brighter by 100
    assert shifts.loc["cycled", "shift_mean"] == pytest.approx(100 * 1600 / 32**3, abs=0.2)
    assert (tmp_path / "run" / "thresholds.png").exists()


def test_labels_of_two_states(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, edge in (("pristine", 8), ("cycled", 10)):
        labels = np.zeros((24, 24, 24), np.int32)
        labels[6 : 6 + edge, 6:14, 6:14] = 7
        write_volume(
            tmp_path / f"{name}.tif", Volume(labels, (1.0,) * 3, metadata={"kind": "labels"})
        )
    code, out, err = ran(
        capsys, tmp_path / "pristine.tif", tmp_path / "cycled.tif", "-o", tmp_path / "run",
        "--labelled", "--expansion", "--metrics", "particle_sizes", "--splits", "1",
        "--most-splits", "1", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    particles = pd.read_csv(tmp_path / "run" / "expanded_particles.csv")
    assert particles["label"].tolist() == [7]
    assert particles["expansion"].tolist() == [0.25]
    assert {"expansion.png", "particle_sizes_number.png"} <= set(json.loads(out)["files"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--phases pore=0"),
        (["--phases", "pore=0"], "without a name: 5"),
        (["--phases", "pore=5,active=0", "--threshold", "3"], "do not go together"),
        (["--phases", "pore=5,active=0", "--metrics", "depth"], "no metric “depth”"),
        (["--phases", "pore=5,active=0", "--expansion"], "compares states"),
        (["--phases", "5=pore"], "not NAME=CODE"),
        (["--threshold", "a"], "neither a number"),
        (["--phases", "pore=5,active=0", "--region", "0:9,0:9,0:99"], "reaches beyond"),
    ],
)
def test_bad_input(
    channels: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    code, out, err = ran(capsys, channels, "-o", tmp_path / "run", *arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert not (tmp_path / "run").exists()


def test_what_can_be_measured_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(capsys, "--list-metrics", "--json")
    assert code == 0
    metrics = json.loads(out)["metrics"]
    assert {"diffusion", "porosity"} <= {metric["name"] for metric in metrics}
    assert all(quantity["definition"] for m in metrics for quantity in m["gives"].values())
