"""Layers come and go without ending the program, also in software OpenGL."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import napari
import numpy as np
from qtpy.QtTest import QTest
from napari_battery.widgets.session import Session

viewer = napari.Viewer()
Session.of(viewer)
grey = np.random.default_rng(0).random((40, 300, 300)).astype(np.float32)
labels = np.random.default_rng(1).integers(0, 99, grey.shape)
line = np.array([[[20, 10, 10], [0, 50, 0]], [[20, 100, 10], [0, 50, 30]]], float)
viewer.add_image(grey)
for _ in range(3):
    vectors = viewer.add_vectors(line, edge_width=2, vector_style="line")
    QTest.qWait(200)
    viewer.layers.remove(vectors)
    QTest.qWait(100)
    whole = viewer.add_labels(labels)
    QTest.qWait(200)
    slab = viewer.add_labels(labels[:1])
    QTest.qWait(200)
    viewer.layers.remove(slab)
    part = viewer.add_image(grey[:, :200])
    QTest.qWait(200)
    viewer.layers.remove(whole)
    viewer.layers.remove(part)
    QTest.qWait(200)
print("all drawn")
"""


@pytest.mark.viewer
def test_what_a_removed_layer_leaves_on_is_switched_off() -> None:
    """Without the guard this script ends in a segmentation fault under Mesa's llvmpipe."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=200
    )
    assert done.stdout.strip() == "all drawn", done.stderr[-2000:]
    assert done.returncode == 0
