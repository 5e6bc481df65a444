from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers.base._base_constants import ActionType
from pytestqt.qtbot import QtBot

from napari_battery.labelling import LabelSettings, label_particles
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import is_overlay, volume_from_layer
from napari_battery.widgets.prepare_region import RegionForm

RNG = np.random.default_rng(1)


def electrode() -> np.ndarray:
    """Particles between z 12 and 28, air around them."""
    data = RNG.normal(40, 4, (40, 48, 48))
    z, y, x = np.indices(data.shape)
    inside = (z >= 12) & (z < 28)
    data[inside & ((y // 4 + x // 4 + z // 4) % 2 == 0)] += 120
    return data.clip(0, 255).astype(np.uint8)


DATA = electrode()
BOX = ((3, 30), (4, 40), (5, 41))


@pytest.fixture
def form(viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot) -> RegionForm:
    widget = RegionForm(viewer, layers)
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def stack(viewer: ViewerModel, layers: LayerChecklist) -> Any:
    layer = viewer.add_image(DATA, name="stack", scale=(0.5,) * 3, units="um", translate=(1, 2, 3))
    layers.tick([layer])
    return layer


def keep(form: RegionForm, qtbot: QtBot) -> None:
    form.run()
    qtbot.waitUntil(lambda: not form.runner.busy, timeout=20_000)


def test_a_box_is_honoured_by_what_follows(form: RegionForm, stack: Any, qtbot: QtBot) -> None:
    form.shape.setCurrentText("Box")
    form.box.set_box(BOX)
    keep(form, qtbot)
    expected = np.zeros(DATA.shape, bool)
    expected[3:30, 4:40, 5:41] = True
    volume = volume_from_layer(stack)
    np.testing.assert_array_equal(volume.region, expected)
    result = label_particles(volume, LabelSettings(minimum_volume=1))
    region = result.metadata["made"]["inputs"][0]["region"]  # the result says where it looked
    assert "Box: z 3–29, y 4–39, x 5–40" in region["notes"][0]
    labels = result.data
    assert labels.any()
    assert not labels[~expected].any()
    fraction = 100 * expected.mean()
    assert f"{fraction:.1f} %" in form.status.text()
    assert f"{fraction:.1f} %" in form.runner.message.text()


def test_the_region_is_shown_in_its_place(
    form: RegionForm, stack: Any, viewer: ViewerModel, qtbot: QtBot
) -> None:
    form.shape.setCurrentText("Box")
    form.box.set_box(BOX)
    keep(form, qtbot)
    shown = viewer.layers["Region of stack"]
    np.testing.assert_array_equal(shown.data != 0, volume_from_layer(stack).region)
    np.testing.assert_array_equal(shown.data_to_world((1, 2, 3)), stack.data_to_world((1, 2, 3)))
    assert shown.units == stack.units
    assert is_overlay(shown)  # not offered as labels of particles
    viewer.layers.remove(shown)  # hides it; the region stays
    assert volume_from_layer(stack).region is not None
    form.show_button.click()
    assert "Region of stack" in viewer.layers


def test_undo_and_clear(form: RegionForm, stack: Any, viewer: ViewerModel, qtbot: QtBot) -> None:
    form.shape.setCurrentText("Box")
    form.box.set_box(BOX)
    keep(form, qtbot)
    first = volume_from_layer(stack).region
    form.box.set_box(((0, 5), (0, 5), (0, 5)))
    keep(form, qtbot)
    assert volume_from_layer(stack).region.sum() == 125
    form.undo_button.click()
    assert volume_from_layer(stack).region is first
    form.clear_button.click()
    assert volume_from_layer(stack).region is None
    assert [layer.name for layer in viewer.layers] == ["stack"]
    form.undo_button.click()
    assert volume_from_layer(stack).region is first
    assert "Region of stack" in viewer.layers
    form.undo_button.click()
    assert volume_from_layer(stack).region is None
    assert "no region" in form.status.text()


def test_the_electrode_is_found(form: RegionForm, stack: Any, qtbot: QtBot) -> None:
    keep(form, qtbot)
    region = volume_from_layer(stack).region
    # its true share is 16 of 40 slices; the edge is found to about a particle's radius (2)
    assert region.mean() == pytest.approx(16 / 40, abs=2 * 2 / 40)
    assert region[14:26].mean() > 0.99


def test_layers_on_one_grid_share_it_others_are_named(
    form: RegionForm, stack: Any, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    twin = viewer.add_labels(
        np.zeros(DATA.shape, int), name="twin", scale=(0.5,) * 3, units="um", translate=(1, 2, 3)
    )
    form.shape.setCurrentText("Box")
    layers.tick([stack, twin])
    form.box.set_box(BOX)
    keep(form, qtbot)
    assert volume_from_layer(twin).region is volume_from_layer(stack).region
    stranger = viewer.add_image(DATA[1:], name="stranger", scale=(0.5,) * 3, units="um")
    form.clear_button.click()
    layers.tick([stack, stranger])
    keep(form, qtbot)
    assert "stranger" in form.runner.message.text()
    assert volume_from_layer(stack).region is None


def finish(shapes: Any, corners: Any, kind: str) -> None:
    """Add a shape as napari does when drawing ends."""
    shapes.add(np.asarray(corners, float), shape_type=kind, gui=True)
    shapes.events.data(
        value=shapes.data, action=ActionType.ADDED, data_indices=(-1,), vertex_indices=((),)
    )


def square(z: float, low: float, high: float) -> list[tuple[float, ...]]:
    return [(z, low, low), (z, low, high), (z, high, high), (z, high, low)]


def test_polygons_on_two_slices(
    form: RegionForm, stack: Any, viewer: ViewerModel, qtbot: QtBot
) -> None:
    form.shape.setCurrentText("Polygon through slices")
    keep(form, qtbot)
    assert "No polygon" in form.runner.message.text()
    for z, low, high in ((5, 10.5, 30.5), (25, 18.5, 22.5), (5.2, 8.5, 32.5)):
        form.polygon.draw()
        with qtbot.waitSignal(form.polygon.outline.drawn):
            finish(form.polygon.outline.layer, square(z, low, high), "polygon")
    assert sorted(form.polygon.outline.by_slice) == [5, 25]  # the third replaced the first
    assert "5, 25" in form.polygon.summary.text()
    keep(form, qtbot)
    areas = volume_from_layer(stack).region.sum(axis=(1, 2))
    assert areas[5] == 24**2
    assert areas[25] == 4**2
    assert areas[39] == areas[25]
    assert areas[25] < areas[15] < areas[5]


def test_the_largest_circle_and_its_slices(
    form: RegionForm, stack: Any, viewer: ViewerModel, qtbot: QtBot
) -> None:
    form.shape.setCurrentText("Cylinder")
    form.cylinder.largest_button.click()
    form.cylinder.extent.first.setValue(10)
    form.cylinder.extent.last.setValue(19)
    keep(form, qtbot)
    region = volume_from_layer(stack).region
    assert region.any(axis=(1, 2)).nonzero()[0].tolist() == list(range(10, 20))
    y, x = np.ogrid[:48, :48]
    # the drawing keeps its corners in single precision; no centre lies that near the circle
    np.testing.assert_array_equal(region[12], (y - 23.5) ** 2 + (x - 23.5) ** 2 <= 24**2)


def test_a_dragged_ellipse_becomes_a_circle(
    form: RegionForm, stack: Any, viewer: ViewerModel, qtbot: QtBot
) -> None:
    form.shape.setCurrentText("Cylinder")
    viewer.dims.order = (1, 0, 2)  # across y
    form.cylinder.draw()
    with qtbot.waitSignal(form.cylinder.outline.drawn):
        corners = [(12, 5, 10), (28, 5, 10), (28, 5, 30), (12, 5, 30)]
        finish(form.cylinder.outline.layer, corners, "ellipse")
    keep(form, qtbot)
    region = volume_from_layer(stack).region
    z, x = np.ogrid[:40, :48]
    np.testing.assert_array_equal(region[:, 7], (z - 20) ** 2 + (x - 20) ** 2 <= 9**2)
    assert region.any(axis=(0, 2)).all()


def test_deleting_the_stack_meanwhile(
    form: RegionForm, stack: Any, viewer: ViewerModel, qtbot: QtBot
) -> None:
    form.run()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not form.runner.busy, timeout=20_000)
    assert "deleted" in form.runner.message.text()
    assert len(viewer.layers) == 0
    keep(form, qtbot)
    assert "Tick" in form.runner.message.text()


def test_painting_the_outline_cannot_change_the_region(
    form: RegionForm, stack: Any, viewer: ViewerModel, qtbot: QtBot
) -> None:
    form.shape.setCurrentText("Box")
    keep(form, qtbot)
    shown = viewer.layers["Region of stack"]
    assert not shown.data.flags.writeable


def test_the_stack_is_active_again_after_its_region_was_drawn(
    form: RegionForm, stack: Any, viewer: ViewerModel, qtbot: QtBot
) -> None:
    form.shape.setCurrentText("Polygon through slices")
    form.polygon.draw_button.click()
    drawing = viewer.layers.selection.active
    assert drawing is not stack
    drawing.add_polygons(np.array([[10, 5, 5], [10, 5, 20], [10, 20, 20]], float))
    qtbot.waitUntil(lambda: bool(form.polygon.outline.by_slice))
    keep(form, qtbot)
    assert viewer.layers.selection.active is stack
