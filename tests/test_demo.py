from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_battery import demo
from napari_battery.demo import Job, sand_job, state_table, write_demo
from napari_battery.progress import SILENT, CallbackProgress, Cancelled, Progress
from napari_battery.radial import RadialSettings
from napari_battery.synthetic import ElectrodeSettings, synthetic_electrode


@pytest.fixture(scope="module")
def electrode() -> Job:
    """The demo's electrode job on a smaller electrode."""
    made = synthetic_electrode(ElectrodeSettings(size_z=96, size_y=144, size_x=144))
    return demo._analyse(
        "electrode",
        "Cycled electrode (synthetic)",
        [(state.name, state.image) for state in made.states],
        RadialSettings(),
        SILENT,
        truth=made.truth,
        true_labels=made.states[0].labels,
    )


def test_the_known_darkening_is_found(electrode: Job) -> None:
    table = state_table(electrode).set_index("state")
    assert list(table.index) == ["pristine", "4.0 V", "4.4 V", "2.5 V"]
    later = table.drop(index="pristine")
    # labels of the first state serve all, with drift below a voxel: sampling and noise are
    # what is left, and 4 SES hold both in all but one of ten thousand draws
    apart = (later["delta"] - later["true_delta"]).abs()
    assert (apart < 4 * later["ses_delta"]).all()
    assert later.loc["4.4 V", "delta"] < later.loc["2.5 V", "delta"] < 0


def test_the_report_and_everything_it_names_is_written(
    electrode: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    monkeypatch.setattr(demo, "electrode_job", lambda progress: electrode)
    said = write_demo(tmp_path / "out", SILENT)
    assert said["n_sand_grains"] > 700
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(named) > 12
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(demo.DEMO_FILES)
    for file in named:
        assert (tmp_path / "out" / file).stat().st_size > 100, file
    assert "synthetic data" in page
    assert "voxel size assumed: 1 µm" in page
    change = pd.read_csv(tmp_path / "out" / "electrode" / "delta-4.4-V.csv")
    assert np.isfinite(change["delta_core_mean"]).sum() > 20


def test_cancel_leaves_no_folder(tmp_path: Path) -> None:
    calls = 0

    def cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > 3

    progress: Progress = CallbackProgress(lambda *_: None, cancelled)
    with pytest.raises(Cancelled):
        write_demo(tmp_path / "out", progress)
    assert list(tmp_path.iterdir()) == []


def test_the_sand_uses_two_layers() -> None:
    job = sand_job()
    particles = job.results[0].particles
    # about 840 grains; five layers would leave most of them without a core
    assert 780 <= len(particles) <= 900
    assert particles["core_mean"].notna().mean() > 0.9
    assert job.results[0].assumed_voxel_size
