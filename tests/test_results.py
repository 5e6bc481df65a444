from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_battery.errors import InputError
from napari_battery.io import read_volume, write_volume
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.results import (
    SavedAnalysis,
    SavedLayer,
    Sitting,
    open_results,
    save_results,
)
from napari_battery.volume import Volume


@pytest.fixture
def sitting(tmp_path: Path) -> Sitting:
    """An image in a file, labels in memory with a region, and their analysis."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 255, (12, 14, 16), np.uint8)
    write_volume(tmp_path / "scan.tif", Volume(grey, (0.5, 0.5, 0.5), name="scan"))
    image = read_volume(tmp_path / "scan.tif")
    labels = np.zeros(grey.shape, np.int32)
    labels[2:10, 2:10, 2:10] = 7
    labels[3:9, 3:9, 11:15] = 100_000
    region = np.ones(grey.shape, bool)
    region[:, :, :2] = False
    turn = np.eye(4)
    turn[0, 3] = 3.0
    image = replace(image, affine=turn)
    volume = image.like(labels, "Particles", region=region)
    result = radial_tables(volume, image, RadialSettings(exclude_layers=1, centroid_shells=True))
    return Sitting(
        [SavedLayer(image, "image", in_file=True, display={"gamma": 0.5}),
         SavedLayer(volume, "labels")],
        [SavedAnalysis("pristine run", result, 1, 0, "pristine", "", 2)],
    )  # fmt: skip


def test_a_sitting_comes_back_whole(sitting: Sitting, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    save_results(folder, sitting)
    back = open_results(folder)
    assert list(back.notes) == []
    image, labels = back.layers
    assert image is not None
    assert labels is not None
    for saved, before in ((image, sitting.layers[0]), (labels, sitting.layers[1])):
        assert before is not None
        np.testing.assert_array_equal(np.asarray(saved.volume.data), np.asarray(before.volume.data))
        assert saved.volume.same_grid(before.volume)
        assert saved.volume.voxel_size_source == before.volume.voxel_size_source
        assert saved.kind == before.kind
    assert image.display == {"gamma": 0.5}
    np.testing.assert_array_equal(labels.volume.region, sitting.layers[1].volume.region)
    analysis, before_analysis = back.analyses[0], sitting.analyses[0]
    for name in ("particles", "layers", "shells"):
        pd.testing.assert_frame_equal(
            getattr(analysis.result, name),
            getattr(before_analysis.result, name),
            check_dtype=False,
            check_exact=True,
        )
    assert analysis.result.settings == before_analysis.result.settings
    assert (analysis.labels, analysis.image, analysis.exclude_layers) == (1, 0, 2)
    assert (analysis.name, analysis.state, analysis.stale) == ("pristine run", "pristine", "")


def test_files_are_linked_not_copied(sitting: Sitting, tmp_path: Path) -> None:
    save_results(tmp_path / "results", sitting)
    written = sorted(p.name for p in (tmp_path / "results" / "layers").glob("*.tif"))
    assert written == ["2-Particles.tif", "2-region.tif"]


def test_a_results_folder_may_move_with_its_files(sitting: Sitting, tmp_path: Path) -> None:
    save_results(tmp_path / "results", sitting)
    there = tmp_path / "elsewhere"
    there.mkdir()
    (tmp_path / "results").rename(there / "results")
    (tmp_path / "scan.tif").rename(there / "scan.tif")
    assert not open_results(there / "results").notes


def test_a_missing_file_is_said_and_the_tables_stay(sitting: Sitting, tmp_path: Path) -> None:
    save_results(tmp_path / "results", sitting)
    (tmp_path / "scan.tif").unlink()
    back = open_results(tmp_path / "results")
    assert back.layers[0] is None
    assert "scan.tif is no longer there" in back.notes[0]
    assert len(back.analyses[0].result.particles) == 2


def test_a_changed_file_makes_its_analyses_stale(sitting: Sitting, tmp_path: Path) -> None:
    save_results(tmp_path / "results", sitting)
    write_volume(tmp_path / "scan.tif", Volume(np.ones((12, 14, 16), np.uint8), (0.5, 0.5, 0.5)))
    back = open_results(tmp_path / "results")
    assert "changed" in back.analyses[0].stale
    assert "scan.tif has changed" in back.notes[0]


def test_cancel_leaves_the_old_results(sitting: Sitting, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    save_results(folder, sitting)
    before = (folder / "results.json").read_text()
    renamed = [replace(sitting.analyses[0], name="other")]
    stop = CallbackProgress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        save_results(folder, replace(sitting, analyses=renamed), stop)
    assert (folder / "results.json").read_text() == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_folder_of_other_files_is_never_replaced(sitting: Sitting, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").touch()
    with pytest.raises(InputError, match="holds other files"):
        save_results(folder, sitting)
    assert (folder / "cat.jpg").exists()


def test_what_a_person_put_beside_the_results_is_never_lost(
    sitting: Sitting, tmp_path: Path
) -> None:
    save_results(tmp_path / "results", sitting)
    (tmp_path / "results" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"other files \(notes.txt\)"):
        save_results(tmp_path / "results", sitting)
    assert (tmp_path / "results" / "notes.txt").read_text() == "mine"


def test_saving_over_the_results_that_are_open_keeps_their_layers(
    sitting: Sitting, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    save_results(folder, sitting)
    save_results(folder, open_results(folder))
    back = open_results(folder)
    assert list(back.notes) == []
    np.testing.assert_array_equal(
        np.asarray(back.layers[1].volume.data), sitting.layers[1].volume.data
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "Cannot read"), ("[]", "not of the format"), ('{"format": "x"}', "not of the format")],
)
def test_what_is_no_results_folder_is_said(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no results folder"):
        open_results(tmp_path)
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError, match=message):
        open_results(tmp_path)


def test_names_that_lead_out_of_the_folder_are_refused(sitting: Sitting, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    save_results(folder, sitting)
    content = json.loads((folder / "results.json").read_text())
    content["layers"][1]["file"] = "../../secret.tif"
    (folder / "results.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="outside its folder"):
        open_results(folder)
