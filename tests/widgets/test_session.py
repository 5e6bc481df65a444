from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_battery.radial import RadialSettings, core_table, radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.session import Analysis, Session


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    rng = np.random.default_rng(0)
    image = Volume(rng.integers(0, 255, (12, 14, 16), np.uint8), (1, 1, 1), name="scan")
    data = np.zeros(image.shape, np.int32)
    data[2:10, 2:10, 2:10] = 7
    data[3:9, 3:9, 11:15] = 100_000
    add_volume(viewer, image)
    add_volume(viewer, image.like(data, "P"), labels=True)
    return viewer


def analysis(viewer: ViewerModel, state: str = "") -> Analysis:
    image, labels = viewer.layers["scan"], viewer.layers["P"]
    result = radial_tables(
        volume_from_layer(labels), volume_from_layer(image), RadialSettings(exclude_layers=1)
    )
    return Analysis(f"run {state}", result, labels, image, state)


def test_one_session_per_viewer_that_dies_with_it() -> None:
    viewer, other = ViewerModel(), ViewerModel()
    assert Session.of(viewer) is Session.of(viewer)
    assert Session.of(viewer) is not Session.of(other)
    session = weakref.ref(Session.of(viewer))
    del viewer
    gc.collect()
    assert session() is None


def test_features_are_keyed_by_index(viewer: ViewerModel) -> None:
    session = Session.of(viewer)
    session.add(analysis(viewer))
    features = viewer.layers["P"].features
    assert list(features["index"]) == [0, 7, 100_000]
    assert np.isnan(features["core_mean"].iloc[0])
    assert features["core_mean"].iloc[1] == session.analyses[0].particles["core_mean"].iloc[0]


def test_the_same_layers_and_state_replace_each_other(viewer: ViewerModel) -> None:
    session = Session.of(viewer)
    for state in ("pristine", "pristine", "4.4 V"):
        session.add(analysis(viewer, state))
    assert [a.state for a in session.analyses] == ["pristine", "4.4 V"]
    assert session.current is session.analyses[1]


def test_the_core_follows_the_layers_left_out(viewer: ViewerModel) -> None:
    session = Session.of(viewer)
    session.add(analysis(viewer))
    run = session.analyses[0]
    told = []
    session.table_changed.connect(told.append)
    session.set_exclude_layers(run, 3)
    session.set_exclude_layers(run, 3)
    assert told == [run]
    expected = core_table(run.result.particles, run.result.layers, 3)
    np.testing.assert_array_equal(run.particles["core_mean"], expected["core_mean"])
    np.testing.assert_array_equal(
        viewer.layers["P"].features["core_mean"].iloc[1:], expected["core_mean"]
    )
    assert run.result.settings.exclude_layers == 1


def test_edits_make_tables_stale(viewer: ViewerModel) -> None:
    session = Session.of(viewer)
    session.add(analysis(viewer))
    assert session.analyses[0].stale == ""
    viewer.layers["P"].fill((5, 5, 5), 3)
    assert session.analyses[0].stale == "labels were edited"


def test_replacing_the_data_makes_tables_stale(viewer: ViewerModel) -> None:
    session = Session.of(viewer)
    session.add(analysis(viewer))
    viewer.layers["P"].data = np.zeros((12, 14, 16), np.int32)
    assert session.analyses[0].stale


def test_looking_at_another_slice_does_not(viewer: ViewerModel) -> None:
    session = Session.of(viewer)
    session.add(analysis(viewer))
    viewer.dims.set_current_step(0, 3)
    viewer.layers["P"].refresh()
    viewer.layers["P"].selected_label = 7
    assert session.analyses[0].stale == ""


def test_deleted_layers_leave_the_tables(viewer: ViewerModel) -> None:
    session = Session.of(viewer)
    session.add(analysis(viewer))
    told = []
    session.analyses_changed.connect(lambda: told.append(1))
    viewer.layers.clear()
    run = session.analyses[0]
    assert (run.labels, run.image) == (None, None)
    assert len(run.particles) == 2
    assert told
    session.set_exclude_layers(run, 2)


def test_picks_are_told_once_and_follow_the_table(viewer: ViewerModel) -> None:
    session = Session.of(viewer)
    told: list[object] = []
    session.selection_changed.connect(told.append)
    session.add(analysis(viewer))
    session.select([7, 7, 100_000], "canvas")
    session.select((7, 100_000), "table")
    assert session.selection == (7, 100_000)
    assert told == ["canvas"]
