import json

import pytest
import torch

from napari_battery.cli import main
from napari_battery.superres.model_files import read_model
from napari_battery.superres.networks import make_network


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(3)
    path = tmp_path / "theirs.pth"
    torch.save({"params": make_network("edsr", blocks=2, features=8).state_dict()}, path)
    return path


def test_weights_of_another_program_become_a_model(weights, tmp_path, capsys):
    mine = tmp_path / "mine.safetensors"
    given = ["models", "--import", str(weights), "--network", "edsr", "--json", "-o", str(mine)]
    given += ["--option", "blocks=2", "--option", "features=8"]
    assert main(given) == 0
    said = json.loads(capsys.readouterr().out)
    read = read_model(mine)
    assert said["model"] == str(mine)
    assert said["parameters"] == sum(p.numel() for p in read.network.parameters())
    wanted = torch.load(weights, weights_only=True)["params"]
    assert all(torch.equal(read.network.state_dict()[name], wanted[name]) for name in wanted)
    assert main(given) == 1  # nothing is replaced
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "--network"),
        (["--network", "vgg"], "edsr"),
        (["--network", "edsr", "--option", "blocks=2"], "fit"),
    ],
)
def test_what_is_missing_or_wrong_is_said(weights, tmp_path, capsys, more, words):
    mine = tmp_path / "mine.safetensors"
    assert main(["models", "--import", str(weights), "-o", str(mine), *more]) == 1
    assert words in capsys.readouterr().err
    assert not mine.exists()


def test_options_of_an_import_need_one(capsys):
    assert main(["models", "--network", "edsr"]) == 1
    assert "--import" in capsys.readouterr().err
