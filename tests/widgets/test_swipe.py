from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QWidget

from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.layers import is_overlay
from napari_battery.widgets.swipe import DIVIDER, PREVIEW, Patch, Swipe

SHAPE = (6, 20, 30)
DATA = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(np.float32)

MIRRORED = np.diag([1.0, 1.0, -1.0, 1.0])
QUARTER = np.eye(4)
QUARTER[1:3, 1:3] = [[0, 1], [-1, 0]]
SLANTED = np.eye(4)
SLANTED[1:3, 1:3] = [[0.9, 0.3], [-0.2, 1.1]]


@pytest.fixture
def dock(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def patch_of(viewer: ViewerModel, layer: Any) -> Patch:
    """Minus the shown slice, as a filter would have it."""
    axis = viewer.dims.not_displayed
    window: list[slice] = [slice(None)] * layer.ndim
    start = [0] * layer.ndim
    if axis:
        start[axis[0]] = 3
        window[axis[0]] = slice(3, 4)
        viewer.dims.set_point(axis[0], layer.data_to_world([3] * layer.ndim)[axis[0]])
    return Patch(-layer.data[tuple(window)], tuple(start))


def voxels(layer: Any) -> np.ndarray:
    """World positions of a layer's voxels, one row each."""
    index = np.indices(layer.data.shape).reshape(layer.ndim, -1).T
    return np.array([layer.data_to_world(i) for i in index])


def line_at(line: Any) -> np.ndarray:
    """Start and end of the divider in the world."""
    start, along = line.data[0]
    return np.array([line.data_to_world(start), line.data_to_world(start + along)])


STRAIGHT = [{}, {"scale": (2, 0.5, 0.25), "translate": (7, -3, 100)}, {"affine": MIRRORED}]
ORDERS = [(0, 1, 2), (0, 2, 1), (1, 2, 0), (2, 0, 1)]
PLACES = [(place, order) for place in STRAIGHT for order in ORDERS]
# napari itself does not slice across an axis that is turned
PLACES += [({"affine": turned}, order) for turned in (QUARTER, SLANTED) for order in ORDERS[:2]]


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("place", "order"), PLACES)
def test_right_of_the_line_is_the_patch_and_nothing_else(
    viewer: ViewerModel, dock: QWidget, place: Any, order: Any, fraction: float
) -> None:
    layer = viewer.add_image(DATA, **place)
    viewer.dims.order = order
    swipe = Swipe(dock, viewer)
    patch = patch_of(viewer, layer)
    swipe.show(layer, patch)
    swipe.set_fraction(fraction)
    swipe._draw()  # not to wait for the timer
    shown = swipe.layer
    if fraction == 1:
        assert shown.opacity == 0
        return
    assert shown.opacity == 1
    # every voxel keeps its place
    back = np.array([layer.world_to_data(p) for p in voxels(shown)])
    index = np.rint(back).astype(int)
    np.testing.assert_allclose(back, index, atol=1e-6)
    np.testing.assert_array_equal(shown.data.ravel(), -DATA[tuple(index.T)])
    assert (index[:, order[0]] == 3).all()
    # on the screen (across: the last axis shown, down: the one before) all lie right of the line
    down, across = order[1], order[2]
    (a, b), p = line_at(swipe.line)[:, [across, down]], voxels(shown)[:, [across, down]]
    if b[1] < a[1]:
        a, b = b, a
    side = (p[:, 0] - a[0]) * (b[1] - a[1]) - (p[:, 1] - a[1]) * (b[0] - a[0])
    assert (side > 0).all()
    n = patch.data.size
    # whole voxels: half a row of them at most is missing
    assert shown.data.size == pytest.approx((1 - fraction) * n, abs=n / 12)


def test_both_layers_are_drawing_aids_right_above_the_image(
    viewer: ViewerModel, dock: QWidget, qtbot: QtBot
) -> None:
    layer = viewer.add_image(DATA, name="a", colormap="viridis", contrast_limits=(5, 50))
    other = viewer.add_labels(np.zeros(SHAPE, int), name="b")
    chooser = LayerChooser(viewer, type(layer))
    qtbot.addWidget(chooser)
    swipe = Swipe(dock, viewer)
    swipe.show(layer, patch_of(viewer, layer))
    assert [one.name for one in viewer.layers] == ["a", PREVIEW, DIVIDER, "b"]
    assert all(is_overlay(one) for one in (swipe.layer, swipe.line))
    assert viewer.layers.selection.active is other
    assert chooser.count() == 1
    assert swipe.layer.colormap.name == "viridis"
    layer.contrast_limits = (10, 99)
    layer.colormap = "gray"
    assert tuple(swipe.layer.contrast_limits) == (10, 99)
    assert swipe.layer.colormap.name == "gray"
    swipe.hide()
    assert [one.name for one in viewer.layers] == ["a", "b"]


