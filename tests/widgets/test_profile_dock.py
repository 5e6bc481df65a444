"""The Radial profile dock draws the numbers of the tables, and keeps up with the session."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_battery.errors import InputError
from napari_battery.radial import RadialSettings, population_profile, radial_tables
from napari_battery.tables import read_table
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.profile_dock import ProfileDock
from napari_battery.widgets.profile_plot import state_names
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


def analysed(viewer, image_name, state=""):
    labels, image = viewer.layers["P"], viewer.layers[image_name]
    settings = RadialSettings(exclude_layers=2)
    result = radial_tables(volume_from_layer(labels), volume_from_layer(image), settings)
    return Analysis(f"{image_name} run", result, labels, image, state)


@pytest.fixture
def session(viewer):
    return Session.of(viewer)


@pytest.fixture
def dock(qtbot, viewer):
    dock = ProfileDock(viewer)
    qtbot.addWidget(dock)
    return dock


def is_shown(widget):
    return not widget.isHidden()


def particle_lines(dock):
    return [line for line in dock.plot.figure.axes[0].lines if line.get_animated()]


def test_an_empty_dock_says_what_to_do(dock):
    assert dock.empty.text() == "Run a radial analysis, then click a particle."
    assert not is_shown(dock._shown)
    with pytest.raises(InputError, match="no profile"):
        dock.save("profile.png")


def test_picked_particles_are_drawn_over_the_population(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    assert "Click a particle" in dock.legend.text()
    axes = dock.plot.figure.axes[0]
    session.select([70_000, 5])
    assert dock.plot.figure.axes[0] is axes  # artists were added; the axes stayed
    layers = session.current.result.layers
    for line, label in zip(particle_lines(dock), (70_000, 5), strict=True):
        rows = layers[layers["label"] == label]
        np.testing.assert_array_equal(line.get_xdata(), rows["depth_um"])
        np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
    population = population_profile(layers)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), population["mean"])
    low, high = axes.get_ylim()
    assert low < layers["mean"].min() or low < rows["mean"].min()
    assert high > rows["mean"].max()
    session.select([])
    assert particle_lines(dock) == []


def test_the_legend_tells_core_means_and_voxels(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    session.select([2, 70_000])
    row = session.current.particles.set_index("label").loc[70_000]
    legend = dock.legend.text()
    assert "all particles, mean ± 2 SE (n ≤ 4)" in legend
    assert f"core {row['core_mean']:.2f}, std {row['core_std']:.2f}, 216 voxels" in legend
    assert "label 2: no core (all of its 2 layers are excluded)" in legend
    assert "1 of 4 particles have no core without their 2 outer layers." in dock.hint.text()
    session.select([12345])
    assert "12345" not in dock.legend.text()


def test_excluding_layers_from_the_dock_updates_table_and_shade(dock, viewer, session, qtbot):
    session.add(analysed(viewer, "pristine"))
    assert dock.exclude.value() == 2
    heard = []
    session.table_changed.connect(heard.append)
    before = session.current.particles["core_mean"].copy()
    dock.exclude.setValue(1)
    qtbot.waitUntil(lambda: bool(heard), timeout=5000)
    assert session.current.exclude_layers == 1
    assert not session.current.particles["core_mean"].equals(before)
    shade = dock.plot.figure.axes[0].patches[0]
    assert shade.get_width() == pytest.approx(2.0)  # one layer of 2 µm
    session.set_exclude_layers(session.current, 3)  # by another dock
    assert dock.exclude.value() == 3


def test_states_of_a_series_are_drawn_together(dock, viewer, session, qtbot):
    session.add(analysed(viewer, "pristine", "pristine"))
    session.add(analysed(viewer, "4.4 V", "4.4 V"))
    session.select([9])
    assert [a.state for a in dock.view.analyses] == ["pristine", "4.4 V"]
    first, second = particle_lines(dock)
    # every voxel is darker by 3: float64 rounding only
    np.testing.assert_allclose(second.get_ydata() - first.get_ydata(), -3, atol=1e-9)
    assert first.get_color() != second.get_color()
    # its box unticked, the other state goes; the choice outlives the next change
    item = dock.others.item(0)
    assert item.text() == "pristine"
    item.setCheckState(Qt.CheckState.Unchecked)
    assert len(particle_lines(dock)) == 1
    session.analyses_changed.emit()
    assert [a.state for a in dock.view.analyses] == ["4.4 V"]
    dock.others.item(0).setCheckState(Qt.CheckState.Checked)
    dock.exclude.setValue(3)
    qtbot.waitUntil(lambda: {a.exclude_layers for a in session.analyses} == {3}, timeout=5000)


def test_different_exclusions_are_told(dock, viewer, session):
    session.add(analysed(viewer, "pristine", "pristine"))
    session.add(analysed(viewer, "4.4 V", "4.4 V"))
    session.set_exclude_layers(session.analyses[0], 1)
    assert "different numbers of outer layers (1 and 2)" in dock.hint.text()


def test_axes_values_and_band_can_be_chosen(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    session.select([9])
    dock.x_box.setCurrentIndex(1)
    dock.y_box.setCurrentIndex(2)
    axes = dock.plot.figure.axes[0]
    assert axes.xaxis_inverted()
    assert axes.get_ylabel() == "Normalised (surface)"
    layers = session.current.result.layers
    rows = layers[layers["label"] == 9]
    np.testing.assert_array_equal(particle_lines(dock)[0].get_ydata(), rows["normalised_surface"])
    n_lines = len(axes.lines)
    dock.band.setChecked(False)
    assert len(dock.plot.figure.axes[0].lines) == n_lines - 1


def test_choices_are_remembered(dock, viewer, qtbot):
    dock.x_box.setCurrentIndex(1)
    dock.band.setChecked(False)
    again = ProfileDock(viewer)
    qtbot.addWidget(again)
    assert again.x_box.currentData() == "relative_radius"
    assert not again.band.isChecked()


def test_what_is_assumed_synthetic_or_stale_is_said(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    axes = dock.plot.figure.axes[0]
    assert axes.get_xlabel() == "Depth (µm, assumed)"
    assert axes.get_title(loc="right") == "synthetic data"
    viewer.layers["P"].paint((3, 4, 4), 9)
    assert dock.stale.text() == "Out of date: labels were edited."
    title = dock.plot.figure.axes[0].get_title(loc="right")
    assert title == "synthetic data; out of date: labels were edited"


def test_figure_and_data_are_saved(dock, viewer, session, tmp_path):
    session.add(analysed(viewer, "pristine"))
    session.select([9])
    files = dock.save(tmp_path / "profile.pdf")
    data = read_table(files[1])
    layers = session.current.result.layers
    rows = layers[layers["label"] == 9]
    np.testing.assert_allclose(data[data["label"] == 9]["mean"], rows["mean"], rtol=1e-12)
    made = json.loads(files[2].read_text())
    assert made["settings"] == {"x": "depth_um", "y": "mean", "picked": [9]}
    assert made["analyses"]["pristine run"]["exclude_layers"] == 2
    assert made["analyses"]["pristine run"]["assumed_voxel_size"] is True


def test_the_plot_follows_the_theme(dock, viewer, session, qtbot):
    session.add(analysed(viewer, "pristine"))
    dark = dock.plot.figure.get_facecolor()
    viewer.theme = "light"
    qtbot.waitUntil(lambda: dock.plot.figure.get_facecolor() != dark, timeout=5000)
    assert min(dock.plot.figure.get_facecolor()[:3]) > 0.8


def test_many_picked_particles_are_one_line(dock, viewer, session):
    session.add(analysed(viewer, "pristine"))
    result = session.current.result
    copies, tables = (
        [table.assign(label=table["label"] + 100_000 * i) for i in range(3)]
        for table in (result.layers, result.particles)
    )
    many = dataclasses.replace(
        result,
        layers=pd.concat(copies, ignore_index=True),
        particles=pd.concat(tables, ignore_index=True),
    )
    session.add(Analysis("many", many))
    labels = many.particles["label"].tolist()
    session.select(labels)
    (line,) = particle_lines(dock)
    y = line.get_ydata()
    assert np.isnan(y).sum() == len(labels) - 1  # gaps between particles
    np.testing.assert_array_equal(y[~np.isnan(y)], many.layers["mean"])
    assert "12 picked particles" in dock.legend.text()


def test_no_two_states_have_one_name():
    class Named:
        def __init__(self, name, state):
            self.name, self.state = name, state

    names = state_names([Named("a", "4 V"), Named("b", "4 V"), Named("a", "4 V"), Named("x", "")])
    assert names[0] == "4 V"
    assert names[3] == "x"
    assert len(set(names)) == 4


def test_layers_and_docks_may_go_at_any_moment(viewer, session, qtbot):
    dock = ProfileDock(viewer)
    session.add(analysed(viewer, "pristine"))
    session.select([9])
    viewer.layers.remove(viewer.layers["P"])
    session.select([5])
    assert len(particle_lines(dock)) == 1
    session.remove(session.current)
    assert dock.empty.text().startswith("Run a radial analysis")
    viewer.layers.clear()
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    session.select([2])
    viewer.theme = "light"
