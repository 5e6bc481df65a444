"""Tracking through states in a real window: what is left out shows in the colour of its reason."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QColor

from napari_battery.labelling import label_particles
from napari_battery.synthetic import ElectrodeSettings, synthetic_electrode
from napari_battery.widgets.layers import add_volume, is_map
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.track_ledger import COLOURS

pytestmark = pytest.mark.viewer


def test_a_particle_that_went_missing_is_seen(make_napari_viewer, qtbot: QtBot) -> None:
    settings = ElectrodeSettings(size_z=56, size_y=112, size_x=112, median_diameter_um=6)
    electrode = synthetic_electrode(settings)
    first, _, third, _ = electrode.states
    labels = label_particles(first.image)
    lost = _deep_inside(labels.data)
    grey = third.image.data.copy()
    grey[labels.data == lost] = grey[labels.data == 0][: (labels.data == lost).sum()]
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1400, 900)
    add_volume(viewer, first.image)
    add_volume(viewer, third.image.like(grey, "4.4 V", metadata=third.image.metadata))
    add_volume(viewer, labels, labels=True)

    dock = open_dock(viewer, "Track through states")
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    table = dock.ledger
    counted = {
        table.topLevelItem(i).text(0): int(table.topLevelItem(i).text(1))
        for i in range(table.topLevelItemCount())
    }
    assert counted["missing"] >= 1
    assert counted["kept"] >= 10
    (shown,) = [layer for layer in viewer.layers if is_map(layer)]
    where = np.argwhere(labels.data == lost)
    middle = where[np.abs(where - where.mean(axis=0)).sum(axis=1).argmin()]
    viewer.dims.set_point(0, float(shown.data_to_world(middle)[0]))
    shown.opacity = 1.0
    viewer.reset_view()
    qtbot.wait(300)
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    wanted = np.array(QColor(COLOURS["missing"]).getRgb()[:3])
    assert (np.abs(picture - wanted).max(axis=-1) <= 2).sum() > 100


def _deep_inside(labels) -> int:
    """The largest label that no face cuts."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    for axis in range(3):
        for face in (0, -1):
            sizes[labels.take(face, axis=axis)] = 0
    return int(sizes.argmax())
