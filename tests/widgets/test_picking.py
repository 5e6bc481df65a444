"""Clicks in the canvas, the overlay of what is picked, and going there."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_battery.radial import RadialResult, RadialSettings, radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets import picking
from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.highlight import NAME, PICK_COLOURS
from napari_battery.widgets.label_layers import label_at, shows_labels_of
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.session import Analysis, Session

NEAR, FAR, ALONE, HUGE = 3, 7, 70_000, 2**40
SCALE = (2.0, 0.5, 0.5)
DOWN = np.array([1.0, 0, 0])
"""Looking along z."""


def labels_data(dtype=np.int64):
    data = np.zeros((12, 30, 40), dtype)
    data[1:4, 5:15, 5:15] = NEAR
    data[6:10, 5:15, 5:15] = FAR  # behind the first one along z
    data[2:9, 18:26, 20:34] = ALONE if np.dtype(dtype).itemsize > 2 else 9
    if np.dtype(dtype).itemsize == 8:
        data[10, 28, 38] = HUGE
    return data


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    turn = np.eye(4)  # an alignment to another state: an exact quarter turn and a shift
    turn[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    turn[:3, 3] = [3, 40, -7]
    grey = np.random.default_rng(0).integers(0, 255, (12, 30, 40), np.uint8)
    image = Volume(grey, SCALE, (10, 20, 30), affine=turn, name="scan")
    add_volume(viewer, image)
    add_volume(viewer, image.like(labels_data(), "P"), labels=True)
    return viewer


@pytest.fixture
def session(viewer, qapp):
    session = Session.of(viewer)
    labels, image = viewer.layers["P"], viewer.layers["scan"]
    result = radial_tables(
        volume_from_layer(labels), volume_from_layer(image), RadialSettings(exclude_layers=1)
    )
    session.add(Analysis("scan", result, labels, image))
    picking.install(session)
    return session


def click(session, index, *, add=False, three_d=False):
    """As napari's event describes a click on a voxel."""
    labels = session.viewer.layers["P"]
    position = labels.data_to_world(index)
    ahead = labels.data_to_world(np.array(index) + DOWN)
    direction = (np.array(ahead) - position) / np.linalg.norm(np.array(ahead) - position)
    displayed = [0, 1, 2] if three_d else [1, 2]
    picking.pick_at(session, position, direction, displayed, add=add)


def overlay(session):
    found = [layer for layer in session.viewer.layers if layer.name == NAME]
    assert len(found) <= 1
    return found[0] if found else None


# which label


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_every_voxel_of_a_slice_gives_its_label(dtype):
    data = labels_data(dtype)
    layer = Labels(data, scale=SCALE, translate=(10, 20, 30))
    for index in [(1, 5, 5), (3, 14, 14), (4, 5, 5), (8, 25, 33), (0, 0, 0), (11, 29, 39)]:
        corners = np.array(index) + np.array([[-0.49] * 3, [0] * 3, [0.49] * 3])
        for corner in corners:
            world = layer.data_to_world(corner)
            assert label_at(layer, world, DOWN, [1, 2]) == data[index]
    assert label_at(layer, layer.data_to_world((3, -1, 4)), DOWN, [1, 2]) is None
    assert label_at(layer, layer.data_to_world((3, 4, 39.6)), DOWN, [1, 2]) is None


def test_a_ray_gives_what_napari_gives_along_the_axes_and_askew():
    data = labels_data()
    layer = Labels(data, scale=SCALE, translate=(10, 20, 30))
    viewer = ViewerModel()
    viewer.layers.append(layer)
    viewer.dims.ndisplay = 3
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        target = np.array(layer.data_to_world(rng.uniform(0, data.shape)))
        ray = rng.normal(size=3)
        ray /= np.linalg.norm(ray)
        start = target - 100 * ray
        ours = label_at(layer, start, ray, [0, 1, 2])
        theirs = layer.get_value(start, view_direction=ray, dims_displayed=[0, 1, 2], world=True)
        hits += bool(theirs)
        # both sample every half voxel, from other points: corners may be met by one alone
        if (ours or 0) != (theirs or 0):
            nearby = [
                layer.get_value(
                    start + shift, view_direction=ray, dims_displayed=[0, 1, 2], world=True
                )
                or 0
                for shift in rng.normal(scale=0.3, size=(40, 3))
            ]
            assert (ours or 0) in nearby
    assert hits > 50


