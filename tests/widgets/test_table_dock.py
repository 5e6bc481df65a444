from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QItemSelectionModel, QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication

from napari_battery.errors import InputError
from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.tables import read_table
from napari_battery.volume import Volume
from napari_battery.widgets.highlight import PICK_COLOURS
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.session import Analysis, Session
from napari_battery.widgets.table_dock import TableDock

LABELS = (2, 5, 9, 70_000)


@pytest.fixture
def viewer():
    """Four boxes of growing size; the last one is cut by a face."""
    viewer = ViewerModel()
    data = np.zeros((14, 16, 60), np.int32)
    for i, label in enumerate(LABELS):
        edge = 4 + 2 * i
        data[1 : 1 + edge, 2 : 2 + edge, 2 + 14 * i : 2 + 14 * i + edge] = label
    data[0, 4, 46] = LABELS[-1]
    grey = np.random.default_rng(1).integers(0, 255, data.shape, np.uint8)
    image = Volume(grey, (2, 2, 2), name="scan", metadata={"synthetic": True})
    add_volume(viewer, image)
    add_volume(viewer, image.like(data, "P"), labels=True)
    return viewer


def analysed(viewer, state=""):
    labels, image = viewer.layers["P"], viewer.layers["scan"]
    result = radial_tables(
        volume_from_layer(labels),
        volume_from_layer(image),
        RadialSettings(exclude_layers=1),
    )
    return Analysis(f"scan {state}", result, labels, image, state)


@pytest.fixture
def session(viewer):
    session = Session.of(viewer)
    session.add(analysed(viewer))
    return session


@pytest.fixture
def dock(qtbot, viewer, session):
    dock = TableDock(viewer)
    qtbot.addWidget(dock)
    dock.resize(340, 600)
    dock.show()
    qtbot.waitExposed(dock)
    return dock


def shown(page, name="label"):
    model = page.view.table
    column = model.names.index(name)
    return [model.index(row, column).data() for row in range(model.rowCount())]


def select(view, *rows, add=False):
    selection = view.selectionModel()
    flags = QItemSelectionModel.SelectionFlag
    if not add:
        selection.clearSelection()
    for row in rows:
        selection.select(view.table.index(row, 0), flags.Select | flags.Rows)


def filter_by(page, text):
    page.condition.line.setText(text)
    page.condition.apply()


def test_the_first_columns_are_those_to_look_at(dock):
    columns = dock.particles.view.shown_columns()
    assert columns[:5] == [
        "label",
        "equivalent_diameter_um",
        "core_mean",
        "sphericity",
        "touches_border",
    ]
    assert not any(name.startswith("bbox") for name in columns)
    assert "bbox_z0" in dock.particles.view.table.names
    assert shown(dock.particles) == [str(label) for label in LABELS]
    assert shown(dock.particles, "touches_border") == ["no", "no", "no", "yes"]
    assert dock.count.text() == "4 particles"
    assert dock.about.text() == "Synthetic data."


def test_rows_pick_particles_and_the_view_goes_there(dock, session):
    went = []
    session.focus_requested.connect(went.append)
    heard = []
    session.selection_changed.connect(heard.append)
    dock.particles.view.selectRow(2)
    assert session.selection == (9,)
    assert went == [9]
    assert heard == [dock.particles]
    select(dock.particles.view, 1, 3, add=True)
    assert session.selection == (9, 5, 70_000)  # the one picked before keeps its place
    assert dock.count.text() == "4 particles · 3 picked"


def test_picks_of_others_select_rows_without_an_echo(dock, session, qtbot):
    heard = []
    session.selection_changed.connect(heard.append)
    session.select((70_000, 5), "canvas")
    assert dock.particles.view.picked_rows().tolist() == [1, 3]
    qtbot.wait(20)
    assert heard == ["canvas"]
    session.select((), "canvas")
    assert dock.particles.view.picked_rows().size == 0


def test_picked_rows_show_their_colour_of_the_canvas(dock, session):
    def colours():
        model, role = dock.particles.view.table, Qt.ItemDataRole.DecorationRole
        found = [model.index(row, 0).data(role) for row in range(4)]
        return [colour and np.round(colour.getRgbF(), 3).tolist() for colour in found]

    session.select((9, 2), None)
    first, second = np.round(PICK_COLOURS[:2].astype(float), 3).tolist()
    assert colours() == [second, None, first, None]
    session.select((), None)
    assert colours() == [None] * 4
    assert dock.particles.view.table.index(0, 1).data(Qt.ItemDataRole.DecorationRole) is None


