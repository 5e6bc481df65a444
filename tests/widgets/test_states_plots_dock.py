"""The State plots dock draws the study's figures and makes subsets of its particles."""

from __future__ import annotations

import json
from types import SimpleNamespace

import electrode_tables as tables
import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import MouseButton, MouseEvent
from qtpy.QtCore import Qt

from napari_battery.errors import InputError
from napari_battery.states.frames import Frames
from napari_battery.states.settings import StudySettings
from napari_battery.widgets.session import Session
from napari_battery.widgets.states_plots_add import in_world
from napari_battery.widgets.states_plots_dock import StatePlotsDock
from napari_battery.widgets.study_holder import StudyHolder


def study_of(frames, **changes):
    states = [
        SimpleNamespace(name=s, direction=frames.directions.get(s, "")) for s in frames.states
    ]
    parts = {name: getattr(frames, name) for name in ("particles", "layers", "greys")}
    parts |= {"states": states, "made": {"synthetic": True}, "settings": StudySettings()}
    return SimpleNamespace(**{**parts, **changes})


@pytest.fixture
def study():
    return study_of(tables.electrode(150))


@pytest.fixture
def dock(qtbot, viewer, study):
    dock = StatePlotsDock(viewer)
    qtbot.addWidget(dock)
    StudyHolder.of(viewer).study = study
    dock.redraw()
    return dock


def show(dock, name):
    dock.figure_box.setCurrentIndex(dock.figure_box.findData(name))
    dock.redraw()


def drawn_names(dock):
    return [subset.name for subset in dock.subsets.subsets]


def place_of(dock, panel, x, y):
    axes = dock.canvas.figure.axes[panel]
    return axes.transData.transform((x, y))


def mouse(dock, kind, place, key=None):
    canvas = dock.canvas._canvas
    event = MouseEvent(kind, canvas, *place, button=MouseButton.LEFT, key=key)
    canvas.callbacks.process(kind, event)


def click(dock, place, key=None):
    mouse(dock, "button_press_event", place, key)
    mouse(dock, "button_release_event", place, key)


def test_without_a_study_it_says_what_to_do(qtbot, viewer):
    dock = StatePlotsDock(viewer)
    qtbot.addWidget(dock)
    assert "No study yet" in dock.about.text()
    assert dock._drawn.isHidden()
    with pytest.raises(InputError, match="no figure"):
        dock.save("states.png")


def test_every_figure_is_drawn_with_its_settings(dock):
    assert "4 states" in dock.about.text()
    for name in ("means", "positions", "profiles", "shares", "distributions", "depth", "greys"):
        show(dock, name)
        assert dock.problem.text() == ""
        assert dock.canvas.figure.axes
    form = dock.settings.form.rows
    show(dock, "distributions")
    assert form["components"].isVisibleTo(dock.settings)
    assert not form["significance"].isVisibleTo(dock.settings)


def test_parts_are_drawn_side_by_side_renamed_and_removed(dock):
    dock.adding.choose("part")
    dock.adding.parts.setValue(3)
    dock.adding.add()
    assert drawn_names(dock) == ["T1 Volume", "T2 Volume", "T3 Volume"]
    show(dock, "distributions")
    assert len(dock.canvas.figure.axes) == 3
    dock.subsets.list.item(1).setText("small")
    dock.subsets.list.item(2).setCheckState(Qt.CheckState.Unchecked)
    dock.redraw()
    titles = [axes.get_title(loc="left") for axes in dock.canvas.figure.axes]
    assert [title.split(" (")[0] for title in titles] == ["small", "T3 Volume"]
    dock.subsets.list.item(1).setSelected(True)
    dock.subsets.list.item(3).setSelected(True)
    dock.subsets.remove_selected()
    assert drawn_names(dock) == ["all particles"]
    assert dock.subsets.list.count() == 2


def test_a_condition_that_cannot_be_read_adds_nothing(dock):
    dock.adding.choose("condition")
    dock.adding.condition.line.setText("weight > 3")
    dock.adding.add()
    assert "There is no column “weight”" in dock.adding.problem.text()
    assert drawn_names(dock) == ["all particles"]
    dock.adding.condition.line.setText("delta_core_mean < -2")
    dock.adding.state.setCurrentIndex(2)
    dock.adding.add()
    assert drawn_names(dock)[-1] == "delta_core_mean < -2 at 4.4 V"


@pytest.mark.parametrize(("name", "panel"), [("scatter", 0), ("volcano", 1)])
def test_a_click_on_a_point_picks_its_particle(dock, viewer, name, panel):
    show(dock, name)
    points = dock.canvas._points[panel]
    alone = int(np.argmax(points.x))
    click(dock, place_of(dock, panel, points.x[alone], points.y[alone]))
    session = Session.of(viewer)
    assert session.selection == (int(points.labels[alone]),)
    (ring,) = (a for a in dock.canvas._moving if a.axes is points.axes)
    assert ring.get_xdata()[0] == points.x[alone]
    other = int(np.argmin(points.x))
    click(dock, place_of(dock, panel, points.x[other], points.y[other]), "control")
    assert set(session.selection) == {int(points.labels[i]) for i in (alone, other)}
    click(dock, (1, 1))
    assert len(session.selection) == 2