def test_what_cannot_be_seen_is_looked_through():
    layer = Labels(labels_data(), scale=SCALE)
    above = layer.data_to_world((-5, 10, 10))
    assert label_at(layer, above, DOWN, [0, 1, 2]) == NEAR
    assert label_at(layer, layer.data_to_world((20, 10, 10)), -DOWN, [0, 1, 2]) == FAR
    layer.experimental_clipping_planes = [{"position": (5, 0, 0), "normal": (1, 0, 0)}]
    assert label_at(layer, above, DOWN, [0, 1, 2]) == FAR
    layer.experimental_clipping_planes[0].enabled = False
    layer.colormap = DirectLabelColormap(
        color_dict={None: "transparent", FAR: "red", NEAR: (0, 0, 0, 0)}
    )
    assert label_at(layer, above, DOWN, [0, 1, 2]) == FAR
    assert label_at(layer, layer.data_to_world((-5, 20, 25)), DOWN, [0, 1, 2]) == 0
    layer.depiction = "plane"
    layer.plane.position, layer.plane.normal = (11, 0, 0), (1, 0, 0)
    assert label_at(layer, above, DOWN, [0, 1, 2]) == 0
    assert label_at(layer, layer.data_to_world((-5, 90, 10)), DOWN, [0, 1, 2]) is None


def test_two_dimensional_labels():
    data = np.zeros((20, 20), np.uint16)
    data[3:8, 4:9] = 65_535
    layer = Labels(data, scale=(0.1, 0.1))
    assert label_at(layer, (0.5, 0.6), None, [0, 1]) == 65_535
    assert label_at(layer, (9.0, 0.5, 0.6), None, [1, 2]) == 65_535  # among 3-D layers
    assert label_at(layer, (9.0, 0.5, 0.6), DOWN, [0, 1, 2]) == 65_535


def test_maps_are_known_by_their_data_not_their_values():
    data = labels_data()
    labels = Labels(data)
    assert shows_labels_of(Labels(data, name="map"), labels)
    assert shows_labels_of(Labels(data.view()), labels)
    assert not shows_labels_of(Labels(data.copy()), labels)
    assert not shows_labels_of(Labels(data[:6]), labels)
    assert not shows_labels_of(Labels(data, metadata={KEY: {"overlay": True}}), labels)
    assert not shows_labels_of(Image(data), labels)
    assert not shows_labels_of(labels, None)


# picking


def test_clicks_pick_add_take_away_and_clear(session):
    click(session, (2, 6, 6))
    assert session.selection == (NEAR,)
    click(session, (7, 20, 25), add=True)
    assert session.selection == (NEAR, ALONE)
    click(session, (2, 6, 6), add=True)
    assert session.selection == (ALONE,)
    click(session, (2, 0, 0), add=True)
    assert session.selection == (ALONE,)  # a slip of the mouse costs nothing
    click(session, (10, 28, 38))
    assert session.selection == (HUGE,)
    click(session, (2, 0, 0))
    assert session.selection == ()
    click(session, (2, 6, 6))
    click(session, (2, 6, -30))  # beside the volume
    assert session.selection == (NEAR,)


def test_clicks_in_three_dimensions(session):
    session.viewer.dims.ndisplay = 3
    click(session, (-8, 6, 6), three_d=True)
    assert session.selection == (NEAR,)


def test_clicks_on_maps_and_on_the_bare_image(session, viewer):
    labels = viewer.layers["P"]
    mapped = Labels(
        labels.data,
        name="map",
        scale=labels.scale,
        translate=labels.translate,
        affine=labels.affine,
        metadata={KEY: {"kind": "map"}},
    )
    labels.visible = False
    viewer.layers.append(mapped)
    click(session, (2, 6, 6))
    assert session.selection == (NEAR,)
    mapped.visible = False
    click(session, (7, 20, 25))
    assert session.selection == (ALONE,)
    viewer.dims.ndisplay = 3
    click(session, (-8, 6, 6), three_d=True)  # nothing is seen there to be picked
    assert session.selection == (ALONE,)
    viewer.dims.ndisplay = 2
    viewer.layers["scan"].visible = False
    click(session, (2, 6, 6))
    assert session.selection == (ALONE,)