def test_picks_survive_sorting_and_filtering(dock, session, qtbot):
    session.select((5, 9), None)
    dock.particles.view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    qtbot.wait(20)
    assert shown(dock.particles) == ["70000", "9", "5", "2"]
    assert dock.particles.view.picked_rows().tolist() == [1, 2]
    filter_by(dock.particles, "label < 9")
    qtbot.wait(20)
    assert shown(dock.particles) == ["5", "2"]
    assert dock.particles.view.picked_rows().tolist() == [0]
    assert session.selection == (5, 9)  # hidden, not forgotten
    assert dock.count.text() == "Shown 2 of 4 · 2 picked"
    filter_by(dock.particles, "")
    qtbot.wait(20)
    assert dock.particles.view.picked_rows().tolist() == [1, 2]


def test_a_wrong_condition_is_explained_under_the_line(dock):
    filter_by(dock.particles, "label < 9")
    filter_by(dock.particles, "labl < 9")
    assert "Did you mean label" in dock.particles.condition.problem.text()
    assert shown(dock.particles) == ["2", "5"]
    filter_by(dock.particles, "label < 9")
    assert not dock.particles.condition.problem.text()


def test_layers_are_those_of_the_picked_particles(dock, session):
    dock.tabs.setCurrentIndex(1)
    n_all = len(session.current.result.layers)
    assert dock.count.text() == f"{n_all} layers"
    session.select((5,), None)
    assert set(shown(dock.layers)) == {"5"}
    assert dock.count.text() == f"{len(shown(dock.layers))} layers of 1 picked"
    session.select((), None)
    assert len(shown(dock.layers)) == n_all
    dock.tabs.setCurrentIndex(0)
    assert dock.count.text() == "4 particles"


def test_shells_have_a_tab_only_where_they_were_measured(dock, session, viewer):
    assert not dock.tabs.isTabVisible(2)
    shelled = analysed(viewer, "again")
    shells = pd.DataFrame({"label": [2, 2, 5], "shell": [1, 2, 1], "radius_um": [1.0, 3.0, 1.0]})
    shelled.result = dataclasses.replace(shelled.result, shells=shells)
    session.add(shelled)
    assert dock.tabs.isTabVisible(2)
    dock.tabs.setCurrentIndex(2)
    assert shown(dock.shells) == ["2", "2", "5"]
    dock.analysis_box.setCurrentIndex(0)
    dock.analysis_box.activated.emit(0)
    assert not dock.tabs.isTabVisible(2)
    assert dock.page is not dock.shells


def test_other_core_means_show_at_once_under_the_same_condition(dock, session):
    filter_by(dock.particles, "label > 4")
    before = shown(dock.particles, "core_voxels")
    session.set_exclude_layers(session.current, 3)
    after = shown(dock.particles, "core_voxels")
    assert len(after) == len(before) == 3
    assert all(int(a) < int(b) for a, b in zip(after, before, strict=True))


def test_edited_labels_are_marked_stale(dock, viewer):
    assert not dock.stale.isVisible()
    viewer.layers["P"].paint((3, 3, 3), 9)
    assert "labels were edited" in dock.stale.text()
    assert dock.again_button.isVisible()


def test_an_assumed_voxel_size_is_said_and_in_the_header(qtbot, viewer):
    labels, image = (volume_from_layer(viewer.layers[n]) for n in ("P", "scan"))
    labels, image = (v.with_voxel_size(1.0, "assumed 1 µm") for v in (labels, image))
    Session.of(viewer).add(Analysis("a", radial_tables(labels, image, RadialSettings())))
    dock = TableDock(viewer)
    qtbot.addWidget(dock)
    assert "Voxel size assumed (1 × 1 × 1 µm)" in dock.about.text()
    assert "labels layer was deleted" in dock.about.text()
    model = dock.particles.view.table
    header = model.headerData(1, Qt.Orientation.Horizontal)
    assert header == "Equivalent\ndiameter\n(µm, assumed)"


def test_hidden_columns_are_remembered(dock, qtbot, viewer):
    dock.particles.view.hide_column("core_mean", True)
    dock.particles.view.hide_column("bbox_z0", False)
    other = TableDock(viewer)
    qtbot.addWidget(other)
    columns = other.particles.view.shown_columns()
    assert "core_mean" not in columns
    assert "bbox_z0" in columns
    menu = other.particles.view.columns_menu(other)
    ticked = {a.toolTip(): a.isChecked() for a in menu.actions() if a.isCheckable()}
    assert not ticked["core_mean"]
    assert ticked["bbox_z0"]
    other.particles.view.reset_columns()
    assert "core_mean" in other.particles.view.shown_columns()
    assert "bbox_z0" not in other.particles.view.shown_columns()


