from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Points
from pytestqt.qtbot import QtBot

from napari_battery.results import open_results, save_results
from napari_battery.volume import Volume
from napari_battery.widgets.align_dock import AlignDock
from napari_battery.widgets.align_marks_kept import restore_landmarks
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.sitting import gather, restore

DATA = np.random.default_rng(1).integers(0, 255, (10, 20, 24)).astype(np.uint8)
MOVED = np.eye(4)
MOVED[:3, 3] = (1.0, -2.0, 3.5)
PLACES = ([2, 5, 6], [6, 14, 9], [4, 8, 18])


def dock_with_landmarks(viewer: ViewerModel, qtbot: QtBot) -> AlignDock:
    add_volume(viewer, Volume(DATA, (2.0, 1.0, 1.0), name="f"))
    add_volume(viewer, Volume(DATA, (1.5, 1.0, 1.0), name="m", affine=MOVED))
    dock = AlignDock(viewer)
    qtbot.addWidget(dock)
    dock.show()
    dock.tools.section.open()
    return dock


def marks_in(viewer: ViewerModel) -> dict[str, Any]:
    return {x.name: x.data for x in viewer.layers if isinstance(x, Points)}


def test_landmarks_come_back_with_the_sitting(
    viewer: ViewerModel, qtbot: QtBot, tmp_path: Path
) -> None:
    dock = dock_with_landmarks(viewer, qtbot)
    for place in PLACES:
        dock.tools.landmarks.add_pair()
        world = np.array(place) * (2, 1, 1)
        assert dock.tools.landmarks.take_click(world)
        assert dock.tools.landmarks.take_click(world + 0.5)
    before = dock.tools.landmarks.points()
    assert not viewer.layers["m"].visible  # the picture shows it
    save_results(tmp_path / "sitting", gather(viewer))

    today = ViewerModel()
    assert not restore(today, open_results(tmp_path / "sitting"))
    assert today.layers["m"].visible
    drawn = marks_in(today)
    assert drawn.keys() == marks_in(viewer).keys()
    for name, data in marks_in(viewer).items():
        # float32 in napari's points
        np.testing.assert_allclose(drawn[name], data, rtol=0, atol=1e-4)
    again = AlignDock(today)
    qtbot.addWidget(again)
    again.show()
    again.tools.section.open()
    assert len(marks_in(today)) == 2  # the same layers, not new ones
    for one, other in zip(again.tools.landmarks.points(), before, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


def test_pairs_without_landmarks_are_not_kept_and_missing_images_are_said(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock_with_landmarks(viewer, qtbot)
    assert gather(viewer).landmarks == []
    entry = {"fixed": 0, "moving": 1, "places": {"fixed": {"1": [0, 0, 0]}, "moving": {}}}
    assert "is missing" in restore_landmarks(viewer, [None, viewer.layers[1]], [entry])[0]
    unknown = viewer.add_image(DATA)
    assert "voxel size" in restore_landmarks(viewer, [viewer.layers[0], unknown], [entry])[0]


def test_layers_without_a_landmark_go_once_the_part_is_closed(
    viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock = dock_with_landmarks(viewer, qtbot)
    assert len(marks_in(viewer)) == 2
    dock.tools.section.heading.click()
    assert not marks_in(viewer)
    dock.tools.section.heading.click()
    dock.tools.landmarks.add_pair()
    assert dock.tools.landmarks.take_click((4, 5, 6))
    dock.tools.section.heading.click()
    assert list(marks_in(viewer)) == ["Landmarks fixed: f"]
    dock.tools.section.heading.click()
    assert dock.tools.landmarks.half == [1]
