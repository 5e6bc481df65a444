"""The Correct labels dock without a window: what its buttons do, and what follows."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets.edit_dock import EditDock
from napari_battery.widgets.edit_points import NAME
from napari_battery.widgets.highlight import NAME as PICKED
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.picking import pick_at
from napari_battery.widgets.session import EDITED, Analysis, Session
from napari_battery.widgets.table_dock import TableDock

PAIR, SMALL, CUBE = 200, 3, 9


def dumbbell(shape=(30, 40, 60)) -> np.ndarray:
    """Two balls of radius 8 and 7, 12 voxels apart: one particle with a neck."""
    z, y, x = np.indices(shape)
    left = (z - 15) ** 2 + (y - 20) ** 2 + (x - 20) ** 2 <= 8**2
    right = (z - 15) ** 2 + (y - 20) ** 2 + (x - 32) ** 2 <= 7**2
    return left | right


def labels_data(dtype=np.uint8) -> np.ndarray:
    data = np.zeros((30, 40, 60), dtype)
    data[dumbbell()] = PAIR
    data[13:17, 18:23, 39:42] = SMALL  # touches the dumbbell
    data[2:8, 2:8, 2:8] = CUBE
    return data


def make_viewer(data: np.ndarray) -> ViewerModel:
    viewer = ViewerModel()
    grey = np.random.default_rng(0).integers(0, 255, data.shape, np.uint8)
    image = Volume(grey, (0.5,) * data.ndim, (5, 6, 7)[: data.ndim], name="scan")
    add_volume(viewer, image)
    add_volume(viewer, image.like(data, "P"), labels=True)
    return viewer


@pytest.fixture
def viewer() -> ViewerModel:
    return make_viewer(labels_data())


@pytest.fixture
def dock(viewer: ViewerModel, qtbot) -> EditDock:
    return show(viewer, qtbot)


def show(viewer: ViewerModel, qtbot) -> EditDock:
    dock = EditDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    qtbot.waitUntil(lambda: dock.ready, timeout=20_000)
    return dock


def idle(dock: EditDock, qtbot) -> None:
    qtbot.waitUntil(lambda: not (dock.runner.busy or dock._following.busy), timeout=20_000)


def pick(dock: EditDock, *labels: int) -> None:
    session = dock._session
    session.select(())
    layer = dock.labels.layer
    for label in labels:
        place = np.argwhere(layer.data == label)
        voxel = place[len(place) // 2]
        position = layer.data_to_world(voxel)
        pick_at(session, position, None, [1, 2][-layer.ndim :], add=True)
    assert session.selection == labels


def click(dock: EditDock, voxel: tuple[int, ...]) -> None:
    """As napari's event describes a click on a voxel of the slice."""
    layer = dock.labels.layer
    event = SimpleNamespace(
        position=layer.data_to_world(voxel),
        view_direction=np.array([1.0, 0, 0]),
        dims_displayed=[1, 2],
    )
    dock._session.click_taker(event)


def names(layer: Labels) -> set[int]:
    return set(np.unique(layer.data).tolist()) - {0}


def analyse(session: Session) -> Analysis:
    image, labels = session.viewer.layers["scan"], session.viewer.layers["P"]
    result = radial_tables(
        volume_from_layer(labels), volume_from_layer(image), RadialSettings(exclude_layers=1)
    )
    session.add(Analysis("run", result, labels, image))
    return session.analyses[-1]


# without an analysis


def test_pick_merge_undo_without_an_analysis(dock: EditDock, viewer: ViewerModel) -> None:
    layer, session = viewer.layers["P"], Session.of(viewer)
    before = layer.data.copy()
    assert "3 particles" in dock.about.text()
    assert not dock.panel.buttons["merge"].isEnabled()
    pick(dock, SMALL, PAIR)
    assert viewer.layers[PICKED].visible
    assert f"{SMALL} (60 voxels)" in dock.about.text()
    dock.panel.buttons["merge"].click()
    assert names(layer) == {PAIR, CUBE}
    assert session.selection == (PAIR,)
    assert dock.runner.message.text() == f"Merged {SMALL} and {PAIR} into {PAIR}."
    dock.panel.buttons["undo"].click()
    np.testing.assert_array_equal(layer.data, before)
    assert session.selection == (SMALL, PAIR)
    dock.panel.buttons["redo"].click()
    assert names(layer) == {PAIR, CUBE}
    assert layer.metadata[KEY]["made"]["hand_corrections"]["merged"] == 1