def test_an_outline_on_the_plot_holds_the_points_inside(dock):
    dock.adding.choose("outline")
    dock.adding.add()
    assert dock.name == "scatter"
    points = dock.canvas._points[0]
    low, high = np.quantile(points.y, [0.2, 0.7])
    left, right = points.x.min() - 1, points.x.max() + 1
    corners = [(left, low), (right, low), (right, high), (left, high)]
    places = [place_of(dock, 0, *corner) for corner in corners]
    mouse(dock, "button_press_event", places[0])
    for place in places[1:]:
        mouse(dock, "motion_notify_event", place)
    mouse(dock, "button_release_event", places[-1])
    inside = set(points.labels[(points.y > low) & (points.y < high)])
    assert drawn_names(dock)[-1] == "outline 1 at 2.5 V"
    assert set(dock.subsets.subsets[-1].labels(dock._frames)) == inside
    assert not dock.canvas.outlining


def test_an_outline_on_the_image_goes_through_all_slices(dock, viewer):
    image = viewer.add_image(np.zeros((20, 20, 20), np.uint8), scale=(5, 5, 5), name="pristine")
    dock.adding.choose("region")
    dock.adding.add()
    outline = dock.adding.outline
    assert outline.layer in viewer.layers
    corners = np.array([(3, 0, 0), (3, 0, 20), (3, 8, 20), (3, 8, 0)], float)
    outline.layer.add(corners, shape_type="polygon")
    assert in_world(corners, outline.layer)[0] == ("y", "x")
    dock.adding._region_drawn()
    frames = dock._frames
    near = frames.kept[:, 0] & (frames.first("centroid_y_um") < 40)
    chosen = dock.subsets.subsets[-1]
    assert chosen.name == "outline on the image"
    np.testing.assert_array_equal(chosen.mask(frames)[:, 0], near)
    assert outline.vertices is None
    assert image in viewer.layers


def test_points_on_the_collector_tell_the_plane(dock, viewer):
    show(dock, "positions")
    assert dock._plane.name == "the low z face"
    marks = viewer.add_points([(0, 0, 99), (0, 50, 99), (50, 0, 99)], name="collector")
    dock.settings.points.choose(marks)
    np.testing.assert_allclose(dock._plane.normal, (0, 0, -1), atol=1e-9)
    marks.data = marks.data[:2]
    dock.redraw()
    assert "a plane needs 3" in dock.problem.text()


def test_subsets_follow_a_study_whose_rules_changed(dock, viewer, study):
    dock.adding.add()
    before = [subset.labels(dock._frames).size for subset in dock.subsets.subsets]
    particles = study.particles.assign(kept=study.particles["label"] % 4 == 0)
    StudyHolder.of(viewer).study = study_of(Frames.of(study), particles=particles)
    dock.redraw()
    after = [subset.labels(dock._frames).size for subset in dock.subsets.subsets]
    assert sum(after) == particles.query("kept")["label"].nunique() < sum(before)
    lacking = particles.drop(columns="volume_um3")
    StudyHolder.of(viewer).study = study_of(Frames.of(study), particles=lacking)
    dock.redraw()
    assert "no column “volume_um3”" in dock.problem.text()


def test_what_a_study_lacks_is_said(dock, viewer, study):
    StudyHolder.of(viewer).study = study_of(Frames.of(study), greys=None)
    show(dock, "greys")
    assert "no grey-level histograms" in dock.problem.text()
    StudyHolder.of(viewer).study = None
    assert dock._drawn.isHidden()


def test_a_figure_is_saved_with_its_numbers_and_subsets(dock, tmp_path):
    dock.adding.add()
    show(dock, "means")
    files = dock.save(tmp_path / "means.svg")
    table = pd.read_csv(files[1])
    assert set(table["subset"]) == set(drawn_names(dock))
    made = json.loads(files[2].read_text())
    assert [one["number"] for one in made["subsets"]] == [1, 2, 3, 4]
    assert "#ffffff" in files[0].read_text()


def test_all_figures_are_saved_in_a_thread(dock, viewer, study, qtbot, tmp_path):
    unmatched = study.particles.assign(delta_core_mean=np.nan)
    few = study_of(Frames.of(study), particles=unmatched, layers=None, greys=None)
    StudyHolder.of(viewer).study = few
    dock.save_all(tmp_path / "figures")
    qtbot.waitUntil(lambda: not dock.saver.busy, timeout=60_000)
    assert "Saved 3 figures" in dock.saver.message.text()
    saved = sorted(path.stem for path in (tmp_path / "figures").glob("*.png"))
    assert saved == ["distributions", "means", "scatter"]
    assert "Saved 3 figures" in dock.saver.message.text()
