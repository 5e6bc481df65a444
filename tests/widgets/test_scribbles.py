from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, volume_from_layer
from napari_battery.widgets.scribbles import SCRIBBLE_CODES, Brushes, new_scribbles

IMAGE = Volume(np.zeros((4, 20, 30), np.uint16), (2.0, 0.5, 0.5), (1.0, 2.0, 3.0), name="scan")


def test_new_scribbles_lie_on_the_image_with_a_brush_in_hand(viewer: ViewerModel) -> None:
    layer = new_scribbles(viewer, IMAGE)
    assert layer.metadata[KEY]["kind"] == "scribbles"
    assert layer.name == "Scribbles of scan"
    assert volume_from_layer(layer).same_grid(IMAGE)
    assert not layer.data.any()
    assert (layer.mode, layer.selected_label) == ("paint", 1)
    assert viewer.layers.selection.active is layer
    colours = {tuple(np.round(layer.get_color(code), 3)) for code in SCRIBBLE_CODES.values()}
    assert len(colours) == 3


def test_brushes_change_what_is_painted(viewer: ViewerModel, qtbot: QtBot) -> None:
    brushes = Brushes(viewer)
    qtbot.addWidget(brushes)
    assert not brushes.buttons[1].isEnabled()
    layer = new_scribbles(viewer, IMAGE)
    other = viewer.add_image(IMAGE.data)
    brushes.paint_on(layer)
    assert viewer.layers.selection.active is other
    brushes.buttons[2].click()
    assert (layer.mode, layer.selected_label) == ("paint", 2)
    assert viewer.layers.selection.active is layer
    brushes.buttons[0].click()
    assert layer.mode == "erase"
    viewer.layers.remove(layer)
    brushes.buttons[1].click()  # the layer is gone: nothing to paint on


@pytest.mark.parametrize("shape", [(20, 30), (4, 20, 30)])
def test_a_2d_image_can_be_scribbled_on(viewer: ViewerModel, shape: tuple[int, ...]) -> None:
    layer = new_scribbles(viewer, Volume(np.zeros(shape, np.float32)))
    layer.paint((10,) * len(shape) if len(shape) == 2 else (1, 10, 10), 1)
    assert (layer.data == 1).sum() > 4