def test_a_patch_with_its_own_limits_and_type(viewer: ViewerModel, dock: QWidget) -> None:
    layer = viewer.add_image(DATA, contrast_limits=(5, 50))
    swipe = Swipe(dock, viewer)
    patch = patch_of(viewer, layer)
    swipe.show(layer, patch)
    swipe.show(layer, Patch(np.zeros(patch.data.shape, np.uint8), patch.start), (0.0, 255.0))
    assert swipe.layer.data.dtype == np.uint8
    layer.contrast_limits = (10, 99)
    assert tuple(swipe.layer.contrast_limits) == (0, 255)
    assert len(viewer.layers) == 3


def event(kind: str, position: Any) -> Any:
    return SimpleNamespace(type=kind, position=position, button=1, handled=False, modifiers=())


def drag(viewer: ViewerModel, start: Any, end: Any) -> Any:
    """Press, move and release the mouse at world positions, as napari tells its callbacks."""
    press = event("mouse_press", start)
    for callback in viewer.mouse_drag_callbacks:
        running = callback(viewer, press)
        for position in (start, end, end):
            if next(running, "ended") == "ended":
                break
            press.type, press.position = "mouse_move", position
    return press


@pytest.mark.parametrize("affine", [np.eye(4), MIRRORED])
def test_the_line_is_dragged_where_the_mouse_goes(
    viewer: ViewerModel, dock: QWidget, qtbot: QtBot, affine: Any
) -> None:
    layer = viewer.add_image(DATA, scale=(1, 2, 2), affine=affine)
    swipe = Swipe(dock, viewer)
    swipe.show(layer, patch_of(viewer, layer))
    heard: list[float] = []
    swipe.moved.connect(heard.append)
    (start, _), world = line_at(swipe.line), layer.data_to_world((3, 8, 21.5))
    start = (start[0], world[1], start[2])
    assert drag(viewer, start, world).handled
    right = affine is not MIRRORED
    assert swipe.fraction == pytest.approx(22 / 30 if right else 8 / 30)
    assert heard == [swipe.fraction]
    qtbot.waitUntil(lambda: np.allclose(line_at(swipe.line)[0][2], world[2]))


def test_the_mouse_elsewhere_or_painting_moves_no_line(viewer: ViewerModel, dock: QWidget) -> None:
    layer = viewer.add_image(DATA)
    labels = viewer.add_labels(np.zeros(SHAPE, int))
    swipe = Swipe(dock, viewer)
    swipe.show(layer, patch_of(viewer, layer))
    on_line = line_at(swipe.line).mean(axis=0)
    assert not drag(viewer, on_line + np.array([0, 0, 8]), on_line).handled
    assert not drag(viewer, on_line - np.array([0, 50, 0]), on_line).handled  # beside the image
    labels.mode = "paint"
    assert not drag(viewer, on_line, on_line + np.array([0, 0, 5])).handled
    assert swipe.fraction == 0.5
    labels.mode = "pan_zoom"
    assert drag(viewer, on_line, on_line + np.array([0, 0, 5])).handled
    assert swipe.fraction > 0.5


def test_a_hand_shows_over_the_line(viewer: ViewerModel, dock: QWidget) -> None:
    layer = viewer.add_image(DATA)
    swipe = Swipe(dock, viewer)
    swipe.show(layer, patch_of(viewer, layer))
    on_line = line_at(swipe.line).mean(axis=0)
    for position, style in ((on_line, "pointing"), (on_line + np.array([0, 0, 9]), "standard")):
        for callback in viewer.mouse_move_callbacks:
            callback(viewer, event("mouse_move", position))
        assert str(viewer.cursor.style) == style


