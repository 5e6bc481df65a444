from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_battery.radial
from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.radial_dock import RadialDock, _grid_text
from napari_battery.widgets.session import Session


def make(viewer, name, state="", size=(1.0, 1.0, 1.0), seed=0):
    grey = np.random.default_rng(seed).integers(0, 255, (12, 14, 30), np.uint8)
    metadata = {"state": state} if state else {}
    return add_volume(viewer, Volume(grey, size, name=name, metadata=metadata))


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    make(viewer, "pristine", "pristine")
    make(viewer, "charged", "4.4 V", seed=1)
    small = Volume(np.zeros((5, 5, 5), np.uint8), (1, 1, 1), name="small")
    add_volume(viewer, small)
    data = np.zeros((12, 14, 30), np.int32)
    data[1:11, 1:11, 1:11] = 4
    data[3:6, 3:6, 20:23] = 9
    made = {"made": {"inputs": [{"name": "pristine"}]}}
    add_volume(viewer, Volume(data, (1, 1, 1), name="P", metadata=made), labels=True)
    return viewer


@pytest.fixture
def dock(qtbot, viewer):
    dock = RadialDock(viewer)
    qtbot.addWidget(dock)
    dock.resize(320, 600)
    dock.show()
    return dock


@pytest.fixture
def gate(monkeypatch):
    """Holds the analysis back until it is opened."""
    opened = threading.Event()

    def slow(labels, image, settings, progress):
        progress.begin(10, "Measuring")
        while not opened.wait(0.01):
            progress.advance(0)
        return radial_tables(labels, image, settings, progress)

    monkeypatch.setattr(napari_battery.radial, "radial_tables", slow)
    return opened


def run(dock, qtbot):
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=30_000)


def test_labels_come_with_the_image_they_were_made_from(dock):
    assert dock.labels.layer.name == "P"
    assert dock.image.layer.name == "pristine"
    assert dock.state.text() == "pristine"
    assert dock.about.text() == "12 × 14 × 30 voxels of 1 µm (layer)."
    assert not dock.prepare_button.isVisible()
    dock.image.choose(dock.image._layers[0])
    assert dock.image.layer.name == "small"
    assert "another grid" in dock.about.text()


def test_a_known_voxel_size_is_said_to_serve_labels_with_an_assumed_one():
    data = np.zeros((4, 5, 6), np.uint8)
    assumed = Volume(data, (1, 1, 1), name="P", voxel_size_source="assumed 1 µm")
    text = _grid_text(assumed, Volume(data, (0.5,) * 3, name="scan", voxel_size_source="typed in"))
    assert text.startswith("4 × 5 × 6 voxels of 0.5 µm (typed in). The labels “P” have only an")
    assert "another grid" not in text


def test_without_a_history_it_is_the_newest_image_of_that_shape(viewer, qtbot):
    viewer.layers["P"].metadata[KEY].pop("made")
    dock = RadialDock(viewer)
    qtbot.addWidget(dock)
    assert dock.image.layer.name == "charged"
    assert dock.state.text() == "4.4 V"


def test_the_image_may_come_after_the_dock(qtbot):
    viewer = ViewerModel()
    dock = RadialDock(viewer)
    qtbot.addWidget(dock)
    assert dock.about.text() == "Open or make Labels and Image first."
    assert not dock.runner.run_button.isEnabled()
    viewer.add_labels(np.ones((4, 4), np.uint8), units=("um", "um"))
    viewer.add_image(np.ones((4, 4)), units=("um", "um"))
    assert dock.runner.run_button.isEnabled()


def test_an_image_chosen_by_hand_stays(dock, viewer):
    index = [layer.name for layer in dock.image._layers].index("charged")
    dock.image.setCurrentIndex(index)
    dock.image.activated.emit(index)
    make(viewer, "later")
    assert dock.image.layer.name == "charged"
    viewer.layers.remove("charged")
    assert dock.image.layer is not None


