"""The Map dock: what is chosen is what is shown, hovered over and saved."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_battery.maps import MapSettings
from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.tables import read_table
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.map_dock import MapDock
from napari_battery.widgets.map_export import shown_slice
from napari_battery.widgets.map_layers import CHANGE, MapLayers
from napari_battery.widgets.session import Analysis, Session

LABELS = (2, 5, 9, 70_000)


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    data = np.zeros((14, 16, 60), np.int32)
    for i, label in enumerate(LABELS):
        edge = 4 + 2 * i
        data[1 : 1 + edge, 2 : 2 + edge, 2 + 14 * i : 2 + 14 * i + edge] = label
    grey = np.random.default_rng(1).integers(100, 120, data.shape).astype(np.uint8)
    image = Volume(grey, (2, 2, 2), name="pristine", metadata={"synthetic": True})
    image = image.with_voxel_size(2.0, "assumed 2 µm")
    add_volume(viewer, image)
    add_volume(viewer, image.like(grey - np.uint8(3) * (data > 5), "4.4 V"))
    add_volume(viewer, image.like(data, "P"), labels=True)
    return viewer


def analysed(viewer, state):
    labels, image = viewer.layers["P"], viewer.layers[state]
    settings = RadialSettings(exclude_layers=1)
    result = radial_tables(volume_from_layer(labels), volume_from_layer(image), settings)
    return Analysis(f"{state} run", result, labels, image, state)


@pytest.fixture
def session(viewer):
    return Session.of(viewer)


@pytest.fixture
def dock(qtbot, viewer):
    dock = MapDock(viewer)
    qtbot.addWidget(dock)
    return dock


def is_shown(widget):
    return not widget.isHidden()


def test_an_empty_dock_says_what_to_do(dock):
    assert "Run a radial analysis" in dock.empty.text()
    assert not is_shown(dock._content)
    assert dock.show_map() is None


def test_show_recolour_and_show_another(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    assert dock.choices.column == "core_mean"
    first = dock.show_map()
    assert dock.show_map() is first
    dock.choices.choose("volume_um3")
    assert first.column == "volume_um3"
    assert first.layer.name == "Volume, pristine"
    second = dock.show_map(another=True)
    assert dock.live is second is not first
    dock.choices.choose("sphericity")
    assert (first.column, second.column) == ("volume_um3", "sphericity")
    # the map selected in the layer list is the one to go on with
    viewer.layers.selection.active = first.layer
    assert dock.live is first
    assert dock.choices.column == "volume_um3"


def test_range_and_colours_follow_the_form(dock, viewer, session, qtbot):
    session.add(analysed(viewer, "pristine"))
    live = dock.show_map()
    dock.form.set_value(MapSettings(colour_map="magma", low=105, high=115))
    qtbot.waitUntil(lambda: live.shown.colour_map == "magma", timeout=5000)
    assert (live.shown.low, live.shown.high) == (105, 115)
    assert live.layer.metadata["napari-battery"]["range"] == [105, 115]
    # another column starts with its own range, not with the ends typed for this one
    dock.choices.choose("volume_um3")
    assert live.shown.low > 115
    assert live.settings.low is None
    low = dock.form.rows["low"].editor.value()
    assert low == pytest.approx(live.shown.low, rel=1e-3)  # shown with four digits


def test_a_range_upside_down_is_told_and_changes_nothing(dock, viewer, session, qtbot):
    session.add(analysed(viewer, "pristine"))
    live = dock.show_map()
    before = live.shown
    dock.form.set_value(MapSettings(low=115, high=105))
    qtbot.waitUntil(lambda: "starts at 115" in dock.about.text(), timeout=5000)
    assert live.shown is before


def test_the_change_since_pristine(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    assert dock.choices.column_box.findData(CHANGE) < 0
    session.add(analysed(viewer, "4.4 V"))
    dock.choices.choose(CHANGE)
    live = dock.show_map()
    assert live.reference.state == "pristine"
    assert live.shown.diverging
    values = dict(zip(live.shown.labels.tolist(), live.shown.values.tolist(), strict=True))
    assert values == {2: 0, 5: 0, 9: pytest.approx(-3), 70_000: pytest.approx(-3)}
    assert "4 particles in both states, 4 of them with a core in both" in dock.about.text()
    session.set_exclude_layers(session.current, 2)
    assert "Outer layers excluded: 2 now, 1 before" in dock.about.text()
    # looking at another analysis leaves this map as it is
    session.look_at(session.analyses[0])
    assert live.column == CHANGE
    assert live.analysis.state == "4.4 V"
    assert dock.live is None
    # and back
    session.look_at(session.analyses[1])
    assert dock.live is live
    assert dock.choices.column == CHANGE


def test_a_chosen_reference_stays(dock, viewer, session):
    for state in ("pristine", "4.4 V"):
        session.add(analysed(viewer, state))
    other = analysed(viewer, "pristine")
    other.state = "2.5 V"
    session.add(other)
    dock.choices.choose(CHANGE)
    assert dock.choices.reference.state == "pristine"
    box = dock.choices.reference_box
    box.setCurrentIndex(box.findText("4.4 V"))
    box.activated.emit(box.currentIndex())
    session.set_exclude_layers(other, 2)
    session.analyses_changed.emit()
    assert dock.choices.reference.state == "4.4 V"


def test_losing_the_reference_leaves_the_map_marked(dock, viewer, session):
    for state in ("pristine", "4.4 V"):
        session.add(analysed(viewer, state))
    dock.choices.choose(CHANGE)
    live = dock.show_map()
    session.remove(live.reference)
    assert live.column == CHANGE
    assert "was removed" in live.stale
    assert dock.live is None


def test_running_again_keeps_the_map(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    live = dock.show_map()
    viewer.layers["P"].paint((3, 4, 4), 9)
    assert "labels were edited" in dock.stale.text()
    session.add(analysed(viewer, "pristine"))
    assert dock.live is live
    assert live.analysis is session.current
    assert dock.stale.text() == ""


class Move:
    """A mouse move over a voxel, as napari tells it."""

    def __init__(self, layer, index, view_direction=None, dims_displayed=(1, 2)):
        self.position = layer.data_to_world(index)
        self.view_direction, self.dims_displayed = view_direction, list(dims_displayed)


def test_the_value_under_the_mouse_is_exact(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    layer = dock.show_map().layer
    (moved,) = viewer.mouse_move_callbacks
    table = session.current.particles.set_index("label")["core_mean"]
    for label in LABELS:
        moved(viewer, Move(layer, np.argwhere(layer.data == label)[0]))
        assert dock.under_mouse.text() == f"label {label}: Core mean = {table[label]:.6g}"
    moved(viewer, Move(layer, (13, 0, 0)))
    assert dock.under_mouse.text() == " "
    # in 3-D it is the first particle along the ray
    ray = Move(layer, (-5, 3, 17), np.array([1.0, 0, 0]), (0, 1, 2))
    moved(viewer, ray)
    assert dock.under_mouse.text().startswith("label 5: ")
    layer.visible = False
    moved(viewer, Move(layer, (13, 0, 0)))
    assert dock.under_mouse.text().startswith("label 5: ")


def test_the_slice_is_saved_with_its_values(dock, viewer, session, tmp_path):
    session.add(analysed(viewer, "pristine"))
    live = dock.show_map()
    viewer.dims.set_point(0, 2.0 * 9)  # only the largest box reaches slice 9 and 10
    files = dock.save_picture(tmp_path / "map.svg")
    data = read_table(files[1])
    assert data["label"].tolist() == [70_000]
    value = session.current.particles.set_index("label")["core_mean"][70_000]
    assert data["core_mean"][0] == pytest.approx(value)
    text = files[0].read_text()
    assert "synthetic data, z = 9" in text
    plot, _ = shown_slice(viewer, live)
    assert plot.figure.axes[0].texts[0].get_text() == "20 µm (assumed)"
    made = json.loads(files[2].read_text())
    assert made["slice"] == {"axis": 0, "index": 9}
    assert made["map"]["column"] == "core_mean"
    viewer.dims.ndisplay = 3
    assert live.layer.visible
    dock.save_picture(tmp_path / "again.png")


def test_values_are_saved_as_float32(dock, viewer, session, tmp_path, qtbot):
    session.add(analysed(viewer, "pristine"))
    dock.save_values(tmp_path / "early.tif")
    assert "Show the map first" in dock.runner.message.text()
    live = dock.show_map()
    path = tmp_path / "map.tif"
    dock.save_values(path)
    qtbot.waitUntil(lambda: "Saved map.tif" in dock.runner.message.text(), timeout=20_000)
    values, labels = tifffile.imread(path), live.layer.data
    assert values.dtype == np.float32
    assert np.isnan(values[labels == 0]).all()
    for label, value in zip(live.shown.labels, live.shown.values, strict=True):
        np.testing.assert_array_equal(values[labels == label], np.float32(value))
    assert (tmp_path / "map.tif.provenance.json").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.tif", "map.tif.provenance.json"]


def test_layers_and_docks_may_go_at_any_moment(viewer, session, qtbot):
    dock = MapDock(viewer)
    session.add(analysed(viewer, "pristine"))
    live = dock.show_map()
    viewer.layers.remove(live.layer)
    assert dock.live is None
    assert is_shown(dock.show_button)
    dock.show_map()
    viewer.layers.remove(viewer.layers["P"])
    assert dock.show_map(another=True) is None
    assert "was deleted" in dock.about.text()
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    assert viewer.mouse_move_callbacks == []
    session.set_exclude_layers(session.current, 2)  # the map goes on without its dock
    assert MapLayers.of(session).maps[0].shown.values is not None
    viewer.layers.clear()
    session.remove(session.current)
