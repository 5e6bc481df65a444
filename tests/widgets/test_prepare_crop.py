from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers.base._base_constants import ActionType
from pytestqt.qtbot import QtBot

from napari_battery.errors import InputError
from napari_battery.volume import Volume
from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import volume_from_layer
from napari_battery.widgets.prepare_crop import CropForm, box_on

RNG = np.random.default_rng(0)
DATA = RNG.integers(0, 255, (20, 30, 40), np.uint8)
BOX = ((2, 9), (5, 25), (11, 31))


@pytest.fixture
def form(viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot) -> CropForm:
    widget = CropForm(viewer, layers)
    qtbot.addWidget(widget)
    widget.show()
    return widget


def turned() -> np.ndarray:
    """A rotation about z with a shift."""
    affine = np.eye(4)
    affine[1:3, 1:3] = [[0.8, -0.6], [0.6, 0.8]]
    affine[:3, 3] = (1, 2, 3)
    return affine


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"scale": (2, 0.5, 0.25), "translate": (7, 8, 9), "units": "um"},
        {"scale": (325,) * 3, "units": "nm", "affine": turned()},
    ],
    ids=["pixels", "um", "turned nm"],
)
def test_a_voxel_keeps_its_place_and_value(
    form: CropForm, viewer: ViewerModel, layers: LayerChecklist, place: dict[str, Any]
) -> None:
    layer = viewer.add_image(DATA, name="whole", **place)
    layers.tick([layer])
    form.editor.set_box(BOX)
    (made,) = form.crop()
    before, after = volume_from_layer(layer), volume_from_layer(made)
    np.testing.assert_array_equal(made.data, DATA[2:9, 5:25, 11:31])
    assert np.shares_memory(made.data, DATA)  # a view: nothing is copied
    if before.voxel_size_um is None:
        np.testing.assert_array_equal(made.data_to_world((0, 0, 0)), (2, 5, 11))
    else:
        corner = before.world_affine() @ (2, 5, 11, 1)
        # one rounding in double precision
        np.testing.assert_allclose(after.world_affine() @ (0, 0, 0, 1), corner, rtol=1e-12)
        far = before.world_affine() @ (8, 24, 30, 1)
        np.testing.assert_allclose(after.world_affine() @ (6, 19, 19, 1), far, rtol=1e-12)
    assert layer in viewer.layers
    assert not layer.visible
    assert layers.layers == [made]


def test_a_memory_map_stays_one(
    form: CropForm, viewer: ViewerModel, layers: LayerChecklist, tmp_path: Path
) -> None:
    DATA.tofile(tmp_path / "a.raw")
    stack = np.memmap(tmp_path / "a.raw", np.uint8, "r", shape=DATA.shape)
    layers.tick([viewer.add_image(stack)])
    form.editor.set_box(BOX)
    (made,) = form.crop()
    assert isinstance(made.data, np.memmap)


