"""Dock "Inside a particle": picked, drawn, added as layers, run for all, saved."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from pytestqt.qtbot import QtBot

from napari_battery.maps import MapSettings
from napari_battery.radial import radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets.inside_dock import InsideDock
from napari_battery.widgets.inside_layers import add_crops, lay_out
from napari_battery.widgets.inside_results import LAST
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.map_layers import make_map
from napari_battery.widgets.session import Analysis, Session

CENTRES = np.array([[13.0, 13.0, 13.0], [13.0, 13.0, 37.0]])
RADIUS, VOXEL, ORIGIN = 10.0, 0.5, (5.0, 6.0, 7.0)
SHAPE = (27, 27, 50)


def distance(centre: np.ndarray) -> np.ndarray:
    return np.sqrt(sum((g - c) ** 2 for g, c in zip(np.indices(SHAPE), centre, strict=True)))


def scan(shift: float, dents: tuple[float, float], seed: int) -> np.ndarray:
    image = np.full(SHAPE, 100.0)
    for centre, dent in zip(CENTRES, dents, strict=True):
        r = distance(centre + np.array([0, 0, shift]))
        image += 80 / (1 + np.exp((r - RADIUS) / 0.7))
        image += dent * np.clip(1 - (r / RADIUS) ** 2, 0, None)
    noise = 4 * np.random.default_rng(seed).standard_normal(SHAPE)
    return (image + noise).astype(np.float32)


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    states = (("pristine", 0.0, (0, 0)), ("4.4 V", 0.6, (0, -50)), ("2.5 V", -0.3, (0, 30)))
    for seed, (state, shift, dents) in enumerate(states):
        metadata = {"state": state, "synthetic": True}
        image = Volume(scan(shift, dents, seed), (VOXEL,) * 3, ORIGIN, name=f"scan {state}")
        layer = add_volume(viewer, image)
        layer.metadata[KEY].update(metadata)
    labels = np.zeros(SHAPE, np.int32)
    for label, centre in zip((4, 9), CENTRES, strict=True):
        labels[distance(centre) < RADIUS] = label
    add_volume(viewer, Volume(labels, (VOXEL,) * 3, ORIGIN, name="particles"), labels=True)
    return viewer


@pytest.fixture
def dock(viewer: ViewerModel, qtbot: QtBot) -> InsideDock:
    dock = InsideDock(viewer)
    qtbot.addWidget(dock)
    return dock


def shown(dock: InsideDock, qtbot: QtBot, label: int) -> None:
    def there() -> bool:
        found = dock.view.particle
        return found is not None and found.label == label and not dock.latest.busy

    qtbot.waitUntil(there, timeout=60_000)


def analysis_of(viewer: ViewerModel, name: str) -> Analysis:
    labels, image = viewer.layers["particles"], viewer.layers[name]
    result = radial_tables(volume_from_layer(labels), volume_from_layer(image))
    return Analysis(name, result, labels, image)


def test_states_and_labels_are_found(dock: InsideDock, qtbot: QtBot) -> None:
    assert [name for name, _ in dock.states.states] == ["pristine", "4.4 V", "2.5 V"]
    assert dock.labels.layer.name == "particles"
    qtbot.waitUntil(lambda: "Click a particle" in dock.message.text(), timeout=5_000)


def test_a_particle_picked_elsewhere_is_shown(
    dock: InsideDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    session = Session.of(viewer)
    session.add(analysis_of(viewer, "scan pristine"))
    session.select((9,))
    shown(dock, qtbot, 9)
    assert "4.4 V: changed by −" in dock.about.text()
    assert "2.5 V: changed by +" in dock.about.text()
    assert len(dock.view.slices.figure.axes) == 6
    dock.view.axis.setCurrentIndex(dock.view.axis.findData("x"))
    dock.view.slider.setValue(0)
    assert dock.view.number.text() == f"1/{dock.view.particle.layers.shape[2]}"


def test_only_the_last_click_is_answered(dock: InsideDock, qtbot: QtBot) -> None:
    seen = []
    show = dock.view.show_particle
    dock.view.show_particle = lambda found, *a, **k: (
        seen.append(found.label),
        show(found, *a, **k),
    )
    dock.label_box.setValue(4)
    dock.look()
    dock.label_box.setValue(9)
    dock.look()
    shown(dock, qtbot, 9)
    assert set(seen) == {9}


def test_clicks_are_taken_where_no_analysis_does(
    dock: InsideDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    session = Session.of(viewer)
    assert session.click_taker is None
    dock.show()
    assert session.click_taker == dock.click
    place = np.array(ORIGIN) + VOXEL * CENTRES[0]
    event = SimpleNamespace(position=tuple(place), view_direction=None, dims_displayed=[1, 2])
    session.click_taker(event)
    assert dock.label_box.value() == 4
    session.add(analysis_of(viewer, "scan pristine"))
    assert session.click_taker is None
    shown(dock, qtbot, 4)


def test_what_cannot_be_done_is_said(dock: InsideDock, viewer: ViewerModel, qtbot: QtBot) -> None:
    dock.label_box.setValue(5)
    qtbot.waitUntil(lambda: "no particle 5" in dock.message.text(), timeout=30_000)
    viewer.layers.remove("scan 4.4 V")
    viewer.layers.remove("scan 2.5 V")
    qtbot.waitUntil(lambda: "at least one later state" in dock.message.text(), timeout=5_000)


def test_crops_lie_where_the_particle_does(
    dock: InsideDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock.label_box.setValue(9)
    shown(dock, qtbot, 9)
    layers = add_crops(viewer, dock.view.particle)
    assert len(layers) == 3 + 1 + 2
    whole = viewer.layers["particles"]
    core = next(layer for layer in layers if isinstance(layer, Labels))
    for voxel in np.argwhere(core.data == 2)[::50]:
        world = core.data_to_world(voxel)
        assert whole.get_value(world, world=True) == 9
    changes = layers[-2:]
    assert {tuple(layer.contrast_limits) for layer in changes} == {
        (-dock.view.particle.limit, dock.view.particle.limit)
    }
    assert np.isnan(changes[0].data[core.data != 2]).all()
    grid = ViewerModel()
    lay_out(grid, dock.view.particle)
    view = getattr(grid, "canvas", grid).grid
    assert view.enabled
    assert tuple(view.shape) == (2, 3)


def test_all_particles_beside_the_analyses(
    dock: InsideDock, viewer: ViewerModel, qtbot: QtBot, tmp_path: Path
) -> None:
    session = Session.of(viewer)
    for name in ("scan pristine", "scan 4.4 V"):
        session.add(analysis_of(viewer, name))
    dock.all_particles.run()
    qtbot.waitUntil(lambda: not dock.all_particles.runner.busy, timeout=60_000)
    first, second = session.analyses
    table = LAST[session].found.table.set_index(["state", "label"])
    rows = second.particles.set_index("label")
    assert rows.loc[9, "fell_share"] == table.loc[("4.4 V", 9), "fell_share"] > 0.9
    assert rows.loc[4, "change_mean"] == pytest.approx(0, abs=1.5)
    assert first.particles.set_index("label").loc[9, "rose_share, 2.5 V"] > 0.5
    assert "change_mean, 4.4 V" not in first.particles
    assert make_map(second, "change_mean", MapSettings()).diverging
    session.set_exclude_layers(second, 3)
    assert "fell_share" in second.particles  # a core of another size keeps them
    assert "“scan 4.4 V”" in dock.all_particles.summary.text()
    dock.label_box.setValue(9)
    shown(dock, qtbot, 9)
    sigmas = [noise.sigma for noise in LAST[session].found.noise.values()]
    assert [noise.sigma for noise in dock.view.particle.noise] == sigmas
    dock.all_particles.save(tmp_path / "inside.csv")
    assert len(pd.read_csv(tmp_path / "inside.csv")) == 4
    assert (tmp_path / "inside.csv.provenance.json").exists()
    dock.save(tmp_path / "one.png")
    assert {path.name for path in tmp_path.glob("one*")} == {
        f"one{part}.{end}"
        for part in ("", "-profile")
        for end in ("png", "csv", "png.provenance.json")
    }


def test_again_replaces_the_columns(dock: InsideDock, viewer: ViewerModel, qtbot: QtBot) -> None:
    session = Session.of(viewer)
    session.add(analysis_of(viewer, "scan pristine"))
    for _ in range(2):
        dock.all_particles.run()
        qtbot.waitUntil(lambda: not dock.all_particles.runner.busy, timeout=60_000)
    assert "Out of date" not in dock.all_particles.summary.text()
    columns = list(session.analyses[0].particles)
    labels = viewer.layers["particles"]
    labels.data_setitem((np.array([13]), np.array([13]), np.array([13])), 9)
    assert "Out of date" in dock.all_particles.summary.text()
    labels.undo()
    assert "Out of date" not in dock.all_particles.summary.text()
    assert len(columns) == len(set(columns))
    assert columns[-1] == "note"


def test_labels_of_the_first_state_are_taken(viewer: ViewerModel, qtbot: QtBot) -> None:
    own = viewer.layers["particles"]
    own.metadata[KEY]["state"] = "pristine"
    later = Volume(own.data.copy(), (VOXEL,) * 3, ORIGIN, name="later particles")
    add_volume(viewer, later, labels=True).metadata[KEY]["state"] = "2.5 V"
    dock = InsideDock(viewer)
    qtbot.addWidget(dock)
    assert dock.labels.layer is own
    dock.labels.setCurrentIndex(0)
    dock.labels.activated.emit(0)
    dock.states.changed.emit()
    assert dock.labels.layer.name == "later particles"  # as the person chose
