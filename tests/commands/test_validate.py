"""``napari-battery validate``."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_battery.cli import main
from napari_battery.files import fingerprint
from napari_battery.io import write_volume
from napari_battery.superres.card import Card, TrainingData
from napari_battery.superres.degradation import DegradationSettings, degrade
from napari_battery.superres.model_files import Model, read_card, read_model, write_model
from napari_battery.superres.networks import make_network
from napari_battery.tables import VALIDATION, VALIDATION_REGIONS, read_table
from napari_battery.volume import Volume

SCAN = DegradationSettings(ratio=2, ratio_jitter=0, noise_smallest=0.02, noise_largest=0.02)
SMALL = (
    "--region-size", "20", "--resamples", "300", "--precision", "float32",
    "--metrics", "volume_fractions",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """low.tif, high.tif, phases.tif; a model that learnt nothing, one that saw part of it."""
    folder = tmp_path_factory.mktemp("scans")
    texture = gaussian_filter(np.random.default_rng(0).standard_normal((24, 48, 60)), 1.5)
    data = np.clip(128 + 40 * texture / texture.std(), 0, 255).astype(np.uint8)
    high = Volume(data, (1.0,) * 3, name="high")
    low = replace(degrade(high, SCAN), metadata={})
    phases = high.like((data > 120).astype(np.uint8), "phases")
    for name, volume in (("high", high), ("low", low), ("phases", phases)):
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


def test_verdicts_tables_and_card_are_written(folder, tmp_path, capsys):
    out = tmp_path / "validated"
    model = folder / "raw.safetensors"
    given = ("validate", folder / "low.tif", folder / "high.tif", "--model", model, *SMALL)
    code, said, err = run(capsys, *given, "-o", out, "--card", "--sample", "texture")
    assert (code, err) == (0, "")
    assert said["n_regions"] == 6
    # it learnt nothing, so that it cannot be nearer than cubic
    assert said["verdicts"]["raw"] == "Not validated for volume fraction (pore and active)."
    assert sorted(said["files"]) == sorted(path.name for path in out.iterdir())
    assert tuple(read_table(out / "validation.csv")) == VALIDATION
    regions = read_table(out / "validation_regions.csv")
    assert tuple(regions) == VALIDATION_REGIONS
    # half of the texture is above its mean, and the threshold splits a symmetric histogram
    of_high = regions[(regions["method"] == "high scan") & (regions["phase"] == "pore")]
    assert of_high["value"].mean() == pytest.approx(0.5, abs=0.05)
    card = read_card(model)
    assert card.validation["texture"].regions == 6
    assert {v.verdict for v in card.validation["texture"].verdicts} == {"not validated"}
    old = card.model_dump(mode="json", exclude={"validation"})  # as cards were before
    assert Card.model_validate(old).validation == {}
    assert read_model(model).card == card  # the weights are still those of the card


def test_a_segmentation_is_the_truth_and_says_so(folder, capsys):
    given = ("validate", folder / "low.tif", folder / "high.tif", *SMALL)
    code, said, _ = run(
        capsys, *given, "--labels", folder / "phases.tif", "--codes", "pore=0,active=1"
    )
    assert code == 0
    assert said["truth"] == "segmentation “phases”"
    assert said["thresholds_grey"] == [pytest.approx(120, abs=1.5)]
    assert {row["method"] for row in said["table"]} >= {"high scan, thresholded", "low scan"}


def test_what_a_model_saw_and_half_a_wish_are_refused(folder, capsys):
    given = ("validate", folder / "low.tif", folder / "high.tif", *SMALL)
    code, _, err = run(capsys, *given, "--model", folder / "leaky.safetensors")
    assert code == 1
    assert "learnt from" in err
    for wish, words in ((("--card",), "name one with --model"), (("--codes", "a=0"), "--labels")):
        code, _, err = run(capsys, *given, *wish)
        assert code == 1
        assert words in err
