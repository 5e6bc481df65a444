import json
import pickle

import pytest
import torch

from napari_battery.errors import InputError
from napari_battery.superres.card import Card, InputRange, TrainingData
from napari_battery.superres.model_files import (
    Model,
    list_models,
    read_foreign,
    read_model,
    write_model,
)
from napari_battery.superres.networks import NETWORKS, make_network


def model(name="paper-gan", **options):
    torch.manual_seed(1)
    card = Card(
        name="x",
        network=name,
        slices=1,
        halo_px=0,
        parameters=0,
        training=(TrainingData(name="a", sha256="sha256:1", box=((0, 3), (1, 4), (2, 5))),),
        input=InputRange(quantiles={"0.5": (0.4, 0.6)}, spectrum=((-3.0, -2.5),)),
    )
    return Model(make_network(name, **options), card)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "mine.safetensors"
    write_model(path, model())
    return path


@pytest.mark.parametrize("name", list(NETWORKS))
def test_reads_back_what_was_written(tmp_path, name):
    made = model(name)
    made.network.to(memory_format=torch.channels_last)
    path = tmp_path / "a b.safetensors"
    kept = write_model(path, made)
    read = read_model(path)
    assert read.card == kept.card
    assert read.card.name == "a b"
    assert (read.card.slices, read.card.halo_px) == (made.network.slices, made.network.halo)
    assert read.card.training == made.card.training
    assert read.card.input == made.card.input
    for key, tensor in made.network.state_dict().items():
        assert torch.equal(read.network.state_dict()[key], tensor)
    assert not read.network.training
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a b.json", "a b.safetensors"]


def test_options_build_the_same_network(tmp_path):
    path = tmp_path / "small.safetensors"
    write_model(path, model("battery", blocks=2, features=8, slices=3))
    network = read_model(path).network
    assert network.slices == 3
    assert network.options == {"slices": 3, "blocks": 2, "features": 8, "unshuffle": 3}


def test_lists_by_name_and_says_what_is_broken(tmp_path, written, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("NAPARI_BATTERY_MODELS", str(own))
    write_model(own / "owned.safetensors", model())
    (tmp_path / "loose.safetensors").write_bytes(b"")
    problems = []
    listed = {m.card.name: m for m in list_models([tmp_path], problems)}
    assert {"owned", "mine"} <= set(listed)
    assert not listed["mine"].shipped
    assert len(problems) == 1
    assert "loose" in problems[0]
    assert read_model("owned").card.name == "owned"


def test_says_what_is_wrong(tmp_path, written):
    with pytest.raises(InputError, match="no model “nothing”"):
        read_model("nothing")
    bytes_ = written.read_bytes()
    written.write_bytes(bytes_[:-4] + b"\0\0\x80?")
    with pytest.raises(InputError, match="SHA-256 differ"):
        read_model(written)
    card = written.with_suffix(".json")
    content = json.loads(card.read_text())
    card.write_text(json.dumps({**content, "weights_sha256": ""}))
    written.write_bytes(bytes_[:100])
    with pytest.raises(InputError, match="broken or no safetensors"):
        read_model(written)
    written.write_bytes(bytes_)
    for change, text in [
        ({"network": "nonsense"}, "network “nonsense”"),
        ({"network": "paper-cnn"}, "do not fit"),
        ({"options": {"colours": 3}}, "no option “colours”"),
        ({"halo_px": 2}, "halo_px 2"),
        ({"format": "else/1"}, "format"),
        ({"slices": "many"}, "slices"),
    ]:
        card.write_text(json.dumps({**content, **change}))
        with pytest.raises(InputError, match=text):
            read_model(written)
    card.write_text("not json")
    with pytest.raises(InputError, match="not a card"):
        read_model(written)
    card.unlink()
    with pytest.raises(InputError, match="no card"):
        read_model(written)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    made = model()
    with torch.no_grad():
        next(made.network.parameters())[0] = float("nan")
    write_model(tmp_path / "nan.safetensors", made)
    with pytest.raises(InputError, match="not finite"):
        read_model(tmp_path / "nan.safetensors")


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_foreign_weights_are_data_only(tmp_path, capsys):
    path = tmp_path / "foreign.pth"
    torch.save({"params": model().network.state_dict()}, path)
    read = read_foreign(path, "paper-gan")
    assert read.card.parameters == 75_649  # as the paper's generator is counted
    with pytest.raises(InputError, match="do not fit"):
        read_foreign(path, "paper-cnn")
    with pytest.raises(InputError, match="name the network"):
        read_model(path)
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(InputError, match="more than plain weights"):
        read_foreign(path, "paper-gan")
    torch.save({"w": Evil()}, path)
    with pytest.raises(InputError, match="more than plain weights"):
        read_foreign(path, "paper-gan")
    assert "run" not in capsys.readouterr().out


def test_a_failed_write_leaves_what_stood_there(tmp_path, written):
    before = written.read_bytes(), written.with_suffix(".json").read_bytes()
    broken = model()
    object.__setattr__(broken.card, "limits", object())
    with pytest.raises(Exception):  # noqa: B017 - whatever pydantic raises
        write_model(written, broken)
    assert (written.read_bytes(), written.with_suffix(".json").read_bytes()) == before
    assert len(list(tmp_path.iterdir())) == 2
