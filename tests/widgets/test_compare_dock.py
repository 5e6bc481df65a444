"""Comparing microstructures in a dock: the core's numbers, groups, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_battery.errors import InputError
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metrics import METRICS
from napari_battery.progress import SILENT
from napari_battery.tables import read_table
from napari_battery.volume import Volume
from napari_battery.widgets.compare_bpx import BpxDialog
from napari_battery.widgets.compare_dock import CompareDock
from napari_battery.widgets.compare_layers import guess_holds
from napari_battery.widgets.compare_phases import proposed_names
from napari_battery.widgets.compare_result import write_comparison
from napari_battery.widgets.compare_run import Given, compare_layers, samples_of
from napari_battery.widgets.layers import add_volume
from napari_battery.widgets.table_dock import TableDock


def stripes(share: int) -> np.ndarray:
    """Planes of code 1 below, of 0 above; the share is in sixteenths."""
    data = np.zeros((16, 16, 16), np.uint8)
    data[:share] = 1
    return data


@pytest.fixture
def dock(viewer: ViewerModel, qtbot: QtBot) -> CompareDock:
    for name, share in (("one", 8), ("two", 4), ("three", 6)):
        volume = Volume(stripes(share), (1.0,) * 3, name=name, metadata={"synthetic": True})
        add_volume(viewer, volume, labels=True)
    dock = CompareDock(viewer)
    qtbot.addWidget(dock)
    qtbot.waitUntil(lambda: dock.phases.codes == {"pore": 0, "active": 1})
    return dock


def run(dock: CompareDock, qtbot: QtBot) -> None:
    dock.run()
    qtbot.waitUntil(lambda: not dock.runner.busy, timeout=60_000)


def test_groups_of_layers_are_compared(
    dock: CompareDock, viewer: ViewerModel, qtbot: QtBot, tmp_path: Path
) -> None:
    table_dock = TableDock(viewer)
    qtbot.addWidget(table_dock)
    dock.metrics.tick(["volume_fractions"])
    assert dock.metrics.ticked == ["volume_fractions"]
    for name in ("two", "three"):
        dock.layers.choose(viewer.layers[name], group="cycled")
    assert dock.layers.groups == ["one", "cycled"]
    dock.expanded.setChecked(True)
    assert (dock.earlier.currentText(), dock.later.currentText()) == ("one", "cycled")
    dock.form.rows["splits"].set_value(1)
    dock.form.rows["most_splits"].set_value(1)
    run(dock, qtbot)
    found = dock.result._shown
    assert found is not None, dock.runner.message.text()
    values = found.table.set_index(["volume", "region", "metric", "phase"])["value"]
    assert values[("one", "whole", "volume_fraction", "active")] == 0.5
    assert values[("cycled", "whole", "volume_fraction", "active")] == (4 + 6) / 32
    assert values[("one → two", "whole", "expansion_fraction", "active")] == -0.5
    # the same rows in the results table, where they can be exported
    assert table_dock.page is table_dock.microstructure
    assert table_dock.page.view.table.n_all == len(found.table)
    table_dock.export(tmp_path / "shown.csv", only_shown=False)
    assert len(read_table(tmp_path / "shown.csv")) == len(found.table)
    write_comparison(tmp_path / "all", found, dock.result.figures)
    names = {path.name for path in (tmp_path / "all").iterdir()}
    assert {"microstructure.csv", "volumes.csv", "provenance.json"} <= names
    assert "bars_volume_fraction.png" in names
    # edited labels are no longer what was measured
    assert dock.result.stale.text() == ""
    viewer.layers["two"].data = stripes(5)
    assert "labels were edited" in dock.result.stale.text()
    assert "labels were edited" in table_dock.about.text()
    # and its numbers can be regressed
    dock.regression.choose("volume_fraction_active", ["volume_fraction_pore"])
    with qtbot.waitSignal(dock.regression.fitted, timeout=60_000):
        dock.regression.fit()
    assert "3 samples" in dock.regression.summary.text()
    assert dock.regression.warning.text()


def test_heavy_metrics_are_off_at_first(dock: CompareDock) -> None:
    assert dock.metrics.ticked == [m.name for m in METRICS.values() if not m.heavy]


def test_what_cannot_be_compared_is_said(
    dock: CompareDock, viewer: ViewerModel, qtbot: QtBot
) -> None:
    dock.metrics.tick([])
    dock.run()
    assert "No metric is ticked" in dock.runner.message.text()
    dock.metrics.tick(["volume_fractions"])
    dock.phases.rename(1, "pore")
    dock.run()
    assert "Two codes are called “pore”" in dock.runner.message.text()
    dock.phases.rename(1, "active")
    dock.thresholds.setText("90;20")
    dock.run()
    assert "90;20" in dock.runner.message.text()
    dock.thresholds.setText("")
    for layer in viewer.layers:
        dock.layers.choose(layer, ticked=False)
    assert dock.layers.compared == []
    run(dock, qtbot)
    assert "No layer is ticked" in dock.runner.message.text()


def test_what_a_layer_holds_is_guessed(viewer: ViewerModel) -> None:
    noise = np.random.default_rng(0).integers(0, 200, (8, 30, 30))
    for data, kind in (
        (stripes(3), "phases"), (noise.astype(np.uint8), "grey"),
        (noise.astype(np.float32), "grey"),
    ):  # fmt: skip
        assert guess_holds(viewer.add_image(data)) == kind
    assert guess_holds(viewer.add_labels(noise.astype(np.int32))) == "particles"


def test_particles_go_with_their_volume_and_grey_with_a_threshold() -> None:
    labels = np.zeros((16, 16, 16), np.int32)
    labels[:4] = 7
    grey = np.where(stripes(4) == 1, 180, 60).astype(np.uint8)
    size = (1.0,) * 3
    given = [
        Given(Volume(grey, size, name="scan"), "pristine", "grey"),
        Given(Volume(labels, size, name="particles"), "pristine", "particles"),
        Given(Volume(labels, size, name="alone"), "cycled", "particles"),
    ]
    notes: list[str] = []
    samples, groups = samples_of(given, {}, [], [], notes)
    assert [s.name for s in samples] == ["scan", "alone"]
    assert groups == {"scan": "pristine", "alone": "cycled"}
    assert samples[0].labels is not None
    assert samples[0].phases.mask("active").mean() == 0.25
    assert 60 <= samples[0].thresholds[0] < 180
    assert any("Otsu" in note for note in notes)


def test_a_scan_beside_its_segmentation_gives_grey_levels_only() -> None:
    size = (1.0,) * 3
    rng = np.random.default_rng(0)
    given = []
    for group, shift in (("pristine", 0), ("cycled", 12)):
        grey = np.where(stripes(4) == 1, 180, 60) + rng.normal(0, 5, (16, 16, 16)) + shift
        scan = Volume(grey.astype(np.float32), size, name=f"{group} scan")
        phases = Volume(stripes(4), size, name=group)
        given += [Given(phases, group, "phases"), Given(scan, group, "grey")]
    settings = MicrostructureSettings(metrics="volume_fractions", splits=1, most_splits=1)
    codes = {"pore": 0, "active": 1}
    found = compare_layers(given, codes, [], [], settings, SILENT)
    assert list(found.groups) == ["pristine", "cycled"]
    assert set(found.table["n_regions"]) == {1}
    assert found.greys is not None
    shifts = found.greys[1].set_index("volume")["shift_mean"]
    assert shifts["cycled scan"] == pytest.approx(12, abs=0.5)


def test_names_are_proposed_only_where_none_is_known() -> None:
    assert proposed_names({0: "", 3: "pore", 5: ""}) == {0: "active", 3: "pore", 5: "binder"}


def test_a_volume_becomes_an_electrode_of_a_bpx_file(
    dock: CompareDock, qtbot: QtBot, tmp_path: Path
) -> None:
    dock.metrics.tick(["volume_fractions"])
    dock.form.rows["splits"].set_value(1)
    run(dock, qtbot)
    found = dock.result._shown
    assert found is not None
    dialog = BpxDialog(found, dock)
    with pytest.raises(InputError, match="as the template"):
        dialog.save(tmp_path / "out.json")
    template = tmp_path / "cell.json"
    template.write_text(json.dumps({"Parameterisation": {"Positive electrode": {"Porosity": 0.3}}}))
    dialog.template.setText(str(template))
    with pytest.raises(InputError, match="thickness is unknown"):
        dialog.save(tmp_path / "out.json")
    dialog.part.setChecked(True)
    dialog.thickness.setValue(75)
    with pytest.raises(InputError, match="no relative_diffusivity of pore along z"):
        dialog.save(tmp_path / "out.json")
    more = [
        {"volume": "one", "region": "whole", "metric": m, "axis": a, "phase": p, "value": v}
        for m, a, p, v in (
            ("relative_diffusivity", "z", "pore", 0.25),
            ("surface_area_per_volume", "", "active", 0.3),
        )
    ]  # fmt: skip
    table = pd.concat([found.measured.table, pd.DataFrame(more)], ignore_index=True)
    dialog = BpxDialog(replace(found, measured=replace(found.measured, table=table)), dock)
    dialog.template.setText(str(template))
    dialog.part.setChecked(True)
    dialog.thickness.setValue(75)
    dialog.save(tmp_path / "out.json")
    written = json.loads((tmp_path / "out.json").read_text())["Parameterisation"]
    assert written["Positive electrode"]["Porosity"] == 0.5
    assert written["Positive electrode"]["Thickness [m]"] == pytest.approx(75e-6)
    assert written["Positive electrode"]["Particle radius [m]"] == pytest.approx(5e-6)