def test_a_divider_out_of_sight_comes_back(
    viewer: ViewerModel, dock: QWidget, qtbot: QtBot
) -> None:
    layer = viewer.add_image(DATA)
    swipe = Swipe(dock, viewer)
    swipe.show(layer, patch_of(viewer, layer))
    layer.corner_pixels = np.array([[0, 0, 20], [0, 19, 29]])  # as a zoomed-in canvas sets it
    viewer.scene.camera.zoom *= 3
    qtbot.waitUntil(lambda: swipe.fraction == pytest.approx(25 / 30))
    swipe.set_fraction(0)  # the whole patch was wanted
    viewer.scene.camera.zoom *= 1.1
    qtbot.wait(150)
    assert swipe.fraction == 0


def test_deleted_layers(viewer: ViewerModel, dock: QWidget) -> None:
    layer = viewer.add_image(DATA)
    swipe = Swipe(dock, viewer)
    heard: list[int] = []
    swipe.removed.connect(lambda: heard.append(1))
    for name in (PREVIEW, DIVIDER):
        swipe.show(layer, patch_of(viewer, layer))
        viewer.layers.remove(name)
        assert list(viewer.layers) == [layer]
    assert heard == [1, 1]
    swipe.show(layer, patch_of(viewer, layer))
    viewer.layers.remove(layer)
    assert list(viewer.layers) == []
    assert heard == [1, 1]


def test_it_goes_with_its_dock(viewer: ViewerModel, qtbot: QtBot) -> None:
    layer = viewer.add_image(DATA)
    dock = QWidget()
    before = list(viewer.mouse_drag_callbacks)
    Swipe(dock, viewer).show(layer, patch_of(viewer, layer))
    gone: list[int] = []
    dock.destroyed.connect(lambda: gone.append(1))
    dock.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    assert list(viewer.layers) == [layer]
    assert viewer.mouse_drag_callbacks == before
    layer.contrast_limits = (1, 2)
    viewer.scene.camera.zoom *= 2


def test_a_2d_image(viewer: ViewerModel, dock: QWidget) -> None:
    layer = viewer.add_image(DATA[0])
    swipe = Swipe(dock, viewer)
    swipe.show(layer, Patch(-DATA[0], (0, 0)))
    np.testing.assert_array_equal(swipe.layer.data, -DATA[0][:, 15:])


def test_a_box_has_an_outline(viewer: ViewerModel, dock: QWidget) -> None:
    layer = viewer.add_image(DATA[0])
    swipe = Swipe(dock, viewer)
    swipe.show(layer, Patch(-DATA[0][4:12, 10:20], (4, 10)))
    ends = swipe.line.data[5:]
    corners = np.vstack([ends[:, 0], ends.sum(axis=1)])
    assert corners.min(axis=0).tolist() == [3.5, 9.5]
    assert corners.max(axis=0).tolist() == [11.5, 19.5]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("place", STRAIGHT)
def test_a_patch_of_finer_voxels_lies_on_the_same_spot(
    viewer: ViewerModel, dock: QWidget, place: Any, order: Any
) -> None:
    layer = viewer.add_image(DATA, **place)
    viewer.dims.order = order
    coarse = patch_of(viewer, layer)
    step = [1 / 3.0] * 3
    step[order[0]] = 1.0  # as thick as a slice: the slider keeps its steps
    fine = coarse.data
    for axis in order[1:]:
        fine = np.repeat(fine, 3, axis=axis)
    start = tuple(at - (1 - s) / 2 for at, s in zip(coarse.start, step, strict=True))
    steps = viewer.dims.range[order[0]].step
    swipe = Swipe(dock, viewer)
    swipe.show(layer, Patch(fine, start, tuple(step)))
    swipe.set_fraction(0.25)
    swipe._draw()
    assert viewer.dims.range[order[0]].step == steps
    back = np.array([layer.world_to_data(p) for p in voxels(swipe.layer)])
    index = np.rint(back).astype(int)
    np.testing.assert_array_equal(swipe.layer.data.ravel(), -DATA[tuple(index.T)])
    down, across = order[1], order[2]
    line = line_at(swipe.line)
    inside = (voxels(swipe.layer)[:, across] - line[0, across]) > 0
    assert inside.all()
    np.testing.assert_allclose(  # from face to face of the image
        sorted(line[:, down]),
        sorted(layer.data_to_world([e] * 3)[down] for e in (-0.5, SHAPE[down] - 0.5)),
    )
    assert swipe.layer.data.shape[across] == pytest.approx(0.75 * 3 * SHAPE[across], abs=1)
    to = layer.data_to_world(np.array(SHAPE) / 2 - 0.5)
    drag(viewer, line.mean(axis=0), to)
    assert swipe.fraction == pytest.approx(0.5, abs=1e-6)