def test_image_and_labels_are_cropped_together(
    form: CropForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    image = viewer.add_image(DATA, name="image", scale=(0.5,) * 3, units="um")
    labels = viewer.add_labels(DATA.astype(int), name="labels", scale=(500,) * 3, units="nm")
    other = viewer.add_image(DATA, name="not ticked", scale=(0.5,) * 3, units="um")
    layers.tick([image, labels])
    form.editor.set_box(BOX)
    a, b = form.crop()
    np.testing.assert_array_equal(a.data, b.data)
    assert type(b) is type(labels)
    assert volume_from_layer(a).same_grid(volume_from_layer(b))
    assert other.visible


def test_the_region_is_cropped_too(
    form: CropForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    from napari_battery.widgets.layers import battery_metadata

    layer = viewer.add_image(DATA)
    region = DATA > 100
    battery_metadata(layer)["region"] = region
    layers.tick([layer])
    form.editor.set_box(BOX)
    (made,) = form.crop()
    np.testing.assert_array_equal(volume_from_layer(made).region, region[2:9, 5:25, 11:31])


def test_a_coarser_stack_is_cropped_to_the_same_place() -> None:
    fine = Volume(np.zeros((20, 20, 20)), (1, 1, 1), name="fine")
    # voxel (0, 0, 0) of the coarse one covers the first 2 × 2 × 2 fine ones
    coarse = Volume(np.zeros((10, 10, 10)), (2, 2, 2), origin_um=(0.5,) * 3, name="coarse")
    assert box_on(fine, ((4, 8), (0, 20), (2, 6)), coarse) == ((2, 4), (0, 10), (1, 3))
    with pytest.raises(InputError, match="“coarse” has no voxel"):
        box_on(fine, ((30, 40), (0, 20), (0, 20)), coarse)
    flat = Volume(np.zeros((10, 10)), (2, 2), name="flat")
    with pytest.raises(InputError, match="flat"):
        box_on(fine, ((0, 1),) * 3, flat)
    unknown = Volume(np.zeros((10, 10, 10)), name="unknown")
    with pytest.raises(InputError, match="voxel size of “unknown”"):
        box_on(fine, ((0, 1),) * 3, unknown)


def test_one_layer_that_cannot_be_cropped_leaves_all_as_they_were(
    form: CropForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    near = viewer.add_image(DATA, name="near", scale=(1,) * 3, units="um")
    far = viewer.add_image(DATA, name="far", scale=(1,) * 3, units="um", translate=(500, 0, 0))
    layers.tick([near, far])
    form.editor.set_box(BOX)
    assert form.crop() == []
    assert "far" in form.message.text()
    assert list(viewer.layers) == [near, far]
    assert near.visible


def draw(form: CropForm, corners: Any) -> None:
    """Add a rectangle as napari does when the mouse is let go."""
    shapes = form.editor.outline.layer
    shapes.add(np.asarray(corners, float), shape_type="rectangle", gui=True)
    shapes.events.data(
        value=shapes.data, action=ActionType.ADDED, data_indices=(-1,), vertex_indices=((),)
    )


def test_a_drawn_rectangle_is_the_box(
    form: CropForm, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    layers.tick([viewer.add_image(DATA, scale=(0.5,) * 3, units="um", translate=(1, 2, 3))])
    form.editor.draw()
    assert viewer.layers.selection.active is form.editor.outline.layer
    with qtbot.waitSignal(form.editor.changed):
        draw(form, [(3, 4.6, 9.4), (3, 4.6, 20.5), (3, 12.2, 20.5), (3, 12.2, 9.4)])
    # voxels whose centres lie inside
    assert form.editor.box == ((0, 20), (5, 13), (10, 21))
    with qtbot.waitSignal(form.editor.changed):  # a second one replaces it
        draw(form, [(3, 1, 1), (3, 1, 5), (3, 6, 5), (3, 6, 1)])
    assert form.editor.box == ((0, 20), (1, 7), (1, 6))
    assert len(form.editor.outline.layer.data) == 1


def test_the_rectangle_goes_along_with_the_slice_and_with_typed_numbers(
    form: CropForm, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    layers.tick([viewer.add_image(DATA)])
    form.editor.draw()
    with qtbot.waitSignal(form.editor.changed):
        draw(form, [(9, 1, 1), (9, 1, 5), (9, 6, 5), (9, 6, 1)])
    viewer.dims.current_step = (17, 0, 0)
    assert set(form.editor.outline.vertices[:, 0]) == {17}
    form.editor.ranges["x"].last.setValue(30)
    assert form.editor.outline.vertices[:, 2].max() == 30.5
    viewer.dims.order = (1, 0, 2)  # seen along y, the box shows its z side
    assert np.ptp(form.editor.outline.vertices[:, 0]) == 20
    assert np.ptp(form.editor.outline.vertices[:, 1]) == 0


def test_from_here_to_here(form: CropForm, viewer: ViewerModel, layers: LayerChecklist) -> None:
    layers.tick([viewer.add_image(DATA, scale=(0.5,) * 3, units="um")])
    row = form.editor.ranges["z"]
    viewer.dims.current_step = (4, 0, 0)
    row.from_here.click()
    viewer.dims.current_step = (15, 0, 0)
    row.to_here.click()
    assert form.editor.box[0] == (4, 16)
    viewer.dims.current_step = (18, 0, 0)
    row.from_here.click()  # beyond the end: the end gives way
    assert form.editor.box[0] == (18, 19)
    assert not form.editor.ranges["x"].from_here.isVisible()


def test_deleting_the_drawing_or_the_stack(
    form: CropForm, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    stack = viewer.add_image(DATA)
    layers.tick([stack])
    form.editor.draw()
    viewer.layers.remove(form.editor.outline.layer)
    form.editor.draw()
    shapes = form.editor.outline.layer
    viewer.layers.remove(stack)  # the box goes with its stack
    assert form.editor.outline.layer is None
    assert not shapes.visible
    assert not shapes.data
    qtbot.waitUntil(lambda: not form.editor.isEnabled())
    assert form.crop() == []
    assert "Tick" in form.message.text()


def test_two_axes(form: CropForm, viewer: ViewerModel, layers: LayerChecklist) -> None:
    layers.tick([viewer.add_image(DATA[0], translate=(5, 6))])
    assert len(form.editor.box) == 2
    assert not form.editor.ranges["z"].isVisible()
    form.editor.set_box(((1, 4), (2, 6)))
    (made,) = form.crop()
    assert made.translate.tolist() == [6, 8]
