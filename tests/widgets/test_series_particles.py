from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Vectors
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_battery.tables import read_table
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume
from napari_battery.widgets.series_particles import ParticlesPart
from napari_battery.widgets.session import Session

SHAPE = (36, 60, 60)
CENTRES = np.array([(z, y, x) for z in (10, 26) for y in (10, 30, 50) for x in (10, 30, 50)], float)
RADIUS = 6.0
VOXEL_UM = 0.5
COMMON = np.array([0.4, -0.8, 1.2])  # voxels
ASTRAY = 4
"""A particle inside that goes elsewhere than the others."""


def shifts() -> NDArray[np.float64]:
    own = np.random.default_rng(5).normal(0, 0.1, CENTRES.shape)
    own[ASTRAY] = (0, 3.0, -2.5)
    return COMMON + own


def scan(centres: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
    """Spheres with soft edges, which shift by parts of a voxel, and noise."""
    grid = np.stack(np.indices(SHAPE), axis=-1).astype(np.float32)
    grey = np.full(SHAPE, 80, np.float32)
    for centre in centres:
        apart = np.linalg.norm(grid - centre, axis=-1)
        grey += 90 / (1 + np.exp((apart - RADIUS) / 0.6))
    return grey + np.random.default_rng(seed).normal(0, 3, SHAPE).astype(np.float32)


def labelled() -> NDArray[np.int32]:
    grid = np.stack(np.indices(SHAPE), axis=-1)
    labels = np.zeros(SHAPE, np.int32)
    for i, centre in enumerate(CENTRES):
        labels[np.linalg.norm(grid - centre, axis=-1) <= RADIUS] = i + 1
    return labels


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    size = (VOXEL_UM,) * 3
    add_volume(viewer, Volume(scan(CENTRES, 0), size, (5.0, 6.0, 7.0), name="pristine"))
    add_volume(viewer, Volume(scan(CENTRES + shifts(), 1), size, (5.0, 6.0, 7.0), name="4.2 V"))
    labels = Volume(labelled(), size, (5.0, 6.0, 7.0), name="particles")
    add_volume(viewer, labels, labels=True)
    return viewer


def follow(viewer: ViewerModel, qtbot: QtBot) -> ParticlesPart:
    part = ParticlesPart(Session.of(viewer))
    qtbot.addWidget(part)
    part.run()
    qtbot.waitUntil(lambda: not part.runner.busy, timeout=60_000)
    return part


def test_displacements_become_arrows_where_the_particles_are(viewer, qtbot):
    part = follow(viewer, qtbot)
    (layer,) = [layer for layer in viewer.layers if isinstance(layer, Vectors)]
    starts, found = layer.data[:, 0] * layer.scale, layer.data[:, 1] * layer.scale
    origin = np.array([5.0, 6.0, 7.0])
    # a sphere cut into voxels has its centroid where its centre is
    np.testing.assert_allclose(starts, CENTRES * VOXEL_UM + origin, atol=1e-5)
    # a tenth of a voxel: .07 is usual at the 95th percentile
    np.testing.assert_allclose(found, shifts() * VOXEL_UM, atol=0.1 * VOXEL_UM)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    made = layer.metadata[KEY]["made"]
    assert [entry["name"] for entry in made["inputs"]] == ["particles", "pristine", "4.2 V"]
    assert "18 of 18 particles followed" in part.summary.text()


def test_only_the_one_astray_is_an_outlier_and_is_pink(viewer, qtbot):
    part = follow(viewer, qtbot)
    (layer,) = [layer for layer in viewer.layers if isinstance(layer, Vectors)]
    assert list(np.flatnonzero(layer.features["outlier"])) == [ASTRAY]
    pink = layer.edge_color[ASTRAY].copy()
    assert pink[0] == 1
    assert not np.allclose(layer.edge_color[ASTRAY - 1], pink)
    assert "1 outlier" in part.legend.outliers.text()
    assert part.legend.end.text().endswith("µm")
    part.outliers.setChecked(False)
    assert layer.edge_color[ASTRAY][3] == 0
    assert (np.delete(layer.edge_color[:, 3], ASTRAY) == 1).all()


def test_the_look_changes_the_drawing_not_the_table(viewer, qtbot):
    part = follow(viewer, qtbot)
    (layer,) = [layer for layer in viewer.layers if isinstance(layer, Vectors)]
    table = part.view.table.whole().copy()
    part.scale_factor.setValue(5)
    assert layer.length == 5
    part.without_common.setChecked(True)
    own = np.delete(layer.data[:, 1] * layer.scale / VOXEL_UM, ASTRAY, axis=0)
    # what is left are the particles' own displacements, of .1 voxel per axis
    assert np.abs(own).max() < 0.5
    assert part.view.table.whole().equals(table)
    viewer.layers.remove(layer)
    part.without_common.setChecked(False)  # there is nothing to draw into any more


def test_a_row_leads_to_its_particle(viewer, qtbot):
    part = follow(viewer, qtbot)
    row = int(part.view.table.rows((18,))[0])
    part.view.selectRow(row)
    assert viewer.dims.point[0] == pytest.approx(CENTRES[17][0] * VOXEL_UM + 5, abs=VOXEL_UM)


def test_the_table_is_saved_and_outlives_the_dock(viewer, qtbot, tmp_path: Path):
    follow(viewer, qtbot).deleteLater()
    again = ParticlesPart(Session.of(viewer))
    qtbot.addWidget(again)
    again.save(tmp_path / "shifts.csv")
    table = read_table(tmp_path / "shifts.csv")
    assert list(table["label"]) == list(range(1, 19))
    assert table["shift_x_um"].median() == pytest.approx(COMMON[2] * VOXEL_UM, abs=0.05)
    assert (tmp_path / "shifts.csv.provenance.json").exists()


def test_labels_of_another_grid_are_refused_and_nothing_is_added(viewer, qtbot):
    small = Volume(labelled()[:-4], (VOXEL_UM,) * 3, name="cropped labels")
    layer = add_volume(viewer, small, labels=True)
    part = ParticlesPart(Session.of(viewer))
    qtbot.addWidget(part)
    part.labels.choose(layer)
    n = len(viewer.layers)
    part.run()
    qtbot.waitUntil(lambda: not part.runner.busy, timeout=60_000)
    assert "cropped labels" in part.runner.message.text()
    assert len(viewer.layers) == n


def test_cancel_adds_nothing(viewer, qtbot):
    part = ParticlesPart(Session.of(viewer))
    qtbot.addWidget(part)
    n = len(viewer.layers)
    part.run()
    part.runner.cancel()
    qtbot.waitUntil(lambda: not part.runner.busy, timeout=60_000)
    assert "Cancelled" in part.runner.message.text()
    assert len(viewer.layers) == n


def test_the_same_image_twice_cannot_be_run(viewer, qtbot):
    part = ParticlesPart(Session.of(viewer))
    qtbot.addWidget(part)
    assert part.runner.run_button.isEnabled()
    part.moving.choose(part.fixed.layer)
    assert not part.runner.run_button.isEnabled()


def test_the_labels_of_the_first_state_are_chosen_with_it(viewer, qtbot):
    first = viewer.layers["pristine"]
    made = {"step": "label", "inputs": [{"name": "pristine"}]}
    own = Volume(labelled(), (VOXEL_UM,) * 3, (5.0, 6.0, 7.0), name="its own")
    own.metadata["made"] = made
    layer = add_volume(viewer, own, labels=True)
    part = ParticlesPart(Session.of(viewer))
    qtbot.addWidget(part)
    part.labels.choose(viewer.layers["particles"])
    part.choose(first, viewer.layers["4.2 V"])
    assert part.labels.layer is layer
