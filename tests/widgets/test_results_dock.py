from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.io import read_volume, write_volume
from napari_battery.maps import MapSettings
from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.map_layers import MapLayers
from napari_battery.widgets.results_dock import ResultsDock
from napari_battery.widgets.session import Analysis, Session


@pytest.fixture
def viewer(tmp_path: Path) -> ViewerModel:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 255, (12, 14, 16), np.uint8)
    write_volume(tmp_path / "scan.tif", Volume(grey, (0.5, 0.5, 0.5)))
    viewer = ViewerModel()
    image = read_volume(tmp_path / "scan.tif")
    layer = add_volume(viewer, image, contrast_limits=(20, 200), visible=False)
    data = np.zeros(image.shape, np.int32)
    data[2:10, 2:10, 2:10] = 7
    labels = add_volume(viewer, image.like(data, "Particles"), labels=True)
    viewer.add_points(np.zeros((1, 3)))
    result = radial_tables(volume_from_layer(labels), image, RadialSettings(exclude_layers=1))
    session = Session.of(viewer)
    session.add(Analysis("run", result, labels, layer, "pristine"))
    session.set_exclude_layers(session.analyses[0], 2)
    MapLayers.of(session).add(session.analyses[0], "mean", MapSettings(colour_map="magma"))
    return viewer


def run(dock: ResultsDock, which: str, folder: Path, qtbot: QtBot) -> None:
    dock.folder.setText(str(folder))
    runner = getattr(dock, which)
    runner.run_button.click()
    qtbot.waitUntil(lambda: not runner.busy)


def test_yesterday_s_sitting_comes_back(viewer: ViewerModel, tmp_path: Path, qtbot: QtBot) -> None:
    dock = ResultsDock(viewer)
    qtbot.addWidget(dock)
    assert "analyses: 1; layers: 2, of which 1 linked" in dock.contents.text()
    run(dock, "saver", tmp_path / "results", qtbot)
    assert "Saved" in dock.saver.message.text()

    today = ViewerModel()
    other = ResultsDock(today)
    qtbot.addWidget(other)
    assert other.folder.text() == str(tmp_path / "results")
    run(other, "opener", tmp_path / "results", qtbot)
    assert "Opened" in other.opener.message.text()
    map_name = viewer.layers[2].name
    assert [layer.name for layer in today.layers] == ["scan", "Particles", map_name]
    scan, particles, shown = today.layers
    assert shown.data is particles.data
    assert shown.get_color(7) == pytest.approx(viewer.layers[2].get_color(7))
    assert isinstance(scan.data, np.memmap)
    assert not scan.visible
    assert tuple(scan.contrast_limits) == (20, 200)
    np.testing.assert_array_equal(particles.data, viewer.layers["Particles"].data)
    assert volume_from_layer(particles).same_grid(volume_from_layer(viewer.layers["Particles"]))
    before, after = Session.of(viewer).analyses[0], Session.of(today).analyses[0]
    assert after.labels is particles
    assert after.image is scan
    assert (after.name, after.state, after.exclude_layers) == ("run", "pristine", 2)
    pd.testing.assert_frame_equal(
        after.particles, before.particles, check_dtype=False, check_exact=True
    )
    assert particles.features.set_index("index")["core_mean"][7] == pytest.approx(
        after.particles["core_mean"].iloc[0]
    )
    particles.fill((5, 5, 5), 3)  # still editable, and the file of the results is not touched
    assert after.stale


def test_edited_labels_are_written_not_linked(
    viewer: ViewerModel, tmp_path: Path, qtbot: QtBot
) -> None:
    dock = ResultsDock(viewer)
    qtbot.addWidget(dock)
    viewer.layers["Particles"].fill((5, 5, 5), 3)
    run(dock, "saver", tmp_path / "results", qtbot)
    written = read_volume(next((tmp_path / "results" / "layers").glob("*Particles.tif")))
    assert set(np.unique(written.data)) == {0, 3, 7}  # one slice was filled


def test_problems_are_said_in_the_dock(viewer: ViewerModel, tmp_path: Path, qtbot: QtBot) -> None:
    dock = ResultsDock(viewer)
    qtbot.addWidget(dock)
    dock.saver.run_button.click()
    assert "Name a folder" in dock.saver.message.text()
    run(dock, "opener", tmp_path / "nowhere", qtbot)
    assert "no results folder" in dock.opener.message.text()
    run(dock, "saver", tmp_path, qtbot)
    assert "holds other files" in dock.saver.message.text()
    viewer.add_image(np.zeros((2, 2, 2, 2, 2)), name="series")
    assert "“series” has 5 axes" in dock.contents.text()
