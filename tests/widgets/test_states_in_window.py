"""An operando study in a real window, on the synthetic cycled electrode at a small size."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from napari_battery.radial import RadialSettings, delta_core_mean, radial_tables
from napari_battery.states.study import read_study
from napari_battery.synthetic import ElectrodeSettings, synthetic_electrode
from napari_battery.widgets.layers import KEY, add_volume, volume_from_layer
from napari_battery.widgets.opening import open_dock
from napari_battery.widgets.session import Session
from napari_battery.widgets.slices import camera_of
from napari_battery.widgets.states_shown import LAST
from napari_battery.widgets.study_holder import StudyHolder

pytestmark = pytest.mark.viewer

LAYERS_OUT = 2
"""Outer layers left out: the particles of so small an electrode have few."""


@pytest.fixture(scope="module")
def electrode():
    settings = ElectrodeSettings(size_z=48, size_y=96, size_x=96, median_diameter_um=5.5)
    return synthetic_electrode(settings)


def opened(viewer, electrode):
    for place, state in enumerate(electrode.states):
        add_volume(viewer, state.image, visible=place == 0, contrast_limits=(0, 255))
    add_volume(viewer, electrode.states[0].labels, labels=True, visible=False)
    dock = open_dock(viewer, "States of charge")
    dock.form.set_value(dock.form.value().model_copy(update={"exclude_layers": LAYERS_OUT}))
    dock.later.setCurrentIndex(1)  # the first state's labels as they are
    return dock


def run(dock, qtbot: QtBot):
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    return LAST[dock._session]


def shown_maps(viewer):
    return [
        layer
        for layer in viewer.layers
        if layer.metadata.get(KEY, {}).get("kind") == "map" and layer.visible
    ]


def test_a_study_is_run_stepped_through_and_saved(
    make_napari_viewer, qtbot: QtBot, electrode, tmp_path
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1300, 900)
    dock = opened(viewer, electrode)
    shown = run(dock, qtbot)
    assert "Done" in dock.runner.message.text()
    study = shown.study
    assert StudyHolder.of(viewer).study is study

    # the numbers are those of the radial tables, made here by hand
    labels = volume_from_layer(dock.labels.layer)
    tables = [
        radial_tables(labels, s.image, RadialSettings(exclude_layers=LAYERS_OUT)).particles
        for s in electrode.states
    ]
    kept = study.particles[study.particles["state"] == "4.4 V"].set_index("label")["kept"]
    change = delta_core_mean(tables[0], tables[2]).set_index("label")["delta_core_mean"]
    change = change[kept[change.index]]
    row = study.summary.set_index("state").loc["4.4 V"]
    assert row["n"] == len(change) > 10
    assert row["delta"] == pytest.approx(change.mean())
    assert row["ses_delta"] == pytest.approx(change.std(ddof=1) / np.sqrt(len(change)), rel=0.05)
    cells = dock.results.table.topLevelItem(2)
    assert cells.text(0) == "4.4 V ↑"
    assert float(cells.text(3).split("±")[0].replace("−", "-")) == pytest.approx(
        change.mean(), abs=0.05
    )

    # one slider: the state's image and map, and the camera stays
    camera = camera_of(viewer)
    camera.zoom *= 1.7
    before = (camera.zoom, tuple(camera.center))
    images = [layer for _, layer in dock.states.states]
    for place, name in enumerate(("pristine", "4.0 V", "4.4 V", "2.5 V")):
        dock.results.maps.slider.setValue(place)
        assert [image.visible for image in images] == [i == place for i in range(4)]
        assert [m.metadata[KEY]["state"] for m in shown_maps(viewer)] == [name][place == 0 :]
        assert (camera.zoom, tuple(camera.center)) == before
    ranges = {tuple(layer.metadata[KEY]["range"]) for layer in map_layers(viewer)}
    assert len(ranges) == 1  # one scale

    # insignificant ones are grey on request
    dock.results.maps.form.rows["grey_insignificant"].set_value(True)
    (last,) = shown_maps(viewer)
    rows = study.particles[(study.particles["state"] == "2.5 V") & study.particles["kept"]]
    for label, sure in zip(rows["label"], rows["significant"], strict=True):
        red, green, blue, _ = last.colormap.color_dict[int(label)]
        if not sure:
            assert red == green == blue == pytest.approx(0.5)
    assert not rows["significant"].all()

    # the window's table has the study's columns
    session = Session.of(viewer)
    analysis = next(a for a in session.analyses if a.state == "4.4 V")
    table = analysis.particles.set_index("label")
    assert table.loc[change.index, "delta_core_mean"].to_numpy() == pytest.approx(change.to_numpy())

    # a rule is switched, and switching back takes it back
    dock.results.rules.form.rows["smallest"].set_value(False)
    assert LAST[session].study.summary["n"].iloc[0] > row["n"]
    dock.results.rules.form.rows["smallest"].set_value(True)
    again = LAST[session].study
    np.testing.assert_array_equal(again.particles["kept"], study.particles["kept"])

    # files
    dock.results.save(tmp_path / "study")
    saved = read_study(tmp_path / "study")
    assert saved.summary["delta"].to_numpy() == pytest.approx(study.summary["delta"].to_numpy())
    dock.results.maps.export(tmp_path / "strip.png")
    assert (tmp_path / "strip.png").stat().st_size > 10_000
    strip = (tmp_path / "strip.csv").read_text().splitlines()
    assert strip[0] == "state,label,delta_core_mean"

    # a second run takes the finished analyses over
    dock.runner.run_button.click()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=120_000)
    assert "4 finished radial analyses were taken over" in dock.runner.message.text()
    assert len(session.analyses) == 4

    # labels that are corrected afterwards make it out of date
    dock.labels.layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    assert "corrected since" in dock.results.stale.text()
    assert all("out of date" in layer.name for layer in map_layers(viewer))


def map_layers(viewer):
    return [layer for layer in viewer.layers if layer.metadata.get(KEY, {}).get("kind") == "map"]


def test_labels_are_carried_over_and_a_drawn_background_is_used(
    make_napari_viewer, qtbot: QtBot, electrode
) -> None:
    viewer = make_napari_viewer(show=False)
    dock = opened(viewer, electrode)
    dock.later.setCurrentIndex(0)
    images = [layer for _, layer in dock.states.states]
    dock.states.tick([images[0], images[2]])
    assert [name for name, _ in dock.states.states] == ["pristine", "4.4 V"]
    empty = np.asarray(electrode.states[0].labels.data) == 0
    empty &= np.asarray(electrode.states[2].labels.data) == 0
    corner = _empty_cube(empty, 7)
    dock.results.noise.own.setChecked(True)
    dock.results.noise.box.set_box(tuple((c, c + 7) for c in corner))
    shown = run(dock, qtbot)
    assert shown.study.noise["source"].tolist() == ["given", "given"]
    there = tuple(slice(c, c + 7) for c in corner)
    for state, sigma in zip((0, 2), shown.study.noise["sigma"], strict=True):
        grey = np.asarray(electrode.states[state].image.data[there], float)
        plane = np.column_stack([np.ones(grey.size), *(g.ravel() for g in np.indices(grey.shape))])
        (left,) = np.linalg.lstsq(plane, grey.ravel())[1]
        assert sigma == pytest.approx(np.sqrt(left / (grey.size - 4)))
    own = dock.states.labels_of(dock.states.states[1][1])
    assert own is not None
    truth = np.asarray(electrode.states[2].labels.data)
    both = (truth > 0) & (np.asarray(own.data) > 0)
    assert (truth[both] == np.asarray(own.data)[both]).mean() > 0.95


def _empty_cube(empty, edge: int):
    from scipy.ndimage import minimum_filter

    whole = minimum_filter(empty.astype(np.uint8), edge, origin=-(edge // 2), mode="constant")
    return tuple(int(v) for v in np.argwhere(whole)[0])
