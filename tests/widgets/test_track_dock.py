from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea

from napari_battery.labelling import LabelSettings, as_published, label_particles
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume, is_map
from napari_battery.widgets.section import Section
from napari_battery.widgets.track_dock import TrackDock
from napari_battery.widgets.track_masks import recorded_settings
from napari_battery.widgets.track_series import LAST

SHAPE = (24, 60, 60)
CENTRES = [(12, 15, 15), (12, 15, 44), (12, 44, 15), (12, 44, 44), (12, 30, 0)]
RADIUS = 8.0


def spheres(
    shift: float = 0.0, radii: tuple[float, ...] = (RADIUS,) * 5, seed: int = 0
) -> NDArray[np.uint8]:
    grid = np.indices(SHAPE).astype(np.float32)
    grey = np.random.default_rng(seed).normal(80, 5, SHAPE)
    for centre, radius in zip(CENTRES, radii, strict=True):
        apart = sum((g - c - shift) ** 2 for g, c in zip(grid, centre, strict=True))
        grey[apart <= radius**2] += 90
    return np.clip(grey, 0, 255).astype(np.uint8)


def scan(data: NDArray[np.uint8], name: str, state: str) -> Volume:
    return Volume(data, (0.5, 0.5, 0.5), name=name, metadata={"state": state})


@pytest.fixture
def viewer() -> ViewerModel:
    """Four whole particles and a cut one; in the second state one has swollen, one is gone."""
    viewer = ViewerModel()
    pristine = scan(spheres(), "scan 0", "pristine")
    add_volume(viewer, pristine)
    add_volume(viewer, scan(spheres(1, seed=1), "scan 1", "4.0 V"))
    radii = (RADIUS, RADIUS * 1.3, 0.0, RADIUS, RADIUS)
    add_volume(viewer, scan(spheres(0, radii, seed=2), "scan 2", "4.4 V"))
    labels = label_particles(pristine)
    add_volume(viewer, labels, labels=True)
    return viewer


def track(viewer: ViewerModel, qtbot: QtBot) -> TrackDock:
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    return dock


def reasons(dock: TrackDock) -> dict[str, int]:
    rows = [dock.ledger.topLevelItem(i) for i in range(dock.ledger.topLevelItemCount())]
    return {row.text(0): int(row.text(1)) for row in rows}


def test_the_later_scans_are_ticked_and_named_by_their_states(viewer, qtbot):
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    assert [(name, layer.name) for name, layer in dock.states.states] == [
        ("4.0 V", "scan 1"),
        ("4.4 V", "scan 2"),
    ]
    dock.states.topLevelItem(1).setText(0, "charged")
    dock.states.topLevelItem(2).setCheckState(0, Qt.CheckState.Unchecked)
    assert [name for name, _ in dock.states.states] == ["charged"]
    viewer.layers["scan 1"].name = "renamed"
    qtbot.waitUntil(lambda: dock.states.topLevelItem(1).text(1) == "renamed")
    assert [name for name, _ in dock.states.states] == ["charged"]


def test_numbers_are_kept_and_reasons_are_coloured(viewer, qtbot):
    dock = track(viewer, qtbot)
    labels = viewer.layers["scan 0 labels"]
    later = [layer for layer in viewer.layers if layer.name.startswith("scan 0 labels, ")]
    assert [layer.metadata[KEY]["state"] for layer in later] == ["4.0 V", "4.4 V"]
    for layer in later:
        assert tuple(layer.scale) == tuple(labels.scale)
        assert not layer.visible
        for centre in (CENTRES[0], CENTRES[3]):  # whole in every state
            assert layer.data[centre] == labels.data[centre] > 0
    by_label = {centre: int(labels.data[centre]) for centre in CENTRES}
    found = reasons(dock)
    assert found["kept"] == 2
    assert found["missing"] == 1
    assert found["touches the border"] == 1
    assert found["volume jump"] == 1
    (shown,) = [layer for layer in viewer.layers if is_map(layer)]
    assert shown.data is labels.data
    colour = {centre: tuple(shown.get_color(n)) for centre, n in by_label.items()}
    assert colour[CENTRES[0]] == colour[CENTRES[3]]
    assert len(set(colour.values())) == 4
    features = shown.features.set_index("index")
    assert features.loc[by_label[CENTRES[2]], "reason"] == "missing"
    assert features.loc[by_label[CENTRES[2]], "states"] == "4.4 V"


