from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.errors import InputError
from napari_battery.samples import nmc_slice
from napari_battery.widgets.label_input import LabelInput, codes_of
from napari_battery.widgets.layers import KEY, add_volume

SHAPE = (4, 5, 6)


@pytest.fixture
def chosen(viewer: ViewerModel, qtbot: QtBot) -> LabelInput:
    widget = LabelInput(viewer)
    qtbot.addWidget(widget)
    return widget


def mask_layer(viewer: ViewerModel, data: Any, **battery: Any) -> Any:
    return viewer.add_labels(data, name="mask", metadata={KEY: battery})


def test_nothing_open_is_said(chosen: LabelInput) -> None:
    with pytest.raises(InputError, match="Open an image"):
        chosen.source()
    chosen.kind.setCurrentIndex(1)
    with pytest.raises(InputError, match="Labels layer"):
        chosen.source()


def test_an_image_is_its_own_source(viewer: ViewerModel, chosen: LabelInput) -> None:
    layer = viewer.add_image(np.zeros(SHAPE), name="scan")
    source = chosen.source()
    assert source.layers == (layer,)
    assert (source.volume.name, source.mask, source.phase) == ("scan", None, None)
    assert source.is_same(chosen.source())
    layer.scale = (2, 2, 2)
    layer.units = "um"
    assert not source.is_same(chosen.source())
    assert not source.is_same(None)


def test_a_named_phase_is_offered_and_the_active_one_chosen(
    viewer: ViewerModel, chosen: LabelInput, qtbot: QtBot
) -> None:
    phases = {"pore": 0, "binder": 2, "active": 1}
    layer = mask_layer(viewer, np.zeros(SHAPE, np.uint8), kind="phases", phases=phases)
    chosen.take_mask(layer)
    texts = [chosen.phase.itemText(i) for i in range(chosen.phase.count())]
    assert texts == ["pore (0)", "binder (2)", "active (1)"]
    source = chosen.source()
    assert source.phase == 1
    assert source.volume is source.mask
    with qtbot.waitSignal(chosen.changed):
        chosen.phase.setCurrentIndex(0)
    assert chosen.source().phase == 0
    assert not chosen.source().is_same(source)


def test_the_sample_s_phases_are_read(viewer: ViewerModel) -> None:
    _, labels = nmc_slice()
    layer = add_volume(viewer, labels, labels=True)
    assert codes_of(layer)[0] == ("active (0)", 0)


def test_codes_of_layers_that_say_nothing(viewer: ViewerModel) -> None:
    data = np.zeros(SHAPE, np.uint8)
    data[0] = 1
    assert codes_of(mask_layer(viewer, data)) == [("all but 0", None)]
    data[1] = 7
    several = codes_of(mask_layer(viewer, data))
    assert several == [("all but 0", None), ("0", 0), ("1", 1), ("7", 7)]
    many = np.arange(120).reshape(SHAPE)
    assert codes_of(mask_layer(viewer, many)) == [("all but 0", None)]


def test_an_image_lends_its_grid_to_a_mask(viewer: ViewerModel, chosen: LabelInput) -> None:
    image = viewer.add_image(np.zeros(SHAPE), name="scan", scale=(2, 2, 2), units="um")
    viewer.add_image(np.zeros((2, 2, 2)), name="other")
    mask = mask_layer(viewer, np.ones(SHAPE, np.uint8))
    chosen.take_mask(mask)
    offered = [chosen.grey.itemText(i) for i in range(chosen.grey.count())]
    assert offered == ["none", "scan"]  # only what has the mask's shape
    assert chosen.source().volume.name == "mask"
    chosen.grey.choose(image)
    source = chosen.source()
    assert source.layers == (mask, image)
    assert source.volume.voxel_size_um == (2, 2, 2)
    assert source.mask is not None
    viewer.layers.remove(image)
    assert chosen.source().layers == (mask,)


def test_it_starts_from_phases_that_are_looked_at(viewer: ViewerModel, qtbot: QtBot) -> None:
    viewer.add_image(np.zeros(SHAPE), name="scan")
    phases = mask_layer(
        viewer, np.zeros(SHAPE, np.uint8), kind="phases", phases={"pore": 0, "active": 1}
    )
    viewer.layers.selection.active = phases
    widget = LabelInput(viewer)
    qtbot.addWidget(widget)
    assert widget.from_mask
    assert widget.source().layers == (phases,)
    assert widget.source().phase == 1
