"""Both docks in a real window: a click is drawn, the map is on the screen, all may be closed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.map_dock import MapDock
from napari_battery.widgets.profile_dock import ProfileDock
from napari_battery.widgets.session import Analysis, Session

LABELS = (7, 300, 70_000)


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy(show=True)
    data = np.zeros((12, 40, 120), np.int32)
    grey = np.full(data.shape, 20, np.uint8)
    for i, label in enumerate(LABELS):
        box = (slice(1, 11), slice(5, 35), slice(5 + 40 * i, 35 + 40 * i))
        data[box] = label
        grey[box] = 100 + 10 * i
    image = Volume(grey, (1, 1, 1), name="image", voxel_size_source="typed in")
    add_volume(viewer, image)
    add_volume(viewer, image.like(data, "P"), labels=True)
    return viewer


def analysed(viewer):
    labels, image = viewer.layers["P"], viewer.layers["image"]
    result = radial_tables(
        volume_from_layer(labels), volume_from_layer(image), RadialSettings(exclude_layers=1)
    )
    return Analysis("run", result, labels, image)


@pytest.mark.viewer
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_the_map_is_on_the_screen_in_its_colours(viewer, qtbot, ndisplay):
    dock = MapDock(viewer)
    viewer.window.add_dock_widget(dock, name="Map")
    Session.of(viewer).add(analysed(viewer))
    live = dock.show_map()
    viewer.layers["image"].visible = False
    viewer.dims.ndisplay = ndisplay
    viewer.reset_view()
    qtbot.wait(50)
    pixels = viewer.screenshot(canvas_only=True, flash=False)[..., :3].reshape(-1, 3)
    for label in LABELS:
        colour = np.round(live.layer.get_color(label)[:3] * 255)
        near = np.abs(pixels.astype(int) - colour).max(axis=1) <= 2  # rounding of the canvas
        if ndisplay == 2:
            assert near.sum() > 100
        else:  # shaded: the hue is there, its lightness varies
            shares = pixels / np.maximum(pixels.max(axis=1, keepdims=True), 1)
            hue = np.abs(shares - colour / colour.max()).max(axis=1) < 0.05
            assert (hue & (pixels.max(axis=1) > 30)).sum() > 20


@pytest.mark.viewer
def test_a_pick_is_drawn_without_drawing_the_figure_anew(viewer, qtbot):
    dock = ProfileDock(viewer)
    viewer.window.add_dock_widget(dock, name="Radial profile")
    session = Session.of(viewer)
    session.add(analysed(viewer))
    session.select([7])  # the legend gets its height
    session.select([])
    qtbot.wait(100)
    drawn = []
    dock.plot.figure.canvas.mpl_connect("draw_event", drawn.append)

    def picture():
        return np.asarray(dock.plot.figure.canvas.buffer_rgba()).copy()

    before = picture()
    session.select([300])
    qtbot.wait(20)
    picked = picture()
    session.select([])
    qtbot.wait(20)
    assert drawn == []
    assert (picked != before).any()
    np.testing.assert_array_equal(picture(), before)


@pytest.mark.viewer
def test_docks_close_while_the_session_goes_on(viewer, qtbot):
    session = Session.of(viewer)
    docks = [
        viewer.window.add_dock_widget(kind(viewer), name=kind.__name__)
        for kind in (ProfileDock, MapDock)
    ]
    session.add(analysed(viewer))
    session.select([7])
    for dock in docks:
        viewer.window.remove_dock_widget(dock)
    qtbot.wait(50)
    session.select([300])
    session.set_exclude_layers(session.current, 2)
    viewer.theme = "light"
    qtbot.wait(50)
    viewer.layers.clear()