def test_a_run_gives_an_analysis_of_these_layers(dock, viewer, qtbot):
    dock.form.set_value(RadialSettings(exclude_layers=2))
    run(dock, qtbot)
    session = Session.of(viewer)
    (analysis,) = session.analyses
    assert session.current is analysis
    assert (analysis.name, analysis.state) == ("pristine", "pristine")
    assert analysis.labels is viewer.layers["P"]
    assert analysis.image is viewer.layers["pristine"]
    expected = radial_tables(
        volume_from_layer(viewer.layers["P"]),
        volume_from_layer(viewer.layers["pristine"]),
        RadialSettings(exclude_layers=2),
    )
    assert analysis.particles.equals(expected.particles)
    assert dock.summary.text().startswith("2 particles, 1 without core (2 outer layers")
    assert all(note in dock.notes.toPlainText() for note in expected.notes)


def test_another_state_is_added_and_the_same_one_replaced(dock, viewer, qtbot):
    run(dock, qtbot)
    dock.image.choose(viewer.layers["charged"])
    assert dock.state.text() == "4.4 V"
    run(dock, qtbot)
    run(dock, qtbot)
    analyses = Session.of(viewer).analyses
    assert [analysis.name for analysis in analyses] == ["pristine", "charged (4.4 V)"]
    dock.image.choose(viewer.layers["pristine"])
    dock.state.setText("0 cycles")
    run(dock, qtbot)
    assert [analysis.state for analysis in analyses] == ["pristine", "4.4 V", "0 cycles"]
    dock.image.choose(viewer.layers["charged"])
    dock.image.choose(viewer.layers["pristine"])
    assert dock.state.text() == "0 cycles"


def test_cancel_leaves_nothing(dock, viewer, qtbot, gate):
    dock.run()
    assert dock.runner.busy
    assert not dock.runner.run_button.isEnabled()
    dock.runner.cancel()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=10_000)
    assert not Session.of(viewer).analyses
    assert "Cancelled" in dock.runner.message.text()
    assert dock.runner.run_button.isEnabled()


@pytest.mark.parametrize("gone", [("P",), ("pristine",), ("P", "pristine", "charged", "small")])
def test_layers_deleted_meanwhile_leave_the_tables(dock, viewer, qtbot, gate, gone):
    dock.run()
    for name in gone:
        viewer.layers.remove(name)
    gate.set()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=30_000)
    (analysis,) = Session.of(viewer).analyses
    assert (analysis.labels is None) == ("P" in gone)
    assert (analysis.image is None) == ("pristine" in gone)
    assert f"“{gone[0]}” was deleted meanwhile" in dock.notes.toPlainText()


def test_a_late_result_belongs_to_the_layers_it_was_started_on(dock, viewer, qtbot, gate):
    dock.run()
    dock.image.choose(viewer.layers["charged"])
    dock.state.setText("other")
    viewer.layers["pristine"].name = "renamed"
    gate.set()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=30_000)
    (analysis,) = Session.of(viewer).analyses
    assert analysis.image is viewer.layers["renamed"]
    assert analysis.state == "pristine"


def test_labels_edited_meanwhile_make_a_stale_result(dock, viewer, qtbot, gate):
    dock.run()
    viewer.layers["P"].paint((3, 3, 3), 9)
    gate.set()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=30_000)
    (analysis,) = Session.of(viewer).analyses
    assert "edited while" in analysis.stale


def test_a_dock_closed_mid_run_stops_and_adds_nothing(viewer, qtbot, gate):
    dock = RadialDock(viewer)
    dock.run()
    dock.deleteLater()
    qtbot.wait(50)
    viewer.layers["P"].paint((3, 3, 3), 9)
    viewer.layers["P"].scale = (2, 2, 2)
    make(viewer, "later")
    viewer.layers.clear()
    assert not Session.of(viewer).analyses


def test_an_unknown_voxel_size_is_asked_for(viewer, qtbot):
    make(viewer, "raw", size=None)
    dock = RadialDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    dock.image.choose(viewer.layers["raw"])
    assert dock.about.text().startswith("The voxel size of “raw” is unknown.")
    assert dock.prepare_button.isVisible()
    dock.run()
    assert not dock.runner.busy
    assert "“raw” is unknown" in dock.runner.message.text()
    viewer.layers["raw"].units = ("um", "um", "um")
    assert not dock.prepare_button.isVisible()
    assert "voxels of 1 µm" in dock.about.text()


