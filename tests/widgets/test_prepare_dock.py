"""The Prepare and Label docks in a real window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QPushButton, QScrollArea, QWidget

from napari_battery.samples import sand
from napari_battery.widgets.label_dock import LabelDock
from napari_battery.widgets.layers import KEY, volume_from_layer
from napari_battery.widgets.prepare_dock import PrepareDock
from napari_battery.widgets.section import Section

WIDTH = 350


@pytest.mark.parametrize("kind", [PrepareDock, LabelDock])
def test_nothing_is_cut_off_at_350_pixels(kind: Any, qtbot: QtBot) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, 6, 7), np.uint8), name="a stack with a very long name " * 3)
    dock = kind(viewer)
    qtbot.addWidget(dock)
    dock.resize(WIDTH, 700)
    dock.show()
    for section in dock.findChildren(Section):
        section.open()
    content = dock.findChild(QScrollArea).widget()
    qtbot.waitUntil(lambda: content.width() <= WIDTH)
    assert content.minimumSizeHint().width() <= WIDTH
    buttons = [b for b in content.findChildren(QPushButton) if b.isVisible()]
    assert buttons
    for button in buttons:
        right = button.mapTo(content, QPoint(button.width(), 0)).x()
        assert right <= WIDTH, button.text()
        assert button.width() >= button.minimumSizeHint().width(), button.text()


def test_every_control_of_the_docks_says_what_it_is_for(qtbot: QtBot) -> None:
    from qtpy.QtWidgets import QAbstractSpinBox as Spin
    from qtpy.QtWidgets import QCheckBox, QComboBox, QLineEdit

    viewer = ViewerModel()
    viewer.add_image(np.zeros((5, 6, 7), np.uint8))
    for kind in (PrepareDock, LabelDock):
        dock = kind(viewer)
        qtbot.addWidget(dock)
        for control in (QPushButton, QCheckBox, QComboBox, Spin, QLineEdit):
            for widget in dock.findChildren(control):
                inner = isinstance(widget.parentWidget(), Spin | QComboBox)
                assert inner or widget.toolTip(), (kind, widget, getattr(widget, "text", str)())


def test_sections_remember_whether_they_are_open(qtbot: QtBot) -> None:
    first = PrepareDock(ViewerModel())
    qtbot.addWidget(first)
    sections = {s.heading.text(): s for s in first.findChildren(Section)}
    assert sections["Voxel size"].heading.isChecked()
    sections["Voxel size"].heading.setChecked(False)
    sections["Crop"].heading.setChecked(True)
    second = PrepareDock(ViewerModel())
    qtbot.addWidget(second)
    states = {s.heading.text(): s.heading.isChecked() for s in second.findChildren(Section)}
    assert not states["Voxel size"]
    assert states["Crop"]


def drag(canvas: QWidget, qtbot: QtBot, start: QPoint, end: QPoint) -> None:
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(canvas, left, pos=start)
    for step in (1, 2, 3):
        qtbot.mouseMove(canvas, start + (end - start) * step / 3)
        qtbot.wait(30)
    qtbot.mouseRelease(canvas, left, pos=end)


@pytest.mark.viewer
def test_the_sand_from_voxel_size_to_labels(make_napari_viewer_proxy: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    stack = viewer.add_image(np.asarray(sand().data), name="sand")
    prepare, label = PrepareDock(viewer), LabelDock(viewer)
    for dock, name in ((prepare, "Prepare"), (label, "Label")):
        viewer.window.add_dock_widget(dock, name=name, area="right")
    assert "no voxel size" in prepare.voxel_size.notice.text()
    prepare.voxel_size.edges["x"].setValue(0.5)
    prepare.voxel_size.assumed.setChecked(True)
    prepare.voxel_size.apply()
    assert volume_from_layer(stack).voxel_size_source == "assumed 0.5 µm"

    # a box dragged with the mouse
    label.threshold.preview_box.setChecked(False)
    prepare.crop.editor.draw()
    qtbot.wait(100)
    widgets = QApplication.allWidgets()
    canvas = next(w for w in widgets if "Canvas" in type(w).__name__ and w.isVisible())
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    with qtbot.waitSignal(prepare.crop.editor.changed):
        drag(canvas, qtbot, middle - QPoint(80, 60), middle + QPoint(80, 60))
    box = prepare.crop.editor.box
    assert box[0] == (0, 100)
    for low, high in box[1:]:
        assert 0 < low < 100 < high < 200  # about the middle of the view, the stack's middle
    (made,) = prepare.crop.crop()
    np.testing.assert_array_equal(
        made.data_to_world((0, 0, 0)), stack.data_to_world([low for low, _ in box])
    )

    label.input.image.choose(made)
    label.run()
    qtbot.waitUntil(lambda: not label.runner.busy, timeout=60_000)
    labels = viewer.layers["Particles of sand cropped"]
    assert labels.data.max() > 3
    assert volume_from_layer(labels).same_grid(volume_from_layer(made))
    assert labels.metadata[KEY]["voxel_size_source"] == "assumed 0.5 µm"
    assert label.result.next_button.isVisibleTo(label)


@pytest.mark.viewer
def test_closing_docks_and_window_mid_run(make_napari_viewer_proxy: Any, qtbot: QtBot) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    stack = viewer.add_image(np.asarray(sand().data)[:40], name="sand")
    prepare, label = PrepareDock(viewer), LabelDock(viewer)
    for dock in (prepare, label):
        viewer.window.add_dock_widget(dock, area="right")
    prepare.region.run()
    label.threshold._look()
    label.box._look()
    label.run()
    viewer.window.remove_dock_widget("all")
    qtbot.wait(200)
    viewer.dims.current_step = (3, 0, 0)
    stack.scale = (2, 2, 2)
    viewer.layers.clear()
    assert len(viewer.layers) == 0
