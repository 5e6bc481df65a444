"""A viewer without a window, and the tick-list of its layers; tests may have their own."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.widgets.layer_checklist import LayerChecklist


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def layers(viewer: ViewerModel, qtbot: QtBot) -> LayerChecklist:
    widget = LayerChecklist(viewer)
    qtbot.addWidget(widget)
    return widget
