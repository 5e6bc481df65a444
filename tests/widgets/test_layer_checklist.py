from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QCheckBox

from napari_battery.widgets.layer_checklist import LayerChecklist
from napari_battery.widgets.layers import KEY

DATA = np.zeros((3, 4, 5), np.uint8)


def boxes(layers: LayerChecklist) -> dict[str, QCheckBox]:
    """The shown boxes by their layer's name."""
    layers.refresh()
    shown = [layers.itemWidget(layers.item(row)) for row in range(layers.count())]
    return {box.text().split("\n")[0]: box for box in shown}


def test_it_offers_stacks_only(layers: LayerChecklist, viewer: ViewerModel) -> None:
    viewer.add_image(DATA, name="image")
    viewer.add_labels(DATA, name="labels")
    viewer.add_image(DATA[0], name="slice")
    viewer.add_points(name="points")
    viewer.add_image(np.zeros((4, 5, 3), np.uint8), rgb=True, name="photo")
    viewer.add_image(np.zeros((2, 2, 3, 4)), name="film")
    viewer.add_labels(DATA, name="preview", metadata={KEY: {"overlay": True}})
    viewer.add_image([DATA, DATA[:, ::2, ::2]], multiscale=True, name="pyramid")
    assert set(boxes(layers)) == {"image", "labels", "slice", "pyramid"}


def test_the_first_to_come_is_ticked_others_are_not(
    layers: LayerChecklist, viewer: ViewerModel
) -> None:
    first = viewer.add_image(DATA, name="first")
    layers.refresh()
    viewer.add_image(DATA, name="second")
    layers.refresh()
    assert layers.layers == [first]


def test_unticking_all_stays_so(layers: LayerChecklist, viewer: ViewerModel) -> None:
    viewer.add_image(DATA, name="a")
    boxes(layers)["a"].setChecked(False)
    layers.refresh()
    assert layers.layers == []


def test_clicking_a_box_tells(layers: LayerChecklist, viewer: ViewerModel, qtbot: QtBot) -> None:
    a, b = viewer.add_image(DATA, name="a"), viewer.add_labels(DATA, name="b")
    layers.tick([a])
    shown = boxes(layers)
    with qtbot.waitSignal(layers.changed):
        shown["b"].setChecked(True)
    assert layers.layers == [a, b]
    assert layers.images == [a]


def test_it_follows_names_and_voxel_sizes(
    layers: LayerChecklist, viewer: ViewerModel, qtbot: QtBot
) -> None:
    layer = viewer.add_image(DATA, name="a")
    qtbot.waitUntil(lambda: layers.count() == 1)
    with qtbot.waitSignal(layers.changed):
        layer.units, layer.scale = ("nm",) * 3, (50,) * 3
    assert "0.05 µm" in boxes(layers)["a"].text()
    with qtbot.waitSignal(layers.changed):
        layer.name = "b & c"
    assert "b && c" in boxes(layers)


def test_deleting_ticked_layers(layers: LayerChecklist, viewer: ViewerModel, qtbot: QtBot) -> None:
    layers.tick([viewer.add_image(DATA, name="a")])
    viewer.layers.clear()
    assert layers.layers == []  # at once, before the list is drawn anew
    qtbot.waitUntil(lambda: layers.count() == 0)


def test_a_closed_list_hears_nothing(viewer: ViewerModel, qtbot: QtBot) -> None:
    widget = LayerChecklist(viewer)
    layer = viewer.add_image(DATA, name="a")
    widget.refresh()
    gone: list[bool] = []
    widget.destroyed.connect(lambda: gone.append(True))
    widget.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    viewer.add_image(DATA)
    layer.scale = (2, 2, 2)
    layer.name = "b"
    viewer.layers.clear()
