"""Which layer a chooser offers first, and which it goes on with."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from pytestqt.qtbot import QtBot

from napari_battery.widgets.choosers import LayerChooser
from napari_battery.widgets.layers import KEY


def _chooser(viewer: ViewerModel, qtbot: QtBot) -> LayerChooser:
    chooser = LayerChooser(viewer, Image)
    chooser.follow_selection()
    qtbot.addWidget(chooser)
    chooser.show()
    return chooser


def test_the_selected_layer_is_chosen_when_the_dock_comes_to_the_front(viewer, qtbot):
    first = viewer.add_image(np.zeros((4, 5)), name="scan")
    chooser = _chooser(viewer, qtbot)
    assert chooser.layer is first
    chooser.hide()
    filtered = viewer.add_image(np.ones((4, 5)), name="scan (filtered)")
    assert chooser.layer is first  # not under the hands of somebody who looks at it
    chooser.show()
    assert chooser.layer is filtered
    chooser.hide()
    viewer.add_labels(np.ones((4, 5), int))
    viewer.add_image(np.ones((4, 5)), name="distance", metadata={KEY: {"kind": "stage"}})
    chooser.show()
    assert chooser.layer is filtered


def test_a_layer_chosen_by_hand_stays(viewer, qtbot):
    first = viewer.add_image(np.zeros((4, 5)), name="scan")
    viewer.add_image(np.ones((4, 5)), name="other")
    chooser = _chooser(viewer, qtbot)
    chooser.setCurrentIndex(1)
    chooser.activated.emit(1)
    assert chooser.layer is first
    chooser.hide()
    chooser.show()
    assert chooser.layer is first
    chooser.hide()
    viewer.layers.remove(first)
    newest = viewer.add_image(np.ones((4, 5)), name="newest")
    chooser.show()
    assert chooser.layer is newest
