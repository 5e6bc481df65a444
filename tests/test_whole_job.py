"""The main path through the real window: sample, labels, radial analysis, pick, map, CSV."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.session import Session

pytestmark = pytest.mark.viewer


def click(viewer, qtbot: QtBot, world) -> None:
    """Press and release the mouse over a world position of the shown slice."""
    canvas = next(
        widget
        for widget in viewer.window._qt_window.findChildren(object)
        if "CanvasBackend" in type(widget).__name__
    )
    camera = viewer.scene.camera
    y, x = (np.array(world) - camera.center)[-2:] * camera.zoom
    place = QPointF(canvas.width() / 2 + x, canvas.height() / 2 + y)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    for kind, button, buttons in (
        (QMouseEvent.Type.MouseMove, none, none),
        (QMouseEvent.Type.MouseButtonPress, left, left),
        (QMouseEvent.Type.MouseButtonRelease, left, none),
    ):
        globally = QPointF(canvas.mapToGlobal(place.toPoint()))
        event = QMouseEvent(kind, place, globally, button, buttons, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(canvas, event)
        qtbot.wait(20)


def test_from_a_sample_to_a_table_a_profile_and_a_map(make_napari_viewer, qtbot, tmp_path) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1500, 950)
    viewer.open_sample("napari-battery", "sand")
    sand = viewer.layers[0]

    label = open_dock(viewer, "Label particles")
    label.runner.run_button.click()
    qtbot.waitUntil(lambda: not label.runner.busy, timeout=120_000)
    labels = viewer.layers[-1]
    n = int(labels.data.max())
    assert 780 <= n <= 900  # about 840 grains
    assert tuple(labels.scale) == tuple(sand.scale)
    assert labels.units == sand.units

    radial = open_dock(viewer, "Radial analysis")
    assert (radial.labels.layer, radial.image.layer) == (labels, sand)
    radial.form.rows["exclude_layers"].set_value(2)
    radial.runner.run_button.click()
    qtbot.waitUntil(lambda: not radial.runner.busy, timeout=120_000)
    session = Session.of(viewer)
    (analysis,) = session.analyses
    assert len(analysis.particles) == n

    # click the grain in the middle of the slice
    particles = analysis.particles.set_index("label")
    inside = particles[~particles["touches_border"] & particles["core_mean"].notna()]
    near = (inside[["centroid_z_um", "centroid_y_um", "centroid_x_um"]] - [50, 100, 100]) ** 2
    wanted = int(near.sum(axis=1).idxmin())
    depth = ndimage.distance_transform_edt(labels.data == wanted)
    deepest = np.unravel_index(depth.argmax(), depth.shape)
    world = labels.data_to_world(deepest)
    viewer.dims.set_point(0, world[0])
    viewer.reset_view()
    qtbot.wait(200)
    click(viewer, qtbot, world)
    assert session.selection == (wanted,)

    # its row
    table = open_dock(viewer, "Results table")
    view = table.particles.view
    assert view.table.labels(view.picked_rows()).tolist() == [wanted]

    # its profile, against layers counted here
    profile = open_dock(viewer, "Radial profile")
    qtbot.waitUntil(lambda: bool(profile.plot.figure.axes), timeout=10_000)
    layer = np.round(depth).astype(int)
    grey = np.asarray(sand.data, np.float64)
    means = [grey[layer == k].mean() for k in range(1, layer.max() + 1)]
    drawn = [line.get_ydata() for line in profile.plot.figure.axes[0].lines]
    assert any(len(y) == len(means) and np.allclose(y, means, rtol=1e-6) for y in drawn)
    core = grey[layer > 2].mean()
    assert particles.loc[wanted, "core_mean"] == pytest.approx(core, rel=1e-9)

    # its colour on the map lies where its value lies in the range
    chart = open_dock(viewer, "Particle map")
    live = chart.show_map()
    assert live.column == "core_mean"
    assert np.shares_memory(live.layer.data, labels.data)
    low, high = live.shown.low, live.shown.high
    import matplotlib

    place = np.clip((core - low) / (high - low), 0, 1)
    # at most 250 colours: half a step of the range, and how far viridis moves in it
    expected = matplotlib.colormaps["viridis"](place)
    assert live.layer.get_color(wanted) == pytest.approx(expected, abs=0.02)
    assert live.layer.get_color(0) is None  # the background is not drawn

    # CSV
    table.export(tmp_path / "grains.csv", only_shown=False)
    written = pd.read_csv(tmp_path / "grains.csv").set_index("label")
    assert written.loc[wanted, "core_mean"] == pytest.approx(core, rel=1e-9)

    # and nothing breaks when layers and docks go
    viewer.layers.remove(sand)
    viewer.layers.remove(labels)
    for dock in list(viewer.window.dock_widgets):
        viewer.window.remove_dock_widget(viewer.window.dock_widgets[dock])
    session.select([1])
    qtbot.wait(100)