def test_the_analysis_of_the_layer_clicked_comes_to_the_front(session, viewer):
    other = np.zeros((12, 30, 40), np.int32)
    other[:, :, 36:] = 5
    first, labels = session.current, viewer.layers["P"]
    place = {"scale": labels.scale, "translate": labels.translate, "affine": labels.affine}
    layer = viewer.add_labels(other, name="Q", **place)
    particles = pd.DataFrame({"label": [5], "core_mean": [1.0]})
    session.add(Analysis("Q", RadialResult(particles, particles, RadialSettings(), {}), layer))
    assert session.current is not first
    click(session, (2, 6, 6))  # through the background of the upper one
    assert session.current is first
    assert session.selection == (NEAR,)
    click(session, (2, 6, 37))
    assert session.current.name == "Q"
    assert session.selection == (5,)


def test_labels_that_are_not_in_the_table_are_not_picked(session, viewer):
    viewer.layers["P"].data[2, 0, 0] = 55
    click(session, (2, 0, 0))
    assert session.selection == ()


# the overlay


def test_the_overlay_views_the_labels_where_they_are(session, viewer):
    labels = viewer.layers["P"]
    viewer.layers.selection.active = viewer.layers["scan"]
    session.select((ALONE, NEAR), None)
    layer = overlay(session)
    assert layer.visible
    assert np.shares_memory(layer.data, labels.data)
    assert viewer.layers.selection.active is viewer.layers["scan"]
    assert set(viewer.layers.selection) == {viewer.layers["scan"]}
    assert not layer.editable
    for index in [(2, 6, 6), (8, 25, 33)]:
        world = labels.data_to_world(index)
        place = np.round(layer.world_to_data(world)).astype(int)
        np.testing.assert_allclose(layer.data_to_world(place), world, atol=1e-9)
        assert layer.data[tuple(place)] == labels.data[index]
    np.testing.assert_array_equal(layer.get_color(ALONE), PICK_COLOURS[0])
    np.testing.assert_array_equal(layer.get_color(NEAR), PICK_COLOURS[1])
    assert layer.get_color(FAR)[3] == 0
    assert layer.units == labels.units
    # alone, it is cut down to the particle: what 3-D sends to the graphics card
    session.select((NEAR,), None)
    assert overlay(session) is layer
    assert layer.data.size < labels.data.size / 8


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_picks_come_and_go(recwarn, session, viewer, qtbot, ndisplay):
    viewer.dims.ndisplay = ndisplay
    assert overlay(session) is None
    session.select((NEAR,), None)
    layer = overlay(session)
    assert layer.contour == (0 if ndisplay == 3 else 1)
    viewer.dims.ndisplay = 5 - ndisplay
    assert layer.contour == (1 if ndisplay == 3 else 0)
    session.select((), None)
    assert not layer.visible
    session.select((FAR,), None)
    assert layer.visible
    layer.visible = False  # the person's own wish
    session.select((NEAR,), None)
    assert not layer.visible
    layer.visible = True
    session.select((FAR,), None)
    assert layer.visible
    viewer.layers.remove(layer)
    session.select((NEAR,), None)
    assert overlay(session) is not layer
    assert overlay(session).visible
    assert not [w for w in recwarn if "Contours" in str(w.message)]


def test_it_stays_on_top_and_out_of_the_choosers(session, viewer, qtbot):
    session.select((NEAR,), None)
    viewer.add_labels(np.zeros((12, 30, 40), int), name="new")
    qtbot.waitUntil(lambda: viewer.layers[-1].name == NAME)
    chooser = LayerChooser(viewer, Labels)
    qtbot.addWidget(chooser)
    assert [chooser.itemText(i) for i in range(chooser.count())] == ["new", "P"]


def test_it_goes_away_with_its_labels(session, viewer, qtbot):
    session.select((NEAR,), None)
    viewer.layers.selection = {viewer.layers["P"], overlay(session)}
    viewer.layers.remove_selected()
    qtbot.wait(10)
    assert overlay(session) is None
    assert [layer.name for layer in viewer.layers] == ["scan"]
    session.select((FAR,), None)
    assert overlay(session) is None


def test_it_goes_away_when_all_layers_do(session, viewer, qtbot):
    session.select((NEAR,), None)
    viewer.layers.clear()
    qtbot.wait(10)
    assert not len(viewer.layers)