def test_merging_what_does_not_touch_is_said(dock: EditDock, viewer: ViewerModel) -> None:
    pick(dock, CUBE, SMALL)
    dock.merge()
    assert names(viewer.layers["P"]) == {PAIR, CUBE}
    assert "2 separate pieces" in dock.runner.message.text()


def test_delete_and_numbers_are_not_used_again(dock, viewer, qtbot) -> None:
    layer = viewer.layers["P"]
    pick(dock, CUBE, PAIR)
    dock.delete()
    assert names(layer) == {SMALL}
    assert Session.of(viewer).selection == ()
    assert dock.about.text().startswith("1 particle. ")
    pick(dock, SMALL)
    dock.redraw()
    dock._session.viewer.layers["P"].fill((0, 0, 0), layer.selected_label)
    dock.redraw()
    dock._session.select(())
    dock.redraw()
    assert layer.selected_label == PAIR + 1


def test_split_in_two_at_the_neck(dock: EditDock, viewer: ViewerModel, qtbot) -> None:
    layer = viewer.layers["P"]
    pick(dock, PAIR)
    dock.halve()
    idle(dock, qtbot)
    new = PAIR + 1
    assert Session.of(viewer).selection == (PAIR, new)
    # the larger ball keeps the number; they part at the neck, between the two centres
    assert layer.data[15, 20, 20] == PAIR
    assert layer.data[15, 20, 33] == new
    xs = np.nonzero(layer.data == new)[2]
    assert 25 <= xs.min() <= 29
    np.testing.assert_array_equal(np.isin(layer.data, (PAIR, new)), labels_data() == PAIR)
    dock.undo()
    np.testing.assert_array_equal(layer.data, labels_data())


def test_a_ball_has_no_two_centres(dock: EditDock, viewer: ViewerModel, qtbot) -> None:
    pick(dock, CUBE)
    dock.halve()
    idle(dock, qtbot)
    assert "only one centre" in dock.runner.message.text()
    assert not dock.history.done


def test_split_at_points(dock: EditDock, viewer: ViewerModel, qtbot) -> None:
    layer, session = viewer.layers["P"], Session.of(viewer)
    viewer.dims.set_point(0, layer.data_to_world((15, 0, 0))[0])
    pick(dock, PAIR)
    dock.panel.buttons["split"].click()
    assert session.click_taker is not None
    click(dock, (15, 20, 14))
    click(dock, (15, 0, 0))
    assert "outside particle" in dock._mode.panel.text.text()
    click(dock, (15, 20, 36))
    click(dock, (17, 18, 22))
    assert dock._mode.points == [(15, 20, 14), (15, 20, 36), (17, 18, 22)]
    overlay = viewer.layers[NAME]
    assert viewer.layers.selection.active is not overlay
    viewer.dims.set_point(0, layer.data_to_world((17, 0, 0))[0])
    assert (overlay.data[:, 0] == 17).all()  # seen in every slice, bold in their own
    assert overlay.face_color[:, 3].argmax() == 2
    click(dock, (17, 18, 22))  # on the point: takes it away
    dock._finish_mode()
    idle(dock, qtbot)
    assert NAME not in viewer.layers
    assert session.click_taker is None
    assert session.selection == (PAIR, PAIR + 1)
    assert layer.data[15, 20, 14] == PAIR
    assert layer.data[15, 20, 36] == PAIR + 1


def test_cancelled_points_change_nothing(dock: EditDock, viewer: ViewerModel) -> None:
    pick(dock, PAIR)
    dock.split()
    click(dock, (15, 20, 14))
    dock.undo()
    assert dock._mode.points == []
    click(dock, (15, 20, 14))
    dock.leave_mode()
    assert NAME not in viewer.layers
    np.testing.assert_array_equal(viewer.layers["P"].data, labels_data())
    assert dock.panel.buttons["split"].isEnabled()


