import json

import pytest

from napari_battery.cli import main
from napari_battery.samples import sample_path
from napari_battery.superres.model_files import read_model
from napari_battery.tables import TRAINING, read_table

LOW = str(sample_path("bentheimer/low_6um_30x45x140_u8.tif"))
HIGH = str(sample_path("bentheimer/high_2um_90x135x420_u8.tif"))
NMC = str(sample_path("nmc_nanoct/1501.tif"))
SMALL = [
    "--epochs", "2", "--steps-per-epoch", "2", "--batch", "2", "--patch", "48",
    "--validation-patches", "2", "--border", "3", "--device", "cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs") / "sandstone"
    assert main(["pair", LOW, HIGH, "-o", str(folder)]) == 0
    return folder


def said(capsys):
    return json.loads(capsys.readouterr().out)


def test_trains_on_a_pair_and_lists_the_model(pair, tmp_path, capsys):
    target, history = tmp_path / "mine.safetensors", tmp_path / "history.csv"
    options = ["--slices", "3", "--licence", "CSIRO", "--history", str(history), "--json"]
    assert main(["train", str(pair), "-o", str(target), *SMALL, *options]) == 0
    answer = said(capsys)
    assert answer["rounds"] == 2
    assert answer["validation"]["mse"] > 0
    assert answer["weights_sha256"] == read_model(target).card.weights_sha256
    assert tuple(read_table(history).columns) == TRAINING
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"mine.safetensors", "mine.json", "history.csv"}
    card = read_model(target).card
    assert card.slices == 3
    assert {d.licence for d in card.training} == {"CSIRO"}
    files = {d.name for d in card.training}
    assert files == {p.rsplit("/", 1)[-1] for p in (LOW, HIGH)}
    highs = [d for d in card.training if d.name.startswith("high")]
    assert {d.used_for for d in highs} == {"training", "validation"}
    # no voxel of the file is in both parts
    (a, b) = (d.box for d in highs)
    assert any(p[1] <= q[0] or q[1] <= p[0] for p, q in zip(a, b, strict=True))

    assert main(["models", str(tmp_path), "--json"]) == 0
    listed = {m["name"]: m for m in said(capsys)["models"]}
    assert listed["mine"]["parameters"] == card.parameters
    assert listed["mine"]["halo_px"] == card.halo_px == 57
    assert listed["mine"]["slices"] == 3
    assert listed["mine"]["card"]["training"]
    assert main(["models", str(tmp_path)]) == 0
    assert "halo 57 px" in capsys.readouterr().out


def test_trains_further_on_a_picture_alone(tmp_path, capsys):
    first, further = tmp_path / "first.safetensors", tmp_path / "further.safetensors"
    options = ["--network", "paper-gan", "--preset", "paper", "--json"]
    assert main(["train", "--high", NMC, "-o", str(first), *SMALL, *options]) == 0
    answer = said(capsys)
    assert answer["settings"]["adversarial_weight"] > 0
    assert len(answer["images"]) == 4
    options = ["--start", str(first), "--low-voxel-size", "2", "--voxel-size", "1", "--json"]
    assert main(["train", "--high", NMC, "-o", str(further), *SMALL, *options]) == 0
    assert said(capsys)["network"] == "paper-gan"
    card = read_model(further).card
    assert card.ratio == pytest.approx((2, 2), rel=0.05)  # drawn within 3 %
    assert {d.note for d in card.training} == {"Its low-resolution scan is made up by degradation."}
    assert "made_up" in card.degradation


def test_what_does_not_go(tmp_path, capsys):
    target = str(tmp_path / "m.safetensors")
    for arguments, text in [
        (["-o", target], "nothing to train on"),
        (["-o", str(tmp_path / "m.pth"), "--high", NMC], "ends in .safetensors"),
        (["-o", target, "--low", LOW], "nothing to train on"),
        (["-o", target, "--low", LOW, "--high", HIGH, "--high", NMC], "one --high"),
        (["-o", target, "--high", NMC, "--resume"], "no interrupted training"),
        (["-o", target, "--high", NMC, "--start", "nothing"], "no model “nothing”"),
        (["-o", target, "--high", NMC, "--low-voxel-size", "2"], "own voxel size"),
        (["-o", target, "--high", NMC, "--slices", "5", *SMALL], "5 slices"),
        (["-o", target, str(tmp_path)], "holds no pair"),
    ]:
        assert main(["train", *arguments]) == 1, arguments
        assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "m.training").mkdir()
    assert main(["train", "-o", target, "--high", NMC]) == 1
    assert "--resume" in capsys.readouterr().err
    assert main(["models", str(tmp_path / "none")]) == 1