def test_it_follows_the_labels_voxel_size_and_data(session, viewer):
    labels = viewer.layers["P"]
    session.select((NEAR,), None)
    labels.scale = (1, 1, 1)
    layer = overlay(session)
    place = np.round(layer.world_to_data(labels.data_to_world((2, 6, 6)))).astype(int)
    assert layer.data[tuple(place)] == NEAR
    labels.data = np.roll(labels.data, 4, axis=2)  # stale: the boxes of the table are wrong
    place = np.round(layer.world_to_data(labels.data_to_world((2, 6, 10)))).astype(int)
    assert np.shares_memory(layer.data, labels.data)
    assert layer.data[tuple(place)] == NEAR


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64])
def test_every_integer_type_can_be_highlighted(viewer, qapp, dtype):
    data = labels_data(dtype)
    layer = viewer.add_labels(data, name="other")
    found = np.unique(data)[1:]
    particles = pd.DataFrame({"label": found})
    result = RadialResult(particles, particles, RadialSettings(), {})
    session = Session.of(viewer)
    session.add(Analysis("x", result, layer))
    picking.install(session)
    session.select(found.tolist(), None)
    shown = overlay(session)
    viewer.dims.ndisplay = 3
    colours = shown.colormap.map(np.array([*found, 0], dtype))
    assert (colours[:-1, 3] == 1).all()
    assert colours[-1, 3] == 0


# going there


@pytest.mark.parametrize("label", [NEAR, ALONE, HUGE])
def test_the_view_goes_to_the_middle_of_the_particle(session, viewer, label):
    labels = viewer.layers["P"]
    zoom = viewer.scene.camera.zoom = 8.0
    session.select((label,), None, focus=True)
    index = np.argwhere(labels.data == label).mean(axis=0)
    world = np.array(labels.data_to_world(index))
    slice_world = viewer.dims.point[0]
    assert abs(slice_world - world[0]) <= SCALE[0] / 2
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], world[1:], atol=1e-6)
    if label != HUGE:  # one voxel, too small to be seen at this zoom
        assert viewer.scene.camera.zoom == zoom
    else:
        assert viewer.scene.camera.zoom > zoom
    viewer.dims.ndisplay = 3
    session.select((label,), None, focus=True)
    np.testing.assert_allclose(viewer.scene.camera.center, world, atol=1e-6)


def test_a_bent_particle_is_shown_in_a_slice_that_cuts_it(session, viewer):
    data = viewer.layers["P"].data
    data[:] = 0
    data[0, 5:15, 5:15] = NEAR
    data[8:10, 5:15, 5:15] = NEAR  # mean slice 5.67: background
    session.mark_stale(viewer.layers["P"], "test")
    session.select((NEAR,), None, focus=True)
    point = np.array([viewer.dims.point[0], *viewer.scene.camera.center[-2:]])
    index = np.round(viewer.layers["P"].world_to_data(point)).astype(int)
    assert data[tuple(index)] == NEAR


def test_a_particle_that_left_its_box_is_found(session, viewer):
    labels = viewer.layers["P"]
    labels.data = np.roll(labels.data, 20, axis=2)
    session.select((NEAR,), None, focus=True)
    world = np.array(labels.data_to_world(np.argwhere(labels.data == NEAR).mean(axis=0)))
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], world[1:], atol=1e-6)


def test_a_particle_that_is_gone_leaves_the_view_alone(session, viewer):
    before = viewer.scene.camera.center, viewer.dims.point
    viewer.layers["P"].data[:] = 0
    session.select((NEAR,), None, focus=True)
    assert (viewer.scene.camera.center, viewer.dims.point) == before
    viewer.layers.remove("P")
    session.select((FAR,), None, focus=True)


def test_other_displayed_axes(session, viewer):
    viewer.dims.order = (2, 0, 1)
    session.select((ALONE,), None, focus=True)
    index = np.argwhere(viewer.layers["P"].data == ALONE).mean(axis=0)
    world = np.array(viewer.layers["P"].data_to_world(index))
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], world[:2], atol=1e-6)
    assert abs(viewer.dims.point[2] - world[2]) <= 0.5


# installing


def test_installing_twice_is_once(session, viewer):
    n = len(viewer.mouse_drag_callbacks)
    assert picking.install(session) is picking.install(session)
    assert len(viewer.mouse_drag_callbacks) == n


def test_the_viewer_may_die(qapp):
    viewer = ViewerModel()
    picking.install(Session.of(viewer))
    gone = weakref.ref(Session.of(viewer))
    del viewer
    gc.collect()
    assert gone() is None
