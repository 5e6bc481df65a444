"""Models are listed, opened and described; wrong files are said to be so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.superres.card import Card, TrainingData, Validated, Verdict
from napari_battery.widgets.session import Session
from napari_battery.widgets.superres_card import card_html
from napari_battery.widgets.superres_models import ModelChooser

Write = Callable[..., Path]


def chooser(viewer: ViewerModel, qtbot: QtBot, **more: str) -> ModelChooser:
    widget = ModelChooser(viewer, **more)
    qtbot.addWidget(widget)
    return widget


def test_without_models_it_says_so(viewer: ViewerModel, qtbot: QtBot, models: Path) -> None:
    widget = chooser(viewer, qtbot)
    assert widget.shelved is None
    assert widget.card is None
    assert widget.model() is None
    assert "no model" in widget.line.text()
    assert not widget.card_button.isEnabled()


def test_it_prefers_battery_and_remembers_a_choice_by_hand(
    viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    for name in ("a", "battery", "c"):
        write_tiny_model(models / f"{name}.safetensors")
    widget = chooser(viewer, qtbot)
    assert widget.card is not None
    assert widget.card.name == "battery"
    widget.list.setCurrentIndex(2)
    widget.list.activated.emit(2)
    assert widget.card.name == "c"
    assert chooser(viewer, qtbot).list.currentText() == "c (yours)"


def test_weights_are_read_once_and_anew_after_a_change(
    viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    write_tiny_model(models / "battery.safetensors")
    widget = chooser(viewer, qtbot)
    model = widget.model()
    assert model is not None
    assert model is widget.model()
    write_tiny_model(models / "battery.safetensors", slices=3)
    with qtbot.waitSignal(widget.model_changed):
        Session.of(viewer).models_changed.emit()
    assert widget.model().network.slices == 3


def test_a_new_model_is_listed_everywhere_and_the_choice_stays(
    viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    write_tiny_model(models / "m.safetensors")
    one, other = chooser(viewer, qtbot), chooser(viewer, qtbot, none="from the start")
    assert one.list.count() == 1
    assert other.shelved is None
    write_tiny_model(models / "a.safetensors")
    with qtbot.assertNotEmitted(one.model_changed):
        Session.of(viewer).models_changed.emit()
    assert one.list.count() == 2
    assert one.list.currentText() == "m (yours)"
    assert other.list.count() == 3


def test_opening_a_file_lists_and_chooses_it(
    viewer: ViewerModel, qtbot: QtBot, models: Path, tmp_path: Path, write_tiny_model: Write
) -> None:
    write_tiny_model(models / "battery.safetensors")
    path = write_tiny_model(tmp_path / "mine.safetensors")
    one, other = chooser(viewer, qtbot), chooser(viewer, qtbot)
    one.open_file(path)
    qtbot.waitUntil(lambda: one.list.currentText() == "mine (file)", timeout=30_000)
    assert other.list.count() == 2
    assert other.list.currentText() == "battery (yours)"
    path.unlink()
    one.refresh()
    assert one.list.currentText() == "battery (yours)"


def test_foreign_weights_need_their_network(
    viewer: ViewerModel, qtbot: QtBot, models: Path, tmp_path: Path
) -> None:
    import torch

    from napari_battery.superres.networks import make_network

    torch.save(make_network("paper-gan").state_dict(), tmp_path / "w.pth")
    widget = chooser(viewer, qtbot)
    widget.open_file(tmp_path / "w.pth", "paper-cnn")
    qtbot.waitUntil(lambda: "do not fit" in widget.notice.text(), timeout=30_000)
    widget.open_file(tmp_path / "w.pth", "paper-gan")
    qtbot.waitUntil(lambda: widget.list.currentText() == "w (file)", timeout=30_000)
    assert widget.model().network.name == "paper-gan"
    assert widget.notice.text() == ""


@pytest.mark.parametrize("spoil", ["weights", "card", "no card"])
def test_broken_files_are_told(
    spoil: str, viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    path = write_tiny_model(models / "battery.safetensors")
    card = path.with_suffix(".json")
    widget = chooser(viewer, qtbot)
    if spoil == "weights":
        shutil.copy(path, models / "again.safetensors")
        path.write_bytes(path.read_bytes()[:-4])
        widget.open_file(path)
        qtbot.waitUntil(lambda: "SHA-256" in widget.notice.text(), timeout=30_000)
        widget.refresh()
        assert "again.safetensors" in widget.unlisted.text()
        return
    card.write_text("{}") if spoil == "card" else card.unlink()
    widget.refresh()
    assert widget.shelved is None
    assert "card" in widget.unlisted.text()
    assert "battery" in widget.unlisted.text()
    write_tiny_model(path)
    widget.refresh()
    assert widget.unlisted.text() == ""
    assert widget.shelved is not None


def test_the_card_tells_all_that_is_known() -> None:
    verdict = Verdict(metric="porosity_total", phase="pore", verdict="validated", why="error 0.003")
    validated = Validated(
        regions=17, region_size=40, tolerance=0.1, confidence=0.95, verdicts=(verdict,)
    )
    card = Card(
        name="<b>",
        title="For sandstone",
        network="battery",
        slices=5,
        halo_px=57,
        parameters=620_000,
        low_voxel_size_um=(6.0, 6.0),
        high_voxel_size_um=(2.0, 2.1),
        ratio=(3.0, 3.1),
        training=(
            TrainingData(name="rock", licence="CC0", box=((0, 90), (0, 135), (0, 300))),
            TrainingData(name="electrode", synthetic=True),
        ),
        metrics={"sandstone": {"psnr": 27.123456}},
        limits="Sandstone only.",
        licence="BSD",
        validation={"rock": validated},
        settings={"lr": 1e-4, "patience": None},
    )
    text = card_html(card)
    for said in (
        "&lt;b&gt;",
        "From 6 µm to 2 to 2.1 µm, 3 to 3.1 × smaller voxels",
        "Sandstone only.",
        "real; training and validation; voxels 0 to 89, 0 to 134, 0 to 299; CC0",
        "synthetic",
        "27.12",
        "17 regions; error allowed 10%",
        "porosity total pore",
        "validated: error 0.003",
        "620,000 parameters; reads 5 neighbouring slices",
        "automatic",
        "BSD",
    ):
        assert said in text


def test_the_card_opens_beside_the_work(
    viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    write_tiny_model(models / "battery.safetensors", limits="Only for tests.")
    widget = chooser(viewer, qtbot)
    widget.show_card()
    assert "Only for tests." in widget._dialog.page.toPlainText()