def test_maps_and_colour_pictures_are_not_offered(dock, viewer):
    viewer.add_labels(
        viewer.layers["P"].data, name="map", metadata={KEY: {"kind": "map"}}, units=["um"] * 3
    )
    viewer.add_image(np.zeros((4, 4, 3), np.uint8), rgb=True, name="photo")
    assert [layer.name for layer in dock.labels._layers] == ["P"]
    assert "photo" not in [layer.name for layer in dock.image._layers]


def test_labels_made_meanwhile_are_chosen_unless_others_were_by_hand(dock, viewer):
    data = np.zeros((12, 14, 30), np.int32)
    made = {"made": {"inputs": [{"name": "charged"}]}}
    new = add_volume(viewer, Volume(data, (1, 1, 1), name="Q", metadata=made), labels=True)
    assert dock.labels.layer is new
    assert dock.image.layer.name == "charged"
    dock.labels.choose(viewer.layers["P"])
    dock.labels.activated.emit(dock.labels.currentIndex())
    add_volume(viewer, Volume(data, (1, 1, 1), name="R", metadata=made), labels=True)
    assert dock.labels.layer.name == "P"


def test_the_selected_labels_are_chosen_first(viewer, qtbot):
    data = np.ones((12, 14, 30), np.int32)
    add_volume(viewer, Volume(data, (1, 1, 1), name="Q"), labels=True)
    viewer.layers.selection.active = viewer.layers["P"]
    dock = RadialDock(viewer)
    qtbot.addWidget(dock)
    assert dock.labels.layer.name == "P"


@pytest.mark.viewer
def test_a_missing_voxel_size_is_asked_for_every_layer_at_once(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    image = add_volume(viewer, Volume(np.zeros((20, 30)), None, name="grey"))
    labels = add_volume(viewer, Volume(np.ones((20, 30), int), None, name="P"), labels=True)
    dock = open_dock(viewer, "Radial analysis")
    dock.run()
    assert "Prepare stack" in dock.runner.message.text()
    assert "--" not in dock.runner.message.text()  # that is for the command line
    dock.prepare_button.click()
    prepare = open_dock(viewer, "Prepare stack")
    assert set(prepare.layers.layers) == {image, labels}
    assert prepare.voxel_size.isVisibleTo(prepare)
    prepare.voxel_size.apply_button.click()
    qtbot.waitUntil(lambda: "20 × 30 voxels of 1 µm" in dock.about.text())


def test_the_scan_is_measured_and_not_what_it_was_smoothed_to(dock, viewer):
    first = {"step": "open", "inputs": [{"name": "file.tif"}]}
    smooth = {"step": "filter median", "inputs": [{"name": "pristine", "made": first}]}
    phases = {"step": "phases", "inputs": [{"name": "denoised", "made": smooth}]}
    made = {"step": "label", "inputs": [{"name": "phases", "made": phases}]}
    data = viewer.layers["P"].data
    grey = np.zeros(data.shape, np.uint8)
    add_volume(viewer, Volume(grey, (1, 1, 1), name="denoised", metadata={"made": smooth}))
    labels = Volume(data.copy(), (1, 1, 1), name="Q", metadata={"made": made})
    add_volume(viewer, labels, labels=True)
    assert dock.labels.layer is viewer.layers["Q"]
    assert dock.image.layer is viewer.layers["pristine"]
    mended = {**smooth, "step": "filter cupping"}
    add_volume(viewer, Volume(grey, (1, 1, 1), name="mended", metadata={"made": mended}))
    made = {"step": "label", "inputs": [{"name": "mended", "made": mended}]}
    labels = Volume(data.copy(), (1, 1, 1), name="R", metadata={"made": made})
    add_volume(viewer, labels, labels=True)
    assert dock.image.layer is viewer.layers["mended"]