def test_rules_count_anew_without_tracking_again(viewer, qtbot):
    dock = track(viewer, qtbot)
    n_layers = len(viewer.layers)
    dock.rules.rows["volume"].set_value(False)
    dock.rules.rows["overlap"].set_value(False)
    dock.rules.rows["centre"].set_value(False)
    dock.rules.rows["cross_check"].set_value(False)
    assert reasons(dock)["kept"] == 3
    assert dock.preset.currentText() == "own"
    dock.preset.setCurrentIndex(1)
    dock.preset.activated.emit(1)
    assert dock.rules.value() == as_published()
    assert "volume jump" not in reasons(dock)
    assert len(viewer.layers) == n_layers


def test_a_row_of_the_ledger_makes_its_particles_stand_out(viewer, qtbot):
    dock = track(viewer, qtbot)
    (shown,) = [layer for layer in viewer.layers if is_map(layer)]
    labels = viewer.layers["scan 0 labels"]
    gone, kept = int(labels.data[CENTRES[2]]), int(labels.data[CENTRES[0]])
    row = next(
        dock.ledger.topLevelItem(i)
        for i in range(dock.ledger.topLevelItemCount())
        if dock.ledger.topLevelItem(i).text(0) == "missing"
    )
    before = shown.get_color(kept)[3]
    dock.ledger.itemClicked.emit(row, 0)
    assert shown.get_color(gone)[3] == 1
    assert shown.get_color(kept)[3] < before
    dock.ledger.itemClicked.emit(row, 0)
    assert shown.get_color(kept)[3] == before


def test_tables_are_saved_and_outlive_the_dock(viewer, qtbot, tmp_path: Path):
    from napari_battery.tables import read_table

    dock = track(viewer, qtbot)
    counted = reasons(dock)
    dock.deleteLater()
    again = TrackDock(viewer)
    qtbot.addWidget(again)
    assert reasons(again) == counted
    again.save(tmp_path / "by_state.csv")
    table = read_table(tmp_path / "by_state.csv")
    assert set(table["state"]) == {"pristine", "4.0 V", "4.4 V"}
    assert table.groupby("label")["kept"].first().sum() == counted["kept"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "by_state.csv",
        "by_state_contacts.csv",
        "by_state_ledger.csv",
        "by_state.csv.provenance.json",
    }


def test_a_reference_deleted_meanwhile_leaves_no_layer(viewer, qtbot):
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    dock.run()
    viewer.layers.remove("scan 0 labels")
    names = [layer.name for layer in viewer.layers]
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert "deleted while" in dock.runner.message.text()
    assert [layer.name for layer in viewer.layers] == names


def test_masks_are_made_as_the_reference_was(viewer, qtbot):
    settings = LabelSettings(threshold="manual", manual_threshold=120, minimum_volume=50)
    labels = label_particles(scan(spheres(), "scan 0", "pristine"), settings)
    layer = add_volume(viewer, labels, labels=True)
    assert recorded_settings(layer) == settings
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    dock.reference.choose(layer)
    assert "120 in each state" in dock.masks_note.text()
    assert recorded_settings(viewer.add_labels(np.ones(SHAPE, np.int32))) is None


def test_the_first_state_is_the_reference_in_a_dock_opened_late(viewer, qtbot):
    labels = viewer.layers["scan 0 labels"]
    data = np.asarray(labels.data).copy()
    metadata = {KEY: {"state": "4.4 V", "kind": "labels"}}
    viewer.add_labels(data, name="scan 2 labels", metadata=metadata)
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    assert dock.reference.layer is labels
    assert [name for name, _ in dock.states.states] == ["4.0 V", "4.4 V"]
    own = viewer.add_labels(data, name="mine", metadata={KEY: {"state": "pristine"}})
    assert dock.reference.layer is own  # labels just made are what one goes on with
    viewer.add_labels(data, metadata={KEY: {"kind": "phases"}})
    assert dock.reference.layer is own
    dock.reference.choose(labels)
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
    assert dock.reference.layer is labels
    again = TrackDock(viewer)
    qtbot.addWidget(again)
    assert "4.0 V" not in again.reference.currentText()


def test_it_says_what_is_missing(qtbot):
    viewer = ViewerModel()
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    assert "Labels layer" in dock.missing.text()
    viewer.add_labels(np.ones(SHAPE, np.int32))
    assert "Open and tick" in dock.missing.text()
    viewer.add_image(spheres(), name="later")
    qtbot.waitUntil(lambda: "Open and tick" not in dock.missing.text())
    assert "does not tell how it was labelled" in dock.missing.text()
    assert dock.runner.run_button.isEnabled()