def test_redrawing_is_one_step_and_keeps_neighbours(dock: EditDock, viewer: ViewerModel) -> None:
    layer = viewer.layers["P"]
    pick(dock, SMALL)
    dock.panel.buttons["redraw"].click()
    assert layer.mode == "paint"
    assert layer.selected_label == SMALL
    layer.brush_size = 6
    layer.paint((15, 20, 38), SMALL)
    layer.paint((15, 24, 42), SMALL)
    assert len(dock.history.done) == 2
    pairs = np.count_nonzero(layer.data == PAIR)
    dock.panel.buttons["redraw"].click()
    assert layer.mode == "pan_zoom"
    assert not layer.preserve_labels
    assert [act.what for act in dock.history.done] == [f"Redrew {SMALL}"]
    assert pairs == np.count_nonzero(labels_data() == PAIR)
    dock.undo()
    np.testing.assert_array_equal(layer.data, labels_data())


def test_a_new_particle_beyond_the_type(viewer: ViewerModel, qtbot) -> None:
    viewer.layers["P"].data[2:8, 2:8, 2:8] = 255
    dock = show(viewer, qtbot)
    dock.redraw()
    layer = viewer.layers["P"]
    assert layer.selected_label == 256
    assert layer.data.dtype == np.int32
    layer.paint((25, 30, 50), 256)
    dock.leave_mode()
    assert Session.of(viewer).selection == (256,)
    assert 256 in names(layer)


def test_two_dimensions(qtbot) -> None:
    viewer = make_viewer(labels_data()[15])
    dock = show(viewer, qtbot)
    dock._session.select((PAIR,))
    dock.halve()
    idle(dock, qtbot)
    assert names(viewer.layers["P"]) == {SMALL, PAIR, PAIR + 1}
    assert "pixels" in dock.about.text()


# with an analysis


def test_the_table_follows_every_act(dock: EditDock, viewer: ViewerModel, qtbot) -> None:
    session, layer = Session.of(viewer), viewer.layers["P"]
    analysis = analyse(session)
    first = analysis.result.particles
    pick(dock, PAIR)
    dock.halve()
    idle(dock, qtbot)
    pick(dock, SMALL, PAIR + 1)
    dock.merge()
    pick(dock, CUBE)
    dock.delete()
    idle(dock, qtbot)
    expected = radial_tables(
        volume_from_layer(layer), volume_from_layer(viewer.layers["scan"]), analysis.result.settings
    )
    pd.testing.assert_frame_equal(analysis.result.particles, expected.particles)
    assert analysis.particles["label"].tolist() == [PAIR, PAIR + 1]
    assert analysis.stale == ""
    for _ in range(3):
        dock.undo()
    idle(dock, qtbot)
    pd.testing.assert_frame_equal(analysis.result.particles, first)


def test_other_labels_are_not_mistaken(dock: EditDock, viewer: ViewerModel, qtbot) -> None:
    """Numbers picked in another layer mean other particles."""
    session = Session.of(viewer)
    other = viewer.layers["P"].data.copy()
    layer = viewer.add_labels(other, name="Q", scale=(0.5,) * 3)
    result = radial_tables(
        volume_from_layer(layer), Volume(other, (0.5,) * 3, name="scan"), RadialSettings()
    )
    session.add(Analysis("Q", result, layer))
    session.select((PAIR,))
    assert dock.labels.layer is viewer.layers["P"]
    assert dock.picked == ()
    assert not dock.panel.buttons["delete"].isEnabled()
    layer.visible = False
    pick(dock, SMALL)
    assert session.current is None
    assert dock.picked == (SMALL,)


# labels in files, layers that go, docks that close


def test_labels_in_a_file_are_copied_first(tmp_path, qtbot) -> None:
    path = tmp_path / "labels.npy"
    np.save(path, labels_data())
    viewer = make_viewer(np.load(path, mmap_mode="r+"))
    analysis = analyse(Session.of(viewer))
    dock = EditDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    assert "lies in a file" in dock.about.text()
    assert not dock.panel.buttons["redraw"].isEnabled()
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: dock.ready, timeout=20_000)
    assert analysis.stale == ""  # the same labels
    pick(dock, CUBE)
    dock.delete()
    assert names(viewer.layers["P"]) == {SMALL, PAIR}
    np.testing.assert_array_equal(np.load(path), labels_data())


