"""What napari itself shows of the tables: its features table and its status bar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_battery.radial import RadialResult, RadialSettings
from napari_battery.widgets.session import Analysis, Session


def analysed(viewer, labels, means):
    data = np.zeros((4, 10 * len(labels)), np.int64)
    for i, label in enumerate(labels):
        data[1:3, 10 * i + 2 : 10 * i + 8] = label
    layer = viewer.layers[0] if len(viewer.layers) else viewer.add_labels(data)
    particles = pd.DataFrame(
        {
            "label": np.array(labels, np.int64),
            "core_mean": means,
            "touches_border": [True] + [False] * (len(labels) - 1),
            "note": [""] * len(labels),
        }
    )
    return Analysis("a", RadialResult(particles, particles, RadialSettings(), {}), layer)


@pytest.mark.parametrize("labels", [(1, 2, 3), (2, 5, 9), (3, 70_000, 2**40)])
def test_the_status_bar_tells_each_particles_numbers(labels):
    viewer = ViewerModel()
    Session.of(viewer).add(analysed(viewer, labels, [10.0, 20.0, 30.0]))
    for i, mean in enumerate((10, 20, 30)):
        status = viewer.layers[0].get_status((1, 10 * i + 4), world=True)
        assert f"core_mean: {mean}" in status["value"]
    assert "core_mean" not in viewer.layers[0].get_status((0, 0), world=True)["value"]


def test_a_rows_place_is_its_label_unless_labels_are_very_sparse():
    viewer = ViewerModel()
    session = Session.of(viewer)
    session.add(analysed(viewer, (2, 5, 9), [10.0, 20.0, 30.0]))
    features = viewer.layers[0].features
    assert features["index"].tolist() == list(range(10))
    assert features["core_mean"].dropna().to_dict() == {2: 10.0, 5: 20.0, 9: 30.0}
    other = ViewerModel()
    Session.of(other).add(analysed(other, (3, 70_000, 2**40), [10.0, 20.0, 30.0]))
    assert other.layers[0].features["index"].tolist() == [0, 3, 70_000, 2**40]


def test_they_follow_the_analysis_looked_at():
    viewer = ViewerModel()
    session = Session.of(viewer)
    first = analysed(viewer, (1, 2), [10.0, 20.0])
    session.add(first)
    second = analysed(viewer, (1, 2), [50.0, 60.0])
    second.state = "4.4 V"
    session.add(second)
    assert viewer.layers[0].features["core_mean"].tolist()[1:] == [50.0, 60.0]
    session.look_at(first)
    assert viewer.layers[0].features["core_mean"].tolist()[1:] == [10.0, 20.0]
    session.remove(first)
    assert session.current is second
    assert viewer.layers[0].features["core_mean"].tolist()[1:] == [50.0, 60.0]


def test_no_particles_at_all():
    viewer = ViewerModel()
    Session.of(viewer).add(analysed(viewer, (1,), [10.0]))
    empty = Session.of(viewer).current.particles.iloc[:0]
    result = RadialResult(empty, empty, RadialSettings(), {})
    Session.of(viewer).add(Analysis("none", result, viewer.layers[0], state="x"))
    assert viewer.layers[0].features["index"].tolist() == [0]