def test_the_menus_open_and_act(dock, qtbot):
    view = dock.particles.view
    dock.particles.columns_button.click()
    menu = QApplication.activePopupWidget()
    action = next(a for a in menu.actions() if a.toolTip() == "sphericity")
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())
    assert "sphericity" not in view.shown_columns()
    assert menu.isVisible()  # for the next tick
    menu.close()
    view.horizontalHeader().customContextMenuRequested.emit(QPoint(5, 5))
    menu = QApplication.activePopupWidget()
    assert [action.text() for action in menu.actions()] == ["Hide “Label”", "Columns as at first"]
    menu.actions()[1].trigger()
    menu.close()
    assert "sphericity" in view.shown_columns()
    select(view, 1)
    view.customContextMenuRequested.emit(QPoint(5, 5))
    menu = QApplication.activePopupWidget()
    menu.actions()[0].trigger()
    menu.close()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 2


def test_columns_stay_hidden_through_sorting_and_filtering(dock):
    before = dock.particles.view.shown_columns()
    dock.particles.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    filter_by(dock.particles, "label > 4")
    dock.analysis_box.activated.emit(0)
    assert dock.particles.view.shown_columns() == before


def test_copy_takes_the_selected_rows_with_a_header(dock, qtbot):
    view = dock.particles.view
    select(view, 1, 3)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t") == view.shown_columns()
    assert [line.split("\t")[0] for line in lines[1:]] == ["5", "70000"]
    select(view)
    view.copy()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 5


def test_export_of_all_and_of_the_rows_shown(dock, tmp_path, session):
    dock.particles.view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    filter_by(dock.particles, "label > 4")
    dock.export(tmp_path / "all.csv", only_shown=False)
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "all.csv"), session.current.particles, check_dtype=False
    )
    dock.export(tmp_path / "some.csv", only_shown=True)
    some = read_table(tmp_path / "some.csv")
    assert list(some.columns) == list(session.current.particles.columns)
    assert some["label"].tolist() == [70_000, 9, 5]
    made = json.loads((tmp_path / "some.csv.provenance.json").read_text())
    assert made["step"] == "radial"
    assert (made["rows"], made["of_rows"], made["condition"]) == (3, 4, "label > 4")
    dock.tabs.setCurrentIndex(1)
    session.select((9,), None)
    dock.export(tmp_path / "layers.csv", only_shown=True)
    layers = read_table(tmp_path / "layers.csv")
    assert set(layers["label"]) == {9}
    made = json.loads((tmp_path / "layers.csv.provenance.json").read_text())
    assert made["of_picked_labels"] == [9]
    assert made["rows"] == len(layers)
    with pytest.raises(InputError, match="does not exist"):
        dock.export(tmp_path / "no" / "folder.csv", only_shown=False)


def test_analyses_come_and_go(dock, session, viewer):
    session.add(analysed(viewer, "4.4 V"))
    assert [dock.analysis_box.itemText(i) for i in range(2)] == ["scan ", "scan 4.4 V"]
    assert dock.analysis_box.currentText() == "scan 4.4 V"
    dock.remove_button.click()
    assert dock.analysis_box.currentText() == "scan "
    assert dock.tabs.isVisible()
    dock.remove_button.click()
    assert session.current is None
    assert not dock.tabs.isVisible()
    assert "No results yet" in dock.about.text()
    session.add(analysed(viewer))
    assert dock.tabs.isVisible()
    assert shown(dock.particles)


def test_deleted_layers_leave_the_table(dock, session, viewer):
    session.select((5,), None)
    viewer.layers.remove("P")
    assert "was deleted" in dock.about.text()
    select(dock.particles.view, 0)
    assert session.selection == (2,)


def test_a_closed_dock_hears_nothing(qtbot, viewer, session):
    dock = TableDock(viewer)
    dock.show()
    dock.deleteLater()
    qtbot.wait(20)
    session.select((5,), None)
    session.set_exclude_layers(session.current, 2)
    session.add(analysed(viewer, "x"))
    viewer.layers.clear()
    session.remove(session.current)


def test_thousands_of_scattered_picks(qtbot, viewer):
    """Every second of 4,000 rows: as many ranges in Qt's selection."""
    session = Session.of(viewer)
    result = analysed(viewer).result
    labels = np.arange(1, 4001)
    particles = pd.DataFrame({"label": labels, "mean": labels * 1.0})
    session.add(Analysis("big", type(result)(particles, result.layers, result.settings, {})))
    dock = TableDock(viewer)
    qtbot.addWidget(dock)
    session.select(range(1, 4001, 2), None)
    assert dock.particles.view.picked_rows().tolist() == list(range(0, 4000, 2))