def test_a_pyramid_is_copied_beside(qtbot) -> None:
    viewer, data = ViewerModel(), labels_data()
    viewer.add_labels([data, data[::2, ::2, ::2]], name="P", scale=(0.5,) * 3, units=("um",) * 3)
    dock = EditDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    assert "pyramid" in dock.about.text()
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: dock.ready, timeout=20_000)
    layer = viewer.layers["P (in memory)"]
    assert dock.labels.layer is layer
    assert tuple(layer.scale) == (0.5,) * 3
    pick(dock, CUBE)
    dock.delete()
    assert names(layer) == {SMALL, PAIR}
    assert data.max() == PAIR
    assert CUBE in data


def test_negative_labels_are_said(qtbot) -> None:
    data = labels_data(np.int16)
    data[data == CUBE] = -4
    dock = EditDock(make_viewer(data))
    qtbot.addWidget(dock)
    dock.show()
    qtbot.waitUntil(lambda: "negative numbers (down to -4)" in dock.about.text(), timeout=20_000)
    assert not dock.panel.buttons["redraw"].isEnabled()


def test_layers_may_go_at_any_moment(dock: EditDock, viewer: ViewerModel, qtbot) -> None:
    session = Session.of(viewer)
    analysis = analyse(session)
    pick(dock, PAIR)
    dock.split()
    click(dock, (15, 20, 14))
    viewer.layers.remove("scan")
    dock.leave_mode()
    pick(dock, CUBE)
    dock.delete()
    assert analysis.stale == EDITED
    session.select((PAIR,))
    dock.halve()
    viewer.layers.remove("P")
    idle(dock, qtbot)
    assert session.editing is None
    assert not dock.panel.buttons["merge"].isEnabled()
    viewer.add_labels(labels_data(), name="P2")
    qtbot.waitUntil(lambda: dock.ready, timeout=20_000)
    assert session.editing is viewer.layers["P2"]


def test_a_closed_dock_gives_keys_and_clicks_back(viewer: ViewerModel, qtbot) -> None:
    layer, session = viewer.layers["P"], Session.of(viewer)
    viewer.bind_key("M", lambda _: None)
    before = dict(viewer.keymap), dict(layer.keymap)
    dock = show(viewer, qtbot)
    assert dict(layer.keymap) != before[1]
    pick(dock, PAIR)
    dock.redraw()
    dock.close()
    assert (dict(viewer.keymap), dict(layer.keymap)) == before
    assert session.click_taker is None
    assert session.editing is None
    assert layer.mode == "pan_zoom"
    dock.deleteLater()
    qtbot.wait(20)
    del dock
    gc.collect()
    layer.fill((3, 3, 3), 5)
    assert session.history(layer).done[-1].what == "Painted 5"


def test_keys(dock: EditDock, viewer: ViewerModel) -> None:
    layer = viewer.layers["P"]
    pick(dock, SMALL, PAIR)
    keys = {str(key): act for key, act in layer.keymap.items()}
    keys["M"](layer)
    assert names(layer) == {PAIR, CUBE}
    keys["Ctrl+Z"](layer)
    assert names(layer) == {SMALL, PAIR, CUBE}
    keys["Ctrl+Shift+Z"](layer)
    keys["Delete"](layer)
    assert names(layer) == {CUBE}
    for name, key in (("merge", "M"), ("delete", "Delete"), ("split", "S")):
        assert f"({key})" in dock.panel.buttons[name].toolTip()


def test_the_table_says_which_labels_have_no_results(viewer: ViewerModel, qtbot) -> None:
    session, table = Session.of(viewer), TableDock(viewer)
    qtbot.addWidget(table)
    analysis = analyse(session)
    layer = viewer.add_labels(labels_data(), name="Q", scale=(0.5,) * 3)
    dock = EditDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    dock.labels.choose(layer)
    assert session.current is None
    assert "“Q” has no results yet" in table.about.text()
    assert not table.analysis_box.isHidden()
    table._choose(0)
    assert session.current is analysis
    assert table.about.text() == ""
    session.look_at_layer(layer)
    dock.hide()
    assert session.current is analysis  # what has results is looked at again
