from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import KEY, volume_from_layer
from napari_battery.widgets.prepare_voxel_size import VoxelSizeForm

DATA = np.zeros((10, 12, 14), np.uint8)


@pytest.fixture
def form(viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot) -> VoxelSizeForm:
    widget = VoxelSizeForm(viewer, layers)
    qtbot.addWidget(widget)
    return widget


def test_a_new_stack_without_voxel_size_is_asked_about(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    assert not form.apply_button.isEnabled()
    with qtbot.waitSignal(layers.changed):
        viewer.add_image(DATA, name="new")
    assert "“new” has no voxel size" in form.notice.text()
    assert form.apply_button.isEnabled()


def test_mixed_layers_get_one_size_and_each_its_own_back(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    mixed = [
        viewer.add_image(DATA, name="bare"),
        viewer.add_image(DATA, name="nm", scale=(100,) * 3, units="nm"),
        viewer.add_labels(DATA, name="um", scale=(2, 1, 1), units="um"),
    ]
    layers.tick(mixed)
    before = [(layer.scale.tolist(), list(map(str, layer.units))) for layer in mixed]
    form.linked.setChecked(True)
    form.unit.setCurrentText("nm")
    form.edges["x"].setValue(325)
    form.apply()
    for layer in mixed:
        assert volume_from_layer(layer).voxel_size_um == pytest.approx((0.325,) * 3)
        assert layer.metadata[KEY]["voxel_size_source"] == "typed in"
    assert form.notice.text() == ""
    form.undo_button.click()
    assert [(lr.scale.tolist(), list(map(str, lr.units))) for lr in mixed] == before
    assert not form.undo_button.isEnabled()


def test_undo_goes_back_step_by_step(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    layer = viewer.add_image(DATA, name="a")
    layers.tick([layer])
    for edge in (2.0, 3.0):
        form.edges["x"].setValue(edge)
        form.apply()
    form.undo_button.click()
    assert layer.scale.tolist() == [2, 2, 2]
    form.undo_button.click()
    assert str(layer.units[0]) == "pixel"


def test_undo_after_the_layer_was_deleted(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    layers.tick([viewer.add_image(DATA, name="a")])
    form.apply()
    viewer.layers.clear()
    form.undo_button.click()


def test_assumed_says_so(form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist) -> None:
    layer = viewer.add_image(DATA, name="a")
    layers.tick([layer])
    form.edges["x"].setValue(1)
    form.assumed.setChecked(True)
    form.apply()
    volume = volume_from_layer(layer)
    assert volume.is_assumed
    assert volume.voxel_size_source == "assumed 1 µm"


def test_unequal_edges(form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist) -> None:
    layer = viewer.add_image(DATA, name="a")
    layers.tick([layer])
    form.linked.setChecked(False)
    for axis, edge in zip("zyx", (2.0, 0.5, 0.25), strict=True):
        form.edges[axis].setValue(edge)
    form.apply()
    assert layer.scale.tolist() == [2, 0.5, 0.25]


def test_a_ticked_layer_s_size_is_shown(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    layers.tick([viewer.add_image(DATA, name="a", scale=(2000, 650, 650), units="nm")])
    assert form.size_um() == pytest.approx((2.0, 0.65, 0.65))
    assert not form.linked.isChecked()


def test_layers_that_disagree_are_named(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    one = viewer.add_image(DATA, name="one", scale=(0.5,) * 3, units="um")
    other = viewer.add_image(DATA, name="other", scale=(250,) * 3, units="nm")
    layers.tick([one, other])
    for word in ("one", "0.5 µm", "other", "0.25 µm"):
        assert word in form.notice.text()
    layers.tick([one])
    assert form.notice.text() == ""


def test_the_viewer_stays_on_its_slice(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    layers.tick([viewer.add_image(DATA, name="a")])
    viewer.dims.current_step = (7, 0, 0)
    form.edges["x"].setValue(0.325)
    form.apply()
    assert viewer.dims.current_step[0] == 7
    form.undo_button.click()
    assert viewer.dims.current_step[0] == 7


def test_analyses_of_the_layer_go_stale(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    from napari_battery.radial import radial_tables
    from napari_battery.widgets.session import Analysis, Session

    data = np.zeros(DATA.shape, np.int32)
    data[2:8, 2:8, 2:8] = 1
    image = viewer.add_image(DATA, name="image", scale=(1,) * 3, units="um")
    labels = viewer.add_labels(data, name="labels", scale=(1,) * 3, units="um")
    result = radial_tables(volume_from_layer(labels), volume_from_layer(image))
    analysis = Analysis("run", result, labels, image)
    Session.of(viewer).add(analysis)
    layers.tick([labels])
    form.edges["x"].setValue(2)
    form.apply()
    assert "voxel size" in analysis.stale


def test_the_unit_is_remembered(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist, qtbot: QtBot
) -> None:
    form.unit.setCurrentText("nm")
    again = VoxelSizeForm(viewer, layers)
    qtbot.addWidget(again)
    assert again.unit.currentText() == "nm"
    form.unit.setCurrentText("µm")


def test_an_assumed_size_stays_assumed_when_it_is_applied_again(
    form: VoxelSizeForm, viewer: ViewerModel, layers: LayerChecklist
) -> None:
    metadata = {KEY: {"voxel_size_source": "assumed 1 µm"}}
    assumed = viewer.add_image(DATA, name="assumed", units="um", metadata=metadata)
    bare = viewer.add_image(DATA, name="bare")
    layers.tick([assumed, bare])
    assert form.assumed.isChecked()
    form.apply()
    for layer in (assumed, bare):
        assert volume_from_layer(layer).is_assumed
    measured = viewer.add_image(
        DATA, name="measured", units="um", metadata={KEY: {"voxel_size_source": "ImageJ tags"}}
    )
    layers.tick([measured])
    assert not form.assumed.isChecked()
