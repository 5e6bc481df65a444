"""Map layers: shared data, exact colours and values, and never silently wrong."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_battery.errors import InputError
from napari_battery.maps import N_COLOURS, MapSettings, colour_table, value_map
from napari_battery.radial import RadialSettings, radial_tables
from napari_battery.volume import Volume
from napari_battery.widgets.layers import KEY, add_volume, is_map, volume_from_layer
from napari_battery.widgets.map_layers import CHANGE, MapLayers, label_colormap, make_map, map_table
from napari_battery.widgets.session import Analysis, Session

LABELS = (2, 5, 9, 70_000)
EDGES = (3, 6, 8, 10)
SHIFT = -7


@pytest.fixture
def viewer():
    """Four boxes; in the second state the inside of the two largest is darker."""
    viewer = ViewerModel()
    data = np.zeros((14, 16, 60), np.int32)
    grey = np.random.default_rng(1).integers(100, 120, data.shape).astype(np.uint8)
    later = grey.copy()
    for i, (label, edge) in enumerate(zip(LABELS, EDGES, strict=True)):
        box = (slice(1, 1 + edge), slice(2, 2 + edge), slice(2 + 14 * i, 2 + 14 * i + edge))
        data[box] = label
        if i > 1:
            later[box] += np.uint8(256 + SHIFT)
    image = Volume(grey, (2, 2, 2), name="pristine", metadata={"synthetic": True})
    image = image.with_voxel_size(2.0, "assumed 2 µm")
    add_volume(viewer, image)
    add_volume(viewer, image.like(later, "4.4 V"))
    add_volume(viewer, image.like(data, "P"), labels=True)
    return viewer


def analysed(viewer, state="pristine", exclude_layers=2):
    labels, image = viewer.layers["P"], viewer.layers[state]
    result = radial_tables(
        volume_from_layer(labels),
        volume_from_layer(image),
        RadialSettings(exclude_layers=exclude_layers),
    )
    return Analysis(f"{state} run", result, labels, image, state)


@pytest.fixture
def session(viewer):
    session = Session.of(viewer)
    session.add(analysed(viewer))
    session.add(analysed(viewer, "4.4 V"))
    return session


def test_the_map_shares_the_labels_and_sits_where_they_sit(viewer, session):
    labels, before = viewer.layers["P"], viewer.layers["P"].data.copy()
    live = MapLayers.of(session).add(session.current, "core_mean", MapSettings())
    layer = live.layer
    assert np.shares_memory(layer.data, labels.data)
    for name in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(layer, name)) == tuple(getattr(labels, name))
    np.testing.assert_array_equal(layer.affine.affine_matrix, labels.affine.affine_matrix)
    assert not layer.editable
    assert not labels.visible
    assert viewer.layers.index(layer) > viewer.layers.index(labels)
    MapLayers.of(session).update(
        live, live.analysis, "volume_um3", MapSettings(colour_map="magma", low=0, high=9)
    )
    np.testing.assert_array_equal(labels.data, before)
    assert layer.data is labels.data


def test_every_voxel_has_the_colour_of_its_value(viewer, session):
    live = MapLayers.of(session).add(session.current, "core_mean", MapSettings())
    shown, layer = live.shown, live.layer
    table = session.current.particles.set_index("label")["core_mean"]
    viridis = colour_table("viridis")
    for label in LABELS:
        value = table[label]
        if np.isnan(value):
            expected = viridis[-1]
        else:
            share = (value - shown.low) / (shown.high - shown.low)
            expected = viridis[min(max(int(share * N_COLOURS), 0), N_COLOURS - 1)]
        np.testing.assert_allclose(layer.get_color(label), expected, atol=1e-6)
    assert np.isnan(table[2])  # the 3 × 3 × 3 box has no core: it is grey
    assert layer.get_color(0) is None
    np.testing.assert_array_equal(layer.colormap.map(np.array([0, 3])), np.zeros((2, 4)))


def test_ten_thousand_labels_need_one_byte_per_voxel():
    rng = np.random.default_rng(0)

    labels = np.sort(rng.choice(2**31 - 1, 10_000, replace=False))
    values = np.where(rng.random(10_000) < 0.05, np.nan, rng.normal(size=10_000))
    table = pd.DataFrame({"label": labels, "delta_core_mean": values})
    colormap = label_colormap(value_map(table, "delta_core_mean"))
    assert len(colormap) <= 255  # colours, background and default: napari's 8-bit texture


def test_hover_values_are_exact_for_sparse_labels(viewer, session):
    live = MapLayers.of(session).add(session.current, "core_mean", MapSettings())
    table = session.current.particles.set_index("label")["core_mean"]
    features = live.layer.features.set_index("index")["core_mean"]
    np.testing.assert_array_equal(features.loc[list(LABELS)], table.loc[list(LABELS)])
    inside = np.argwhere(live.layer.data == 70_000)[0]
    status = live.layer.get_status(live.layer.data_to_world(inside), world=True)
    assert status["value"].startswith("70000; core_mean: ")
    assert float(status["value"].split()[-1]) == pytest.approx(table[70_000], rel=0.01)
    assert live.shown.text(70_000) == f"label 70000: Core mean = {table[70_000]:.6g}"
    assert live.shown.text(2) == "label 2: no value of Core mean"
    assert live.shown.text(3) == "label 3: not in the table"


def test_a_change_is_joined_by_label(viewer, session):
    pristine, later = session.analyses
    shown = make_map(later, CHANGE, MapSettings(), pristine)
    values = dict(zip(shown.labels.tolist(), shown.values.tolist(), strict=True))
    assert values[5] == 0
    # each voxel of the core is darker by the same number: float64 rounding only
    assert values[9] == pytest.approx(SHIFT, abs=1e-9)
    assert values[70_000] == pytest.approx(SHIFT, abs=1e-9)
    assert np.isnan(values[2])
    assert (shown.low, shown.high) == (pytest.approx(SHIFT, abs=0.5), -shown.low)
    assert shown.colour_map == "RdBu"
    assert shown.text(9) == "label 9: ΔĪ_prist = −7"


def test_states_without_a_common_label_are_refused(viewer, session):
    later = session.current
    other = analysed(viewer)
    other.particles = other.particles.assign(label=other.particles["label"] + 1)
    with pytest.raises(InputError, match=r"4 particles.*have no label in common"):
        map_table(later, CHANGE, other)


def test_only_labels_of_the_later_state_are_mapped(viewer, session):
    pristine, later = session.analyses
    later.particles = later.particles[later.particles["label"] != 9]
    assert 9 not in make_map(later, CHANGE, MapSettings(), pristine).labels


def test_metadata_says_how_the_map_was_made(viewer, session):
    pristine, later = session.analyses
    live = MapLayers.of(session).add(later, CHANGE, MapSettings(), pristine)
    metadata = live.layer.metadata[KEY]
    assert is_map(live.layer)
    assert (metadata["kind"], metadata["column"], metadata["unit"]) == (
        "map",
        "delta_core_mean",
        "grey level",
    )
    assert metadata["range"] == [live.shown.low, live.shown.high]
    assert metadata["made"]["step"] == "map"
    assert [a["name"] for a in metadata["made"]["analyses"]] == ["pristine run", "4.4 V run"]
    assert metadata["voxel_size_source"] == "assumed 2 µm"
    assert volume_from_layer(live.layer).is_assumed
    assert live.layer.name == "ΔĪ_prist, 4.4 V − pristine"


def test_excluding_layers_recolours_at_once(viewer, session):
    live = MapLayers.of(session).add(session.current, "core_voxels", MapSettings())
    before = live.shown.values.copy()
    session.set_exclude_layers(session.current, 1)
    expected = [(edge - 2) ** 3 for edge in EDGES]
    assert live.shown.values.tolist() == expected != before.tolist()
    features = live.layer.features["core_voxels"].to_numpy()[1:]
    assert features.tolist() == expected
    assert live.layer.metadata[KEY]["made"]["analyses"][0]["exclude_layers"] == 1


def test_editing_labels_marks_the_map(viewer, session):
    live = MapLayers.of(session).add(session.current, "core_mean", MapSettings())
    name = live.layer.name
    viewer.layers["P"].paint((3, 4, 4), 9)
    assert live.stale == "labels were edited"
    assert live.layer.name == f"{name} (out of date)"
    assert live.layer.metadata[KEY]["stale"] == "labels were edited"
    assert live.layer.data[3, 4, 4] == 9
    # run again on the edited labels: the map takes the new tables and is right again
    session.add(analysed(viewer, "4.4 V"))
    assert live.analysis is session.current
    assert live.stale == ""
    assert live.layer.name == name
    np.testing.assert_array_equal(
        live.shown.values, session.current.particles["core_mean"].to_numpy()
    )


def test_other_label_data_is_shown_and_marked(viewer, session):
    live = MapLayers.of(session).add(session.current, "core_mean", MapSettings())
    other = viewer.layers["P"].data.copy()
    viewer.layers["P"].data = other
    assert np.shares_memory(live.layer.data, other)
    assert not live.layer.editable
    assert live.stale


def test_a_removed_analysis_marks_its_maps(viewer, session):
    pristine, later = session.analyses
    live = MapLayers.of(session).add(later, CHANGE, MapSettings(), pristine)
    session.remove(pristine)
    assert live.stale == "the analysis “pristine run” was removed"


def test_a_fixed_range_that_no_longer_goes_is_told(viewer, session):
    settings = MapSettings(low=100)
    live = MapLayers.of(session).add(session.current, "core_voxels", settings)
    session.set_exclude_layers(session.current, 4)  # the largest core is 2³ voxels
    assert "starts at 100 and ends at" in live.stale
    session.set_exclude_layers(session.current, 2)
    assert live.stale == ""


def test_deleting_layers_at_any_moment(viewer, session):
    maps = MapLayers.of(session)
    live = maps.add(session.current, "core_mean", MapSettings())
    kept = maps.add(session.current, "volume_um3", MapSettings())
    assert not live.layer.visible  # the newer one covers it
    viewer.layers.remove(live.layer)
    assert maps.maps == [kept]
    viewer.layers.remove(viewer.layers["P"])
    session.set_exclude_layers(session.current, 1)
    assert kept.layer in viewer.layers
    with pytest.raises(InputError, match="labels layer of “4.4 V run” was deleted"):
        maps.add(session.current, "core_mean", MapSettings())
    viewer.layers.clear()
    assert maps.maps == []


def test_two_dimensional_labels():
    viewer = ViewerModel()
    data = np.zeros((30, 30), np.uint8)
    data[3:15, 3:15], data[18:28, 18:28] = 1, 2
    grey = np.random.default_rng(0).random(data.shape).astype(np.float32)
    image = Volume(grey, (1.0, 1.0), name="slice")
    add_volume(viewer, image)
    labels = add_volume(viewer, image.like(data, "P"), labels=True)
    session = Session.of(viewer)
    result = radial_tables(volume_from_layer(labels), image, RadialSettings(exclude_layers=1))
    session.add(Analysis("2-D", result, labels, viewer.layers["slice"]))
    live = MapLayers.of(session).add(session.current, "area_um2", MapSettings())
    assert live.shown.values.tolist() == [144.0, 100.0]


def test_the_viewer_is_not_kept_alive():
    from weakref import ref

    viewer = ViewerModel()
    MapLayers.of(Session.of(viewer))
    gone = ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None