def test_a_state_filtered_since_is_ticked_once_and_stages_are_not_states(viewer, qtbot):
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    for n, state in ((0, ""), (1, "4.0 V")):
        made = {"step": "filter median", "inputs": [{"name": f"scan {n}"}]}
        smooth = Volume(spheres(seed=9), (0.5,) * 3, name=f"smooth {n}")
        smooth.metadata.update(made=made, state=state)
        add_volume(viewer, smooth)
    distance = Volume(spheres().astype(np.float32), (0.5,) * 3, name="distance")
    distance.metadata["kind"] = "stage"
    add_volume(viewer, distance)
    qtbot.waitUntil(lambda: dock.states.topLevelItemCount() == 5)
    assert sorted(layer.name for _, layer in dock.states.states) == ["scan 2", "smooth 1"]


def test_phases_serve_as_masks_of_states(viewer, qtbot):
    phases = viewer.layers["scan 1"].data > 125
    codes = np.where(phases, 2, 0).astype(np.uint8)
    metadata = {"kind": "phases", "phases": {"pore": 0, "active": 2}, "state": "4.0 V"}
    metadata["made"] = {"step": "phases", "inputs": [{"name": "scan 1"}]}
    layer = add_volume(
        viewer, Volume(codes, (0.5,) * 3, name="phases 1", metadata=metadata), labels=True
    )
    reference = viewer.layers["scan 0 labels"]
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    assert [layer.name for _, layer in dock.states.states] == ["scan 1", "scan 2"]
    # labelled from phases, the reference asks for phases of later states
    reference.metadata[KEY]["threshold"] = None
    dock.states.set_reference(None)
    dock.states.set_reference(reference)
    assert [layer.name for _, layer in dock.states.states] == ["phases 1", "scan 2"] or [
        layer.name for _, layer in dock.states.states
    ] == ["scan 2", "phases 1"]
    dock.states.topLevelItem(2).setCheckState(0, Qt.CheckState.Unchecked)
    assert [layer for _, layer in dock.states.states] == [layer]
    assert "active phase" in dock.masks_note.text()
    for method in ("seeds", "overlap"):
        dock.form.rows["method"].set_value(method)
        dock.run()
        qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)
        made = [one for one in viewer.layers if one.name.startswith("scan 0 labels, 4.0 V")][-1]
        middle = CENTRES[0]
        assert made.data[middle] == reference.data[middle]
        assert len(np.unique(made.data)) == 6
        viewer.layers.remove(made)


def test_features_follow_the_rules(viewer, qtbot):
    dock = track(viewer, qtbot)
    layer = next(one for one in viewer.layers if one.name.endswith(", 4.4 V"))
    swollen = int(viewer.layers["scan 0 labels"].data[CENTRES[1]])
    row = layer.features.set_index("index").loc[swollen]
    assert not row["kept"]
    assert "volume jump" in row["reason"]
    for rule in ("volume", "overlap", "centre", "cross_check"):
        dock.rules.rows[rule].set_value(False)
    assert layer.features.set_index("index").loc[swollen, "kept"]


def test_labels_corrected_after_tracking_are_told(viewer, qtbot, tmp_path: Path):
    dock = track(viewer, qtbot)
    assert "corrected" not in dock.summary.text()
    labels = viewer.layers["scan 0 labels"]
    (shown,) = [layer for layer in viewer.layers if is_map(layer)]
    labels.data_setitem(tuple(np.array([[12], [15], [15]])), 77)
    assert "corrected since" in dock.summary.text()
    dock.save(tmp_path / "stale.csv")
    assert "corrected since" in (tmp_path / "stale.csv.provenance.json").read_text()
    dock._session.history(labels).undo()
    assert "corrected" not in dock.summary.text()
    labels.data = labels.data.copy()
    assert "corrected since" in dock.summary.text()
    assert shown.data is labels.data
    dock.deleteLater()
    again = TrackDock(viewer)
    qtbot.addWidget(again)
    assert "corrected since" in again.summary.text()


def test_a_tracked_series_lets_its_viewer_and_voxels_go(viewer, qtbot):
    dock = track(viewer, qtbot)
    (series,) = [series for session, series in LAST.items() if session.viewer is viewer]
    assert series.result.labels == []
    assert all(hidden() is not None for hidden in series.layers.values())
    dock.close()
    held = [one for one in gc.get_referents(series.map) if one is viewer]
    assert not held
    viewer.layers.clear()
    assert series.map.layer is None


def test_it_fits_a_narrow_dock_and_hides_limits_of_rules_that_are_off(viewer, qtbot):
    dock = TrackDock(viewer)
    qtbot.addWidget(dock)
    dock.resize(320, 700)
    dock.show()
    for section in dock.findChildren(Section):
        section.heading.setChecked(True)
    qtbot.wait(50)
    scroll = dock.findChild(QScrollArea)
    assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width()
    limit = dock.rules.rows["volume_limit"]
    assert limit.isVisible()
    dock.rules.rows["volume"].set_value(False)
    assert not limit.isVisible()
