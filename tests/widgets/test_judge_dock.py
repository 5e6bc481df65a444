"""Judging in a dock: the core's numbers in the table, and pictures that fit on one another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QScrollArea
from scipy.ndimage import gaussian_filter

from napari_battery.files import fingerprint
from napari_battery.io import read_volume, write_volume
from napari_battery.superres.card import TrainingData
from napari_battery.superres.degradation import DegradationSettings, degrade
from napari_battery.superres.judge import judge
from napari_battery.superres.judge_table import MATCHED
from napari_battery.superres.model_files import read_model
from napari_battery.tables import read_table
from napari_battery.volume import Volume
from napari_battery.widgets.judge_dock import JudgeDock
from napari_battery.widgets.judge_views import PredictionViews
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.session import Session

Write = Callable[..., Path]
SCAN = DegradationSettings(
    ratio=2.3, ratio_jitter=0, psf_smallest=0.5, psf_largest=0.5, noise_smallest=0.03,
    noise_largest=0.03, gain=120, offset=30,
)  # fmt: skip


@pytest.fixture(scope="module")
def scans() -> tuple[Volume, Volume]:
    """A texture, and a coarser scan of it on another grey scale; both synthetic."""
    texture = gaussian_filter(np.random.default_rng(0).standard_normal((40, 46, 69)), 1.5)
    data = (0.5 + 0.2 * texture / texture.std()).astype(np.float32)
    high = Volume(data, (0.7,) * 3, (5.0, 6.0, 7.0), name="high", metadata={"synthetic": True})
    return replace(degrade(high, SCAN), name="low"), high


@pytest.fixture
def pair(viewer: ViewerModel, scans: tuple[Volume, Volume]) -> ViewerModel:
    low, high = scans
    add_volume(viewer, high)
    add_volume(viewer, low)
    return viewer


def opened(viewer: ViewerModel, qtbot: QtBot | None) -> JudgeDock:
    dock = JudgeDock(viewer)
    if qtbot is not None:
        qtbot.addWidget(dock)
    rows = dock.form.rows
    rows["region_size"].set_value(20)
    rows["resamples"].set_value(400)
    rows["precision"].set_value("float32")
    return dock


def done(dock: JudgeDock, qtbot: QtBot) -> JudgeDock:
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=240_000)
    return dock


def judged(viewer: ViewerModel, qtbot: QtBot) -> JudgeDock:
    dock = opened(viewer, qtbot)
    dock.runner.run_button.click()
    return done(dock, qtbot)


def cells(dock: JudgeDock, column: int) -> list[str]:
    tree = dock.table.tree
    return [tree.topLevelItem(i).text(column) for i in range(tree.topLevelItemCount())]


def test_the_table_holds_what_the_core_finds(
    pair: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write, tmp_path: Path, scans
) -> None:
    path = write_tiny_model(models / "tiny.safetensors")
    dock = judged(pair, qtbot)
    assert "against “high”" in dock.about.text()
    assert cells(dock, 0) == ["cubic", MATCHED, "tiny"]
    found = judge(*scans, [read_model(path)], dock.form.value())
    psnr = found.quality[found.quality["metric"] == "psnr_db"]
    assert [float(text.split(" ")[0]) for text in cells(dock, 1)] == pytest.approx(
        psnr["value"].to_list(),
        abs=0.0051,  # two decimals
    )
    dock.table.metric.setCurrentIndex(dock.table.metric.findData("ssim"))
    ssim = found.quality[found.quality["metric"] == "ssim"]
    assert [float(text.split(" ")[0]) for text in cells(dock, 1)] == pytest.approx(
        ssim["value"].to_list(), abs=5.1e-5
    )
    assert dock.verdict.text().startswith("tiny against cubic + grey match: PSNR")
    dock.table.paper.setChecked(True)
    assert cells(dock, 0)[3:] == ["Paper: no model", "Paper: GAN", "Paper: CNN"]
    assert "another sample" in dock.table.note.text()

    dock.copy_button.click()
    assert QApplication.clipboard().text().count("\n") == len(found.quality) + 1
    dock.save(tmp_path / "q.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "q.csv"), found.quality)
    assert len(read_table(tmp_path / "q_regions.csv")) == len(found.regions)
    made = json.loads((tmp_path / "q.csv.provenance.json").read_text())
    assert made["models"][0]["name"] == "tiny"
    for kind in ("quality", "histograms"):
        dock.figures.kind.setCurrentIndex(dock.figures.kind.findData(kind))
        for ending in ("png", "svg", "pdf"):
            files = dock.figures.save(tmp_path / f"{kind}.{ending}")
            assert all(file.stat().st_size > 100 for file in files)
        assert "synthetic" in (tmp_path / f"{kind}.svg").read_text()


def test_unticked_models_are_not_judged_and_stay_unticked(
    pair: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write, tmp_path: Path
) -> None:
    write_tiny_model(models / "one.safetensors")
    write_tiny_model(models / "two.safetensors")
    dock = opened(pair, qtbot)
    assert [m.card.name for m in dock.models.models] == ["one", "two"]
    dock.models.tick(dock.models.models[0], False)
    again = opened(pair, qtbot)
    assert [m.card.name for m in again.models.models] == ["two"]
    elsewhere = write_tiny_model(tmp_path / "three.safetensors")
    again.models.open_file(elsewhere)
    qtbot.waitUntil(lambda: len(again.models.models) == 2, timeout=240_000)
    assert [m.card.name for m in dock.models.models] == ["two", "three"]  # in every dock
    again.models.show_card(again.models.models[1])
    assert "three" in again.models._dialog.windowTitle()
    again.models.open_file(tmp_path / "none.safetensors")
    qtbot.waitUntil(lambda: "no card" in again.models.notice.text(), timeout=240_000)


def test_predictions_lie_on_the_high_scan_side_by_side(
    pair: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write, scans
) -> None:
    write_tiny_model(models / "tiny.safetensors")
    pair.layers["low"].visible = False
    dock = judged(pair, qtbot)
    dock.show_button.click()
    done(dock, qtbot)
    names = [layer.name for layer in reversed(pair.layers) if layer.visible]
    assert names == [
        MATCHED, f"{MATCHED} − high", "tiny", "tiny − high", "high scan", "low scan",
    ]  # fmt: skip
    high = scans[1]
    predicted, difference = pair.layers["tiny"], pair.layers["tiny − high"]
    assert volume_from_layer(predicted).same_grid(high)
    inside = np.isfinite(predicted.data)
    np.testing.assert_allclose(
        difference.data[inside],
        (predicted.data - high.data)[inside],
        atol=1e-6,  # float32 of about 1
    )
    ends = {tuple(pair.layers[f"{m} − high"].contrast_limits) for m in (MATCHED, "tiny")}
    assert len(ends) == 1
    assert ends.pop()[0] == -difference.contrast_limits[1] < 0
    looks = {tuple(pair.layers[n].contrast_limits) for n in (MATCHED, "tiny", "high scan")}
    assert len(looks) == 1
    assert predicted.metadata[KEY]["made"]["models"][0]["name"] == "tiny"
    grid = pair.canvas.grid if hasattr(pair, "canvas") else pair.grid
    assert grid.enabled
    assert {grid.position(i, pair.layers) for i in range(2, 8)} == {
        (row, column) for row in range(3) for column in range(2)
    }
    assert dock.pair.high.layer is pair.layers["high"]  # not what was made of it
    dock.show_button.click()  # the same anew, not twice
    done(dock, qtbot)
    assert len(pair.layers) == 8
    dock.hide_button.click()
    assert [(layer.name, layer.visible) for layer in pair.layers] == [
        ("high", True),
        ("low", False),
    ]
    assert not grid.enabled


def test_the_picture_comes_back_when_the_person_deletes_the_predictions(
    pair: ViewerModel, qtbot: QtBot, models: Path
) -> None:
    dock = judged(pair, qtbot)
    assert "no model yet" in dock.models.notice.text()
    dock.show_predictions()
    done(dock, qtbot)
    views = PredictionViews.of(Session.of(pair))
    pair.layers.selection = set(views.layers)
    pair.layers.remove_selected()
    assert [(layer.name, layer.visible) for layer in pair.layers] == [("high", True), ("low", True)]
    dock.show_predictions()
    done(dock, qtbot)
    pair.layers.clear()
    dock.hide_predictions()
    assert not views.layers


def test_what_a_model_learnt_from_is_left_out_or_refused(
    viewer: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write, tmp_path: Path, scans
) -> None:
    low, high = scans
    write_volume(tmp_path / "high.tif", high)
    read = replace(read_volume(tmp_path / "high.tif"), name="high", origin_um=high.origin_um)
    add_volume(viewer, read)
    add_volume(viewer, low)
    used = TrainingData(
        name="its scan", sha256=fingerprint(tmp_path / "high.tif"), box=((0, 40), (0, 46), (0, 23))
    )
    write_tiny_model(models / "trained.safetensors", training=(used,))
    dock = judged(viewer, qtbot)
    assert "x 24 to 69" in dock.notes.text()
    result = dock._judged.judgement
    assert result.regions["bbox_x0"].min() >= 24
    dock.where.mode.setCurrentIndex(1)  # everywhere
    dock.run()
    done(dock, qtbot)
    assert "learnt from: its scan" in dock.runner.message.text()
    assert dock._judged.judgement is result  # what was found before stays
    dock.where.mode.setCurrentIndex(2)
    dock.where.editor.set_box(((0, 40), (23, 46), (46, 69)))
    dock.run()
    done(dock, qtbot)
    regions = dock._judged.judgement.regions
    assert regions["bbox_x0"].min() >= 46
    assert regions["bbox_y0"].min() >= 23


def test_a_shifted_pair_is_told_at_once_and_mended_on_request(
    viewer: ViewerModel, qtbot: QtBot, models: Path, scans
) -> None:
    low, high = scans
    add_volume(viewer, high)
    add_volume(viewer, replace(low, origin_um=tuple(o + 0.9 for o in low.origin_um)))
    dock = opened(viewer, qtbot)
    dock.show()
    qtbot.waitUntil(lambda: dock.pair.residual_voxels is not None, timeout=240_000)
    assert dock.pair.residual_voxels == pytest.approx(2.2, abs=0.1)
    assert "Mend the residual shift" in dock.pair.notice.text()
    dock.form.rows["mend"].set_value(True)
    assert dock.pair.notice.text() == ""
    dock.run()
    done(dock, qtbot)
    assert "after mending" in dock.about.text()
    assert dock._judged.judgement.residual_voxels < 0.2
    dock.show_predictions()
    done(dock, qtbot)
    shown = viewer.layers["low scan"]
    voxel = np.array(volume_from_layer(shown).world_affine()[:3, 3])
    # where the low scan was before it was shifted; whole low voxels may be cut off
    apart = (voxel - np.array(low.origin_um)) / np.array(low.voxel_size_um)
    np.testing.assert_allclose(apart, np.round(apart), atol=0.1)
    viewer.layers["low"].translate = np.array(viewer.layers["low"].translate) - 0.9
    assert dock.pair.residual_voxels is None  # measured anew
    qtbot.waitUntil(lambda: dock.pair.residual_voxels is not None, timeout=240_000)
    assert dock.pair.residual_voxels < 0.3


def test_cracks_are_counted_where_labels_have_them(
    pair: ViewerModel, qtbot: QtBot, models: Path, scans
) -> None:
    high = scans[1]
    labels = np.where(high.data < np.quantile(high.data, 0.02), 2, 1).astype(np.uint8)
    layer = add_volume(pair, high.like(labels, "phases"), labels=True)
    dock = opened(pair, qtbot)
    assert dock.crack_rows.isHidden()
    dock.labels.choose(layer)
    assert not dock.crack_rows.isHidden()
    dock.run()
    assert "Value of cracks" in dock.runner.message.text()
    layer.metadata[KEY]["phases"] = {"active": 1, "crack": 2}
    dock.run()
    done(dock, qtbot)
    assert dock.table.metric.findData("crack_recall") >= 0
    dock.table.metric.setCurrentIndex(dock.table.metric.findData("crack_recall"))
    assert "high scan" in cells(dock, 0)


def test_what_cannot_be_judged_is_said(viewer: ViewerModel, qtbot: QtBot, models: Path) -> None:
    dock = opened(viewer, qtbot)
    dock.run()
    assert "Open a low- and a high-resolution scan" in dock.runner.message.text()
    flat = np.random.default_rng(0).random((30, 30))
    add_volume(viewer, Volume(flat, (1.0, 1.0), name="flat"))
    dock.run()
    assert "chosen twice" in dock.runner.message.text()
    other = add_volume(viewer, Volume(flat, (2.0, 2.0), name="flat too"))
    dock.pair.low.choose(other)
    dock.run()
    assert "2 axes" in dock.runner.message.text()
    viewer.layers.clear()
    cube = np.random.default_rng(0).random((30, 30, 30))
    add_volume(viewer, Volume(cube, (1.0,) * 3, name="here"))
    far = Volume(cube[:9, :9, :9], (3.0,) * 3, (900.0,) * 3, name="there")
    add_volume(viewer, far)
    qtbot.waitUntil(lambda: dock.pair.low.layer is viewer.layers["there"])
    dock.run()
    done(dock, qtbot)
    assert "do not overlap" in dock.runner.message.text()
    assert dock.result.isHidden()


def test_cancel_and_deleted_layers_leave_nothing_behind(
    pair: ViewerModel, qtbot: QtBot, models: Path, write_tiny_model: Write
) -> None:
    write_tiny_model(models / "tiny.safetensors")
    dock = opened(pair, qtbot)
    dock.run()
    dock.runner.cancel_button.click()
    done(dock, qtbot)
    assert "Cancelled" in dock.runner.message.text()
    assert dock.result.isHidden()
    dock.run()
    pair.layers.clear()  # the scans are held until the step is over
    done(dock, qtbot)
    assert cells(dock, 0) == ["cubic", MATCHED, "tiny"]
    assert dock.pair.low.layer is None


def test_closing_the_dock_stops_its_run_and_the_table_comes_back(
    pair: ViewerModel, qtbot: QtBot, models: Path
) -> None:
    dock = opened(pair, None)  # it is deleted here
    dock.run()
    done(dock, qtbot)
    found = dock._judged.judgement.quality
    dock.run()
    dock.deleteLater()
    QApplication.sendPostedEvents(dock, QEvent.Type.DeferredDelete)
    pair.layers[0].name = "renamed"  # nothing answers to this any more
    again = opened(pair, qtbot)
    assert again._judged.judgement.quality is found
    assert cells(again, 0) == ["cubic", MATCHED]
    assert not again._judged.judgement.predictions
    assert again.show_button.isHidden()
    assert "Judge again" in again.colours.text()


def test_it_is_no_wider_than_a_narrow_dock(qtbot: QtBot, pair: ViewerModel, models: Path) -> None:
    dock = judged(pair, qtbot)
    dock.where.mode.setCurrentIndex(2)
    content = dock.findChild(QScrollArea).widget()
    assert content.minimumSizeHint().width() <= 286  # 300 less a scroll bar


def test_opening_it_does_not_load_torch() -> None:
    code = "import sys, napari_battery.widgets.judge_dock\nprint('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "False"
