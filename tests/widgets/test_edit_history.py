"""One list of changes, ours and napari's; and tables that follow it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets.edit_following import Following
from napari_battery.widgets.edit_history import Act, EditHistory
from napari_battery.widgets.edit_patch import make_patch, replace_label
from napari_battery.widgets.edit_places import Places
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.session import EDITED, Analysis, Session

A, B, C = 7, 100_000, 3


def labels_data() -> np.ndarray:
    data = np.zeros((12, 14, 16), np.int32)
    data[2:10, 2:10, 2:10] = A
    data[3:9, 3:9, 11:15] = B
    data[10:12, 11:14, 0:6] = C
    return data


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    grey = np.random.default_rng(0).integers(0, 255, (12, 14, 16), np.uint8)
    image = Volume(grey, (1, 1, 1), name="scan")
    add_volume(viewer, image)
    add_volume(viewer, image.like(labels_data(), "P"), labels=True)
    return viewer


@pytest.fixture
def layer(viewer: ViewerModel) -> Labels:
    return viewer.layers["P"]


@pytest.fixture
def session(viewer: ViewerModel, qapp) -> Session:
    return Session.of(viewer)


def analyse(session: Session) -> Analysis:
    image, labels = session.viewer.layers["scan"], session.viewer.layers["P"]
    result = radial_tables(
        volume_from_layer(labels), volume_from_layer(image), RadialSettings(exclude_layers=1)
    )
    session.add(Analysis("run", result, labels, image))
    return session.analyses[-1]


def merge(history: EditHistory, label: int, into: int) -> Act:
    data = history.layer.data
    whole = tuple(slice(0, n) for n in data.shape)
    act = Act(f"Merge {label} into {into}", "merged", [replace_label(data, whole, label, into)])
    history.do(act)
    return act


# patches


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(7, 9, 5), (8, 11), (1, 6, 4)]))
def test_a_patch_restores_exactly_what_it_changed(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 4, shape).astype(np.int32)
    after = np.where(rng.random(shape) < 0.2, rng.integers(0, 70_000, shape), before)
    whole = tuple(slice(0, n) for n in shape)
    mask = before != after
    patch = make_patch(whole, mask, before[mask], after[mask])
    if patch is None:
        assert not mask.any()
        return
    data = before.copy()
    patch.write(data)
    np.testing.assert_array_equal(data, after)
    assert patch.is_written(data)
    patch.write(data, back=True)
    np.testing.assert_array_equal(data, before)
    assert patch.is_written(data, back=True)
    assert patch.labels == set(np.unique([*before[mask], *after[mask]]).tolist()) - {0}


def test_a_patch_holds_the_changed_voxels_only() -> None:
    data = np.zeros((500, 300, 300), np.uint8)
    data[40:60, 50:80, 60:90] = 9
    patch = replace_label(data, tuple(slice(0, n) for n in data.shape), 9, 4)
    assert [(s.start, s.stop) for s in patch.box] == [(40, 60), (50, 80), (60, 90)]
    assert patch.nbytes <= 20 * 30 * 30 / 8 + 1


# acts, strokes, undo


def test_acts_and_strokes_are_undone_in_turn(session: Session, layer: Labels) -> None:
    history, states = session.history(layer), [layer.data.copy()]
    history.know_places(Places(volume_from_layer(layer)))
    merge(history, B, A)
    states.append(layer.data.copy())
    layer.fill((5, 5, 5), 9)  # napari tells of it before it writes
    states.append(layer.data.copy())
    with layer.block_history():  # as a drag of the mouse
        layer.paint((4, 12, 4), 12)
        layer.paint((4, 12, 6), 12)
    states.append(layer.data.copy())
    merge(history, C, 9)
    states.append(layer.data.copy())
    assert [act.kind for act in history.done] == ["merged", "painted", "painted", "merged"]
    assert len({len(np.unique(s)) for s in states}) > 1
    for expected in reversed(states[:-1]):
        history.undo()
        np.testing.assert_array_equal(layer.data, expected)
        assert_places(history)
    assert history.undo() is None
    for expected in states[1:]:
        history.redo()
        np.testing.assert_array_equal(layer.data, expected)
        assert_places(history)
    assert history.redo() is None
    history.undo()
    layer.fill((5, 5, 5), 2)
    assert not history.undone  # a new change ends the old future


def assert_places(history: EditHistory) -> None:
    labels = volume_from_layer(history.layer)
    fresh = Places(labels)
    numbers = np.unique(labels.data)[1:].tolist()
    assert len(history.places) == len(fresh) == len(numbers)
    for n in numbers:
        assert history.places.boxes([n])[n].tolist() == fresh.boxes([n])[n].tolist()


def test_undo_by_napari_is_noticed(session: Session, layer: Labels) -> None:
    history = session.history(layer)
    before = layer.data.copy()
    layer.fill((5, 5, 5), 9)
    layer.fill((11, 12, 3), 9)
    state = history.state
    layer.undo()
    assert len(history.done) == 1
    layer.undo()
    assert not history.done
    np.testing.assert_array_equal(layer.data, before)
    layer.redo()
    layer.redo()
    assert history.state is state
    # ours and napari's undo never mix: after one of ours napari has nothing to undo
    merge(history, B, 9)
    after = layer.data.copy()
    layer.undo()
    np.testing.assert_array_equal(layer.data, after)
    assert layer.mode == "pan_zoom"
    assert layer.editable


def test_strokes_of_a_redrawing_are_one_step(session: Session, layer: Labels) -> None:
    history = session.history(layer)
    layer.mode = "paint"
    layer.fill((11, 12, 3), 5)
    before = layer.data.copy()
    history.begin_group()
    layer.fill((5, 5, 5), 9)
    layer.fill((5, 5, 5), 10)
    state = history.state
    history.undo()
    layer.fill((5, 5, 5), 11)
    act = history.end_group("Redraw 9", "redrawn", (9,))
    assert [a.kind for a in history.done] == ["painted", "redrawn"]
    assert history.state is not state
    assert layer.mode == "paint"
    after = layer.data.copy()
    assert history.undo() is act
    np.testing.assert_array_equal(layer.data, before)
    history.redo()
    np.testing.assert_array_equal(layer.data, after)
    history.begin_group()
    assert history.end_group("Redraw 9", "redrawn", ()) is None


def test_numbers_are_never_used_twice_and_the_type_widens(qapp) -> None:
    data = np.zeros((6, 20, 20), np.uint8)
    data[:, :5, :5], data[:, 10:, 10:] = 255, 4
    layer = Labels(data)
    history = EditHistory(layer)
    history.know_places(Places(volume_from_layer(layer)))
    merge(history, 255, 4)
    assert history.highest == 255
    history.make_room(255)
    assert layer.data is data
    history.make_room(history.highest + 1)
    assert layer.data.dtype == np.int32
    assert history.done  # the same labels: nothing is lost
    history.undo()
    assert set(np.unique(layer.data)) == {0, 4, 255}
    history.make_room(2**31)
    assert layer.data.dtype == np.int64


def test_other_data_end_the_history(session: Session, layer: Labels) -> None:
    analysis, history = analyse(session), session.history(layer)
    merge(history, B, A)
    layer.data = labels_data()
    assert not history.done
    assert history.changes_since(0) is None
    assert analysis.stale == EDITED


def test_provenance_counts_corrections(session: Session, layer: Labels) -> None:
    history = session.history(layer)
    merge(history, B, A)
    merge(history, C, A)
    layer.fill((5, 5, 5), 9)
    note = layer.metadata[KEY]["made"]["hand_corrections"]
    assert note["merged"] == 2
    assert note["painted"] == 1
    assert note["acts"] == ["Merge 100000 into 7", "Merge 3 into 7", "Painted 9"]
    history.undo()
    history.undo()
    assert layer.metadata[KEY]["made"]["hand_corrections"]["merged"] == 1
    history.undo()
    assert "made" not in layer.metadata[KEY]


def test_corrections_of_a_file_stay_in_front(qapp) -> None:
    made = {"step": "label", "hand_corrections": {"split": 2, "acts": ["Split 4", "Split 5"]}}
    layer = Labels(labels_data(), metadata={KEY: {"made": made}})
    history = EditHistory(layer)
    merge(history, B, A)
    note = layer.metadata[KEY]["made"]
    assert note["step"] == "label"
    assert note["hand_corrections"]["split"] == 2
    assert note["hand_corrections"]["acts"][-1] == "Merge 100000 into 7"
    history.undo()
    assert layer.metadata[KEY]["made"] == made


# tables


def test_undoing_a_stroke_makes_tables_fit_again(session: Session, layer: Labels) -> None:
    analysis = analyse(session)
    layer.fill((5, 5, 5), 9)
    layer.fill((11, 12, 3), 9)
    assert analysis.stale == EDITED
    layer.undo()
    assert analysis.stale == EDITED
    layer.undo()
    assert analysis.stale == ""
    layer.redo()
    assert analysis.stale == EDITED


def test_rows_follow(session: Session, layer: Labels, qtbot) -> None:
    analysis, history = analyse(session), session.history(layer)
    other = Analysis("again", analysis.result, layer, analysis.image, "4.4 V")
    session.add(other)
    session.set_exclude_layers(other, 0)
    following = Following.of(session)
    before = analysis.result
    told = []
    session.table_changed.connect(told.append)
    merge(history, B, A)
    layer.fill((11, 12, 3), 70)
    qtbot.waitUntil(lambda: not following.busy, timeout=20_000)
    for one in (analysis, other):
        assert_fits(one, layer)
        assert one in told
    assert other.particles["core_voxels"].tolist() == other.particles["volume_voxels"].tolist()
    assert layer.features["index"].tolist() == [*range(71)]
    assert analysis.result.provenance["inputs"][0]["made"]["hand_corrections"]["merged"] == 1
    while history.undo():
        pass
    qtbot.waitUntil(lambda: not following.busy, timeout=20_000)
    assert_fits(analysis, layer)
    pd.testing.assert_frame_equal(analysis.result.particles, before.particles)
    layer.fill((5, 5, 5), 0)
    layer.undo()  # while the rows are being measured
    qtbot.waitUntil(lambda: not following.busy, timeout=20_000)
    assert_fits(analysis, layer)


def assert_fits(analysis: Analysis, layer: Labels) -> None:
    assert analysis.stale == ""
    expected = radial_tables(
        volume_from_layer(layer), volume_from_layer(analysis.image), analysis.result.settings
    )
    pd.testing.assert_frame_equal(analysis.result.particles, expected.particles)
    pd.testing.assert_frame_equal(analysis.result.layers, expected.layers)


def test_without_the_image_tables_are_out_of_date(session: Session, layer: Labels, qtbot) -> None:
    analysis, history = analyse(session), session.history(layer)
    following = Following.of(session)
    session.viewer.layers.remove("scan")
    merge(history, B, A)
    assert analysis.stale == EDITED
    history.undo()
    assert analysis.stale == ""
    assert not following.busy


def test_another_voxel_size_is_said(session: Session, layer: Labels, qtbot) -> None:
    analysis = analyse(session)
    following = Following.of(session)
    for each in (layer, analysis.image):
        each.scale = (2, 2, 2)
    merge(session.history(layer), B, A)
    qtbot.waitUntil(lambda: not following.busy, timeout=20_000)
    assert "voxel size or the place of “P” was changed" in analysis.stale
