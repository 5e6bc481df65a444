"""``napari-battery evaluate``."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_battery.cli import main
from napari_battery.files import fingerprint
from napari_battery.io import read_volume, write_volume
from napari_battery.registration.transform import transform_between
from napari_battery.registration.transform_files import write_transform
from napari_battery.superres.card import Card, TrainingData
from napari_battery.superres.degradation import DegradationSettings, degrade
from napari_battery.superres.model_files import Model, write_model
from napari_battery.superres.networks import make_network
from napari_battery.tables import SUPERRES_QUALITY, SUPERRES_REGIONS, read_table
from napari_battery.volume import Volume

SCAN = DegradationSettings(ratio=2, ratio_jitter=0, noise_smallest=0.02, noise_largest=0.02)
SMALL = ("--region-size", "20", "--resamples", "300", "--precision", "float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """low.tif, high.tif, cracks.tif, away.tif with back.json, and models that learnt nothing."""
    folder = tmp_path_factory.mktemp("scans")
    texture = gaussian_filter(np.random.default_rng(0).standard_normal((24, 48, 60)), 1.5)
    data = np.clip(128 + 40 * texture / texture.std(), 0, 255).astype(np.uint8)
    high = Volume(data, (1.0,) * 3, name="high")
    low = replace(degrade(high, SCAN), metadata={})
    away = replace(low, origin_um=tuple(o + 7 for o in low.origin_um))
    back = np.eye(4)
    back[:3, 3] = -7
    write_transform(folder / "back.json", transform_between(high, away, back, "translation"))
    cracks = high.like((data < 80).astype(np.uint8) * 2, "cracks")
    for name, volume in (("high", high), ("low", low), ("away", away), ("cracks", cracks)):
        write_volume(folder / f"{name}.tif", volume)
    torch.manual_seed(0)
    network = make_network("paper-gan")
    used = TrainingData(
        name="high", sha256=fingerprint(folder / "high.tif"), box=((0, 24), (0, 48), (0, 20))
    )
    for name, training in (("raw", ()), ("leaky", (used,))):
        card = Card(
            name=name, network="paper-gan", slices=1, halo_px=0, parameters=0, training=training
        )
        write_model(folder / f"{name}.safetensors", Model(network, card))
    return folder


def run(capsys, *arguments) -> tuple[int, dict, str]:
    code = main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out or "{}"), err


def test_a_model_is_judged_and_everything_is_written(folder, tmp_path, capsys):
    out = tmp_path / "judged"
    arguments = (
        "evaluate", folder / "low.tif", folder / "high.tif", "--model",
        folder / "raw.safetensors", "--labels", folder / "cracks.tif", "--crack", "2",
        "--predictions", "-o", out, *SMALL,
    )  # fmt: skip
    code, said, err = run(capsys, *arguments)
    assert (code, err) == (0, "")
    assert list(said["methods"]) == ["cubic", "cubic + grey match", "raw", "high scan"]
    assert said["methods"]["raw"]["psnr_db"]["n_regions"] == said["n_regions"] == 6
    assert said["methods"]["raw"]["psnr_db"]["difference_ci_high"] < 0  # it learnt nothing
    assert said["methods"]["cubic + grey match"]["ssim"]["difference"] is None
    assert said["methods"]["high scan"]["crack_recall"]["value"] > 0.9
    assert "11 × 11" in said["ssim"]
    assert said["residual_shift_voxels"] < 0.2
    assert said["models"][0]["weights_sha256"].startswith("sha256:")
    assert sorted(said["files"]) == sorted(path.name for path in out.iterdir())
    assert tuple(read_table(out / "quality.csv")) == SUPERRES_QUALITY
    assert tuple(read_table(out / "regions.csv")) == SUPERRES_REGIONS
    assert read_volume(out / "cubic-grey-match.tif").same_grid(read_volume(folder / "high.tif"))
    made = json.loads((out / "provenance.json").read_text())
    assert made["step"] == "evaluate"
    assert [i["fingerprint"] for i in made["inputs"]] == [
        fingerprint(folder / f"{name}.tif") for name in ("low", "high")
    ]
    # again: its own files may be replaced
    assert run(capsys, *arguments)[0] == 0


def test_a_region_and_a_transform(folder, capsys):
    code, said, _ = run(
        capsys, "evaluate", folder / "away.tif", folder / "high.tif", "--transform",
        folder / "back.json", "--region", "0:24,0:48,20:60", "--model",
        folder / "leaky.safetensors", *SMALL,
    )  # fmt: skip
    assert code == 0
    assert said["n_regions"] == 4
    assert said["output"] is None
    assert said["methods"]["leaky"]["psnr_db"]["ci_low"] is None  # too few regions
    assert any("4 regions" in note for note in said["notes"])


def test_people_get_a_line_per_method(folder, capsys):
    pair = (folder / "low.tif", folder / "high.tif")
    model = ("--model", str(folder / "raw.safetensors"))
    assert main(["evaluate", *map(str, pair), *model, *SMALL]) == 0
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["cubic + grey match"].startswith("SSIM 0.")
    assert " ± " in lines["cubic"]
    assert "PSNR (dB)" in lines["cubic"]


def test_what_was_trained_on_is_refused_in_one_line(folder, tmp_path, capsys):
    out = tmp_path / "judged"
    code, said, err = run(
        capsys, "evaluate", folder / "low.tif", folder / "high.tif", "--model",
        folder / "leaky.safetensors", "-o", out, *SMALL,
    )  # fmt: skip
    assert (code, said) == (1, {})
    assert "Region 1" in err
    assert "give the region 0:24,0:48,20:60" in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_wrong_wishes_are_refused_before_the_work(folder, tmp_path, capsys):
    pair = (folder / "low.tif", folder / "high.tif")
    for arguments, message in (
        ((*pair, "--region", "0:24"), "is no region"),
        ((*pair, "--predictions"), "give -o, too"),
        ((*pair, "--model", "nobody"), "There is no model “nobody”"),
        ((*pair, "--region-size", "3"), "region_size"),
        ((*pair, "-o", folder), "holds other files"),
        ((pair[1], pair[0], *SMALL), "exchange the two"),
        ((*pair, "--labels", folder / "cracks.tif", *SMALL), "--crack 2"),
    ):
        code, _, err = run(capsys, "evaluate", *arguments)
        assert code == 1
        assert message in err
